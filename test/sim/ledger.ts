import assert from 'node:assert/strict';
import type { IkeEvent } from '../../src/ike/output.ts';

/** Keeps the books of a host's events: whatever goes up goes down once, and is replaced only while it is up. */
export class Ledger {
  readonly #who: string;
  readonly #children = new Set<number>();
  readonly #ikes = new Set<number>();

  constructor(who: string) {
    this.#who = who;
  }

  get children(): readonly number[] {
    return [...this.#children];
  }

  get ikes(): readonly number[] {
    return [...this.#ikes];
  }

  enter(event: IkeEvent): void {
    switch (event.kind) {
      case 'child-up':
        this.#up(this.#children, event.child.id, event.kind);
        break;
      case 'child-down':
        this.#down(this.#children, event.child.id, event.kind);
        break;
      case 'child-rekey':
        this.#down(this.#children, event.old.id, event.kind);
        this.#up(this.#children, event.new.id, event.kind);
        break;
      case 'ike-up':
        this.#up(this.#ikes, event.ike.id, event.kind);
        break;
      case 'ike-down':
        this.#down(this.#ikes, event.ike.id, event.kind);
        break;
      case 'ike-rekey':
        this.#down(this.#ikes, event.old.id, event.kind);
        this.#up(this.#ikes, event.new.id, event.kind);
        break;
    }
  }

  #up(set: Set<number>, id: number, what: string): void {
    assert.ok(!set.has(id), `${this.#who}: ${what} of ${id}, which is up already`);
    set.add(id);
  }

  #down(set: Set<number>, id: number, what: string): void {
    assert.ok(set.delete(id), `${this.#who}: ${what} of ${id}, which is not up`);
  }
}
