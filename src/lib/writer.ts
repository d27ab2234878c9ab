import { writeU16, writeU32, writeU64 } from './bytes.ts';

/** Grows as it is written to; network byte order; lengths are patched once they are known. */
export class Writer {
  #bytes: Uint8Array;
  #at = 0;

  constructor(capacity = 512) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Octets written so far. */
  get position(): number {
    return this.#at;
  }

  u8(value: number): this {
    // Growing replaces the octets, so it comes first.
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    writeU16(this.#bytes, at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    writeU32(this.#bytes, at, value);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    writeU64(this.#bytes, at, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  zeros(count: number): this {
    this.#grow(count);
    return this;
  }

  patchU8(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  patchU16(at: number, value: number): void {
    writeU16(this.#bytes, at, value);
  }

  patchU32(at: number, value: number): void {
    writeU32(this.#bytes, at, value);
  }

  /** What was written. The writer must not be used afterwards: this is a view of its memory. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #grow(count: number): number {
    const at = this.#at;
    this.#at = at + count;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#at, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }
}
