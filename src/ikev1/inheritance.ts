import type { ChildSa } from '../ike/child.ts';
import type { Instant } from '../lib/time.ts';

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
