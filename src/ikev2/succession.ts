import { activateOutbound, type ChildSa } from '../ike/child.ts';
import { announceRekey } from '../ike/child-events.ts';
import { tellInstalled } from '../ike/steps.ts';
import type { Duration } from '../lib/time.ts';
import type { IkeSa } from './ike-sa.ts';

/** Traffic goes by `next` from now on; `old` still receives for a while what is on its way (RFC 7296 §2.8). */
export function switchTo(sa: IkeSa, old: ChildSa, next: ChildSa): void {
  if (!next.outbound) tellInstalled(sa, 'outbound', next);
  activateOutbound(sa.host, next);
  announceRekey(sa, old, next);
  stopOutbound(sa, old);
  // What `old` was to replace may still be there, its own end under way.
  for (const other of sa.children) if (other.successor?.child === old) other.successor.child = next;
  dropChild(sa, old, sa.host.settings.deleteRekeyedDelay);
}

/** The SA that a rekey of `child` made, while it lives. */
export function successorOf(sa: IkeSa, child: ChildSa): ChildSa | undefined {
  const next = child.successor?.child;
  return next !== undefined && sa.children.includes(next) ? next : undefined;
}

/** Takes `child` away, after `delay` from the back end too. An SA that it should have replaced stands on its own again. */
export function dropChild(sa: IkeSa, child: ChildSa, delay?: Duration): void {
  if (!sa.children.includes(child)) return;
  for (const other of sa.children) {
    if (other.successor?.child !== child) continue;
    other.successor = undefined;
    if (other.state === 'REKEYED') other.state = 'INSTALLED';
  }
  sa.removeChild(child, delay);
}

/** No packet goes out by `child` any more; it still receives. */
export function stopOutbound(sa: IkeSa, child: ChildSa): void {
  child.stopped = true;
  if (!child.outbound) return;
  child.outbound = false;
  sa.host.command({ kind: 'deactivate-outbound', id: child.id });
}
