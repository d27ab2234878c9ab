import type { KernelSelector } from './selector.ts';

/** What a policy is for: exceptions come before SAs, SAs before traps, and traps before what is dropped otherwise. */
export type PolicyClass = 'pass' | 'default' | 'routed' | 'fallback';

/** Room for all that distinguishes policies of one class: 18 bits, from 68541 to 200000 of it used. */
const BASE = 200_000;
const CLASS: Readonly<Record<PolicyClass, number>> = {
  pass: BASE,
  default: 2 * BASE,
  routed: 2 * BASE,
  fallback: 3 * BASE,
};

/**
 * A policy's priority, lower first: the narrower in addresses, protocol and ports, the earlier it is found. The same
 * numbers as strongSwan's, so that policies of both fit together: bits of prefixes from bit 9, protocol at 8, bits of
 * port masks from 2, an interface at 1, and the last bit tells a trap from the SA's own policy.
 */
export function priorityOf(selector: KernelSelector, kind: PolicyClass, device?: number): number {
  const { source, destination, protocol, sourcePort, destinationPort } = selector;
  return (
    CLASS[kind] -
    ((source.length + destination.length) << 9) -
    (protocol === 0 ? 0 : 1 << 8) -
    ((bits(sourcePort.mask) + bits(destinationPort.mask)) << 2) -
    (device === undefined ? 0 : 1 << 1) -
    (kind === 'routed' ? 0 : 1)
  );
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
