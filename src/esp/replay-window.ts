/** 2^32: the size of one sequence number subspace (RFC 4303 appendix A2). */
const SUBSPACE = 0x1_0000_0000;
/** How far back the high half is guessed when no window is kept: half a subspace. */
const HALF_SUBSPACE = 0x8000_0000;
/** The largest window offered, in packets. */
export const MAXIMUM_REPLAY_WINDOW = 4096;

export type ReplayVerdict = 'new' | 'replay' | 'late';

/**
 * Which sequence numbers of one inbound SA have been seen (RFC 4303 §3.4.3, appendix A2). Numbers are whole
 * 64-bit sequence numbers held in a double: exact to 2^53, which no SA reaches in its life. The bitmap is a
 * ring of words with one word to spare, so that moving on clears whole words and shifts nothing (RFC 6479).
 */
export class ReplayWindow {
  /** Packets; 0 lets everything pass. */
  readonly size: number;
  readonly #words: Uint32Array;
  readonly #mask: number;
  #top = 0;

  /** `size` is 0 … 4096. Throws RangeError. */
  constructor(size: number) {
    if (!Number.isInteger(size) || size < 0 || size > MAXIMUM_REPLAY_WINDOW)
      throw new RangeError(`a replay window holds 0 to ${MAXIMUM_REPLAY_WINDOW} packets, not ${size}`);
    this.size = size;
    let words = 1;
    while (words < size / 32 + 1) words *= 2;
    this.#words = new Uint32Array(words);
    this.#mask = words - 1;
  }

  /** The highest sequence number accepted so far: T of the appendix. */
  get top(): number {
    return this.#top;
  }

  /** The whole number that `low`, the half that travelled, most likely stands for (appendix A2.2); it may be negative or zero, which `check` refuses. */
  extend(low: number): number {
    const width = this.size === 0 ? HALF_SUBSPACE : this.size;
    const topLow = this.#top % SUBSPACE;
    const base = this.#top - topLow;
    const bottom = topLow - width + 1;
    // Case A, the window lies within one subspace; case B, it began in the one before.
    if (bottom >= 0) return low >= bottom ? base + low : base + SUBSPACE + low;
    return low >= bottom + SUBSPACE ? base - SUBSPACE + low : base + low;
  }

  /** Whether a packet with this number may still come. Nothing changes: only `accept`, after the ICV was right, does. */
  check(sequence: number): ReplayVerdict {
    if (sequence <= 0) return this.size === 0 && sequence === 0 ? 'new' : 'late';
    if (this.size === 0 || sequence > this.#top) return 'new';
    if (sequence <= this.#top - this.size) return 'late';
    const low = sequence >>> 0;
    const word = this.#words[(low >>> 5) & this.#mask] as number;
    return (word >>> (low & 31)) & 1 ? 'replay' : 'new';
  }

  /** Marks an authentic packet's number, which `check` called new. */
  accept(sequence: number): void {
    if (sequence > this.#top) {
      const from = Math.floor(this.#top / 32);
      const count = Math.min(Math.floor(sequence / 32) - from, this.#words.length);
      for (let i = 1; i <= count; i++) this.#words[((from >>> 0) + i) & this.#mask] = 0;
      this.#top = sequence;
    }
    const low = sequence >>> 0;
    const at = (low >>> 5) & this.#mask;
    this.#words[at] = (this.#words[at] as number) | (1 << (low & 31));
  }
}
