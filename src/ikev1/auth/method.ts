import type { Nonces, Spis } from '../../crypto/keymat-v2.ts';
import type { HashName } from '../../crypto/provider.ts';
import type { Host } from '../../ike/session.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import type { Secret } from '../../lib/secret.ts';
import type { Connection, RemoteAuth } from '../../policy/connection.ts';
import type { SharedKey } from '../../policy/credentials.ts';
import type { Failure } from '../../policy/failure.ts';
import type { Identity } from '../../policy/identity.ts';
import type { Path } from '../../policy/sa.ts';
import type { V1IdPayload, V1Payload } from '../../wire/v1/payload.ts';
import type { Message } from '../flow.ts';
import type { EmergingSa, Role } from '../isakmp-sa.ts';
import type { PhaseOneSuite } from '../phase-one-proposal.ts';

/** A way to authenticate phase 1 (RFC 2409 §5). Both ends use the same: it is negotiated like a cipher. */
export interface AuthMethod {
  readonly name: string;
  /** The Authentication Methods that this is under. */
  readonly numbers: readonly number[];
  /**
   * The share is encrypted: an ID payload says nothing before it is decrypted, and the cipher and hash must be known when
   * the share is made, so that in aggressive mode one suite alone is offered (RFC 2409 §5).
   */
  readonly encrypts?: true;
  /** Those of `numbers` that a connection may use in this role; none where it asks for something else. Throws Failed (`auth/no-key`). */
  numbersFor(ask: MethodAsk): readonly number[];
  /** One run of it, for one phase 1. Throws Failed (`auth/no-key`). */
  begin(run: MethodRun): Authentication;
}

export interface MethodAsk {
  readonly host: Host;
  readonly connection: Connection;
  readonly role: Role;
  readonly path: Path;
}

type Mode = 'main' | 'aggressive';

export interface MethodRun {
  readonly sa: EmergingSa;
  readonly connection: Connection;
  readonly mode: Mode;
  /** Authentication Method. */
  readonly number: number;
  /** Undefined while nothing is agreed: an initiator in aggressive mode begins before that. */
  suite: PhaseOneSuite | undefined;
  /** As far as it is known. */
  readonly remoteId: Identity | undefined;
  /** To a responder: the connections that the peer may mean, as far as addresses and what was agreed tell. */
  readonly possible?: () => readonly Connection[];
}

/** A side's part in the key exchange: in MM3 and MM4, AM1 and AM2. */
export interface Share {
  readonly publicValue: Uint8Array;
  /** Ni_b or Nr_b, in the clear. */
  readonly nonce: Uint8Array;
  /** Where the identity travels along. */
  readonly id: V1IdPayload | undefined;
  /** The public value came encrypted: what is wrong with it must not show before the proof. */
  readonly veiled?: true;
  /** All payloads of its message, decrypted where they came encrypted. */
  readonly payloads?: readonly V1Payload[];
}

interface SkeyidInputs {
  readonly nonces: Nonces;
  readonly cookies: Spis;
  readonly sharedSecret: Uint8Array;
  /** As far as it is known when the keys are needed: a responder in main mode does not know it. */
  readonly remoteId: Identity | undefined;
}

/** SKEYID, and the shared key that it was made with, if it was. */
interface Skeyid {
  readonly skeyid: Secret;
  readonly shared?: SharedKey;
}

/** What the peer says of itself, and how it proves it. */
export interface Claim {
  readonly remote: RemoteAuth;
  /** Fits the configuration already. */
  readonly identity: Identity;
  readonly localId: Identity;
  readonly message: Message;
  /** HASH_I or HASH_R, whichever is the peer's, made with `Authentication.hash`. */
  readonly expected: Uint8Array;
  /** The shared key behind the keys in use. */
  readonly shared: SharedKey | undefined;
}

/** One run of a method, in our role. */
export interface Authentication {
  readonly localId: Identity;
  /** The hash of HASH_I or HASH_R, whichever is ours, where our proof has one of its own (RFC 2409 §5.1). */
  readonly hash?: HashName;
  /** That of the peer's. */
  readonly peerHash?: HashName;
  /** Identities travel with the key exchange in main mode too, and not with the proof. */
  readonly identityWithShare?: true;
  /** Our part in the key exchange. */
  share(ours: Share): readonly V1Payload[];
  /** The message that has `own`, our share and what proves it, and what rides along; as written here where it is absent. */
  arrange?(own: readonly V1Payload[], others: readonly V1Payload[]): readonly V1Payload[];
  /** The peer's. Throws Refused. */
  readShare(message: Message): Share;
  /** SKEYID (RFC 2409 §5); several, where it is not known yet which shared key is meant. Throws Failed. */
  skeyids(inputs: SkeyidInputs): readonly Skeyid[];
  /** What proves who we are: HASH, or CERT and SIG. */
  proof(hash: Uint8Array): readonly V1Payload[];
  /**
   * Whether the proof in `message` was made with the keys that `expected` was made with. Methods whose keys do not
   * depend on whom we speak to have no need to say.
   */
  fits?(message: Message, expected: Uint8Array): boolean;
  /** With `identityWithShare`: what it most likely means that a proof does not fit. It is for our side alone. */
  misfit?(): Failure;
  /** Checks the peer's proof. Throws Failed with the `auth/…` code that tells what is wrong. */
  verify(claim: Claim): VerifiedPeer;
}
