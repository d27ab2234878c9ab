import type { CryptoProvider } from '../crypto/provider.ts';
import { type Effect, Engine, type IkeTarget } from '../engine/engine.ts';
import type { Command, EngineSettings, IkeEvent, IkeSaStatus, Output, Question } from '../ike/output.ts';
import type { IpsecBackend } from '../ipsec/backend.ts';
import { formatIp } from '../lib/ip.ts';
import type { Instant } from '../lib/time.ts';
import type { Fetcher } from '../net/fetcher.ts';
import type { TcpStreams } from '../net/tcp-streams.ts';
import type { UdpTransport } from '../net/transport.ts';
import { unroutedWays, type Ways } from '../net/ways.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import { kernelOptions } from '../policy/kernel-config.ts';
import type { Pool } from '../policy/pool.ts';
import type { ChildSaParameters, ChildSaUsage, Path, StandingPolicy } from '../policy/sa.ts';
import { formatSelector } from '../policy/selector-text.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';
import { Answers } from './answers.ts';
import { BackendQueue } from './backend-queue.ts';
import { now } from './clock.ts';
import { Conditions } from './conditions.ts';
import { DatagramTrace, type TracedDatagram } from './datagram-trace.ts';
import { failureOf } from './failure-of.ts';
import { type Initiation, outcomeOf, type Up } from './initiation.ts';
import { Leases } from './leases.ts';
import { matching, type SaTarget } from './sa-target.ts';

export interface GatewayOptions {
  readonly provider: CryptoProvider;
  readonly transport: UdpTransport;
  /** Connections by which IKE and ESP may go too (RFC 9329); absent where the back end cannot have them. */
  readonly streams?: TcpStreams;
  readonly backend: IpsecBackend;
  readonly connections: readonly Connection[];
  readonly credentials: Credentials;
  /** Where virtual IPs for peers come from. */
  readonly pools?: readonly Pool[];
  /** What every peer is told that is given one. */
  readonly attributes?: Pool['attributes'];
  readonly settings?: Partial<EngineSettings>;
  /** Gets word on the revocation of peers' certificates from elsewhere; without it only lists at hand are heeded. */
  readonly fetcher?: Fetcher;
  /** From where to where a connection's first message goes: names looked up, a local address chosen. Rejects with `Failed`. */
  readonly resolve: (connection: Connection) => Promise<Path>;
  /** Whether datagrams that came by this path are heard; without it all are. */
  readonly admits?: (path: Path) => boolean;
  /** How peers are reached when addresses change; default: as the system chooses. */
  readonly ways?: Ways;
}

/** Whose traffic a policy without an SA is. */
export interface PolicyOwner {
  readonly connection: Connection;
  readonly child: ChildConfig;
}

/**
 * One host's IKE: an engine, the sockets it speaks through and the IPsec back end it fills. The gateway performs
 * what the engine asks for and turns its events into promises; it makes no protocol decision of its own.
 */
export class Gateway {
  /** The virtual IPs of peers. */
  readonly leases: Leases;
  readonly #engine: Engine;
  readonly #options: GatewayOptions;
  readonly #queue: BackendQueue;
  readonly #answers: Answers;
  readonly #ways: Ways;
  readonly #listeners = new Set<(event: IkeEvent) => void>();
  readonly #conditions = new Conditions();
  readonly #trace = new DatagramTrace();
  readonly #expiring = new Set<(id: number) => void>();
  readonly #spending = new Set<(id: number, usage: ChildSaUsage) => void>();
  #connections: ReadonlyMap<string, Connection>;
  #timer: NodeJS.Timeout | undefined;
  #timerAt: Instant | undefined;
  #closed = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.leases = new Leases(options.attributes);
    this.#connections = byName(options.connections);
    this.leases.configure(options.pools ?? []);
    this.#engine = new Engine({
      provider: options.provider,
      connections: options.connections,
      credentials: options.credentials,
      features: options.backend.features,
      settings: {
        port: options.transport.port,
        natPort: options.transport.natPort,
        fetchStatus: options.fetcher !== undefined,
        ...options.settings,
      },
    });
    this.#queue = new BackendQueue(
      options.backend,
      failure => this.report(failure),
      (id, usage) => {
        for (const listener of this.#spending) listener(id, usage);
      },
    );
    const { streams } = options;
    this.#ways = options.ways ?? unroutedWays(options.transport.listening);
    this.#answers = new Answers({
      queue: this.#queue,
      leases: this.leases,
      streams,
      connection: name => this.#connections.get(name),
      resolve: options.resolve,
      fetcher: options.fetcher,
      ways: this.#ways,
    });
    // In a moment, when whoever opens the gateway listens to it.
    queueMicrotask(() => this.#queue.makeInterfaces(this.connections));
    const datagram = (octets: Uint8Array, path: Path): void => {
      if (options.admits?.(path) === false) return;
      this.#enter(at => {
        const outputs = this.#engine.receive(octets, path, at);
        this.#trace.incoming(octets, path, outputs, at);
        return outputs;
      });
    };
    options.transport.onDatagram(datagram);
    streams?.listen({
      datagram,
      error: failure => this.report(failure, 'net'),
      renewed: (path, instead) => this.#enter(at => this.#engine.renewed(path, instead, at)),
    });
    streams?.keep(() => this.#engine.status().map(({ path }) => path));
    streams?.accept(options.connections.some(({ tcp }) => tcp !== 'no'));
    options.backend.onEvent(event => {
      this.#enter(at => this.#engine.backendEvent(event, at));
      if (event.kind === 'expire' && event.hard) for (const listener of this.#expiring) listener(event.id);
    });
  }

  /**
   * Brings a connection up, or one child of it; with null the IKE SA alone. Resolves once the child is installed; rejects with `Failed`, whose
   * `failure` says what would have to change. `signal` gives the wait up, not the negotiation.
   */
  up(connection: string, child?: string | null, signal?: AbortSignal): Promise<Up> {
    return new Promise((resolve, reject) => {
      let begun: Initiation | undefined;
      const early: IkeEvent[] = [];
      const finish = (outcome: Up | Error): void => {
        this.#listeners.delete(listen);
        signal?.removeEventListener('abort', abort);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const abort = (): void =>
        finish(new Failed({ code: 'local/stopped', summary: `waiting for ${connection} was given up` }));
      const listen = (event: IkeEvent): void => {
        if (begun === undefined) {
          early.push(event);
          return;
        }
        const outcome = outcomeOf(event, begun);
        if (outcome !== undefined) finish(outcome);
      };
      const wanted =
        child === null ? undefined : (child ?? this.#connections.get(connection)?.children[0]?.name);
      this.#listeners.add(listen);
      signal?.addEventListener('abort', abort, { once: true });
      try {
        this.#enter(at => {
          const target = child === undefined ? { connection } : { connection, child };
          const { ike, outputs } = this.#engine.initiate(target, at);
          begun = { connection, ike, child: wanted };
          return outputs;
        });
        for (const event of early.splice(0)) listen(event);
      } catch (error) {
        finish(error instanceof Error ? error : new Failed(failureOf(error)));
      }
    });
  }

  /** A number that no child has. */
  newChildId(): number {
    return this.#engine.newChildId();
  }

  /** Deletes what matches, peers told. Resolves with how many matched once the last of them is gone, or `patience` milliseconds are over. */
  async down(target: SaTarget, patience?: number): Promise<number> {
    let matched = 0;
    const before = this.matching(target);
    this.#enter(at => {
      const result = this.#engine.terminate(target, at);
      matched = result.matched;
      return result.outputs;
    });
    if (matched > 0)
      await this.#conditions.until(() => !this.matching(target).some(id => before.includes(id)), patience);
    return matched;
  }

  /** Numbers of the SAs that match: of children, where one is named, otherwise of IKE SAs. */
  matching(target: SaTarget): readonly number[] {
    return matching(this.#engine.status(), target);
  }

  /** Ends IKE SAs at once and tells nobody; answers how many there were. */
  abandon(target: IkeTarget): number {
    return this.#effect(at => this.#engine.abandon(target, at));
  }

  /** Begins to make IKE SAs anew from their configuration, with new proofs; each old one goes when its new one stands. */
  reauthenticate(target: IkeTarget): number {
    return this.#effect(at => this.#engine.reauthenticate(target, at));
  }

  /** Starts rekeying what matches and answers how many do. */
  rekey(target: SaTarget): number {
    return this.#effect(at => this.#engine.rekey(target, at));
  }

  status(): readonly IkeSaStatus[] {
    return this.#engine.status();
  }

  usage(childId: number): Promise<ChildSaUsage | undefined> {
    return this.#options.backend.usage(childId);
  }

  get connections(): readonly Connection[] {
    return [...this.#connections.values()];
  }

  /** What was fetched of revocation. */
  get statuses(): Pick<Engine, 'fetched' | 'forgetFetched'> {
    return this.#engine;
  }

  /** Where a connection's first message would go. Rejects with `Failed` where it names nobody to call. */
  pathOf(connection: Connection): Promise<Path> {
    return this.#options.resolve(connection);
  }

  /** Puts a policy that has no SA into the back end; its number is the caller's. Rejects with `Failed`. */
  async addPolicy(policy: Omit<StandingPolicy, 'reqid'>, owner: PolicyOwner): Promise<void> {
    const { backend } = this.#options;
    if (backend.addPolicy === undefined) {
      throw new Failed({
        code: 'local/unsupported',
        summary: `the ${backend.name} back end has no ${policy.kind} policies`,
      });
    }
    const selectors = selectorText(policy.localTs, policy.remoteTs);
    const reqid = this.#engine.reqid(owner.connection, owner.child, selectors);
    const { kernel } = owner.child;
    await backend.addPolicy({
      ...policy,
      reqid,
      ...(kernel === undefined ? {} : { kernel: kernelOptions(kernel, reqid) }),
    });
  }

  /** Stops the traffic of an SA that has ended. Rejects with `Failed`. */
  async addDrop(policy: Omit<StandingPolicy, 'kind'>): Promise<void> {
    await this.#options.backend.addPolicy?.({ ...policy, kind: 'drop' });
  }

  /** For whoever hears that a Child SA ends: `work` is done before it leaves the back end. It must not reject. */
  beforeRemoval(childId: number, work: () => Promise<void>): void {
    this.#queue.inTurn(childId, work);
  }

  async removePolicy(id: number): Promise<void> {
    await this.#options.backend.removePolicy?.(id);
  }

  /** Puts in an SA that was not negotiated; its number is the caller's, beyond those of the engine. Rejects with `Failed`. */
  async installSa(sa: ChildSaParameters): Promise<void> {
    await this.#queue.install(sa);
  }

  removeSa(id: number): Promise<void> {
    return this.#queue.remove(id);
  }

  /** Addresses or routes of this host are others than before: SAs move where they can. To be called once at the beginning, too. */
  networkChanged(): void {
    this.#options.backend.networkChanged?.();
    const addresses = this.#ways.addresses(address => this.#queue.isVirtual(address));
    this.#enter(at => this.#engine.networkChanged(addresses, at));
  }

  /** The port from which ESP in UDP is sent. */
  get natPort(): number {
    return this.#options.transport.natPort;
  }

  /** Replaces connections, credentials and, where given, pools; live SAs stay as they are. */
  configure(connections: readonly Connection[], credentials: Credentials, pools?: readonly Pool[]): void {
    this.#connections = byName(connections);
    if (pools !== undefined) this.leases.configure(pools);
    this.#queue.makeInterfaces(connections);
    this.#enter(at => this.#engine.configure(connections, credentials, at));
    this.#options.streams?.accept(connections.some(({ tcp }) => tcp !== 'no'));
  }

  /** Whether listeners are told the keys of SAs that are made from now on. */
  emitKeys(on: boolean): void {
    this.#engine.emitKeys(on);
  }

  /** Calls `listener` for everything that happens. Answers a function that ends it. */
  on(listener: (event: IkeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells whoever listens of a failure that came of no negotiation, as a `log` event. */
  report(failure: Failure, group = 'knl'): void {
    this.#emit({ at: now(), kind: 'log', level: 'error', group, text: failure.summary });
  }

  /** Calls `listener` for every datagram of IKE, as far as known with the SA it belongs to. Answers a function that ends it. */
  onTraced(listener: (datagram: TracedDatagram) => void): () => void {
    return this.#trace.on(listener);
  }

  /** Calls `listener` with the number of each SA that the back end lets end. */
  onExpired(listener: (id: number) => void): void {
    this.#expiring.add(listener);
  }

  /** Calls `listener` with all that a Child SA carried, when it is removed. Answers a function that ends it. */
  onSpent(listener: (child: number, usage: ChildSaUsage) => void): () => void {
    this.#spending.add(listener);
    return () => this.#spending.delete(listener);
  }

  /** Deletes all SAs, tells the peers, and closes sockets and back end; waits at most `patience` milliseconds for answers. */
  async close(patience = 2000): Promise<void> {
    if (this.#closed) return;
    this.#enter(at => this.#engine.shutdown(at));
    await this.#conditions.until(() => this.#engine.status().length === 0, patience);
    // Whoever hears of SAs hears of the end of those too whose peers did not answer.
    this.#effect(at => this.#engine.abandon({}, at));
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#queue.settled();
    await this.#options.streams?.close();
    await this.#options.transport.close();
    await this.#options.backend.close();
    this.#listeners.clear();
  }

  /** The one way into the engine: performs all that comes out, then sets the timer for what is due next. */
  #enter(way: (at: Instant) => readonly Output[]): void {
    if (this.#closed) return;
    const at = now();
    const moving: Promise<void>[] = [];
    for (const output of way(at)) {
      if (output.kind === 'transmit') {
        this.#trace.outgoing(output.datagram, output.path, at);
        // Once it has our answer the peer forgets the SA that our packets came by.
        if (moving.length > 0) void Promise.all(moving).then(() => this.#send(output));
        else this.#send(output);
      } else if (output.kind === 'command' && movesTraffic(output.command))
        moving.push(this.#queue.command(output.command));
      else this.#perform(output);
    }
    this.#trace.turn();
    this.#schedule();
    this.#conditions.look();
  }

  #effect(way: (at: Instant) => Effect): number {
    let matched = 0;
    this.#enter(at => {
      const effect = way(at);
      matched = effect.matched;
      return effect.outputs;
    });
    return matched;
  }

  #send({ datagram, path, dscp = 0 }: Transmission): void {
    const carrier = path.tcp === true ? this.#options.streams : this.#options.transport;
    carrier?.send(datagram, path, dscp << 2);
  }

  #perform(output: Exclude<Output, Transmission>): void {
    switch (output.kind) {
      case 'keepalive':
        this.#options.transport.sendKeepalive(output.path);
        return;
      case 'ask':
        void this.#answer(output.id, output.question);
        return;
      case 'command':
        if (output.command.kind === 'release-lease') this.#release(output.command);
        else void this.#queue.command(output.command);
        return;
      case 'event':
        this.#trace.note(output.event);
        this.#emit(output.event);
        return;
    }
  }

  #release({ id, of }: Extract<Command, { kind: 'release-lease' }>): void {
    for (const { address, identity } of this.leases.release(id)) {
      if (of === undefined || this.#options.settings?.traceMessages !== true) continue;
      const text = `lease ${formatIp(address)} by '${identity}' went offline`;
      this.#emit({ kind: 'step', at: now(), group: 'cfg', level: 1, ...of, text });
    }
  }

  async #answer(id: number, question: Question): Promise<void> {
    const answer = await this.#answers.to(question);
    this.#enter(at => this.#engine.answer(id, answer, at));
  }

  #schedule(): void {
    const deadline = this.#engine.deadline;
    if (deadline === this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    if (deadline === undefined || this.#closed) return;
    const wait = Math.min(Math.max(0, Math.ceil(deadline - now())), LONGEST_TIMER);
    this.#timer = setTimeout(() => {
      this.#timerAt = undefined;
      this.#enter(at => this.#engine.tick(at));
    }, wait);
  }

  #emit(event: IkeEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}

type Transmission = Extract<Output, { kind: 'transmit' }>;

/** Whether packets go out by another SA when it has been carried out. */
function movesTraffic(
  command: Command,
): command is Extract<Command, { kind: 'activate-outbound' | 'deactivate-outbound' }> {
  return command.kind === 'activate-outbound' || command.kind === 'deactivate-outbound';
}

/** setTimeout takes 31 bits of milliseconds; a longer wait is waited in parts. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** As the core names a pair of selectors when it takes a number for them. */
function selectorText(localTs: readonly TrafficSelector[], remoteTs: readonly TrafficSelector[]): string {
  return `${localTs.map(formatSelector).join(' ')} === ${remoteTs.map(formatSelector).join(' ')}`;
}

function byName(connections: readonly Connection[]): ReadonlyMap<string, Connection> {
  return new Map(connections.map(connection => [connection.name, connection]));
}
