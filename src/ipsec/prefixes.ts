import { type IpAddress, ipFromBigInt, ipToBigInt } from '../lib/ip.ts';

export interface Prefix {
  readonly address: IpAddress;
  /** Bits. */
  readonly length: number;
}

/** The prefixes that hold the addresses from `start` to `end` and no other, in order: at most two for each bit of an address. */
export function prefixesOf(start: IpAddress, end: IpAddress): Prefix[] {
  const bits = 8 * start.length;
  const last = ipToBigInt(end);
  const prefixes: Prefix[] = [];
  for (let first = ipToBigInt(start); first <= last; ) {
    let free = 0;
    // As large as its first address is aligned and as it does not reach over the end.
    while (free < bits && (first >> BigInt(free)) % 2n === 0n && first + (2n << BigInt(free)) - 1n <= last)
      free++;
    prefixes.push({ address: ipFromBigInt(first, start.length as 4 | 16), length: bits - free });
    first += 1n << BigInt(free);
  }
  return prefixes;
}
