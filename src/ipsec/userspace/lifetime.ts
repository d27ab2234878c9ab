import type { ChildLifetimes } from '../../policy/sa.ts';

/** 2^32 − 1 sequence numbers, and where a rekey ought to begin: seven eighths of the way. */
const SEQUENCE_NUMBERS = 0xffff_ffff;
const SEQUENCE_REKEY = 0xe000_0000;

/** What one direction of an SA has carried. */
export interface Carried {
  readonly packets: number;
  readonly bytes: number;
}

/**
 * How much one direction of an SA may carry. Volume counts in either direction alone, as RFC 4301 §4.4.2.1 counts
 * it by SA; the sequence numbers of an SA without ESN are a limit of their own.
 */
export class Lifetime {
  readonly #softBytes: number;
  readonly #hardBytes: number;
  readonly #softPackets: number;
  readonly #hardPackets: number;

  constructor(lifetimes: ChildLifetimes, sequenceNumbers: 'counted' | 'endless') {
    const counted = sequenceNumbers === 'counted';
    this.#softBytes = limit(lifetimes.rekeyBytes);
    this.#hardBytes = limit(lifetimes.lifeBytes);
    this.#softPackets = Math.min(limit(lifetimes.rekeyPackets), counted ? SEQUENCE_REKEY : Infinity);
    this.#hardPackets = Math.min(limit(lifetimes.lifePackets), counted ? SEQUENCE_NUMBERS : Infinity);
  }

  soft(carried: Carried): boolean {
    return carried.bytes >= this.#softBytes || carried.packets >= this.#softPackets;
  }

  hard(carried: Carried): boolean {
    return carried.bytes >= this.#hardBytes || carried.packets >= this.#hardPackets;
  }
}

/** 0 is never. */
function limit(value: bigint): number {
  return value === 0n ? Infinity : Number(value);
}
