import type { Duration, Instant } from '../lib/time.ts';

/**
 * What was noted lately, by key: what is older than `span` goes when something new is noted, and so does the oldest where there
 * are more than `capacity`. Keys are in the order in which they were noted last.
 */
export class Lately<Key, Value> {
  readonly #capacity: number;
  readonly #span: Duration;
  readonly #entries = new Map<Key, { readonly value: Value; readonly at: Instant }>();

  constructor(capacity: number, span: Duration) {
    this.#capacity = capacity;
    this.#span = span;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  note(key: Key, value: Value, at: Instant): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, at });
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#capacity && entry.at >= at - this.#span) return;
      this.#entries.delete(oldest);
    }
  }

  forget(key: Key): void {
    this.#entries.delete(key);
  }
}
