import type { PacketCipher } from '../crypto/provider.ts';
import { ESP_HEADER_LENGTH, ESP_TRAILER_LENGTH } from './header.ts';

export interface OutboundOptions {
  readonly spi: number;
  readonly cipher: PacketCipher;
  /** 64-bit sequence numbers, of which the low half travels. */
  readonly esn: boolean;
  /** Payloads are filled with zeros up to this many octets (RFC 4303 §2.7): tunnel mode alone can take them off. 0 is off. */
  readonly tfcPadding?: number;
  /** The number before the first packet's; 0 for a new SA. */
  readonly sequence?: number;
}

const SUBSPACE = 0x1_0000_0000;

/** The sending direction of one ESP SA (RFC 4303 §3.3). */
export class OutboundEsp {
  readonly spi: number;
  /** Octets before the payload: ESP header and IV. Whoever seals in place leaves this much room. */
  readonly headerLength: number;
  /** Packets and payload octets sealed so far. */
  packets = 0;
  bytes = 0;
  readonly #cipher: PacketCipher;
  readonly #alignment: number;
  #tfcPadding: number;
  readonly #last: number;
  readonly #extended: { esnHigh: number } | undefined;
  #sequence: number;

  constructor({ spi, cipher, esn, tfcPadding = 0, sequence = 0 }: OutboundOptions) {
    this.spi = spi;
    this.headerLength = ESP_HEADER_LENGTH + cipher.ivLength;
    this.#cipher = cipher;
    // The cipher's block and the 4-octet boundary of the ICV; all blocks are powers of two.
    this.#alignment = Math.max(cipher.blockLength, 4);
    this.#tfcPadding = tfcPadding;
    this.#last = esn ? Number.MAX_SAFE_INTEGER : SUBSPACE - 1;
    this.#extended = esn ? { esnHigh: 0 } : undefined;
    this.#sequence = sequence;
  }

  /** The last number used. */
  get sequence(): number {
    return this.#sequence;
  }

  /** No number is left: this SA must never send again (RFC 4303 §3.3.3). */
  get exhausted(): boolean {
    return this.#sequence >= this.#last;
  }

  /** What payloads are filled up to from now on; 0 is off. */
  padTo(tfcPadding: number): void {
    this.#tfcPadding = tfcPadding;
  }

  /** The longest payload whose ESP packet is not longer than `length` octets; 0 where there is none. */
  largestPayload(length: number): number {
    const room = length - this.headerLength - this.#cipher.icvLength;
    return Math.max(0, (room & -this.#alignment) - ESP_TRAILER_LENGTH);
  }

  /** Length of the ESP packet that carries a payload of this length. */
  sealedLength(payloadLength: number): number {
    return this.headerLength + this.#textLength(payloadLength) + this.#cipher.icvLength;
  }

  /**
   * Makes an ESP packet in place: `buffer[start + headerLength …]` holds the payload of `payloadLength` octets,
   * the rest of the packet is written around it from `start` on. `nextHeader` is its IP protocol number.
   * Returns the packet's length, 0 when the sequence numbers are spent. Throws RangeError where the buffer is too short.
   */
  seal(buffer: Uint8Array, start: number, payloadLength: number, nextHeader: number): number {
    if (this.exhausted) return 0;
    const textLength = this.#textLength(payloadLength);
    const trailer = start + this.headerLength + textLength - ESP_TRAILER_LENGTH;
    const length = this.headerLength + textLength + this.#cipher.icvLength;
    if (start + length > buffer.length)
      throw new RangeError(`an ESP packet of ${length} octets does not fit`);
    const sequence = ++this.#sequence;
    writeU32(buffer, start, this.spi);
    writeU32(buffer, start + 4, sequence >>> 0);

    const payloadEnd = start + this.headerLength + payloadLength;
    const padding = start + this.headerLength + Math.max(payloadLength, this.#tfcPadding);
    if (padding > payloadEnd) buffer.fill(0, payloadEnd, padding);
    // 1, 2, 3, … (RFC 4303 §2.4)
    for (let i = padding; i < trailer; i++) buffer[i] = i - padding + 1;
    buffer[trailer] = trailer - padding;
    buffer[trailer + 1] = nextHeader;

    if (this.#extended !== undefined) this.#extended.esnHigh = Math.floor(sequence / SUBSPACE);
    this.#cipher.seal(buffer.subarray(start, start + length), ESP_HEADER_LENGTH, this.#extended);
    this.packets++;
    this.bytes += payloadLength;
    return length;
  }

  wipe(): void {
    this.#cipher.wipe();
  }

  #textLength(payloadLength: number): number {
    const bare = Math.max(payloadLength, this.#tfcPadding) + ESP_TRAILER_LENGTH;
    return (bare + this.#alignment - 1) & -this.#alignment;
  }
}

function writeU32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}
