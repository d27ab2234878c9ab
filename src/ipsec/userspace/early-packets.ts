import type { Duration, Instant } from '../../lib/time.ts';

/** Packets that are kept, at most; a longer one than this is not. */
const MOST = 32;
const LONGEST = 2048;
/** As long as it takes to read an answer and to install what it says. */
const LIFE: Duration = 500;

/** A packet of an SA that is not there yet, and the ECN field of its outer header. */
interface Early {
  readonly packet: Uint8Array;
  readonly ecn: number;
}

/**
 * ESP packets of SAs that are not there yet: a peer that answers has its SA, and sends by it, a moment before whoever asked has
 * read the answer (RFC 7296 §1.2). What strangers send may be among them, so they are few and not kept for long.
 */
export class EarlyPackets {
  #kept: (Early & { readonly spi: number; readonly at: Instant })[] = [];

  /** Keeps a copy of `packet`, unless there are enough. */
  keep(spi: number, packet: Uint8Array, ecn: number, now: Instant): void {
    if (packet.length > LONGEST) return;
    if (this.#kept.length === MOST) this.#kept = this.#kept.filter(({ at }) => now - at < LIFE);
    if (this.#kept.length < MOST) this.#kept.push({ spi, packet: packet.slice(), ecn, at: now });
  }

  /** Takes out those of `spi` that are not too old, in their order. */
  take(spi: number, now: Instant): readonly Early[] {
    const taken = this.#kept.filter(one => one.spi === spi && now - one.at < LIFE);
    this.#kept = this.#kept.filter(one => one.spi !== spi);
    return taken;
  }
}
