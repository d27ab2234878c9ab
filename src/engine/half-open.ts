import { toHex } from '../lib/bytes.ts';
import { type IpAddress, isV4 } from '../lib/ip.ts';
import { type Duration, type Instant, SECOND } from '../lib/time.ts';

/** Limits as `EngineSettings` has them. */
export interface HalfOpenLimits {
  readonly cookieThreshold: number;
  readonly cookieThresholdPerAddress: number;
  readonly blockThreshold: number;
  readonly halfOpenLimit: number;
}

/** Cookies are still demanded for this long after the count fell below the threshold, so that they do not come and go. */
const CALM_DOWN: Duration = 10 * SECOND;

interface Entry<Item> {
  readonly item: Item;
  readonly source: string;
}

/**
 * The responder's negotiations with strangers. Each is known by the digest of the message that began it, so that
 * its retransmission is told from another first message with the same SPI (RFC 7296 §2.1), and counted by where
 * it came from: an IPv6 subscriber has a /64 to choose addresses from, and counts as one (RFC 8019 §4.2).
 */
export class HalfOpen<Item> {
  readonly #byDigest = new Map<string, Entry<Item>>();
  readonly #bySource = new Map<string, number>();
  readonly #digestOf = new Map<Item, string>();
  #demandUntil: Instant = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#byDigest.size;
  }

  /** The negotiation that a message of this digest began. */
  find(digest: string): Item | undefined {
    return this.#byDigest.get(digest)?.item;
  }

  add(digest: string, from: IpAddress, item: Item): void {
    const source = sourceOf(from);
    this.#byDigest.set(digest, { item, source });
    this.#digestOf.set(item, digest);
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
  }

  /** It is no longer half open: established, or gone. */
  delete(item: Item): void {
    const digest = this.#digestOf.get(item);
    if (digest === undefined) return;
    const { source } = this.#byDigest.get(digest) as Entry<Item>;
    this.#digestOf.delete(item);
    this.#byDigest.delete(digest);
    const count = (this.#bySource.get(source) as number) - 1;
    if (count > 0) this.#bySource.set(source, count);
    else this.#bySource.delete(source);
  }

  /** The one that has been half open for the longest time. */
  get oldest(): Item | undefined {
    return this.#byDigest.values().next().value?.item;
  }

  /** What is due to a first message from `from`, given how many are under way. */
  verdict(from: IpAddress, limits: HalfOpenLimits, now: Instant): 'serve' | 'cookie' | 'drop' {
    const here = this.#bySource.get(sourceOf(from)) ?? 0;
    if (limits.blockThreshold > 0 && here >= limits.blockThreshold) return 'drop';
    if (this.size >= limits.cookieThreshold) this.#demandUntil = now + CALM_DOWN;
    return now < this.#demandUntil || here >= limits.cookieThresholdPerAddress ? 'cookie' : 'serve';
  }
}

function sourceOf(address: IpAddress): string {
  return toHex(isV4(address) ? address : address.subarray(0, 8));
}
