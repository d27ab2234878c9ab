import type { Instant } from '../lib/time.ts';

interface Entry<Item> {
  readonly at: Instant;
  readonly item: Item;
}

/**
 * Who is due when: a binary heap in which an item stands once for every time it was ever set to; entries that no
 * longer hold are skipped when they come up. Setting costs O(log n), an unchanged time nothing.
 */
export class Agenda<Item> {
  readonly #heap: Entry<Item>[] = [];
  readonly #current = new Map<Item, Instant>();

  /** The item is due at `at` and no other time; undefined: never. */
  set(item: Item, at: Instant | undefined): void {
    if (this.#current.get(item) === at) return;
    if (at === undefined) {
      this.#current.delete(item);
      return;
    }
    this.#current.set(item, at);
    this.#push({ at, item });
    // Times mostly move on before they come up: without this, an SA that is busy for days would fill the heap.
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#current.size) this.#rebuild();
  }

  /** The earliest time of all. */
  get next(): Instant | undefined {
    let top = this.#heap[0];
    while (top !== undefined && this.#current.get(top.item) !== top.at) {
      this.#pop();
      top = this.#heap[0];
    }
    return top?.at;
  }

  /** Takes out an item that is due at `now`, the earliest first; undefined when there is none. */
  take(now: Instant): Item | undefined {
    const next = this.next;
    if (next === undefined || next > now) return undefined;
    const { item } = this.#heap[0] as Entry<Item>;
    this.#pop();
    this.#current.delete(item);
    return item;
  }

  /** Takes out all that are due at `now`, the earliest first. */
  takeAll(now: Instant): readonly Item[] {
    const due: Item[] = [];
    for (let item = this.take(now); item !== undefined; item = this.take(now)) due.push(item);
    return due;
  }

  #rebuild(): void {
    this.#heap.length = 0;
    for (const [item, at] of this.#current) this.#push({ at, item });
  }

  #push(entry: Entry<Item>): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Entry<Item>;
      if (above.at <= entry.at) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Entry<Item>).at < (heap[child] as Entry<Item>).at)
        child++;
      const below = heap[child] as Entry<Item>;
      if (below.at >= last.at) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}
