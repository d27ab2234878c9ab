import { SystemFailure } from './failure.ts';
import type { Libc } from './libc.ts';
import { allocate, type Memory } from './memory.ts';

const POLLIN = 0x01;
const POLLOUT = 0x04;
const POLLERR = 0x08;
const POLLHUP = 0x10;
const POLLNVAL = 0x20;
const EINTR = 4;

/** A fixed set of descriptors to sleep on: for a thread of its own, since `wait` blocks it. */
export class Poller {
  readonly #libc: Libc;
  /** struct pollfd, 8 octets each: descriptor, wanted events (2), events that came (2). */
  readonly #set: Memory;
  readonly #count: number;

  constructor(libc: Libc, fds: readonly number[]) {
    this.#libc = libc;
    this.#count = fds.length;
    this.#set = allocate(fds.length * 8);
    fds.forEach((fd, i) => {
      this.#set.words[2 * i] = fd;
      this.#set.words[2 * i + 1] = POLLIN;
    });
  }

  /** Sleeps until a descriptor is ready, or `timeoutMs` passed (−1: for ever). How many are ready; 0 on a signal too. */
  wait(timeoutMs: number): number {
    const ready = this.#libc.poll(this.#set.address, this.#count, timeoutMs);
    if (ready >= 0) return ready;
    const errno = this.#libc.errno();
    if (errno !== EINTR) throw new SystemFailure(errno, 'poll');
    for (let i = 0; i < this.#count; i++) this.#set.bytes.fill(0, 8 * i + 6, 8 * i + 8);
    return 0;
  }

  /** Readable, or in a state that reading will tell about. */
  readable(i: number): boolean {
    return (this.#came(i) & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) !== 0;
  }

  writable(i: number): boolean {
    return (this.#came(i) & POLLOUT) !== 0;
  }

  /** Waits for room to write as well: on while a send buffer is full. */
  watchWritable(i: number, on: boolean): void {
    this.#set.bytes[8 * i + 4] = on ? POLLIN | POLLOUT : POLLIN;
  }

  /** Leaves a descriptor out of the waiting, or takes it in again: back pressure. */
  watchReadable(i: number, on: boolean): void {
    const at = 8 * i + 4;
    const now = this.#set.bytes[at] as number;
    this.#set.bytes[at] = on ? now | POLLIN : now & ~POLLIN;
  }

  #came(i: number): number {
    return (this.#set.words[2 * i + 1] as number) >>> 16;
  }
}
