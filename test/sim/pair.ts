import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineSettings } from '../../src/ike/output.ts';
import { type IpAddress, ip } from '../../src/lib/ip.ts';
import type { ChildConfig, Connection } from '../../src/policy/connection.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import type { BackendFeatures, Path } from '../../src/policy/sa.ts';
import { ALL_FEATURES, FakeBackEnd } from './back-end.ts';
import { connection, mirrored, sharedKey } from './configuration.ts';
import type { Host } from './host.ts';
import type { Direction } from './network.ts';
import { SeededProvider } from './provider.ts';
import { ScriptedPeer } from './scripted-peer.ts';
import { Simulation } from './simulation.ts';

export const ADDRESS_A: IpAddress = ip('192.0.2.1');
export const ADDRESS_B: IpAddress = ip('198.51.100.2');

export interface EngineHostOptions {
  readonly connections: readonly Connection[];
  readonly credentials?: Credentials;
  readonly settings?: Partial<EngineSettings>;
  readonly features?: BackendFeatures;
  /** Where first messages go. */
  readonly path: Path;
}

/** Adds a host with an engine of its own. */
export function addEngine(
  sim: Simulation,
  name: string,
  address: IpAddress,
  options: EngineHostOptions,
): Host<Engine> {
  const random = sim.random.fork();
  const provider = new SeededProvider(
    nodeProvider({ random: length => random.octets(length) }),
    sim.random.fork(),
  );
  const features = options.features ?? ALL_FEATURES;
  const engine = new Engine({
    provider,
    connections: options.connections,
    credentials: options.credentials ?? sharedKey(),
    features,
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  });
  return sim.addHost({
    name,
    address,
    engine,
    provider,
    backEnd: new FakeBackEnd(sim.schedule, sim.random.fork(), features),
    resolve: (_connection: string, tcp?: true) => ({
      kind: 'path',
      path: tcp === true ? byTcp(options.path) : options.path,
    }),
  });
}

/** The first TCP connection along a path (RFC 9329). */
export function byTcp({ local, remote }: Path): Path {
  return { local: { ...local, port: 40_000 }, remote: { ...remote, port: 4500 }, tcp: true };
}

export interface PairOptions {
  readonly seed?: number;
  /** Differences from `connection()` on both sides, and on one. */
  readonly both?: Partial<Connection>;
  readonly a?: Partial<Connection>;
  readonly b?: Partial<Connection>;
  /** As seen from a; b has them mirrored. */
  readonly children?: readonly ChildConfig[];
  readonly settings?: Partial<EngineSettings>;
  /** One shared key on both sides where not said. */
  readonly credentials?: { readonly a?: Credentials; readonly b?: Credentials };
  readonly features?: { readonly a?: BackendFeatures; readonly b?: BackendFeatures };
  /** Who begins the IKE SA; a where not said. */
  readonly begunBy?: 'a' | 'b';
}

export interface Pair {
  readonly sim: Simulation;
  readonly a: Host<Engine>;
  readonly b: Host<Engine>;
  readonly ab: Direction;
  readonly ba: Direction;
}

/** An engine on host a and a scripted peer on host b; nothing is begun. */
export function withScriptedPeer(options: PairOptions = {}): {
  readonly sim: Simulation;
  readonly a: Host<Engine>;
  readonly peer: ScriptedPeer;
} {
  const sim = new Simulation(options.seed);
  const one = { address: ADDRESS_A, port: 500 };
  const other = { address: ADDRESS_B, port: 500 };
  const children = options.children === undefined ? {} : { children: options.children };
  const a = addEngine(sim, 'a', ADDRESS_A, {
    connections: [connection('a', 'b', { ...children, ...options.both, ...options.a })],
    path: { local: one, remote: other },
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  });
  const peer = new ScriptedPeer(sim, { name: 'b', address: ADDRESS_B, id: 'b', remote: one });
  return { sim, a, peer };
}

/** Two hosts, a and b, that may talk to each other; nothing is begun. */
export function pair(options: PairOptions = {}): Pair {
  const sim = new Simulation(options.seed);
  const one = { address: ADDRESS_A, port: 500 };
  const other = { address: ADDRESS_B, port: 500 };
  const children = options.children === undefined ? undefined : { children: options.children };
  const settings = options.settings === undefined ? {} : { settings: options.settings };
  const atA = connection('a', 'b', { ...children, ...options.both, ...options.a });
  const atB = connection('b', 'a', { ...children, ...options.both, ...options.b });
  const mirror = options.b?.children === undefined ? { children: atB.children.map(mirrored) } : {};
  const a = addEngine(sim, 'a', ADDRESS_A, {
    connections: [atA],
    path: { local: one, remote: other },
    ...settings,
    ...only({ credentials: options.credentials?.a, features: options.features?.a }),
  });
  const b = addEngine(sim, 'b', ADDRESS_B, {
    connections: [{ ...atB, ...mirror }],
    path: { local: other, remote: one },
    ...settings,
    ...only({ credentials: options.credentials?.b, features: options.features?.b }),
  });
  return { sim, a, b, ab: sim.between(a, b), ba: sim.between(b, a) };
}

/** A pair with an established IKE SA and its child `net`, or all of `children`. */
export function connected(options: PairOptions = {}): Pair {
  const made = pair(options);
  const names = (options.children ?? [{ name: 'net' }]).map(({ name }) => name);
  for (const name of names) {
    made[options.begunBy ?? 'a'].initiate('site', name);
    made.sim.quiet();
  }
  return made;
}

/** What of `values` is there. */
function only<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
