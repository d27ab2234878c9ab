/** Octets of an inner packet from the TUN device. */
export const LARGEST_INNER = 9216;
/** IPv6 goes from a device that has less (RFC 8200 §5). */
const LEAST = 1280;

/**
 * The MTU of the TUN device: what the SA that takes the longest packets can send from this host. Whoever sends by
 * another one is told by ICMP what that takes.
 */
export class DeviceMtu {
  readonly #initial: number;
  readonly #set: (mtu: number) => void;
  readonly #largest = new Map<number, number>();
  #now: number;

  /** `set` is called with each new MTU; `initial` is in force, and again when nothing is known of any SA. */
  constructor(initial: number, set: (mtu: number) => void) {
    this.#initial = initial;
    this.#now = initial;
    this.#set = set;
  }

  /** What these SAs could send, by their numbers. Throws what `set` throws. */
  learn(largest: ReadonlyMap<number, number | undefined>): void {
    for (const [id, octets] of largest) {
      if (octets === undefined) this.#largest.delete(id);
      else this.#largest.set(id, octets);
    }
    this.#follow();
  }

  forget(id: number): void {
    if (this.#largest.delete(id)) this.#follow();
  }

  #follow(): void {
    const wanted =
      this.#largest.size === 0
        ? this.#initial
        : Math.min(LARGEST_INNER, Math.max(LEAST, ...this.#largest.values()));
    if (wanted === this.#now) return;
    this.#set(wanted);
    this.#now = wanted;
  }
}
