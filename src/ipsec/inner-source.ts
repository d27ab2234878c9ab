import { type IpAddress, ipToBigInt, isV4 } from '../lib/ip.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';

/**
 * The address that this host's own packets into an SA are to leave from: the first of `own` that a local selector
 * covers. `any` where the selectors cover the whole family, so that whatever address routing chooses will do; undefined
 * where they cover none, and this host forwards alone. `family` is the length of an address in octets.
 */
export function innerSource(
  own: readonly IpAddress[],
  selectors: readonly TrafficSelector[],
  family: number,
): IpAddress | 'any' | undefined {
  const locals = selectors.filter(({ start }) => start.length === family);
  if (locals.some(isWhole)) return 'any';
  return own.find(address => !isLoopback(address) && locals.some(local => within(local, address)));
}

function isWhole({ start, end }: TrafficSelector): boolean {
  return start.every(octet => octet === 0) && end.every(octet => octet === 0xff);
}

/** It must not be seen on any wire (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
function isLoopback(address: IpAddress): boolean {
  return isV4(address) ? address[0] === 127 : ipToBigInt(address) === 1n;
}

/** Whether `address` is one of the selector's. */
export function within({ start, end }: TrafficSelector, address: IpAddress): boolean {
  if (start.length !== address.length) return false;
  const value = ipToBigInt(address);
  return value >= ipToBigInt(start) && value <= ipToBigInt(end);
}
