import type { CryptoProvider } from '../crypto/provider.ts';
import type { Answer, EngineSettings, IkeSaStatus, Output } from '../ike/output.ts';
import type { Protocol, Session } from '../ike/session.ts';
import { DEFAULT_SETTINGS } from '../ike/settings.ts';
import { ikev1 } from '../ikev1/protocol.ts';
import { ikev2 } from '../ikev2/protocol.ts';
import type { IpAddress } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import type { BackendEvent, BackendFeatures, Path } from '../policy/sa.ts';
import { decodeHeader, type Header, HeaderFlag } from '../wire/header.ts';
import { EngineHost } from './host.ts';
import { isUsable } from './path.ts';
import { Reauthentications } from './reauthentication.ts';
import { Revival } from './revival.ts';
import { Strangers } from './strangers.ts';
import { childFor } from './trap.ts';

export interface EngineOptions {
  readonly provider: CryptoProvider;
  /** What is not given has the field's default (`DEFAULT_SETTINGS`). */
  readonly settings?: Partial<EngineSettings>;
  readonly connections: readonly Connection[];
  readonly credentials: Credentials;
  readonly features: BackendFeatures;
}

/** Which SAs a command is about: all that fit everything that is given. */
export interface Target {
  readonly connection?: string;
  /** Number of an IKE SA. */
  readonly ike?: number;
  /** Configured name of a child. */
  readonly child?: string;
  /** Number of a Child SA. */
  readonly childId?: number;
}

export type IkeTarget = Pick<Target, 'connection' | 'ike'>;

/** What a command came to: how many SAs it was about, and what is to be done. */
export interface Effect {
  readonly matched: number;
  readonly outputs: readonly Output[];
}

const PROTOCOLS: readonly Protocol[] = [ikev2, ikev1];

const STOPPED: Failure = { code: 'local/stopped', summary: 'stopped by the user or by shutdown' };

/**
 * All IKE SAs of a host: a function of datagrams, answers and time. Every way in takes the instant and returns what is
 * to be done, in order; `deadline` says when `tick` is due. Nothing in here waits, and no peer can make it throw.
 */
export class Engine {
  readonly #host: EngineHost;
  readonly #strangers: Strangers;
  readonly #revival: Revival;
  /** What initiated SAs were begun for, until they stand. */
  readonly #wanted = new Map<Session, readonly ChildConfig[]>();
  readonly #reauthentications: Reauthentications;
  #stopping = false;

  constructor({ settings, ...options }: EngineOptions) {
    this.#host = new EngineHost({ ...options, settings: { ...DEFAULT_SETTINGS, ...settings } });
    this.#revival = new Revival(this.#host.settings.retryInitiateInterval);
    this.#strangers = new Strangers(this.#host, PROTOCOLS);
    this.#reauthentications = new Reauthentications(this.#host, (connection, child) =>
      this.#begin(connection, child),
    );
    this.#host.watcher = {
      established: (session, others) => this.#established(session, others),
      succeeded: (session, successor) => this.#reauthentications.succeeded(session, successor),
      removed: (session, children, failure) => this.#removed(session, children, failure),
      reauthenticate: session => this.#reauthenticate(session),
    };
  }

  /** A datagram that came by `path`, without the non-ESP marker. Never throws. */
  receive(datagram: Uint8Array, path: Path, now: Instant): readonly Output[] {
    return this.#enter(now, () => {
      const isShort = datagram.length <= this.#host.settings.maxPacket;
      const header = isShort && isUsable(path) ? headerOf(datagram) : undefined;
      // IKEv1 has no words for TCP.
      if (header !== undefined && !(header.majorVersion === 1 && path.tcp === true))
        this.#deliver(datagram, header, path);
    });
  }

  /** The answer to the question of this number; one that nobody waits for any more is undone. */
  answer(id: number, answer: Answer, now: Instant): readonly Output[] {
    return this.#enter(now, () => {
      for (const command of this.#host.asks.answer(id, answer)) this.#host.command(command);
    });
  }

  /** Does all that is due at `now`. */
  tick(now: Instant): readonly Output[] {
    return this.#enter(now, () => {
      // All that are due at first: what becomes due meanwhile has the next turn.
      for (const session of this.#host.agenda.takeAll(now)) session.tick();
      for (const { connection, children } of this.#revival.take(now))
        for (const child of children) this.#revive(connection, child);
    });
  }

  /** What was fetched of revocation and is kept, DER. */
  fetched(now: Instant): { readonly crls: readonly Uint8Array[]; readonly ocsp: readonly Uint8Array[] } {
    return this.#host.trust.fetched(now);
  }

  /** Forgets what was fetched of one kind, or of both. */
  forgetFetched(kind?: 'crls' | 'ocsp'): void {
    this.#host.trust.forgetFetched(kind);
  }

  /** When `tick` is due; undefined: when nothing else happens, never. */
  get deadline(): Instant | undefined {
    const [sessions, revival] = [this.#host.agenda.next, this.#revival.deadline];
    if (sessions === undefined || revival === undefined) return sessions ?? revival;
    return Math.min(sessions, revival);
  }

  /**
   * Begins a child, on the connection's IKE SA where there is one, otherwise with an IKE SA of its own. Without `child` it
   * is the connection's first; with null, and for a connection without children gives an IKE SA alone.
   *
   * @returns the number of the IKE SA.
   * @throws Failed (`config/unknown-name`).
   */
  initiate(
    target: { readonly connection: string; readonly child?: string | null },
    now: Instant,
  ): { readonly ike: number; readonly outputs: readonly Output[] } {
    const connection = this.#connection(target.connection);
    const child = target.child === null ? undefined : childOf(connection, target.child);
    let ike = 0;
    const outputs = this.#enter(now, () => {
      ike = this.#initiate(connection, child).id;
    });
    return { ike, outputs };
  }

  /** A number that no child has. */
  newChildId(): number {
    return this.#host.newChildId();
  }

  /** Deletes children, where one is named, or IKE SAs with all they have; what was to be begun anew is forgotten. */
  terminate(target: Target, now: Instant): Effect {
    let matched = 0;
    const outputs = this.#enter(now, () => {
      const ofChildren = target.child !== undefined || target.childId !== undefined;
      if (target.connection !== undefined && !ofChildren) matched += this.#revival.forget(target.connection);
      matched += this.#each(
        target,
        session => session.terminate(STOPPED),
        (session, child) => session.terminateChild(child),
      );
    });
    return { matched, outputs };
  }

  /** Gives children, where one is named, or IKE SAs new keys. */
  rekey(target: Target, now: Instant): Effect {
    let matched = 0;
    const outputs = this.#enter(now, () => {
      matched = this.#each(
        target,
        session => session.rekeyIke(),
        (session, child) => session.rekeyChild(child),
      );
    });
    return { matched, outputs };
  }

  /**
   * Makes IKE SAs that stand anew, with new proofs of identity and as now configured; the old ones go when the new
   * ones stand, or before that where the settings have it so.
   */
  reauthenticate({ connection, ike }: IkeTarget, now: Instant): Effect {
    let matched = 0;
    const outputs = this.#enter(now, () => {
      for (const session of [...this.#host.sessions]) {
        if (session.state !== 'ESTABLISHED' && session.state !== 'REKEYING') continue;
        if (connection !== undefined && session.connection.name !== connection) continue;
        if (ike !== undefined && session.id !== ike) continue;
        matched++;
        this.#reauthenticate(session);
      }
    });
    return { matched, outputs };
  }

  /** Ends IKE SAs at once and tells nobody: for peers that do not answer any more. */
  abandon(target: IkeTarget, now: Instant): Effect {
    let matched = 0;
    const outputs = this.#enter(now, () => {
      matched = this.#each(
        target,
        session => session.close(STOPPED),
        () => undefined,
      );
    });
    return { matched, outputs };
  }

  /** The number that ties a policy which stands without an SA to the SAs that will be made for it; `selectors` as text. */
  reqid(connection: Connection, child: ChildConfig, selectors: string): number {
    return this.#host.reqids.take(connection, child, selectors);
  }

  /** Something happened in the IPsec back end. */
  backendEvent(event: BackendEvent, now: Instant): readonly Output[] {
    return this.#enter(now, () => {
      if (event.kind !== 'acquire') {
        this.#host.byChild(event.id)?.backendEvent(event);
        return;
      }
      const wanted = childFor(this.#host, event);
      // One acquire comes for every packet until the SA is there.
      if (wanted !== undefined && !this.#isUnderWay(wanted.connection, wanted.child))
        this.#initiate(wanted.connection, wanted.child);
    });
  }

  /** Addresses or routes of this host have changed, or are known now: `addresses` are all by which peers can reach it. */
  networkChanged(addresses: readonly IpAddress[], now: Instant): readonly Output[] {
    return this.#enter(now, () => {
      this.#host.addresses = addresses;
      for (const session of [...this.#host.sessions]) session.networkChanged?.();
    });
  }

  /** The TCP connection of a path of ours broke, and there is another in its place. */
  renewed(path: Path, instead: Path, now: Instant): readonly Output[] {
    return this.#enter(now, () => {
      for (const session of [...this.#host.sessions]) session.renewed?.(path, instead);
    });
  }

  /** Takes over another configuration. SAs that stand are left as they are. */
  configure(connections: readonly Connection[], credentials: Credentials, now: Instant): readonly Output[] {
    return this.#enter(now, () => {
      this.#host.configure(connections, credentials);
      this.#strangers.reconsider();
    });
  }

  /** Tells the engine where names in connections are at present, so that peers of that name are known when they come. */
  learn(names: ReadonlyMap<string, readonly IpAddress[]>): void {
    for (const [name, addresses] of names) this.#host.names.set(name, addresses);
  }

  /** Whether keys of SAs that are made from now on are told (`ike-keys` and `child-keys` events). */
  emitKeys(on: boolean): void {
    this.#host.settings = { ...this.#host.settings, saveKeys: on };
  }

  status(): readonly IkeSaStatus[] {
    return Array.from(this.#host.sessions, session => session.status());
  }

  /** Deletes everything; `status` empties as the peers answer, or fall silent. Nothing new begins. */
  shutdown(now: Instant): readonly Output[] {
    return this.#enter(now, () => {
      this.#stopping = true;
      this.#revival.forget();
      for (const session of [...this.#host.sessions]) session.terminate(STOPPED);
    });
  }

  /** Every way in: what goes wrong inside ends what was being done, and nothing else. */
  #enter(now: Instant, action: () => void): readonly Output[] {
    this.#host.now = Math.max(now, this.#host.now);
    try {
      action();
      this.#host.settle();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#host.event({
        kind: 'log',
        level: 'error',
        group: 'engine',
        text: `a defect of cygnet itself: ${text}`,
      });
    }
    return this.#host.drain();
  }

  #deliver(datagram: Uint8Array, header: Header, path: Path): void {
    const found = this.#ownerOf(header);
    if (found === 'reserved') return;
    if (found !== undefined) {
      if (found.version === header.majorVersion) found.receive(datagram, header, path);
      return;
    }
    if (this.#stopping || this.#host.settings.initiatorOnly) return;
    if (this.#host.bySpi(header.initiatorSpi) !== undefined) return;
    this.#strangers.receive(datagram, header, path);
  }

  /** Whose SPI a message names: in IKEv1 no flag says which of the two is ours. */
  #ownerOf({ majorVersion, flags, initiatorSpi, responderSpi }: Header): Session | 'reserved' | undefined {
    if (majorVersion === 1) return this.#host.bySpi(responderSpi) ?? this.#host.bySpi(initiatorSpi);
    // Our own first message, sent back to us, names our SPI where a stranger's would stand.
    const fromInitiator = majorVersion !== 2 || (flags & HeaderFlag.INITIATOR) !== 0;
    return this.#host.bySpi(fromInitiator ? responderSpi : initiatorSpi);
  }

  #initiate(connection: Connection, child: ChildConfig | undefined): Session {
    const existing = this.#host.settings.reuseIkeSa ? this.#sessionFor(connection) : undefined;
    if (existing !== undefined) {
      if (child === undefined) return existing;
      const waiting = this.#wanted.get(existing);
      if (waiting !== undefined) this.#wanted.set(existing, [...waiting, child]);
      existing.initiateChild(child);
      return existing;
    }
    return this.#begin(connection, child);
  }

  #begin(connection: Connection, child: ChildConfig | undefined): Session {
    const version = connection.version === 0 ? 2 : connection.version;
    const protocol = PROTOCOLS.find(candidate => candidate.version === version);
    if (protocol === undefined)
      throw new Failed({
        code: 'local/unsupported',
        summary: `${connection.name}: IKEv${version} is not available`,
      });
    const session = protocol.initiate(this.#host, connection, child);
    this.#wanted.set(session, child === undefined ? [] : [child]);
    return session;
  }

  /** An IKE SA that stands, or one that we are making. */
  #sessionFor({ name }: Connection): Session | undefined {
    let making: Session | undefined;
    for (const session of this.#host.ofConnection(name)) {
      const { state, role } = session;
      if (state === 'ESTABLISHED' || state === 'REKEYING') return session;
      if (state === 'CONNECTING' && role === 'initiator') making = session;
    }
    return making;
  }

  #isUnderWay(connection: Connection, child: ChildConfig): boolean {
    for (const session of this.#host.ofConnection(connection.name)) {
      if (this.#wanted.get(session)?.includes(child)) return true;
      const { children, tasksActive, tasksQueued } = session.status();
      if (children.some(({ name }) => name === child.name)) return true;
      if ([...tasksActive, ...tasksQueued].includes(`create-child ${child.name}`)) return true;
    }
    return false;
  }

  #each(
    { connection, ike, child, childId }: Target,
    onIke: (session: Session) => void,
    onChild: (session: Session, child: number) => void,
  ): number {
    let matched = 0;
    for (const session of [...this.#host.sessions]) {
      if (connection !== undefined && session.connection.name !== connection) continue;
      if (ike !== undefined && session.id !== ike) continue;
      if (child === undefined && childId === undefined) {
        matched++;
        onIke(session);
        continue;
      }
      for (const { id, name } of session.status().children) {
        if ((child !== undefined && name !== child) || (childId !== undefined && id !== childId)) continue;
        matched++;
        onChild(session, id);
      }
    }
    return matched;
  }

  #established(session: Session, others: () => Iterable<Session>): void {
    this.#wanted.delete(session);
    this.#strangers.settled(session);
    this.#revival.established(session.connection.name);
    this.#reauthentications.established(session, others);
  }

  #removed(session: Session, children: readonly ChildConfig[], failure: Failure | undefined): void {
    const wanted = this.#wanted.get(session);
    this.#wanted.delete(session);
    this.#strangers.settled(session);
    const { establishedAt, state } = session;
    if (!this.#stopping) this.#reauthentications.removed(session);
    // One that was replaced by a rekey has handed all it had to its successor.
    if (this.#stopping || state === 'REKEYED') return;
    const connection = this.#host.connections.find(({ name }) => name === session.connection.name);
    if (connection === undefined) return;
    this.#revival.ended(
      { connection, ours: wanted !== undefined, establishedAt, children: wanted ?? children, failure },
      this.#host.now,
    );
  }

  #revive(name: string, childName: string | undefined): void {
    const connection = this.#host.connections.find(candidate => candidate.name === name);
    const child = connection?.children.find(candidate => candidate.name === childName);
    if (connection !== undefined && (child !== undefined || childName === undefined))
      this.#initiate(connection, child);
  }

  #reauthenticate(session: Session): void {
    if (!this.#stopping) this.#reauthentications.start(session);
  }

  #connection(name: string): Connection {
    const connection = this.#host.connections.find(candidate => candidate.name === name);
    if (connection !== undefined) return connection;
    throw new Failed({
      code: 'config/unknown-name',
      summary: `there is no connection "${name}"`,
      ours: this.#host.connections.map(candidate => candidate.name),
      theirs: [name],
    });
  }
}

function childOf(connection: Connection, name: string | undefined): ChildConfig | undefined {
  if (name === undefined) return connection.children.find(({ mode }) => mode !== 'pass' && mode !== 'drop');
  const child = connection.children.find(candidate => candidate.name === name);
  if (child !== undefined) return child;
  throw new Failed({
    code: 'config/unknown-name',
    summary: `connection ${connection.name} has no child "${name}"`,
    ours: connection.children.map(candidate => candidate.name),
    theirs: [name],
  });
}

function headerOf(datagram: Uint8Array): Header | undefined {
  try {
    return decodeHeader(datagram);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
