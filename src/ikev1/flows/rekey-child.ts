import type { ChildSa } from '../../ike/child.ts';
import { type Duration, SECOND } from '../../lib/time.ts';
import type { Flow } from '../flow.ts';
import type { IsakmpSa, Task } from '../isakmp-sa.ts';
import { isRedundant } from '../succession.ts';
import { deleteChild } from './delete.ts';
import { negotiate } from './quick-initiator.ts';

/** When a rekey that came to nothing is tried again, less a random part. */
const RETRY: Duration = 15 * SECOND;
const RETRY_SPREAD: Duration = 10 * SECOND;

/** Replaces a Child SA: another quick mode for the same traffic, whose SA takes over; the old one is deleted later. */
export function rekeyChild(old: ChildSa): Task {
  return {
    kind: 'rekey-child',
    subject: String(old.id),
    child: old.config.name,
    run: sa => rekey(sa, old),
  };
}

function* rekey(sa: IsakmpSa, old: ChildSa): Flow<void> {
  const { local, remote } = old.negotiated ?? { local: old.localTs[0], remote: old.remoteTs[0] };
  if (!sa.current.children.includes(old) || old.state !== 'INSTALLED' || !old.outbound) return;
  if (local === undefined || remote === undefined) return;
  // Both ends made one at once: the one that is too many is not renewed.
  if (isRedundant(sa, old)) {
    deleteChild(sa, old);
    return;
  }
  old.state = 'REKEYING';
  try {
    yield* negotiate(sa, old.config, { local, remote }, old);
  } catch (error) {
    const { current } = sa;
    const delay = RETRY - current.host.jitter(RETRY_SPREAD);
    if (current.children.includes(old) && old.outbound) current.start(rekeyChild(old), delay);
    throw error;
  } finally {
    if (old.state === 'REKEYING' && old.successor === undefined) old.state = 'INSTALLED';
  }
}
