import type { Host } from '../../ike/session.ts';
import type { Connection } from '../../policy/connection.ts';
import type { Failure } from '../../policy/failure.ts';
import type { Path } from '../../policy/sa.ts';
import type { Payload } from '../../wire/v2/payload.ts';
import type { Role } from '../ike-sa.ts';
import type { PeerFacts } from '../peer-facts.ts';

/** Where in the making of an IKE SA something may ride along. */
export type Slot = 'init-request' | 'init-response' | 'auth-request' | 'auth-response';

/** What an extension may look at, and `peer`, which it may change. */
export interface Circumstances {
  readonly host: Host;
  readonly connection: Connection;
  /** As responder: what the connection may turn out to be once the peer has said who it is. */
  readonly candidates?: readonly Connection[];
  readonly role: Role;
  readonly path: Path;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly peer: PeerFacts;
}

/** Something that rides along in messages that would be lawful without it, and needs no turn of its own. */
export interface Extension {
  readonly name: string;
  readonly rfc: string;
  /** What to add to our message in `slot`. */
  offer?(slot: Slot, circumstances: Circumstances): readonly Payload[];
  /** What to learn from the peer's message in `slot`. Must take anything: whatever the peer wrote comes here. */
  heed?(slot: Slot, payloads: readonly Payload[], circumstances: Circumstances): void;
  /** Why the peer's message in `slot` cannot be gone on with; a better one may follow where nobody vouches for it. */
  obstacle?(slot: Slot, payloads: readonly Payload[], circumstances: Circumstances): Failure | undefined;
}
