import type { CryptoProvider } from '../crypto/provider.ts';
import type { Duration, Instant } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';
import type { Failure } from '../policy/failure.ts';
import type { BackendEvent, BackendFeatures, Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';
import type { Answer, Command, EngineSettings, IkeEvent, IkeSaStatus, Question } from './output.ts';

/**
 * What the engine knows of an IKE SA, whatever its version. A session never returns outputs: it gives them to
 * its host in the order in which they shall happen.
 */
export interface Session {
  /** Unique while the daemon runs. */
  readonly id: number;
  readonly connection: Connection;
  /** The SPI (IKEv1: cookie) we chose: datagrams find their session by it. */
  readonly spi: bigint;
  /** When `tick` is due; undefined when nothing is. */
  readonly deadline: Instant | undefined;
  /** A datagram that names our SPI. Never throws on what the peer wrote. */
  receive(datagram: Uint8Array, header: Header, path: Path): void;
  tick(): void;
  /** Begins a further child; on an SA under way it waits its turn. */
  initiateChild(config: ChildConfig): void;
  rekeyIke(): void;
  rekeyChild(child: number): void;
  /** Tells the peer and goes once it has answered, or has had the time to. */
  terminate(reason: Failure): void;
  terminateChild(child: number): void;
  /** An event about one of the session's children. */
  backendEvent(event: Exclude<BackendEvent, { kind: 'acquire' }>): void;
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
  transmit(datagram: Uint8Array, path: Path): void;
  command(command: Command): void;
  /** The engine adds `at`. */
  event(event: EventBody): void;
  /** One octet 0xFF that holds a NAT's mapping open (RFC 3948 §4). */
  keepalive(path: Path): void;
  /** The returned function withdraws the question: its answer will be undone instead of delivered. */
  ask(question: Question, answered: (answer: Answer) => void): () => void;
  /** Numbers for IKE SAs and Child SAs. */
  newId(): number;
  /** An unused SPI of ours, not zero; datagrams that name it are ignored until a session takes it or it is freed. */
  reserveSpi(): bigint;
  freeSpi(spi: bigint): void;
  /** From now on datagrams and ticks for `session.spi` go to `session`. */
  add(session: Session): void;
  /** The session is gone; `failure` says why, if not as wished. */
  remove(session: Session, failure?: Failure): void;
  /** The session's deadline may have changed: every way into a session ends with this. */
  reschedule(session: Session): void;
  /** A peer has proved who it is, and no other session of this connection will do so before this call returns. */
  established(session: Session): void;
  /** Makes a new IKE SA from scratch, then ends `session` (RFC 7296 §2.8.3). */
  reauthenticate(session: Session): void;
  /** Evenly spread over [0, limit), from the provider's randomness. */
  jitter(limit: Duration): Duration;
  /** The number that ties a child to its policies; a rekeyed child keeps its predecessor's. */
  reqid(connection: Connection, child: ChildConfig, selectors: string): number;
}

type WithoutInstant<E> = E extends IkeEvent ? Omit<E, 'at'> : never;
export type EventBody = WithoutInstant<IkeEvent>;
