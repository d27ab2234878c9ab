import { type DerReader, Tag } from './der.ts';

/** The one CRLReason that is left in `outer`, in words; undefined where its number has none. Throws Malformed. */
export function readReason(outer: DerReader): string | undefined {
  const code = outer.small('revocation reason', Tag.ENUMERATED);
  outer.end('revocation reason');
  return REASONS[code] || undefined;
}

/** CRLReason in the words of RFC 5280 §5.3.1; '' where a number has none. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  '',
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;
