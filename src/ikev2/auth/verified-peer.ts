import type { Identity } from '../../policy/identity.ts';

declare const verified: unique symbol;

/**
 * The receipt of a checked AUTH payload: without one in hand no IKE SA can be established. Only the checks in this
 * folder make them, by `vouchFor`.
 */
export interface VerifiedPeer {
  readonly identity: Identity;
  /** How it was proved, for people: `psk`, `rsa/pss-sha256 by CN=…`. */
  readonly proof: string;
  readonly [verified]: true;
}

/** To be called where a proof was checked, and nowhere else. */
export function vouchFor(identity: Identity, proof: string): VerifiedPeer {
  return { identity, proof } as VerifiedPeer;
}
