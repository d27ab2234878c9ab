import type { Certificate } from '../pki/certificate.ts';
import type { TrustedChain } from '../pki/chain.ts';
import type { SharedKey } from '../policy/credentials.ts';
import type { Identity } from '../policy/identity.ts';

declare const verified: unique symbol;

/**
 * The receipt of a checked proof of identity: without one in hand no IKE SA can be established. Only the `auth/`
 * folders of the two versions make them, by `vouchFor`.
 */
export interface VerifiedPeer {
  readonly identity: Identity;
  /** How it was proved, for people: `psk office`, `rsa/pss-sha256 by CN=moon`. */
  readonly proof: string;
  /** The certificates by which its key was trusted, from its own to the authority's. */
  readonly path?: readonly Certificate[];
  /** It is not known yet who it is: a user must prove itself before anything is established. */
  readonly awaitsUser?: true;
  readonly [verified]: true;
}

/** Why the key that a proof was made with belongs to the identity: a chain, the configuration itself, or a shared secret. */
export type Grounds = TrustedChain | PinnedKey | SharedKey;

/** A public key that the configuration names. */
interface PinnedKey {
  readonly kind: 'pinned';
  readonly spki: Uint8Array;
}

/** A peer that has proved nothing but that it is still the same (hybrid authentication of IKEv1): XAUTH must follow. */
export function awaitUser(identity: Identity): VerifiedPeer {
  return { identity, proof: 'by its user', awaitsUser: true } as VerifiedPeer;
}

/** To be called where a proof was checked, and nowhere else. `grounds` cannot be had without the check of the key. */
export function vouchFor(identity: Identity, proof: string, grounds: Grounds): VerifiedPeer {
  const path = 'kind' in grounds && grounds.kind === 'trusted' ? { path: grounds.path } : {};
  return { identity, proof, ...path } as VerifiedPeer;
}
