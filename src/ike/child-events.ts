import type { Failure } from '../policy/failure.ts';
import { type ChildSa, childStatus } from './child.ts';
import type { IkeSaStatus } from './output.ts';
import type { Host } from './session.ts';

/*
 * For each child a listener sees `child-up`, any number of `child-rekey` and `child-down`, in this order and
 * balanced: SAs that only came to be in a collision, or were replaced, say nothing of themselves.
 */

/** The IKE SA that a child belongs to, as its events tell of it. */
interface Owner {
  readonly host: Host;
  status(): IkeSaStatus;
}

export function announceUp(sa: Owner, child: ChildSa): void {
  if (child.up === true) return;
  child.up = true;
  const ike = sa.status();
  sa.host.event({
    kind: 'child-up',
    ike,
    child: ike.children.find(({ id }) => id === child.id) ?? childStatus(child),
  });
}

/** `next` carries the traffic of `old` from now on. */
export function announceRekey(sa: Owner, old: ChildSa, next: ChildSa): void {
  if (old.up !== true || next.up === true) return;
  old.up = false;
  next.up = true;
  sa.host.event({ kind: 'child-rekey', ike: sa.status(), old: childStatus(old), new: childStatus(next) });
}

/** `failure` when it is not as wished. */
export function announceDown(sa: Owner, child: ChildSa, failure?: Failure): void {
  if (child.up !== true) return;
  child.up = false;
  sa.host.event({
    kind: 'child-down',
    ike: sa.status(),
    child: childStatus(child),
    ...(failure === undefined ? {} : { failure }),
  });
}
