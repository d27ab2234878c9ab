import { equal } from '../lib/bytes.ts';
import { type Duration, type Instant, SECOND } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { Path } from '../policy/sa.ts';
import type { IkeSaStatus } from './output.ts';
import type { Session } from './session.ts';

/** Two SAs that both ends began within this time, neither knowing of the other's, came about by accident. */
export const SIMULTANEOUS: Duration = 30 * SECOND;

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

/** Whether an SA is made in place of `other`: for the same connection, with the same end. Who has proved itself is known besides. */
export function isFor(
  other: Pick<IkeSaStatus, 'connection' | 'path'>,
  connection: Connection,
  { remote }: Path,
): boolean {
  const { address, port } = other.path.remote;
  return other.connection === connection.name && port === remote.port && equal(address, remote.address);
}
