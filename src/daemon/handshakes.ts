import type { IkeEvent } from '../ike/output.ts';
import { MINUTE } from '../lib/time.ts';
import { Lately } from './lately.ts';

/** Upper bounds of the buckets, seconds. */
export const BOUNDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BEGINNINGS = /^(?:IKE_SA_INIT|MAIN_MODE|AGGRESSIVE) /;
/** Negotiations that are under way at once and measured, and how long one may take that is: others came to nothing. */
const CAPACITY = 16_384;
const LONGEST = 10 * MINUTE;

export interface Latencies {
  /** How many took no longer than each bound, all that took less included. */
  readonly buckets: readonly number[];
  readonly count: number;
  /** Seconds. */
  readonly sum: number;
}

/** Measures how long IKE SAs take from their first message to being established, by our role. */
export class Handshakes {
  readonly #begun = new Lately<number, number>(CAPACITY, LONGEST);
  readonly #taken = { initiator: empty(), responder: empty() };

  note(event: IkeEvent): void {
    if (event.kind === 'message') {
      if (BEGINNINGS.test(event.text) && this.#begun.get(event.ike) === undefined)
        this.#begun.note(event.ike, event.at, event.at);
    } else if (event.kind === 'ike-up') {
      const begun = this.#begun.get(event.ike.id);
      this.#begun.forget(event.ike.id);
      if (begun === undefined) return;
      const seconds = (event.at - begun) / 1000;
      const taken = this.#taken[event.ike.role];
      taken.count++;
      taken.sum += seconds;
      BOUNDS.forEach((bound, i) => {
        if (seconds <= bound) taken.buckets[i] = (taken.buckets[i] ?? 0) + 1;
      });
    }
  }

  of(role: 'initiator' | 'responder'): Latencies {
    return this.#taken[role];
  }
}

function empty(): { buckets: number[]; count: number; sum: number } {
  return { buckets: BOUNDS.map(() => 0), count: 0, sum: 0 };
}
