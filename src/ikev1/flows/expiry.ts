import type { ChildSa } from '../../ike/child.ts';
import type { Failure } from '../../policy/failure.ts';
import type { IsakmpSa } from '../isakmp-sa.ts';
import { carrierBeside, handOver } from '../succession.ts';
import { deleteChild } from './delete.ts';
import { createChild } from './quick-initiator.ts';
import { rekeyChild } from './rekey-child.ts';

const EXPIRED: Failure = { code: 'kernel/expired', summary: 'the Child SA has expired' };

/**
 * A lifetime of `child` has ended, in time, octets or packets, by our clock or the back end's.
 *
 * @param hard it must not be used any more; otherwise it wants a successor.
 */
export function childExpired(sa: IsakmpSa, child: ChildSa, hard: boolean): void {
  if (!hard) {
    handOver(sa, child);
    // One that is being replaced, or has been, needs nothing more.
    if (child.state === 'INSTALLED' && child.outbound) sa.start(rekeyChild(child));
    return;
  }
  const again = child.state !== 'REKEYED' && carrierBeside(sa, child) === undefined;
  const { state, outbound } = child;
  deleteChild(sa, child, EXPIRED);
  // A rekey that is under way brings another one; one that never came into use is not missed.
  if (again && state !== 'REKEYING' && outbound) for (const task of createChild(child.config)) sa.start(task);
}
