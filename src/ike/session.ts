import type { CryptoProvider } from '../crypto/provider.ts';
import type { IpAddress } from '../lib/ip.ts';
import type { Duration, Instant } from '../lib/time.ts';
import type { ResolvedNames } from '../policy/address-match.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { BackendEvent, BackendFeatures, Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';
import type { Answer, Command, EngineSettings, IkeEvent, IkeSaStatus, Question } from './output.ts';
import type { Trust } from './trust.ts';

/**
 * What the engine knows of an IKE SA, whatever its version. A session never returns outputs: it gives them to
 * its host in the order in which they shall happen.
 */
export interface Session {
  /** Unique while the daemon runs. */
  readonly id: number;
  readonly version: 1 | 2;
  readonly role: 'initiator' | 'responder';
  readonly state: IkeSaStatus['state'];
  /** Undefined until the peer has proved itself. */
  readonly establishedAt: Instant | undefined;
  /** When its first message was made or came, where that is known. */
  readonly begunAt?: Instant;
  readonly connection: Connection;
  /** The SPI (IKEv1: cookie) we chose: datagrams find their session by it. */
  readonly spi: bigint;
  /** When `tick` is due; undefined when nothing is. */
  readonly deadline: Instant | undefined;
  /** A datagram that names our SPI. Never throws on what the peer wrote. */
  receive(datagram: Uint8Array, header: Header, path: Path): void;
  /** The first message came again, octet by octet: whatever answered it is sent again. */
  repeat(path: Path): void;
  tick(): void;
  /** Begins a further child; on an SA under way it waits its turn. */
  initiateChild(config: ChildConfig): void;
  rekeyIke(): void;
  rekeyChild(child: number): void;
  /** Tells the peer and goes once it has answered, or has had the time to. Without `reason` it is as wished. */
  terminate(reason?: Failure): void;
  /** IKEv2: the same after `delay`, unless it has gone by then. */
  terminateLater?(delay: Duration, reason: Failure): void;
  /** Goes at once and tells nobody. */
  close(reason?: Failure): void;
  terminateChild(child: number): void;
  /** Does `action` once all children that it was to make are made, or came to nothing. Absent where they follow by themselves. */
  whenChildrenMade?(action: () => void): void;
  /** Whether packets go out by a child of this reqid. */
  carries?(reqid: number): boolean;
  /** Whether it has a child in the place of this one, and sees to the end of that. */
  inherit?(child: { readonly id: number; readonly reqid: number }): boolean;
  /** Another session with the same peer has lost a child: what waited for that goes on. */
  elderGone?(): void;
  /** IKEv1: takes over the children of `other`, an SA between the same two, if it leads to the same place. */
  adopt?(other: Session): void;
  /** An event about one of the session's children. */
  backendEvent(event: Exclude<BackendEvent, { kind: 'acquire' }>): void;
  /** Another TCP connection is there in place of that of `path`: what was unanswered on it may be lost (RFC 9329 §6.2). */
  renewed?(path: Path, instead: Path): void;
  /** Addresses or routes of this host are others than before. */
  networkChanged?(): void;
  status(): IkeSaStatus;
}

/** What a session asks of the engine it lives in. */
export interface Host {
  /** The instant of the call being served. */
  readonly now: Instant;
  readonly provider: CryptoProvider;
  readonly settings: EngineSettings;
  readonly features: BackendFeatures;
  readonly connections: readonly Connection[];
  readonly credentials: Credentials;
  readonly trust: Trust;
  /** Addresses of names in the connections, as far as they were resolved. */
  readonly names: ResolvedNames;
  /** Where this host can be reached, virtual IPs left out: as last told, none before. */
  readonly addresses: readonly IpAddress[];
  transmit(datagram: Uint8Array, path: Path, dscp?: number): void;
  command(command: Command): void;
  /** The engine adds `at`. */
  event(event: EventBody): void;
  /** One octet 0xFF that holds a NAT's mapping open (RFC 3948 §4). */
  keepalive(path: Path): void;
  /** The returned function withdraws the question: its answer will be undone instead of delivered. */
  ask(question: Question, answered: (answer: Answer) => void): () => void;
  /** Numbers of IKE SAs, and of Child SAs: each counted for itself, as people read them. */
  newId(): number;
  newChildId(): number;
  /** An unused SPI of ours, not zero; datagrams that name it are ignored until a session takes it or it is freed. */
  reserveSpi(): bigint;
  freeSpi(spi: bigint): void;
  /** Backend events about the Child SA of this number are for `session` from now on; undefined: for nobody. */
  childIsWith(child: number, session: Session | undefined): void;
  /** From now on datagrams and ticks for `session.spi` go to `session`. */
  add(session: Session): void;
  /** The session is gone; `failure` says why, if not as wished. `children` are those it had. */
  remove(session: Session, children: readonly ChildConfig[], failure?: Failure): void;
  /** The session's deadline may have changed: every way into a session ends with this. */
  reschedule(session: Session): void;
  /** Whether an IKE SA of this connection is established. */
  isConnected(connection: Connection): boolean;
  /** Whether a peer that has just proved who it is may have an IKE SA besides those it has: the connection's `unique`. */
  admits(connection: Connection, localId: Identity, remoteId: Identity, initialContact: boolean): boolean;
  /** The session is established: those that `unique` says it replaces go. */
  established(
    session: Session,
    identities: { readonly local: Identity; readonly remote: Identity },
    initialContact: boolean,
  ): void;
  /** The peer of an established session says, later than with its proof, that this is the only one it has. */
  onlyContact(session: Session): void;
  /** The established sessions between two identities, one after the other as they are by then: a hub may have thousands. */
  between(localId: Identity, remoteId: Identity): IteratorObject<Session>;
  /** A rekey put `successor` in the place of `session`. */
  succeeded(session: Session, successor: Session): void;
  /** Makes a new IKE SA from scratch in the place of `session` (RFC 7296 §2.8.3). */
  reauthenticate(session: Session): void;
  /** The virtual IPs that a connection had last, while its `vips` are what they were then: they are asked for again. */
  lastVirtualIps(connection: Connection): readonly IpAddress[] | undefined;
  keepVirtualIps(connection: Connection, addresses: readonly IpAddress[]): void;
  /** Evenly spread over [0, limit), from the provider's randomness. */
  jitter(limit: Duration): Duration;
  /** The number that ties a child to its policies; a rekeyed child keeps its predecessor's. */
  reqid(connection: Connection, child: ChildConfig, selectors: string): number;
  /** A number of that kind that is no child's. */
  newReqid(): number;
}

type WithoutInstant<E> = E extends IkeEvent ? Omit<E, 'at'> : never;
export type EventBody = WithoutInstant<IkeEvent>;

/** A version of IKE, as the engine knows it. */
export interface Protocol {
  readonly version: 1 | 2;
  /** Begins an IKE SA, with its first child where `child` is given. */
  initiate(host: Host, connection: Connection, child: ChildConfig | undefined): Session;
  /** A message that names no SPI of ours, read; undefined when nothing is to come of it. Makes no state. */
  read(host: Host, datagram: Uint8Array, header: Header, path: Path): FirstMessage | undefined;
}

/** What a stranger sent to begin with. */
export interface FirstMessage {
  /** What a cookie is bound to, and the cookie that came along; a version without cookies has no nonce. */
  readonly nonce: Uint8Array | undefined;
  readonly cookie: Uint8Array | undefined;
  /** Its answer takes work before the sender has shown that it receives anything, and a cookie cannot be asked for. */
  readonly costly?: boolean;
  /** Sends the demand for `cookie`. */
  demandCookie(cookie: Uint8Array): void;
  /** The IKE SA in the making, to be given up after `life`; otherwise what the peer is answered, when it is answered at all. */
  accept(life: Duration): Session | Refusal | undefined;
}

/** An answer to a stranger with whom nothing is begun; to be sent, and sent again when the message comes again. */
export interface Refusal {
  readonly refusal: Uint8Array;
}
