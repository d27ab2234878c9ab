import type { IkeSaStatus } from '../ike/output.ts';

/** Names an SA by connection, child or number; what is left out matches all. */
export interface SaTarget {
  readonly connection?: string;
  readonly ike?: number;
  readonly child?: string;
  readonly childId?: number;
}

/** Numbers of those of `sas` that match: of children, where one is named, otherwise of IKE SAs. */
export function matching(sas: readonly IkeSaStatus[], target: SaTarget): readonly number[] {
  const { connection, ike, child, childId } = target;
  const found = sas.filter(
    sa => (connection === undefined || sa.connection === connection) && (ike === undefined || sa.id === ike),
  );
  if (child === undefined && childId === undefined) return found.map(({ id }) => id);
  return found
    .flatMap(({ children }) => children)
    .filter(
      ({ name, id }) => (child === undefined || name === child) && (childId === undefined || id === childId),
    )
    .map(({ id }) => id);
}
