import { checked, type Libc } from './libc.ts';
import { allocate, type Memory } from './memory.ts';

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

/** An eventfd: one thread rings, another that sleeps in `poll` wakes up. Rings before the waking count as one. */
export class Wakeup {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #one: Memory = allocate(8);
  readonly #counter: Memory = allocate(8);
  #closed = false;

  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.fd = fd;
    this.#one.words[0] = 1;
  }

  signal(): void {
    this.#libc.write(this.fd, this.#one.address, 8);
  }

  /** Takes the rings, so that the next `poll` waits again. */
  clear(): void {
    this.#libc.read(this.fd, this.#counter.address, 8);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.fd);
  }
}

export function openWakeup(libc: Libc): Wakeup {
  return new Wakeup(libc, checked(libc, libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd'));
}
