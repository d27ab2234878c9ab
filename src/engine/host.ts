import type { CryptoProvider } from '../crypto/provider.ts';
import type { Answer, Command, EngineSettings, IkeEvent, Output, Question } from '../ike/output.ts';
import type { EventBody, Host, Session } from '../ike/session.ts';
import { Trust } from '../ike/trust.ts';
import { readU32, readU64 } from '../lib/bytes.ts';
import { type IpAddress, parseIp } from '../lib/ip.ts';
import type { Duration, Instant } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { BackendFeatures, Path } from '../policy/sa.ts';
import { Agenda } from './agenda.ts';
import { Asks } from './asks.ts';
import { Reqids } from './reqids.ts';
import { Uniqueness } from './uniqueness.ts';
import { VirtualIpMemory } from './virtual-ip-memory.ts';

/** What the engine wants to hear of its sessions. */
export interface Watcher {
  /** `others` gives those that stand between the same two. */
  established(session: Session, others: () => Iterable<Session>): void;
  /** A rekey put `successor` in the place of `session`. */
  succeeded(session: Session, successor: Session): void;
  removed(session: Session, children: readonly ChildConfig[], failure: Failure | undefined): void;
  reauthenticate(session: Session): void;
}

/** The engine as its sessions see it: who is there, what is to be done, and when. */
export class EngineHost implements Host {
  readonly provider: CryptoProvider;
  settings: EngineSettings;
  readonly features: BackendFeatures;
  readonly names = new Map<string, readonly IpAddress[]>();
  readonly reqids: Reqids;
  readonly asks = new Asks();
  readonly agenda = new Agenda<Session>();
  connections: readonly Connection[];
  credentials: Credentials;
  trust: Trust;
  addresses: readonly IpAddress[] = [];
  now: Instant = 0;
  /** Set once, before anything happens. */
  watcher: Watcher | undefined;
  readonly #uniqueness = new Uniqueness();
  readonly #sessions = new Map<number, Session>();
  /** By the SPI that we chose; undefined while it is reserved. */
  readonly #spis = new Map<bigint, Session | undefined>();
  readonly #children = new Map<number, Session>();
  readonly #byConnection = new Map<string, Set<Session>>();
  readonly #connectionOf = new Map<Session, string>();
  readonly #later: (() => void)[] = [];
  readonly #virtualIps = new VirtualIpMemory();
  #outputs: Output[] = [];
  #lastId = 0;
  #lastChildId = 0;

  constructor(options: {
    readonly provider: CryptoProvider;
    readonly settings: EngineSettings;
    readonly features: BackendFeatures;
    readonly connections: readonly Connection[];
    readonly credentials: Credentials;
  }) {
    this.provider = options.provider;
    this.settings = options.settings;
    this.reqids = new Reqids(options.settings.reqidBase);
    this.features = options.features;
    this.connections = options.connections;
    this.credentials = options.credentials;
    this.trust = new Trust(options.provider, options.credentials, options.settings);
  }

  // ── what the engine asks ──

  get size(): number {
    return this.#sessions.size;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  session(id: number): Session | undefined {
    return this.#sessions.get(id);
  }

  /** Whose SPI it is; 'reserved' when a session is about to take it. */
  bySpi(spi: bigint): Session | 'reserved' | undefined {
    return this.#spis.get(spi) ?? (this.#spis.has(spi) ? 'reserved' : undefined);
  }

  /** The sessions of a connection: ours from the beginning, a peer's once it has proved whose it is. */
  ofConnection(name: string): Iterable<Session> {
    return this.#byConnection.get(name) ?? [];
  }

  byChild(child: number): Session | undefined {
    return this.#children.get(child);
  }

  configure(connections: readonly Connection[], credentials: Credentials): void {
    this.connections = connections;
    this.credentials = credentials;
    this.trust = new Trust(this.provider, credentials, this.settings, this.trust);
    this.#virtualIps.prune(connections);
  }

  /** Puts `action` off until `settle`. */
  later(action: () => void): void {
    this.#later.push(action);
  }

  /** Does what was put off. */
  settle(): void {
    for (let action = this.#later.shift(); action !== undefined; action = this.#later.shift()) action();
  }

  /** All that is to be done since the last call, in order. */
  drain(): readonly Output[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  // ── what sessions ask: Host ──

  transmit(datagram: Uint8Array, path: Path, dscp?: number): void {
    this.#outputs.push({ kind: 'transmit', datagram, path, ...(dscp !== undefined && { dscp }) });
  }

  keepalive(path: Path): void {
    this.#outputs.push({ kind: 'keepalive', path });
  }

  command(command: Command): void {
    this.#outputs.push({ kind: 'command', command });
  }

  event(event: EventBody): void {
    this.#outputs.push({ kind: 'event', event: { at: this.now, ...event } as IkeEvent });
  }

  ask(question: Question, answered: (answer: Answer) => void): () => void {
    const { id, withdraw } = this.asks.add(question, answer => {
      if (question.kind === 'resolve' && answer.kind === 'path')
        this.#learn(question.connection, answer.path.remote.address);
      answered(answer);
    });
    this.#outputs.push({ kind: 'ask', id, question });
    return withdraw;
  }

  newId(): number {
    return ++this.#lastId;
  }

  newChildId(): number {
    return ++this.#lastChildId;
  }

  reserveSpi(): bigint {
    for (;;) {
      const { spiMask, spiLabel } = this.settings;
      const spi = (readU64(this.provider.random(8), 0) & ~spiMask) | spiLabel;
      if (spi === 0n || this.#spis.has(spi)) continue;
      this.#spis.set(spi, undefined);
      return spi;
    }
  }

  freeSpi(spi: bigint): void {
    this.#spis.delete(spi);
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session);
    this.#spis.set(session.spi, session);
    if (session.role === 'initiator' || session.establishedAt !== undefined) this.#file(session);
  }

  remove(session: Session, children: readonly ChildConfig[], failure?: Failure): void {
    this.#sessions.delete(session.id);
    this.agenda.set(session, undefined);
    this.#unfile(session);
    this.#uniqueness.delete(session);
    this.watcher?.removed(session, children, failure);
  }

  reschedule(session: Session): void {
    if (this.#sessions.has(session.id)) this.agenda.set(session, session.deadline);
  }

  childIsWith(child: number, session: Session | undefined): void {
    if (session === undefined) this.#children.delete(child);
    else this.#children.set(child, session);
  }

  isConnected(connection: Connection): boolean {
    for (const session of this.ofConnection(connection.name))
      if (session.establishedAt !== undefined) return true;
    return false;
  }

  admits(connection: Connection, localId: Identity, remoteId: Identity, initialContact: boolean): boolean {
    return this.#uniqueness.admits(connection, localId, remoteId, initialContact);
  }

  established(
    session: Session,
    identities: { readonly local: Identity; readonly remote: Identity },
    initialContact: boolean,
  ): void {
    this.#file(session);
    // The session is in the middle of its conversation: what may end it, or others, waits until that rests.
    this.later(() => {
      if (!this.#sessions.has(session.id)) return;
      // What a peer that says it has nothing else does not know of must not be carried over.
      const others = (): Iterable<Session> =>
        initialContact ? [] : this.between(identities.local, identities.remote);
      if (session.adopt !== undefined) for (const other of [...others()]) session.adopt(other);
      this.watcher?.established(session, others);
      this.#uniqueness.established(session, identities, initialContact, this.now);
    });
  }

  onlyContact(session: Session): void {
    this.#uniqueness.onlyContact(session);
  }

  between(localId: Identity, remoteId: Identity): IteratorObject<Session> {
    return this.#uniqueness.between(localId, remoteId);
  }

  succeeded(session: Session, successor: Session): void {
    this.#uniqueness.moved(session, successor);
    this.watcher?.succeeded(session, successor);
  }

  reauthenticate(session: Session): void {
    this.watcher?.reauthenticate(session);
  }

  lastVirtualIps(connection: Connection): readonly IpAddress[] | undefined {
    return this.#virtualIps.of(connection);
  }

  keepVirtualIps(connection: Connection, addresses: readonly IpAddress[]): void {
    this.#virtualIps.keep(connection, addresses);
  }

  jitter(limit: Duration): Duration {
    return (limit * readU32(this.provider.random(4), 0)) / 2 ** 32;
  }

  reqid(connection: Connection, child: ChildConfig, selectors: string): number {
    return this.reqids.take(connection, child, selectors);
  }

  newReqid(): number {
    return this.reqids.next();
  }

  #file(session: Session): void {
    this.#unfile(session);
    const { name } = session.connection;
    const filed = this.#byConnection.get(name) ?? new Set();
    this.#byConnection.set(name, filed.add(session));
    this.#connectionOf.set(session, name);
  }

  #unfile(session: Session): void {
    const name = this.#connectionOf.get(session);
    if (name === undefined) return;
    this.#connectionOf.delete(session);
    const filed = this.#byConnection.get(name);
    filed?.delete(session);
    if (filed?.size === 0) this.#byConnection.delete(name);
  }

  /** Where a name in a connection was found to be: so the peer of that name is known when it comes by itself. */
  #learn(connection: string, address: IpAddress): void {
    const configured = this.connections.find(({ name }) => name === connection);
    for (const entry of configured?.remoteAddresses ?? [])
      if (/^[^%/]*[a-z][^/]*$/i.test(entry) && parseIp(entry) === undefined) this.names.set(entry, [address]);
  }
}
