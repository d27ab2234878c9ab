import { activateOutbound, type ChildSa, deactivateOutbound } from '../ike/child.ts';
import { announceDown, announceRekey, announceUp } from '../ike/child-events.ts';
import { type Duration, SECOND } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
import { sameSelectors } from '../policy/traffic-selector.ts';
import type { IsakmpSa } from './isakmp-sa.ts';

/*
 * Nothing in IKEv1 says that one IPsec SA replaces another: a further one for the same traffic does, and the youngest
 * carries what goes out. SAs that have been replaced receive until they are deleted or their time is over.
 */

/** How long the end that made the successor goes on receiving by the old SA: the other may not know yet that all is done. */
const GRACE: Duration = 30 * SECOND;

/** How long the responder has to install what came of our rekey: it does so with the last message, which nobody acknowledges. */
const SETTLING: Duration = 1 * SECOND;

/** The SAs for the same traffic, besides `child`. */
export function twinsOf(sa: IsakmpSa, child: ChildSa): readonly ChildSa[] {
  return sa.current.children.filter(
    other =>
      other !== child &&
      other.config.name === child.config.name &&
      other.protocol === child.protocol &&
      other.mode === child.mode &&
      sameSelectors(other.localTs, child.localTs) &&
      sameSelectors(other.remoteTs, child.remoteTs),
  );
}

/** The one of them that traffic goes by; undefined where there is none. */
export function carrierBeside(sa: IsakmpSa, child: ChildSa): ChildSa | undefined {
  return twinsOf(sa, child).findLast(({ outbound, state }) => outbound && state !== 'REKEYED');
}

/**
 * Of two that both ends made at once one is too many. Which one, both know: it is the one with the lower SPI, of
 * whichever direction.
 */
export function isRedundant(sa: IsakmpSa, child: ChildSa): boolean {
  const lowest = ({ spiIn, spiOut }: ChildSa): number => Math.min(spiIn, spiOut);
  return twinsOf(sa, child).some(
    other => other.outbound && other.state === 'INSTALLED' && lowest(other) > lowest(child),
  );
}

/** `child`, which we made, stands ready for `old`: it takes over when the peer sends by it, or has had the time to install it. */
export function prepare(sa: IsakmpSa, old: ChildSa, child: ChildSa, nonce: Uint8Array): void {
  old.successor = { nonce, child };
  old.rekeyAt = sa.current.host.now + SETTLING;
}

/** What stands ready for `old` takes over. */
export function handOver(sa: IsakmpSa, old: ChildSa): void {
  const child = old.successor?.child;
  old.successor = undefined;
  if (child !== undefined) takeOver(sa, child, true);
}

/** Traffic goes by `child` from now on; what carried it before only receives. `ours`: we made it, and delete the others. */
export function takeOver(sa: IsakmpSa, child: ChildSa, ours: boolean): void {
  const { current } = sa;
  const { host } = current;
  for (const twin of twinsOf(sa, child)) {
    if (twin.successor?.child === child) twin.successor = undefined;
    else handOver(sa, twin);
  }
  activateOutbound(host, child);
  const replaced = twinsOf(sa, child).filter(({ id, outbound }) => outbound && id < child.id);
  const told = replaced.find(({ up }) => up === true);
  if (told !== undefined) announceRekey(current, told, child);
  else if (!twinsOf(sa, child).some(({ up }) => up === true)) announceUp(current, child);
  for (const old of replaced) {
    deactivateOutbound(host, old);
    old.state = 'REKEYED';
    old.rekeyAt = undefined;
    const grace = host.settings.deleteRekeyed ? 0 : GRACE;
    if (ours) old.expiresAt = Math.min(old.expiresAt ?? Number.POSITIVE_INFINITY, host.now + grace);
  }
}

/** The peer sends by `child`: what it has replaced is needed only for what is still on its way. */
export function confirmed(sa: IsakmpSa, child: ChildSa): void {
  const { host } = sa.current;
  const twins = twinsOf(sa, child);
  for (const old of twins) if (old.successor?.child === child) handOver(sa, old);
  for (const old of twins)
    if (old.state === 'REKEYED' && old.id < child.id && old.expiresAt !== undefined)
      old.expiresAt = Math.min(old.expiresAt, host.now + host.settings.deleteRekeyedDelay);
}

/** Takes `child` away; another one for its traffic carries on in its place. `failure` when it is not as wished. */
export function dropChild(sa: IsakmpSa, child: ChildSa, failure?: Failure): void {
  const { current } = sa;
  if (!current.children.includes(child)) return;
  handOver(sa, child);
  for (const twin of twinsOf(sa, child)) if (twin.successor?.child === child) keep(sa, twin);
  const next = carrierBeside(sa, child);
  if (next === undefined) announceDown(current, child, failure);
  else announceRekey(current, child, next);
  // Up as well, in its own right: then this one's end is told.
  announceDown(current, child, failure);
  deactivateOutbound(current.host, child);
  current.removeChild(child, next === undefined ? 0 : current.host.settings.deleteRekeyedDelay);
}

/** What stood ready for `old` is gone. */
function keep(sa: IsakmpSa, old: ChildSa): void {
  old.successor = undefined;
  if (old.state === 'REKEYING') old.state = 'INSTALLED';
  old.rekeyAt = sa.current.host.now + GRACE;
}
