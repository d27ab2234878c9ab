import type { V1Hash } from '../../crypto/keymat-v1.ts';
import type { Host } from '../../ike/session.ts';
import type { Connection } from '../../policy/connection.ts';
import type { Path } from '../../policy/sa.ts';
import type { V1Payload } from '../../wire/v1/payload.ts';
import type { PeerFacts, Role } from '../isakmp-sa.ts';

/**
 * Where in phase 1 something may ride along: with the offer (MM1, AM1), with the choice (MM2, AM2), with the key
 * exchange of either side (MM3 and AM3, MM4 and AM2), with the initiator's proof (MM5; not in aggressive mode).
 */
export type Slot = 'offer' | 'choice' | 'initiator-share' | 'responder-share' | 'initiator-proof';

/** What an extension may look at, and `peer`, which it may change. */
export interface Circumstances {
  readonly host: Host;
  readonly connection: Connection;
  readonly role: Role;
  readonly path: Path;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly peer: PeerFacts;
  /** The negotiated hash, once there is one. */
  readonly hash?: V1Hash;
}

/** Something that rides along in messages that would be lawful without it. In IKEv1 a Vendor ID turns it on. */
export interface Extension {
  readonly name: string;
  readonly rfc: string;
  /** What to add to our message in `slot`. */
  offer?(slot: Slot, circumstances: Circumstances): readonly V1Payload[];
  /** What to learn from the peer's message in `slot`. Must take anything: whatever the peer wrote comes here. */
  heed?(slot: Slot, payloads: readonly V1Payload[], circumstances: Circumstances): void;
}
