import { activateOutbound, type ChildSa } from '../../ike/child.ts';
import type { Failure } from '../../policy/failure.ts';
import { retryDelay } from '../collisions.ts';
import type { IkeSa, Task } from '../ike-sa.ts';
import { stopOutbound, successorOf, switchTo } from '../succession.ts';
import { createChild } from './create-child-new.ts';
import { deleteChildSa } from './delete.ts';
import { rekeyChild } from './rekey-child.ts';

/**
 * A lifetime of `child` has ended, in time, octets or packets, by our clock or the back end's.
 *
 * @param hard it must not be used any more (RFC 7296 §2.8); otherwise it wants a successor.
 */
export function childExpired(sa: IkeSa, child: ChildSa, hard: boolean): void {
  if (!hard) {
    // One that is being replaced or deleted needs nothing more; one that has not taken over yet must wait.
    if (child.state !== 'INSTALLED') return;
    if (child.up === true) sa.start(rekeyChild(child));
    else child.rekeyAt = sa.host.now + retryDelay(limit => sa.host.jitter(limit));
    return;
  }
  // The peer made `next` and deletes `child` in a moment: that will find nothing, and is answered so.
  const next = successorOf(sa, child);
  if (next !== undefined) activateOutbound(sa.host, next);
  if (next !== undefined && child.state === 'REKEYED') {
    switchTo(sa, child, next);
    return;
  }
  stopOutbound(sa, child);
  sa.start(deleteExpired(child));
}

const EXPIRED: Failure = { code: 'kernel/expired', summary: 'the Child SA has expired' };

/** Waits for a rekey that is under way; where that came to nothing, another SA is made from scratch. */
function deleteExpired(child: ChildSa): Task {
  return {
    kind: 'delete-child',
    subject: `expired ${child.id}`,
    child: child.config.name,
    *run(sa) {
      if (!sa.children.includes(child) || child.state === 'DELETING') return;
      const next = successorOf(sa, child);
      if (next !== undefined) {
        switchTo(sa, child, next);
        return;
      }
      yield* deleteChildSa(sa, child, EXPIRED);
      sa.start(createChild(child.config));
    },
  };
}
