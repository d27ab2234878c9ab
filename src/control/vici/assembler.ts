import { Malformed } from '../../lib/reader.ts';
import { LENGTH_OCTETS, PACKET_LIMIT } from './frame.ts';

/**
 * Cuts a stream into packets. Memory grows with what has arrived, never with what a length field promises, and
 * however finely the stream is chopped each octet is copied a bounded number of times.
 */
export class PacketAssembler {
  #buffer = new Uint8Array(64);
  #used = 0;

  /** Whether a packet has begun and is not complete. */
  get isPartial(): boolean {
    return this.#used > 0;
  }

  /** The packets that `chunk` completes, without their length fields, in order. Throws Malformed on a length beyond the limit. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let at = 0;
    while (at < chunk.length) {
      const wanted = this.#used < LENGTH_OCTETS ? LENGTH_OCTETS : LENGTH_OCTETS + this.#length();
      const taken = Math.min(wanted - this.#used, chunk.length - at);
      this.#append(chunk.subarray(at, at + taken));
      at += taken;
      if (this.#used < LENGTH_OCTETS || this.#used < LENGTH_OCTETS + this.#length()) continue;
      const packet = this.#buffer.slice(LENGTH_OCTETS, this.#used);
      this.#used = 0;
      if (this.#buffer.length > 4096) this.#buffer = new Uint8Array(64);
      yield packet;
    }
  }

  #length(): number {
    const length = new DataView(this.#buffer.buffer).getUint32(0);
    if (length > PACKET_LIMIT)
      throw new Malformed(`a packet of ${length} octets, more than ${PACKET_LIMIT}`, 0);
    return length;
  }

  #append(octets: Uint8Array): void {
    const needed = this.#used + octets.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = larger;
    }
    this.#buffer.set(octets, this.#used);
    this.#used = needed;
  }
}
