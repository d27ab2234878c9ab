import type { Prf } from '../../crypto/prf/prf.ts';
import type { Host } from '../../ike/session.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import type { AuthMethodName, Connection, LocalAuth, RemoteAuth } from '../../policy/connection.ts';
import type { Identity } from '../../policy/identity.ts';
import type { Path } from '../../policy/sa.ts';
import type { AuthPayload, CertPayload } from '../../wire/v2/payload.ts';

/** A way to prove an identity in IKE_AUTH with one AUTH payload. */
export interface AuthMethod {
  readonly name: AuthMethodName;
  /** The numbers of AUTH payloads that this method reads (RFC 7296 §3.8). */
  readonly numbers: readonly number[];
  /** Who we are and how we shall prove it. Throws Failed (`auth/no-key`, `auth/method`). */
  prepare(ask: ProofAsk): Proof;
  /**
   * Checks the peer's proof of the identity it claims, which fits the configuration already. Throws Failed with
   * the `auth/…` code that tells what is wrong: for our log, the peer learns AUTHENTICATION_FAILED and no more.
   */
  verify(claim: Claim): VerifiedPeer;
}

/** What a proof of ours is to be made from. */
export interface ProofAsk {
  readonly host: Host;
  readonly connection: Connection;
  readonly local: LocalAuth;
  readonly prf: Prf;
  readonly path: Path;
  /** As far as it is known when we prove ourselves. */
  readonly remoteId: Identity | undefined;
  /** Hash algorithms that the peer takes in signatures. */
  readonly peerHashes: readonly number[];
  /** Whether the peer sent a CERTREQ. */
  readonly certificateAsked: boolean;
}

export interface Proof {
  readonly identity: Identity;
  /** For people: `psk`, or the name of the signature scheme. */
  readonly by: string;
  readonly certificates: readonly CertPayload[];
  /** @param octets what AUTH covers (RFC 7296 §2.15) */
  sign(octets: Uint8Array): AuthPayload;
}

/** What the peer says of itself, and how it proves it. */
export interface Claim {
  readonly host: Host;
  readonly remote: RemoteAuth;
  readonly prf: Prf;
  readonly identity: Identity;
  readonly localId: Identity;
  /** Hash algorithms that the peer takes in signatures; empty where it does not speak RFC 7427. */
  readonly peerHashes: readonly number[];
  readonly certificates: readonly CertPayload[];
  readonly auth: AuthPayload;
  readonly octets: Uint8Array;
}
