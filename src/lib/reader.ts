import { readU16, readU32, readU64 } from './bytes.ts';

/** What was read is not what its format allows. Every parser of cygnet throws this and nothing else. */
export class Malformed extends Error {
  /** Octets from the start of the outermost input to where reading stopped. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'Malformed';
    this.offset = offset;
  }
}

/** Bounds-checked reading, network byte order. Slices it hands out are views of the input, never copies. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(what: string): number {
    return this.#bytes[this.#advance(1, what)] as number;
  }

  u16(what: string): number {
    return readU16(this.#bytes, this.#advance(2, what));
  }

  u32(what: string): number {
    return readU32(this.#bytes, this.#advance(4, what));
  }

  u64(what: string): bigint {
    return readU64(this.#bytes, this.#advance(8, what));
  }

  /** The next `length` octets, as a view. */
  take(length: number, what: string): Uint8Array {
    const at = this.#advance(length, what);
    return this.#bytes.subarray(at, at + length);
  }

  /** All that is left, as a view. */
  rest(): Uint8Array {
    const at = this.#at;
    this.#at = this.#end;
    return this.#bytes.subarray(at, this.#end);
  }

  /** A reader over the next `length` octets; this one moves past them. */
  sub(length: number, what: string): Reader {
    const at = this.#advance(length, what);
    return new Reader(this.#bytes, at, at + length);
  }

  /** Fails unless everything was read. */
  end(what: string): void {
    if (this.remaining !== 0) throw new Malformed(`${what}: ${this.remaining} octets too many`, this.#at);
  }

  #advance(length: number, what: string): number {
    const at = this.#at;
    if (length > this.#end - at) {
      throw new Malformed(`${what}: ${length} octets wanted, ${this.#end - at} left`, at);
    }
    this.#at = at + length;
    return at;
  }
}
