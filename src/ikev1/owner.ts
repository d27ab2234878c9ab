import type { Host } from '../ike/session.ts';
import type { Instant } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import type { V1Payload } from '../wire/v1/payload.ts';
import type { Flow, Message } from './flow.ts';
import type { Stage } from './states.ts';

/** What the exchanges ask of the ISAKMP SA they belong to. */
export interface Owner {
  readonly id: number;
  readonly host: Host;
  readonly stage: Stage;
  readonly path: Path;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly connection: Connection;
  /** When an authentic message came last. */
  readonly heardAt: Instant;
  /** The datagrams of a message: fragments where it is too large for the path and the peer takes them. */
  split(datagram: Uint8Array, path: Path): readonly Uint8Array[];
  /** The flow that goes on from a peer's first message; undefined where `reply`, which answers in an exchange of its own, is all. */
  serve(message: Message, reply: (payloads: readonly V1Payload[]) => void): Flow<void> | undefined;
  /** An Informational message before phase 1 is done; `authentic`: it came under the keys that phase 1 has made. */
  informedEarly(message: Message, authentic: boolean): void;
  /** Something came to an end: what waits may begin. */
  settle(): void;
  /** An authentic message came by `path`; `proves`: it answers one of ours, so that it was not made before. */
  heard(path: Path, proves: boolean): void;
  /** Somebody without our keys says that something is amiss. */
  hinted(): void;
  /** What comes of negotiations that come to nothing. */
  readonly setbacks: {
    /** A negotiation of ours goes unanswered for good, and nothing else came meanwhile; false where that is the SA's end. */
    unanswered(failure: Failure): boolean;
    /** A negotiation that the peer began came to nothing; `refusal` is what it is told. */
    failed(failure: Failure, refusal: unknown): void;
    /** Most likely this is why phase 1 does not go on, should it not. */
    suspect(failure: Failure): void;
  };
}
