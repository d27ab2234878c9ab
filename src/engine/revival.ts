import { type Duration, type Instant, MINUTE, SECOND } from '../lib/time.ts';
import { afterLoss } from '../policy/after-loss.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';

/** Pauses between attempts that follow each other closely: the first, and the longest. */
const FIRST_PAUSE: Duration = 5 * SECOND;
const LONGEST_PAUSE: Duration = 5 * MINUTE;
/** An SA that lived for this long was a success: what comes after it begins without a pause. */
const SUCCESS: Duration = MINUTE;

/** What is to be begun anew, and when. */
export interface Attempt {
  readonly connection: string;
  /** Undefined: the IKE SA alone. */
  readonly children: readonly (string | undefined)[];
  readonly at: Instant;
}

/** What an IKE SA was when it ended. */
export interface Ending {
  readonly connection: Connection;
  /** We began it. */
  readonly ours: boolean;
  readonly establishedAt: Instant | undefined;
  /** Those it had, or was to have. */
  readonly children: readonly ChildConfig[];
  readonly failure: Failure | undefined;
}

interface Record {
  failures: number;
  attempts: number;
  /** An SA stood before, and is to come back. */
  lost: boolean;
}

/** Decides which IKE SAs come back: `keyingtries` before they stand, `dpd_action` and `close_action` of their children afterwards. */
export class Revival {
  readonly #records = new Map<string, Record>();
  readonly #retryInterval: Duration;
  #pending: readonly Attempt[] = [];

  /** `retryInterval`: when a peer is tried again that could not even be written to; 0 is never. */
  constructor(retryInterval: Duration = 0) {
    this.#retryInterval = retryInterval;
  }

  /** An SA of `connection` stands. */
  established(connection: string): void {
    const record = this.#records.get(connection);
    if (record === undefined) return;
    record.attempts = 0;
    record.lost = false;
  }

  /** An SA has ended. */
  ended(ending: Ending, now: Instant): void {
    const { connection, establishedAt } = ending;
    const record = this.#records.get(connection.name) ?? { failures: 0, attempts: 0, lost: false };
    this.#records.set(connection.name, record);
    const children = establishedAt === undefined ? this.#afterFailure(ending, record) : toRestart(ending);
    if (establishedAt !== undefined && now - establishedAt >= SUCCESS) record.failures = 0;
    if (children.length === 0) {
      if (establishedAt === undefined) this.#records.delete(connection.name);
      return;
    }
    const pause = isUnreachable(ending)
      ? this.#retryInterval
      : record.failures === 0
        ? 0
        : Math.min(FIRST_PAUSE * 2 ** (record.failures - 1), LONGEST_PAUSE);
    record.failures++;
    record.lost ||= establishedAt !== undefined;
    this.#pending = [...this.#pending, { connection: connection.name, children, at: now + pause }];
  }

  /** Nothing of `connection` (of all, when undefined) is begun anew. Returns how much that would have been. */
  forget(connection?: string): number {
    const left =
      connection === undefined ? [] : this.#pending.filter(attempt => attempt.connection !== connection);
    const forgotten = this.#pending.length - left.length;
    this.#pending = left;
    if (connection !== undefined) this.#records.delete(connection);
    return forgotten;
  }

  get deadline(): Instant | undefined {
    let soonest: Instant | undefined;
    for (const { at } of this.#pending) if (soonest === undefined || at < soonest) soonest = at;
    return soonest;
  }

  /** Takes out what is due at `now`. */
  take(now: Instant): readonly Attempt[] {
    const due = this.#pending.filter(({ at }) => at <= now);
    if (due.length > 0) this.#pending = this.#pending.filter(({ at }) => at > now);
    return due;
  }

  /**
   * Silence is worth another try. Who refuses once refuses again, but for a peer with which an SA stood before: after a start of
   * its own it hears us before it knows us, and who tries without end is not to be put off by that.
   */
  #afterFailure(ending: Ending, record: Record): readonly (string | undefined)[] {
    const { connection, ours, failure, children } = ending;
    if (!ours) return [];
    if (isUnreachable(ending)) {
      if (this.#retryInterval === 0) return [];
    } else {
      const isPutOff = !record.lost || connection.keyingTries !== 0 || !isOfPeer(failure);
      if (failure?.code !== 'peer/silent' && isPutOff) return [];
      record.attempts++;
      if (connection.keyingTries !== 0 && record.attempts >= connection.keyingTries) return [];
    }
    return children.length === 0 ? [undefined] : children.map(({ name }) => name);
  }
}

/** The peer, not we, would not have it. */
function isOfPeer(failure: Failure | undefined): boolean {
  return failure?.code === 'auth/refused-by-peer' || failure?.code.startsWith('peer/') === true;
}

/** Its name had no address, or none of ours leads there. */
function isUnreachable({ establishedAt, failure }: Ending): boolean {
  return establishedAt === undefined && failure?.code === 'local/address';
}

function toRestart({ failure, children }: Ending): readonly string[] {
  return [...new Set(children.filter(config => afterLoss(config, failure).start).map(({ name }) => name))];
}
