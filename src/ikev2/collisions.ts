import { compare } from '../lib/bytes.ts';
import { type Duration, type Instant, MINUTE, SECOND } from '../lib/time.ts';

/** What one IKE SA must remember because both ends may begin at the same time (RFC 7296 §2.8.1, §2.8.2, §2.25). */
export class Collisions<Sa> {
  /** The IKE SA that the peer's rekey of this one made, while our own rekey of it is under way. */
  rival: { readonly sa: Sa; readonly nonce: Uint8Array } | undefined;
  /** On such an SA, until it takes over: the one that it may yet replace. */
  predecessor: Sa | undefined;
  #deletedAhead: readonly number[] = NONE;
  /** When the first and the last TEMPORARY_FAILURE of an unbroken row came. */
  #failing: { readonly since: Instant; readonly last: Instant; readonly count: number } | undefined;

  /**
   * Another TEMPORARY_FAILURE: how long to wait before the next try, or undefined when it has gone on for so long
   * that the two ends must have lost sight of each other (RFC 7296 §2.25).
   */
  temporaryFailure(now: Instant, jitter: (limit: Duration) => Duration): Duration | undefined {
    const row = this.#failing;
    const { since, count } = row === undefined || now - row.last > PATIENCE ? { since: now, count: 0 } : row;
    this.#failing = { since, last: now, count: count + 1 };
    if (now - since > PATIENCE) return undefined;
    return Math.min(RETRY * (count + 1), LONGEST_RETRY) - jitter(RETRY_JITTER);
  }

  /** A CREATE_CHILD_SA exchange came to something. */
  agreed(): void {
    this.#failing = undefined;
  }

  /** Notes that the peer deleted `spi` before we knew of it. An honest peer has one such SA at a time. */
  noteDeleted(spi: number): void {
    if (this.#deletedAhead.length < MOST_DELETED && !this.isDeletedAhead(spi))
      this.#deletedAhead = [...this.#deletedAhead, spi];
  }

  /** Whether the peer deleted `spi` although the response which would have told it to us has not come. */
  isDeletedAhead(spi: number): boolean {
    return this.#deletedAhead.includes(spi);
  }

  /** Another exchange begins: what was deleted ahead of others is of no matter to it. */
  forgetDeleted(): void {
    this.#deletedAhead = NONE;
  }
}

const NONE: readonly number[] = [];
const MOST_DELETED = 8;

const RETRY: Duration = 15 * SECOND;
const RETRY_JITTER: Duration = 10 * SECOND;
const LONGEST_RETRY: Duration = MINUTE;
const PATIENCE: Duration = 5 * MINUTE;

/** After this long an SA that the peer should have deleted is given up: longer than the peer goes on retransmitting. */
export const ABANDONED: Duration = 4 * MINUTE;

/** How long until a rekey that was refused for other reasons is tried again. */
export function retryDelay(jitter: (limit: Duration) => Duration): Duration {
  return 30 * SECOND - jitter(20 * SECOND);
}

/** The one of an exchange's two nonces that stands for it where exchanges collide (RFC 7296 §2.8.1). */
export function lower(ni: Uint8Array, nr: Uint8Array): Uint8Array {
  return (compare(ni, nr) <= 0 ? ni : nr).slice();
}

/** Whether the exchange of `ours` is redundant: it holds the lowest nonce of both. */
export function loses(ours: Uint8Array, theirs: Uint8Array): boolean {
  return compare(ours, theirs) < 0;
}
