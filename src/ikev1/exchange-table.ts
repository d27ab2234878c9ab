import type { CryptoProvider } from '../crypto/provider.ts';
import { type Duration, type Instant, SECOND } from '../lib/time.ts';
import type { Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';
import { Exchange, isPhaseOne } from './exchange.ts';

/** Exchanges that are over and remembered, at most, and for how long they answer a peer that has not got their last message. */
const MOST_REMEMBERED = 64;
const REMEMBERED: Duration = 180 * SECOND;
/** Message IDs that were used: as many as any honest peer needs while an ISAKMP SA lives. */
const MOST_USED = 8192;

/**
 * The exchanges of one ISAKMP SA: phase 1, and all others by Message ID. An ID is used once within an SA (RFC 2408
 * §3.1): one that comes again, with whatever content, begins nothing.
 */
export class ExchangeTable {
  phaseOne: Exchange | undefined;
  readonly #others = new Map<number, Exchange>();
  readonly #used = new Set<number>();

  find({ exchangeType, messageId }: Header): Exchange | undefined {
    if (isPhaseOne(exchangeType)) return messageId === 0 ? this.phaseOne : undefined;
    return this.#others.get(messageId);
  }

  *all(): Iterable<Exchange> {
    if (this.phaseOne !== undefined) yield this.phaseOne;
    yield* [...this.#others.values()];
  }

  /** When one of them is due. */
  get deadline(): Instant | undefined {
    let soonest: Instant | undefined;
    for (const { due, forgetAt } of this.all()) {
      const at = due ?? forgetAt;
      if (at !== undefined && (soonest === undefined || at < soonest)) soonest = at;
    }
    return soonest;
  }

  /** An exchange of ours. */
  begin(type: number, provider: CryptoProvider, path: Path): Exchange {
    const exchange = new Exchange(type, isPhaseOne(type) ? 0 : this.newMessageId(provider), true, path);
    if (isPhaseOne(type)) this.phaseOne = exchange;
    else this.#remember(exchange);
    return exchange;
  }

  /** Whether the peer may begin an exchange under this ID. */
  mayBegin(messageId: number): boolean {
    return messageId !== 0 && !this.#used.has(messageId);
  }

  /** An exchange of the peer's; `mayBegin` must hold. */
  admit(type: number, messageId: number, path: Path): Exchange {
    this.#use(messageId);
    const exchange = new Exchange(type, messageId, false, path);
    this.#remember(exchange);
    return exchange;
  }

  /** Nobody waits for anything in it any more; for a while it still answers. */
  ended(exchange: Exchange, now: Instant): void {
    exchange.waiting = undefined;
    exchange.due = undefined;
    if (exchange !== this.phaseOne) exchange.forgetAt = now + REMEMBERED;
  }

  forget(exchange: Exchange): void {
    this.#others.delete(exchange.messageId);
  }

  clear(): void {
    this.phaseOne = undefined;
    this.#others.clear();
  }

  newMessageId(provider: CryptoProvider): number {
    for (;;) {
      const octets = provider.random(4);
      const messageId = new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0);
      if (!this.mayBegin(messageId)) continue;
      this.#use(messageId);
      return messageId;
    }
  }

  #use(messageId: number): void {
    if (this.#used.size >= MOST_USED) this.#used.delete(firstOf(this.#used));
    this.#used.add(messageId);
  }

  #remember(exchange: Exchange): void {
    if (this.#others.size >= MOST_REMEMBERED) {
      const idle = [...this.#others.values()].find(({ waiting }) => waiting === undefined);
      if (idle !== undefined) this.forget(idle);
    }
    this.#others.set(exchange.messageId, exchange);
  }
}

/** Sets keep the order in which they were filled. */
function firstOf(set: ReadonlySet<number>): number {
  for (const value of set) return value;
  return 0;
}
