/** The 28 octets that begin every IKE message of either version (RFC 2408 §3.1, RFC 7296 §3.1). */
export interface Header {
  /** IKEv1: the initiator's cookie. */
  readonly initiatorSpi: bigint;
  /** Zero in the first message; IKEv1: the responder's cookie. */
  readonly responderSpi: bigint;
  readonly nextPayload: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly exchangeType: number;
  /** The flags octet as it stands; which bit means what depends on the version. */
  readonly flags: number;
  readonly messageId: number;
  /** Of the whole message, header included, in octets. */
  readonly length: number;
}

export const HEADER_LENGTH = 28;
