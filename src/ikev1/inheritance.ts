import type { ChildSa } from '../ike/child.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import { equal } from '../lib/bytes.ts';
import type { Instant } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { Path } from '../policy/sa.ts';

/** Whether an SA is made in place of `other`: for the same connection, with the same end. Who has proved itself is known besides. */
export function isFor(
  other: Pick<IkeSaStatus, 'connection' | 'path'>,
  connection: Connection,
  { remote }: Path,
): boolean {
  const { address, port } = other.path.remote;
  return other.connection === connection.name && port === remote.port && equal(address, remote.address);
}

/** Whether nothing was negotiated under an SA yet: what it has it inherited. */
export function isUntouched({
  children,
  establishedAt,
}: {
  readonly children: readonly ChildSa[];
  readonly establishedAt: Instant | undefined;
}): boolean {
  return children.every(
    ({ installedAt }) =>
      installedAt !== undefined && establishedAt !== undefined && installedAt < establishedAt,
  );
}
