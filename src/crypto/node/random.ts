import { randomBytes, randomFillSync } from 'node:crypto';
import { octets } from './octets.ts';

/** Octets drawn at once. */
const RESERVE = 4096;
/** Longer wishes are drawn for themselves. */
const SHORT = 256;

/**
 * Random octets of the operating system's generator as OpenSSL has it. A draw costs as much for four thousand octets
 * as for eight, so short ones are cut from a reserve, in which nothing stays behind of what was handed out.
 */
export function reservedRandom(): (length: number) => Uint8Array {
  const reserve = new Uint8Array(RESERVE);
  let next = RESERVE;
  return length => {
    if (length > SHORT) return octets(randomBytes(length));
    if (next + length > RESERVE) {
      randomFillSync(reserve);
      next = 0;
    }
    const drawn = reserve.slice(next, next + length);
    reserve.fill(0, next, next + length);
    next += length;
    return drawn;
  };
}
