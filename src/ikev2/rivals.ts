import { ABANDONED } from './collisions.ts';
import type { IkeSa, Task } from './ike-sa.ts';

/**
 * The peer uses `sa`. Where its rekey made `sa` and the children still wait on the SA before, that settles it: the
 * peer knows of no collision, or has won it.
 */
export function settle(sa: IkeSa): void {
  const { predecessor } = sa.collisions;
  if (predecessor?.collisions.rival?.sa !== sa) return;
  sa.collisions.predecessor = undefined;
  predecessor.handOver(sa);
  abandonLater(predecessor);
}

/**
 * An SA that has handed over, or never took over, is the peer's to delete. In the end it goes without a word: the
 * peer has forgotten it long ago.
 */
export function abandonLater(sa: IkeSa): void {
  sa.start(ABANDON, ABANDONED);
}

const ABANDON: Task = {
  kind: 'delete-ike',
  subject: 'abandoned',
  // biome-ignore lint/correctness/useYield: nobody else has a turn in it
  *run(sa) {
    if (sa.state === 'REKEYED' || sa.collisions.predecessor !== undefined) sa.close();
  },
};
