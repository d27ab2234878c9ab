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

/** Traffic goes by `child` from now on; what carried it before only receives. `ours`: we made it, and delete the others. */
export function takeOver(sa: IsakmpSa, child: ChildSa, ours: boolean): void {
  const { current } = sa;
  const { host } = current;
  activateOutbound(host, child);
  const replaced = twinsOf(sa, child).filter(({ id, outbound }) => outbound && id < child.id);
  const told = replaced.find(({ up }) => up === true);
  if (told !== undefined) announceRekey(current, told, child);
  else if (!twinsOf(sa, child).some(({ up }) => up === true)) announceUp(current, child);
  for (const old of replaced) {
    deactivateOutbound(host, old);
    old.state = 'REKEYED';
    old.rekeyAt = undefined;
    if (ours) old.expiresAt = Math.min(old.expiresAt ?? Number.POSITIVE_INFINITY, host.now + GRACE);
  }
}

/** The peer sends by `child`: what it has replaced is needed only for what is still on its way. */
export function confirmed(sa: IsakmpSa, child: ChildSa): void {
  const { host } = sa.current;
  for (const old of twinsOf(sa, child))
    if (old.state === 'REKEYED' && old.id < child.id && old.expiresAt !== undefined)
      old.expiresAt = Math.min(old.expiresAt, host.now + host.settings.deleteRekeyedDelay);
}

/** Takes `child` away; another one for its traffic carries on in its place. `failure` when it is not as wished. */
export function dropChild(sa: IsakmpSa, child: ChildSa, failure?: Failure): void {
  const { current } = sa;
  if (!current.children.includes(child)) return;
  const next = carrierBeside(sa, child);
  if (next === undefined) announceDown(current, child, failure);
  else announceRekey(current, child, next);
  // Up as well, in its own right: then this one's end is told.
  announceDown(current, child, failure);
  deactivateOutbound(current.host, child);
  current.removeChild(child, next === undefined ? 0 : current.host.settings.deleteRekeyedDelay);
}
