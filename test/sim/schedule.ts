import type { Instant } from '../../src/lib/time.ts';

interface Entry {
  readonly at: Instant;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

/** The virtual clock and all that is to happen on it; things due at one instant happen in the order they were planned. */
export class Schedule {
  #now: Instant;
  #order = 0;
  /** A binary heap by (at, order). */
  readonly #heap: Entry[] = [];

  constructor(start: Instant) {
    this.#now = start;
  }

  get now(): Instant {
    return this.#now;
  }

  /** Plans `action`; what lies in the past is due at once. Returns a function that takes it off again. */
  at(instant: Instant, action: () => void): () => void {
    const entry: Entry = { at: Math.max(instant, this.#now), order: this.#order++, action, cancelled: false };
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
    return () => {
      entry.cancelled = true;
    };
  }

  /** When the next thing is due; undefined when nothing is planned. */
  get next(): Instant | undefined {
    while (this.#heap[0]?.cancelled === true) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Does the next thing and turns the clock to it; false when nothing is planned up to `limit`. */
  step(limit: Instant): boolean {
    const next = this.next;
    if (next === undefined || next > limit) return false;
    const entry = this.#pop();
    this.#now = entry.at;
    entry.action();
    return true;
  }

  /** Turns the clock to `instant`, if it is not there yet. */
  advance(instant: Instant): void {
    this.#now = Math.max(this.#now, instant);
  }

  #pop(): Entry {
    const first = this.#heap[0] as Entry;
    const last = this.#heap.pop() as Entry;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#down(0);
    }
    return first;
  }

  #before(i: number, j: number): boolean {
    const a = this.#heap[i] as Entry;
    const b = this.#heap[j] as Entry;
    return a.at !== b.at ? a.at < b.at : a.order < b.order;
  }

  #swap(i: number, j: number): void {
    const held = this.#heap[i] as Entry;
    this.#heap[i] = this.#heap[j] as Entry;
    this.#heap[j] = held;
  }

  #up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < this.#heap.length && this.#before(left, least)) least = left;
      if (right < this.#heap.length && this.#before(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }
}
