import { SystemFailure } from './failure.ts';
import { checked, type Libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const TUNSETIFF = 0x4004_54ca;
const TUNGETIFF = 0x8004_54d2;
const SIOCGIFINDEX = 0x8933;
const IFF_TUN = 0x0001;
/** Packets come bare, without four octets of flags and protocol before them. */
const IFF_NO_PI = 0x1000;
/** struct ifreq: 16 octets of name, then a union. */
const IFREQ = 40;
const NAME = 16;

const EINTR = 4;
const EIO = 5;
const EAGAIN = 11;
const EINVAL = 22;
const ENOBUFS = 105;

/** A network interface whose packets are read and written here: IP without any header before it. Non-blocking. */
export class Tun {
  readonly fd: number;
  readonly name: string;
  /** Interface index, for routes and addresses. */
  readonly index: number;
  readonly #libc: Libc;
  #closed = false;

  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.fd = fd;
    const request = allocate(IFREQ);
    checked(libc, libc.ioctl(fd, TUNGETIFF, request.address), 'ioctl TUNGETIFF');
    this.name = nameIn(request.bytes);
    this.index = indexOf(libc, request.bytes);
  }

  /** One packet into `buffer` from `start`: its length (cut to what fits), or 0 when none waits. */
  read(buffer: Uint8Array, start: number): number {
    const length = this.#libc.read(this.fd, addressOf(buffer) + start, room(buffer, start));
    if (length >= 0) return length;
    return this.#refused('read', EAGAIN);
  }

  /** Hands `length` octets from `start` to the network stack. False where it did not take them: queue full, interface down, no IP packet. */
  write(buffer: Uint8Array, start: number, length: number): boolean {
    if (length > room(buffer, start)) throw new RangeError('outside of the buffer');
    const written = this.#libc.write(this.fd, addressOf(buffer) + start, length);
    return written >= 0 || this.#refused('write', EAGAIN, EINVAL, ENOBUFS) !== 0;
  }

  /** The interface goes with its last descriptor. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.fd);
  }

  /** An interface that is down says EIO, in both directions: no more than silence. */
  #refused(call: string, ...harmless: readonly number[]): 0 {
    const errno = this.#libc.errno();
    if (errno === EINTR || errno === EIO || harmless.includes(errno)) return 0;
    throw new SystemFailure(errno, `${call} ${this.name}`);
  }
}

/** Makes an interface (needs CAP_NET_ADMIN), or takes an existing persistent one. `%d` in the name is numbered by the kernel. */
export function openTun(libc: Libc, name: string): Tun {
  const octets = new TextEncoder().encode(name);
  if (octets.length >= NAME) throw new SystemFailure(EINVAL, `interface name "${name}"`);
  const fd = checked(libc, libc.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC), 'open /dev/net/tun');
  try {
    const request = allocate(IFREQ);
    request.bytes.set(octets);
    request.words[NAME >> 2] = IFF_TUN | IFF_NO_PI;
    checked(libc, libc.ioctl(fd, TUNSETIFF, request.address), `ioctl TUNSETIFF ${name}`);
    return new Tun(libc, fd);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function room(buffer: Uint8Array, start: number): number {
  if (start < 0 || start > buffer.length) throw new RangeError('outside of the buffer');
  return buffer.length - start;
}

function nameIn(request: Uint8Array): string {
  return new TextDecoder().decode(request.subarray(0, request.subarray(0, NAME).indexOf(0)));
}

/** Asks by a socket of its own: the TUN descriptor does not know interface ioctls. */
function indexOf(libc: Libc, name: Uint8Array): number {
  const fd = checked(libc, libc.socket(2, 2 | O_CLOEXEC, 0), 'socket');
  try {
    const request = allocate(IFREQ);
    request.bytes.set(name.subarray(0, NAME));
    checked(libc, libc.ioctl(fd, SIOCGIFINDEX, request.address), 'ioctl SIOCGIFINDEX');
    return request.words[NAME >> 2] as number;
  } finally {
    libc.close(fd);
  }
}
