import type { Instant } from '../lib/time.ts';

/** What is known of one certificate. */
export type RevocationStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly at: Instant; readonly reason?: string }
  /** No word that can be used; each that came into question says why not. */
  | { readonly kind: 'unknown'; readonly why: readonly string[] };

/**
 * `strict`: a usable list or response must vouch for every certificate. `ifuri`: for those whose status can be had
 * somewhere. `relaxed`: a certificate is refused only when it is known to be revoked.
 */
export type RevocationPolicy = 'strict' | 'ifuri' | 'relaxed';

/**
 * Whether `policy` lets a certificate of this status pass.
 *
 * @param named whether it, or the configuration, names a place where its status can be had.
 */
export function passesRevocation(
  status: RevocationStatus,
  policy: RevocationPolicy,
  named: boolean,
): boolean {
  switch (status.kind) {
    case 'good':
      return true;
    case 'revoked':
      return false;
    case 'unknown':
      return policy === 'relaxed' || (policy === 'ifuri' && !named);
  }
}
