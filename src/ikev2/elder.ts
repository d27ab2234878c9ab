import { activateOutbound, type ChildSa } from '../ike/child.ts';
import { type Duration, SECOND } from '../lib/time.ts';
import type { Identity } from '../policy/identity.ts';
import type { IkeSa } from './ike-sa.ts';
import { stopOutbound } from './succession.ts';

/*
 * Whoever makes an IKE SA anew before the old one goes (RFC 7296 §2.8.3) has two children for the same traffic for a moment.
 * The responder goes on sending by the old one until something has come in by the new one: before that the peer may not have
 * its answer, and what is sent would be lost.
 */

/** Longer than the first retransmission of whoever did not get our answer. */
const PATIENCE: Duration = 5 * SECOND;

/** Whether packets of `reqid` go out by a child of `sa`. */
export function carriesOutbound(
  { state, children }: Pick<IkeSa, 'state' | 'children'>,
  reqid: number,
): boolean {
  return state !== 'DELETING' && children.some(child => child.reqid === reqid && child.outbound);
}

/** A child of `sa` has gone, or `sa` itself: other sessions between the two go on with what waited for that. */
export function tellYounger(
  sa: Pick<IkeSa, 'id' | 'host'>,
  localId: Identity | undefined,
  remoteId: Identity | undefined,
): void {
  if (localId === undefined || remoteId === undefined) return;
  for (const other of sa.host.between(localId, remoteId)) if (other.id !== sa.id) other.elderGone?.();
}

/** The peer ends `sa`, and forgets its children once it has our answer: before that, what waits behind them takes over. */
export function yieldToYounger(sa: IkeSa): void {
  sa.state = 'DELETING';
  tellYounger(sa, sa.localId, sa.remoteId);
  for (const child of sa.children) if (carriedElsewhere(sa, child)) stopOutbound(sa, child);
}

/** Whether another IKE SA with the same peer carries the traffic of `child`. */
export function carriedElsewhere({ id, host, localId, remoteId }: IkeSa, { reqid }: ChildSa): boolean {
  return host.between(localId, remoteId).some(other => other.id !== id && other.carries?.(reqid) === true);
}

/** Has `child`, installed without its outbound half, wait for its first packet, or for the end of its elder. */
export function waitBehindElder(sa: IkeSa, child: ChildSa): void {
  child.outboundAt = sa.host.now + PATIENCE;
  if (!carriedElsewhere(sa, child)) activateOutbound(sa.host, child);
}

/** Whether another session between the two takes `child` over, whose own IKE SA is gone: packets by it may still be on their way. */
export function bequeathed(
  sa: Pick<IkeSa, 'id' | 'host'>,
  localId: Identity | undefined,
  remoteId: Identity | undefined,
  child: ChildSa,
): boolean {
  if (localId === undefined || remoteId === undefined) return false;
  return sa.host
    .between(localId, remoteId)
    .some(other => other.id !== sa.id && other.inherit?.(child) === true);
}
