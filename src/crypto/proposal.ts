import type { Transform } from '../iana/transforms.ts';

/** A set of acceptable algorithms for one protocol: several transforms of one type are alternatives, best first. */
export interface Proposal {
  readonly protocol: 'ike' | 'esp' | 'ah';
  readonly transforms: readonly Transform[];
  /** The text it was written as, or one that reads back as the same. */
  readonly text: string;
}
