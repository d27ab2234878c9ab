import { Failed } from '../policy/failure.ts';

/** SPIs 1 … 255 are reserved and 0 never travels (RFC 4303 §2.1). */
const LOWEST = 256;
const TRIES = 64;

/** The SPIs of one side that are promised or in use. */
export class SpiPool {
  readonly #taken = new Set<number>();
  readonly #next: () => number;

  /** `next` draws a number below 2^32, anew each time. */
  constructor(next: () => number) {
    this.#next = next;
  }

  /** A free SPI, taken from now on. Throws Failed where so many are taken that none is found. */
  allocate(): number {
    for (let i = 0; i < TRIES; i++) {
      const spi = this.#next();
      if (spi >= LOWEST && !this.#taken.has(spi)) {
        this.#taken.add(spi);
        return spi;
      }
    }
    throw new Failed({ code: 'kernel/install', summary: 'no free SPI was found' });
  }

  /** Marks one that was chosen elsewhere. */
  take(spi: number): void {
    this.#taken.add(spi);
  }

  release(spi: number): void {
    this.#taken.delete(spi);
  }

  clear(): void {
    this.#taken.clear();
  }
}

/** The lowest and the highest SPI of packets that come in. */
export interface SpiRange {
  readonly lowest: number;
  readonly highest: number;
}

/** Draws SPIs from unpredictable octets: `random(4)` each. */
export function randomSpi(
  random: (length: number) => Uint8Array,
  { lowest, highest }: SpiRange = { lowest: 0, highest: 0xffff_ffff },
): () => number {
  return () => {
    const octets = random(4);
    const drawn = new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0);
    return lowest + Math.floor((drawn * (highest - lowest + 1)) / 2 ** 32);
  };
}
