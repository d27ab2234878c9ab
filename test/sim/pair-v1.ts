import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { parseProposals } from '../../src/crypto/proposal.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { ChildConfig, Connection, LocalAuth, RemoteAuth } from '../../src/policy/connection.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import { parseIdentity } from '../../src/policy/identity.ts';
import { parseIdentityPattern } from '../../src/policy/identity-match.ts';
import { type Issued, issue, type KeyType, makeAuthority } from '../certificate-builder.ts';
import { child, connection } from './configuration.ts';
import type { Host } from './host.ts';
import { ADDRESS_A, ADDRESS_B, addEngine, connected, type Pair, type PairOptions, pair } from './pair.ts';
import { V1ScriptedPeer } from './scripted-peer-v1.ts';
import { Simulation } from './simulation.ts';

/** What a connection of IKEv1 has that differs: the version, and algorithms that it has numbers for. */
export const V1: Partial<Connection> = {
  version: 1,
  proposals: parseProposals('aes128-sha256-ecp256', 'ike'),
};

/** A child of IKEv1 between two networks. */
export function childV1(overrides: Partial<ChildConfig> = {}): ChildConfig {
  return child({ proposals: parseProposals('aes128gcm16', 'esp'), ...overrides });
}

/** As `pair`, of IKEv1. */
export function pairV1(options: PairOptions = {}): Pair {
  return pair(withV1(options));
}

/** As `connected`, of IKEv1. */
export function connectedV1(options: PairOptions = {}): Pair {
  return connected(withV1(options));
}

function withV1(options: PairOptions): PairOptions {
  return { children: [childV1()], ...options, both: { ...V1, ...options.both } };
}

const provider = nodeProvider();
let root: Issued | undefined;

/** One authority for all tests of a process. */
export function authority(): Issued {
  root ??= makeAuthority();
  return root;
}

/** One end with a certificate of its own. */
export interface Certified {
  readonly name: string;
  readonly key?: KeyType;
  readonly own?: Issued;
  /** What it says it is; its name with `.example.org` where not said. */
  readonly id?: string;
  readonly remoteId?: string;
  readonly local?: Partial<LocalAuth>;
  readonly remote?: Partial<RemoteAuth>;
  readonly credentials?: Partial<Credentials>;
}

/** Two ends that sign: what `pairV1` takes. */
export function certified(a: Certified, b: Certified): Pick<PairOptions, 'a' | 'b' | 'credentials'> {
  const [atA, atB] = [endOf(a, b), endOf(b, a)];
  return { a: atA.auth, b: atB.auth, credentials: { a: atA.credentials, b: atB.credentials } };
}

function endOf(
  end: Certified,
  other: Certified,
): { readonly auth: Pick<Connection, 'local' | 'remote'>; readonly credentials: Credentials } {
  const { name, key = 'p256', id = `${name}.example.org`, remoteId = `${other.name}.example.org` } = end;
  const own =
    end.own ??
    issue(authority(), { subject: `C=CH, O=Lab, CN=${name}`, names: [`dns:${name}.example.org`], key });
  const local: LocalAuth = {
    method: 'pubkey',
    id: parseIdentity(id),
    certificates: [own.der],
    publicKeys: [],
    schemes: [],
    ...end.local,
  };
  const remote: RemoteAuth = {
    method: 'pubkey',
    id: parseIdentityPattern(remoteId),
    certificates: [],
    publicKeys: [],
    authorities: [],
    schemes: [],
    revocation: 'relaxed',
    ...end.remote,
  };
  const credentials: Credentials = {
    shared: [],
    privateKeys: [provider.importPrivateKey(own.pkcs8)],
    authorities: [authority().der],
    certificates: [],
    crls: [],
    ...end.credentials,
  };
  return { auth: { local: [local], remote: [remote] }, credentials };
}

/** An engine on host a and a scripted peer of IKEv1 on host b; nothing is begun. */
export function withScriptedPeerV1(options: PairOptions = {}): {
  readonly sim: Simulation;
  readonly a: Host<Engine>;
  readonly peer: V1ScriptedPeer;
} {
  const sim = new Simulation(options.seed);
  const one = { address: ADDRESS_A, port: 500 };
  const other = { address: ADDRESS_B, port: 500 };
  const { both, a: ours, children, settings } = withV1(options);
  const a = addEngine(sim, 'a', ADDRESS_A, {
    connections: [
      connection('a', 'b', { ...(children === undefined ? {} : { children }), ...both, ...ours }),
    ],
    path: { local: one, remote: other },
    ...(settings === undefined ? {} : { settings }),
    ...(options.credentials?.a === undefined ? {} : { credentials: options.credentials.a }),
  });
  const peer = new V1ScriptedPeer(sim, { name: 'b', address: ADDRESS_B, id: 'b', remote: one });
  return { sim, a, peer };
}
