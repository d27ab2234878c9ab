import type { Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';

/** A message that may have overtaken the last one of phase 1. */
export interface HeldMessage {
  readonly datagram: Uint8Array;
  readonly header: Header;
  readonly path: Path;
}

/** Anybody can send such messages: so many are kept, of this size at most. */
const MOST = 4;
const LARGEST = 4096;

/** What came too early to be read. */
export class Held {
  #messages: readonly HeldMessage[] = [];

  add({ datagram, header, path }: HeldMessage): void {
    if (this.#messages.length >= MOST || datagram.length > LARGEST) return;
    this.#messages = [...this.#messages, { datagram: datagram.slice(), header, path }];
  }

  /** Takes out all, in order. */
  take(): readonly HeldMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }
}
