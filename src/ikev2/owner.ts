import type { Host } from '../ike/session.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import type { Flow, Message, Reply } from './flow.ts';
import type { IkeState, Role } from './ike-sa.ts';

/** What the exchanges of an IKE SA and its channel ask of it. */
export interface Owner {
  readonly id: number;
  readonly host: Host;
  readonly role: Role;
  readonly state: IkeState;
  readonly path: Path;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly connection: Connection;
  /** Whether messages may be fragmented: the peer said it understands that. */
  readonly fragments: boolean;
  /** The flow that answers a request for which the table says `serve`. */
  serve(request: Message, path: Path): Flow<Reply>;
  /** Something came to an end: what waits may begin. */
  settle(): void;
  /** An authentic request came by `path`. */
  heard(path: Path): void;
  /** So did the answer to a request of ours. */
  answered(path: Path): void;
  /** The ways that a request goes which was sent `sent` times so far, this time counted. */
  waysOut(sent: number): readonly Path[];
  /** Somebody without our keys says that something is amiss. */
  hinted(): void;
  /** Requests go unanswered for good. */
  silent(failure: Failure): void;
  /** The peer's answer broke the protocol: the SA is deleted. */
  terminate(failure: Failure): void;
  /** The peer's request broke the protocol under our keys, and it was told: the SA is gone at once (RFC 7296 §2.21.3). */
  broken(failure: Failure): void;
  /** A request of the peer's was refused. */
  tellFailed(failure: Failure, child?: string): void;
}
