import type { PacketCipher } from '../crypto/provider.ts';
import { ESP_HEADER_LENGTH, ESP_TRAILER_LENGTH, spiOf } from './header.ts';
import { ReplayWindow } from './replay-window.ts';

export interface InboundOptions {
  readonly spi: number;
  readonly cipher: PacketCipher;
  readonly esn: boolean;
  /** Packets, 0 … 4096; 0 turns the check off. */
  readonly replayWindow: number;
}

/** Where in the packet its payload lies now, and what it is. */
export interface Opened {
  readonly offset: number;
  readonly length: number;
  /** IP protocol number; 59 is a dummy packet, to be dropped without a word (RFC 4303 §2.6). */
  readonly nextHeader: number;
}

/** Why a packet was not opened: all are dropped in silence, and auditable (RFC 4303 §3.4). */
export type OpenRefusal = 'malformed' | 'replay' | 'late' | 'integrity' | 'padding';

const SUBSPACE = 0x1_0000_0000;
/** So many packets in a row with a wrong ICV, and one of them is tried in later subspaces (RFC 4303 appendix A3). */
const RESYNCHRONISE_AFTER = 512;
const RESYNCHRONISE_TRIES = 4;

/** The receiving direction of one ESP SA (RFC 4303 §3.4). */
export class InboundEsp {
  readonly spi: number;
  readonly window: ReplayWindow;
  /** Authentic packets and their payload octets; packets refused before and after the ICV was checked. */
  packets = 0;
  bytes = 0;
  replayed = 0;
  forged = 0;
  readonly #cipher: PacketCipher;
  readonly #minimum: number;
  readonly #extended: { esnHigh: number } | undefined;
  #forgedInARow = 0;

  constructor({ spi, cipher, esn, replayWindow }: InboundOptions) {
    this.spi = spi;
    this.window = new ReplayWindow(replayWindow);
    this.#cipher = cipher;
    this.#minimum = ESP_HEADER_LENGTH + cipher.ivLength + ESP_TRAILER_LENGTH + cipher.icvLength;
    this.#extended = esn ? { esnHigh: 0 } : undefined;
  }

  /**
   * Opens a whole ESP packet of this SA in place: replay check, ICV, decryption, trailer. The padding's octets
   * are not looked at: the ICV covers them, and older peers fill them at will.
   */
  open(packet: Uint8Array): Opened | OpenRefusal {
    if (packet.length < this.#minimum) return 'malformed';
    const low = spiOf(packet, 4);
    let sequence = this.#extended === undefined ? low : this.window.extend(low);
    const verdict = this.window.check(sequence);
    if (verdict !== 'new') {
      this.replayed++;
      return verdict;
    }
    if (!this.#authentic(packet, sequence)) {
      const found = this.#resynchronise(packet, sequence);
      if (found === undefined) {
        this.forged++;
        return 'integrity';
      }
      sequence = found;
    }
    this.#forgedInARow = 0;
    this.window.accept(sequence);
    this.packets++;

    const end = packet.length - this.#cipher.icvLength;
    const offset = ESP_HEADER_LENGTH + this.#cipher.ivLength;
    const length = end - ESP_TRAILER_LENGTH - (packet[end - 2] as number) - offset;
    if (length < 0) return 'padding';
    this.bytes += length;
    return { offset, length, nextHeader: packet[end - 1] as number };
  }

  wipe(): void {
    this.#cipher.wipe();
  }

  #authentic(packet: Uint8Array, sequence: number): boolean {
    if (this.#extended !== undefined) this.#extended.esnHigh = Math.floor(sequence / SUBSPACE);
    return this.#cipher.open(packet, ESP_HEADER_LENGTH, this.#extended);
  }

  /** After the loss of 2^32 packets in a row the high half guessed is too low: forgers can only make this cost a few tries in 512. */
  #resynchronise(packet: Uint8Array, sequence: number): number | undefined {
    if (this.#extended === undefined || ++this.#forgedInARow % RESYNCHRONISE_AFTER !== 0) return undefined;
    for (let i = 1; i <= RESYNCHRONISE_TRIES; i++) {
      const candidate = sequence + i * SUBSPACE;
      if (candidate > Number.MAX_SAFE_INTEGER) return undefined;
      if (this.#authentic(packet, candidate)) return candidate;
    }
    return undefined;
  }
}
