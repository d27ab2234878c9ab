import { equal } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';

/** What a stream of IKE and ESP begins with, from whoever opened the connection (RFC 9329 §4). */
export const STREAM_PREFIX: Uint8Array = utf8('IKETCP');

/** In front of each message: how long it is, these two octets included (RFC 9329 §3). */
const LENGTH_OCTETS = 2;
/** What an ordinary packet takes. */
const FIRST_ROOM = 2048;
const LONGEST_MESSAGE = 0xffff - LENGTH_OCTETS;

/** Cuts a TCP stream into messages: IKE behind its marker, ESP, keepalives. Holds one unfinished message at most. */
export class StreamFrames {
  #kind: 'prefix' | 'length' | 'message';
  /** How long the part is that comes now: the prefix, a length, a message. */
  #wanted: number;
  /** What has come of it; the memory grows along, so that a length alone costs nothing. */
  #part: Uint8Array;
  #filled = 0;

  /** @param prefixed whether the peer opened the connection, and so begins with the prefix. */
  constructor(prefixed: boolean) {
    this.#kind = prefixed ? 'prefix' : 'length';
    this.#wanted = prefixed ? STREAM_PREFIX.length : LENGTH_OCTETS;
    this.#part = new Uint8Array(this.#wanted);
  }

  /** Whether the peer has shown that it means to speak IKE here. */
  get begun(): boolean {
    return this.#kind !== 'prefix';
  }

  /**
   * The messages that `chunk` completes, each in memory of its own; empty ones are left out (RFC 9329 §3). Throws
   * Malformed on another prefix, and on a length that cannot be: the connection is of no more use.
   */
  *take(chunk: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < chunk.length; ) {
      const count = Math.min(this.#wanted - this.#filled, chunk.length - at);
      this.#makeRoom(this.#filled + count);
      this.#part.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled < this.#wanted) return;
      const message = this.#next();
      if (message !== undefined) yield message;
    }
  }

  #next(): Uint8Array | undefined {
    const part = this.#part;
    switch (this.#kind) {
      case 'prefix':
        if (!equal(part, STREAM_PREFIX))
          throw new Malformed('a stream that does not begin as RFC 9329 says', 0);
        this.#expect('length', LENGTH_OCTETS);
        return undefined;
      case 'length': {
        const length = (((part[0] as number) << 8) | (part[1] as number)) - LENGTH_OCTETS;
        if (length < 0) throw new Malformed('a message shorter than its length', 0);
        if (length === 0) this.#expect('length', LENGTH_OCTETS);
        else this.#expect('message', length);
        return undefined;
      }
      case 'message': {
        const message = part.subarray(0, this.#wanted);
        this.#expect('length', LENGTH_OCTETS);
        return message;
      }
    }
  }

  #expect(kind: 'length' | 'message', length: number): void {
    this.#kind = kind;
    this.#wanted = length;
    this.#part = new Uint8Array(Math.min(length, FIRST_ROOM));
    this.#filled = 0;
  }

  #makeRoom(octets: number): void {
    if (octets <= this.#part.length) return;
    const part = new Uint8Array(Math.min(this.#wanted, Math.max(octets, 2 * this.#part.length)));
    part.set(this.#part.subarray(0, this.#filled));
    this.#part = part;
  }
}

/** A message of one or two parts as it goes into the stream; undefined where it is too long for one. */
export function framed(head: Uint8Array, tail: Uint8Array): Uint8Array | undefined {
  const length = head.length + tail.length;
  if (length > LONGEST_MESSAGE) return undefined;
  const octets = new Uint8Array(LENGTH_OCTETS + length);
  octets[0] = octets.length >> 8;
  octets[1] = octets.length & 0xff;
  octets.set(head, LENGTH_OCTETS);
  octets.set(tail, LENGTH_OCTETS + head.length);
  return octets;
}
