import type { ChildConfig, Connection } from '../policy/connection.ts';
import { isUnique } from '../policy/kernel-config.ts';

/** More pairs of selectors than this are not remembered: the one used longest ago gets another number next time. */
const CAPACITY = 65_536;

export interface ReqidOwner {
  readonly connection: string;
  readonly child: string;
}

/** The numbers that tie policies to SAs: the same for the same child with the same selectors, whenever it is made. */
export class Reqids {
  readonly #numbers = new Map<string, number>();
  readonly #owners = new Map<number, ReqidOwner>();
  #last: number;

  /** `first`: where those begin that are chosen here. */
  constructor(first = 1) {
    this.#last = first - 1;
  }

  /**
   * The number of a child; the configured one where there is one. Children with unique marks have another each time:
   * they may have the selectors of another peer behind the same NAT.
   */
  take(connection: Connection, child: ChildConfig, selectors: string): number {
    const shared = `${connection.name}\0${child.name}\0${selectors}`;
    const known = this.#numbers.get(shared);
    const isOwn = child.kernel !== undefined && isUnique(child.kernel);
    const number = isOwn || known === undefined ? (child.reqid > 0 ? child.reqid : this.next()) : known;
    const key = isOwn ? `${shared}\0${number}` : shared;
    // Moved to the end: iteration begins with the one used longest ago.
    this.#numbers.delete(key);
    this.#numbers.set(key, number);
    this.#owners.set(number, { connection: connection.name, child: child.name });
    if (this.#numbers.size > CAPACITY) this.#forgetOldest();
    return number;
  }

  /** Whose number it is. */
  ownerOf(number: number): ReqidOwner | undefined {
    return this.#owners.get(number);
  }

  /** A number that nothing has. */
  next(): number {
    do this.#last = (this.#last % 0x7fff_ffff) + 1;
    while (this.#owners.has(this.#last));
    return this.#last;
  }

  #forgetOldest(): void {
    for (const [key, number] of this.#numbers) {
      this.#numbers.delete(key);
      this.#owners.delete(number);
      return;
    }
  }
}
