import { generateKeyPairSync } from 'node:crypto';
import { parseProposals } from '../../src/crypto/proposal.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { SECOND } from '../../src/lib/time.ts';
import type { Connection, LocalAuth, RemoteAuth } from '../../src/policy/connection.ts';
import { type Issued, issue, USAGE } from '../certificate-builder.ts';
import { connection } from './configuration.ts';
import type { Host } from './host.ts';
import { ADDRESS_A, ADDRESS_B, addEngine, type PairOptions } from './pair.ts';
import { authority, certified, childV1, V1 } from './pair-v1.ts';
import { type PeerSetup, Rfc2409Peer } from './rfc2409-peer.ts';
import { Simulation } from './simulation.ts';

export const METHODS = ['pubkey-encryption', 'pubkey-encryption-revised'] as const;
export type EncryptionMethod = (typeof METHODS)[number];

const made = new Map<string, Issued>();

/** A certificate that may be encrypted to, one for each name. */
export function encrypting(name: string): Issued {
  const issued =
    made.get(name) ??
    issue(authority(), {
      subject: `C=CH, O=Lab, CN=${name}`,
      names: [`dns:${name}.example.org`],
      // Those of `keyPair` come again.
      key: generateKeyPairSync('rsa', { modulusLength: 2048 }),
      keyUsage: USAGE.keyEncipherment,
    });
  made.set(name, issued);
  return issued;
}

export interface Ends {
  readonly local?: Partial<LocalAuth>;
  readonly remote?: Partial<RemoteAuth>;
}

/** Two ends, moon and sun, that know each other's certificate. */
export function encrypted(
  method: EncryptionMethod,
  a: Ends = {},
  b: Ends = {},
): Pick<PairOptions, 'a' | 'b' | 'credentials'> {
  const [moon, sun] = [encrypting('moon'), encrypting('sun')];
  const end = (name: string, own: Issued, other: Issued, { local, remote }: Ends) => ({
    name,
    own,
    local: { method, ...local },
    remote: { method, certificates: [other.der], ...remote },
  });
  return certified(end('moon', moon, sun, a), end('sun', sun, moon, b));
}

const CIPHERS = { 'aes-128-cbc': 'aes128', 'aes-256-cbc': 'aes256', 'des-ede3-cbc': '3des' } as const;
const GROUPS = { 2: 'modp1024', 14: 'modp2048', 19: 'ecp256' } as const;

export interface RfcPeerOptions extends Partial<Omit<PeerSetup, 'transmit'>> {
  readonly seed?: number;
  readonly a?: Ends;
  readonly connection?: Partial<Connection>;
}

/** An engine, moon, and the peer that was written from the RFC, sun. Nothing is begun. */
export function withRfcPeer(options: RfcPeerOptions = {}): {
  readonly sim: Simulation;
  readonly a: Host<Engine>;
  readonly peer: Rfc2409Peer;
} {
  const { seed, a: end, connection: overrides, ...setup } = options;
  const { method = 4, mode = 'main', cipher = 'aes-128-cbc', hash = 'sha256', group = 19 } = setup;
  const [moon, sun] = [encrypting('moon'), encrypting('sun')];
  const sim = new Simulation(seed);
  const one = { address: ADDRESS_A, port: 500 };
  const other = { address: ADDRESS_B, port: 500 };
  const { a: auth, credentials } = encrypted(METHODS[method - 4] as EncryptionMethod, end);
  const proposals = parseProposals(`${CIPHERS[cipher]}-${hash}-${GROUPS[group]}`, 'ike');
  const a = addEngine(sim, 'a', ADDRESS_A, {
    connections: [
      connection('a', 'b', {
        ...V1,
        children: [childV1()],
        aggressive: mode === 'aggressive',
        proposals,
        ...auth,
        ...overrides,
      }),
    ],
    path: { local: one, remote: other },
    ...(credentials?.a === undefined ? {} : { credentials: credentials.a }),
  });
  const peer = new Rfc2409Peer({
    method,
    mode,
    cipher,
    hash,
    group,
    privateKey: sun.key.privateKey,
    theirKey: moon.key.publicKey,
    id: Buffer.concat([Buffer.of(2, 0, 0, 0), Buffer.from('sun.example.org')]),
    ...setup,
    transmit: datagram =>
      sim.network.send({ kind: 'ike', datagram: new Uint8Array(datagram) }, { local: other, remote: one }),
  });
  sim.network.attach('b', ADDRESS_B, content => {
    if (content.kind === 'ike') peer.receive(Buffer.from(content.datagram));
  });
  return { sim, a, peer };
}

/** Lets both speak until nothing more comes of it, short of any retransmission. */
export function converse(sim: Simulation): void {
  sim.settle();
  sim.run(2 * SECOND);
}
