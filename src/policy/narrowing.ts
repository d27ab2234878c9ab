import type { IpAddress } from '../lib/ip.ts';
import type { ChildConfig, ConfiguredSelector } from './connection.ts';
import type { Path } from './sa.ts';
import { ANY_PORT, contains, intersect, selectorForHost, type TrafficSelector } from './traffic-selector.ts';

/** What a responder makes of the selectors it was offered (RFC 7296 §2.9). */
export type Narrowing = Narrowed | SelectorMismatch;

interface Narrowed {
  readonly kind: 'narrowed';
  /** What both sides allow, in the order of the offer; it includes the initiator's first selector where we allow that. */
  readonly selectors: readonly TrafficSelector[];
  /** False when all that was offered was accepted. */
  readonly less: boolean;
}

/** The two sides share no traffic. */
export interface SelectorMismatch {
  readonly kind: 'mismatch';
  readonly ours: readonly TrafficSelector[];
  readonly offered: readonly TrafficSelector[];
  /** The pair that agrees in most, and what it does not agree in; undefined where a side has no selectors at all. */
  readonly nearest?: {
    readonly ours: TrafficSelector;
    readonly offered: TrafficSelector;
    readonly differs: readonly SelectorDifference[];
  };
}

type SelectorDifference = 'address family' | 'addresses' | 'protocol' | 'ports';

/** The number of selectors that a TS payload can hold. */
const MAX_SELECTORS = 255;

/** The intersection of both lists, without what another selector of the result already holds. */
export function narrow(ours: readonly TrafficSelector[], offered: readonly TrafficSelector[]): Narrowing {
  const selectors: TrafficSelector[] = [];
  for (const theirs of offered) {
    for (const mine of ours) {
      // What stays as it was configured stays the same object: its text is known already.
      const shared = contains(theirs, mine) ? mine : intersect(mine, theirs);
      if (shared !== undefined && selectors.length < MAX_SELECTORS) selectors.push(shared);
    }
  }
  if (selectors.length === 0) return mismatch(ours, offered);
  // A list that stays as it was configured is the same for all SAs.
  const isOurs = selectors.length === 1 && ours.length === 1 && selectors[0] === ours[0];
  const kept = isOurs ? ours : withoutRedundant(selectors);
  return {
    kind: 'narrowed',
    selectors: kept,
    less: !offered.every(theirs => kept.some(one => contains(one, theirs))),
  };
}

/** Whether the peer's answer stays within what it was offered: an initiator must check that (RFC 7296 §2.9). */
export function isSubset(answer: readonly TrafficSelector[], offered: readonly TrafficSelector[]): boolean {
  return answer.length > 0 && answer.every(one => offered.some(outer => contains(outer, one)));
}

/**
 * Configured selectors with `dynamic` replaced by each of `hosts`: the virtual IPs where there are any, otherwise
 * the IKE SA's own address on that side.
 */
export function resolveSelectors(
  configured: readonly ConfiguredSelector[],
  hosts: readonly IpAddress[],
): readonly TrafficSelector[] {
  if (areFixed(configured)) return configured;
  return configured.flatMap(selector =>
    'dynamic' in selector
      ? hosts.map(host => selectorForHost(host, selector.protocol, selector))
      : [selector],
  );
}

function areFixed(configured: readonly ConfiguredSelector[]): configured is readonly TrafficSelector[] {
  return !configured.some(selector => 'dynamic' in selector);
}

/** Drops duplicates and what lies in another: what is left still includes the initiator's first choice, as §2.9 demands. */
function withoutRedundant(selectors: readonly TrafficSelector[]): readonly TrafficSelector[] {
  return selectors.filter(
    (selector, i) =>
      !selectors.some(
        (other, j) => i !== j && contains(other, selector) && (j < i || !contains(selector, other)),
      ),
  );
}

function mismatch(ours: readonly TrafficSelector[], offered: readonly TrafficSelector[]): SelectorMismatch {
  let nearest: SelectorMismatch['nearest'];
  for (const theirs of offered) {
    for (const mine of ours) {
      const differs = differences(mine, theirs);
      if (nearest === undefined || differs.length < nearest.differs.length) {
        nearest = { ours: mine, offered: theirs, differs };
      }
    }
  }
  return { kind: 'mismatch', ours, offered, ...(nearest === undefined ? {} : { nearest }) };
}

function differences(a: TrafficSelector, b: TrafficSelector): readonly SelectorDifference[] {
  const differs: SelectorDifference[] = [];
  if (a.start.length !== b.start.length) differs.push('address family', 'addresses');
  else if (intersect({ ...a, protocol: 0, ...ANY_PORT }, { ...b, protocol: 0, ...ANY_PORT }) === undefined)
    differs.push('addresses');
  if (a.protocol !== 0 && b.protocol !== 0 && a.protocol !== b.protocol) differs.push('protocol');
  const here = { start: a.start, end: a.end, protocol: 0 };
  if (intersect({ ...a, ...here }, { ...b, ...here }) === undefined) differs.push('ports');
  return differs;
}

/** Whether a tunnel along `path` would carry addresses of the other family. */
export function crossesFamilies(
  { mode, localTs, remoteTs }: Pick<ChildConfig, 'mode' | 'localTs' | 'remoteTs'>,
  { local }: Path,
): boolean {
  const isOther = (selector: ConfiguredSelector): boolean =>
    !('dynamic' in selector) && selector.start.length !== local.address.length;
  return mode === 'tunnel' && [...localTs, ...remoteTs].some(isOther);
}
