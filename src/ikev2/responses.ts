/** What a request's Message ID says of it. */
export type Arrival = 'new' | 'being-served' | 'answered' | 'outside';

/**
 * Our side's responses: the peer's requests come one at a time (our window is 1, RFC 7296 §2.3). The last
 * response is kept to be sent again, bit for bit, when its request comes again; never on a timer (§2.1).
 */
export class Responses {
  #next: number;
  #serving = false;
  #last: readonly Uint8Array[] = [];

  /** @param next the Message ID of the first request to come */
  constructor(next = 0) {
    this.#next = next;
  }

  /** The Message ID of the request being served. */
  get current(): number {
    return this.#next - 1;
  }

  /** Whether a request awaits its response. */
  get serving(): boolean {
    return this.#serving;
  }

  get last(): readonly Uint8Array[] {
    return this.#last;
  }

  arrival(messageId: number): Arrival {
    if (messageId === this.#next) return this.#serving ? 'outside' : 'new';
    if (messageId === this.#next - 1) return this.#serving ? 'being-served' : 'answered';
    return 'outside';
  }

  /** A new, authentic request was taken up. What was stored before can no longer be asked for. */
  begin(): void {
    this.#next++;
    this.#serving = true;
    this.#last = [];
  }

  /** The response to the request being served. */
  answered(datagrams: readonly Uint8Array[]): void {
    this.#serving = false;
    this.#last = datagrams;
  }
}
