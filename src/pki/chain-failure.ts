import type { Certificate } from './certificate.ts';

/** Why a certificate does not lead to trust. */
export type ChainFailureReason =
  | 'expired'
  | 'not-yet-valid'
  | 'no-issuer'
  | 'self-signed'
  | 'untrusted-root'
  | 'bad-signature'
  | 'weak-signature'
  | 'unsupported-signature'
  | 'weak-key'
  | 'not-authority'
  | 'path-length'
  | 'path-too-long'
  | 'key-usage'
  | 'extended-key-usage'
  | 'critical-extension'
  | 'name-constraints'
  | 'wrong-authority'
  | 'policy'
  | 'revoked'
  | 'revocation-unknown'
  | 'too-much-work';

export interface ChainFailure {
  readonly kind: 'untrusted';
  readonly reason: ChainFailureReason;
  /** The certificate that is at fault. */
  readonly certificate: Certificate;
  /** From the leaf to where validation stopped. */
  readonly path: readonly Certificate[];
  /** The rest of a sentence whose subject is the certificate. */
  readonly detail: string;
}
