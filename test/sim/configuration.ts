import { parseProposals } from '../../src/crypto/proposal.ts';
import { ip } from '../../src/lib/ip.ts';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { HOUR, MINUTE } from '../../src/lib/time.ts';
import type { ChildConfig, Connection } from '../../src/policy/connection.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import type { Identity } from '../../src/policy/identity.ts';
import { selectorForPrefix, type TrafficSelector } from '../../src/policy/traffic-selector.ts';

const ID_FQDN = 2;

/** `name` as an FQDN identity. */
export function fqdn(name: string): Identity {
  return { type: ID_FQDN, data: utf8(name) };
}

/** All traffic of `10.1.0.0/16` and the like. */
export function subnet(text: string): TrafficSelector {
  const [address, prefix] = text.split('/');
  return selectorForPrefix(ip(address ?? ''), Number(prefix));
}

/** A child between two networks, without lifetimes: tests turn on what they are about. */
export function child(overrides: Partial<ChildConfig> = {}): ChildConfig {
  return {
    name: 'net',
    protocol: 'esp',
    proposals: parseProposals('aes128gcm16-x25519', 'esp'),
    localTs: [subnet('10.1.0.0/16')],
    remoteTs: [subnet('10.2.0.0/16')],
    mode: 'tunnel',
    rekeyTime: 0,
    lifeTime: 0,
    randTime: 0,
    rekeyBytes: 0n,
    lifeBytes: 0n,
    rekeyPackets: 0n,
    lifePackets: 0n,
    startAction: 'none',
    closeAction: 'none',
    dpdAction: 'clear',
    replayWindow: 32,
    tfcPadding: 0,
    reqid: 0,
    hostAccess: false,
    inactivity: 0,
    ...overrides,
  };
}

/** The same child, seen from the other end. */
export function mirrored(config: ChildConfig): ChildConfig {
  return { ...config, localTs: config.remoteTs, remoteTs: config.localTs };
}

/** A connection of `a` to `b` by pre-shared key, without lifetimes. */
export function connection(a: string, b: string, overrides: Partial<Connection> = {}): Connection {
  return {
    name: 'site',
    version: 2,
    localAddresses: [],
    remoteAddresses: [],
    localPort: 500,
    remotePort: 500,
    proposals: parseProposals('aes128gcm16-prfsha256-x25519', 'ike'),
    local: [{ method: 'psk', id: fqdn(a), certificates: [], publicKeys: [], schemes: [] }],
    remote: [
      {
        method: 'psk',
        id: { kind: 'exact', identity: fqdn(b) },
        certificates: [],
        publicKeys: [],
        authorities: [],
        schemes: [],
        revocation: 'relaxed',
      },
    ],
    children: [child()],
    encap: false,
    fragmentation: 'yes',
    tcp: 'no',
    mobike: false,
    childless: 'allow',
    sendCertreq: true,
    sendCert: 'ifasked',
    unique: 'no',
    keyingTries: 1,
    dpdDelay: 0,
    dpdTimeout: 0,
    rekeyTime: 0,
    reauthTime: 0,
    overTime: 0,
    randTime: 0,
    aggressive: false,
    pull: true,
    vips: [],
    pools: [],
    ...overrides,
  };
}

/** Lifetimes as the field has them: children an hour, the IKE SA four. */
export const CHILD_LIFETIMES = { rekeyTime: HOUR, lifeTime: 66 * MINUTE, randTime: 6 * MINUTE } as const;
export const IKE_LIFETIMES = { rekeyTime: 4 * HOUR, overTime: 24 * MINUTE, randTime: 24 * MINUTE } as const;

/** One pre-shared key for everybody. */
export function sharedKey(text = 'the secret of the simulation'): Credentials {
  return {
    shared: [{ name: 'psk', use: 'ike', secret: new Secret(utf8(text)), owners: [] }],
    privateKeys: [],
    authorities: [],
    certificates: [],
    crls: [],
  };
}
