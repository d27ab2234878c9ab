import type { Instant } from '../lib/time.ts';

/** A handful of named timers of one SA: each at most once, the soonest first. */
export class Timers<Name extends string> {
  readonly #at = new Map<Name, Instant>();

  set(name: Name, at: Instant): void {
    this.#at.set(name, at);
  }

  clear(name: Name): void {
    this.#at.delete(name);
  }

  get(name: Name): Instant | undefined {
    return this.#at.get(name);
  }

  /** When the soonest is due. */
  get deadline(): Instant | undefined {
    let soonest: Instant | undefined;
    for (const at of this.#at.values()) if (soonest === undefined || at < soonest) soonest = at;
    return soonest;
  }

  /** Takes out a timer that is due, the soonest first; undefined when none is. */
  take(now: Instant): Name | undefined {
    let soonest: Name | undefined;
    let best = now;
    for (const [name, at] of this.#at) {
      if (at < best || (at === best && soonest === undefined)) {
        soonest = name;
        best = at;
      }
    }
    if (soonest !== undefined) this.#at.delete(soonest);
    return soonest;
  }
}
