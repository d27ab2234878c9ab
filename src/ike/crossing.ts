import { type Duration, type Instant, SECOND } from '../lib/time.ts';
import type { Session } from './session.ts';

/** Two SAs that both ends began within this time, neither knowing of the other's, came about by accident. */
const SIMULTANEOUS: Duration = 30 * SECOND;

/**
 * Of two SAs that both ends began at the same time the one that is too many, and both ends think of the same; undefined
 * where one of them is meant to follow the other.
 *
 * @param since when `other` was established; `fresh` is at `now`.
 */
export function crossed(fresh: Session, other: Session, since: Instant, now: Instant): Session | undefined {
  const isLater = fresh.begunAt !== undefined && fresh.begunAt > since;
  if (other.role === fresh.role || isLater || now - since >= SIMULTANEOUS) return undefined;
  return fresh.status().initiatorSpi < other.status().initiatorSpi ? fresh : other;
}
