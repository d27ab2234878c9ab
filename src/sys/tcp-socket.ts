import { formatIp, type IpAddress } from '../lib/ip.ts';
import { SystemFailure } from './failure.ts';
import { checked, type Libc } from './libc.ts';
import { addressOf, allocate, type Memory } from './memory.ts';
import { domainOf, familyOf, type SocketEndpoint, socketAddress } from './socket-address.ts';
import { exemptFromIpsec, localOf, remoteOf } from './socket-ends.ts';

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_ULP = 31;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

const EINTR = 4;
const ENOENT = 2;
const EAGAIN = 11;
const ECONNABORTED = 103;
const ENOBUFS = 105;
const EINPROGRESS = 115;

/** Whoever has not been accepted yet. */
const BACKLOG = 511;
/** The longest message of ESP in TCP. */
const LARGEST = 0xffff;

/** One for all connections of this thread: what came is copied before anything else comes. */
let buffer: Memory | undefined;

/** A protocol on top of TCP in the kernel: it cuts the stream into messages and keeps those of ESP (RFC 9329). */
const ULP = new TextEncoder().encode('espintcp\0');

export interface TcpOptions {
  /** Exempt from IPsec policies in both directions, with all connections that are accepted. Needs CAP_NET_ADMIN. */
  readonly ipsecBypass?: boolean;
}

/** A non-blocking connection, or one that is being opened. All throw SystemFailure. */
export class TcpSocket {
  readonly fd: number;
  readonly #libc: Libc;
  #closed = false;

  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.fd = fd;
  }

  /** Its own end. */
  get local(): SocketEndpoint {
    return localOf(this.#libc, this.fd);
  }

  /** The peer's end, once it is connected. */
  get remote(): SocketEndpoint {
    return remoteOf(this.#libc, this.fd);
  }

  /** To be called when it is writable: throws where the peer could not be reached. */
  connected(): void {
    const { words, address } = allocate(8);
    words[1] = 4;
    checked(
      this.#libc,
      this.#libc.getsockopt(this.fd, SOL_SOCKET, SO_ERROR, address, address + 4),
      'getsockopt',
    );
    if (words[0] !== 0) throw new SystemFailure(words[0] as number, 'connect');
  }

  /** Octets, or with `carryEsp` one message without its length. False where it would have to wait: nothing was sent. */
  send(octets: Uint8Array): boolean {
    const sent = this.#libc.send(this.fd, addressOf(octets), octets.length, MSG_DONTWAIT);
    return sent >= 0 || !this.#mustWait('send', ENOBUFS);
  }

  /** At most `most` octets, or with `carryEsp` one message; undefined where nothing has come, `end` where nothing will. */
  receive(most = LARGEST): Uint8Array | 'end' | undefined {
    buffer ??= allocate(LARGEST);
    const count = this.#libc.recv(this.fd, buffer.address, most, MSG_DONTWAIT);
    if (count > 0) return buffer.bytes.slice(0, count);
    if (count === 0) return 'end';
    this.#mustWait('recv', EINTR);
    return undefined;
  }

  /**
   * From here on the kernel's IPsec takes the ESP of the stream, and sends its own by it; messages of IKE alone come and
   * go here. What was read before must have ended with a message. ENOENT where the kernel cannot.
   */
  carryEsp(): void {
    const result = this.#libc.setsockopt(this.fd, IPPROTO_TCP, TCP_ULP, addressOf(ULP), ULP.length);
    checked(this.#libc, result, 'setsockopt TCP_ULP espintcp');
  }

  /** What was sent still goes. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.fd);
  }

  #mustWait(call: string, further: number): true {
    const errno = this.#libc.errno();
    if (errno === EAGAIN || errno === EINTR || errno === further) return true;
    throw new SystemFailure(errno, call);
  }
}

/** A socket that takes connections. */
export class TcpListener {
  readonly fd: number;
  readonly #libc: Libc;

  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.fd = fd;
  }

  /** With the real port. */
  get local(): SocketEndpoint {
    return localOf(this.#libc, this.fd);
  }

  /** The next connection; undefined where there is none. Throws SystemFailure, such as EMFILE. */
  accept(): TcpSocket | undefined {
    const fd = this.#libc.accept4(this.fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      liven(this.#libc, fd);
      return new TcpSocket(this.#libc, fd);
    }
    const errno = this.#libc.errno();
    if (errno === EAGAIN || errno === EINTR || errno === ECONNABORTED) return undefined;
    throw new SystemFailure(errno, 'accept');
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}

/** Listens; on `::` to IPv6 alone. Throws SystemFailure. */
export function listenTcp(libc: Libc, where: SocketEndpoint, options: TcpOptions = {}): TcpListener {
  const fd = open(libc, where.address, options);
  try {
    if (familyOf(where.address) === 6) set(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY);
    set(libc, fd, SOL_SOCKET, SO_REUSEADDR);
    bind(libc, fd, where);
    checked(libc, libc.listen(fd, BACKLOG), 'listen');
    return new TcpListener(libc, fd);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Begins to connect, from `from` where that is said; `connected` tells what became of it, once it is writable. Throws SystemFailure. */
export function connectTcp(
  libc: Libc,
  to: SocketEndpoint,
  options: TcpOptions & { readonly from?: IpAddress } = {},
): TcpSocket {
  const fd = open(libc, to.address, options);
  try {
    if (options.from !== undefined) bind(libc, fd, { address: options.from, port: 0 });
    liven(libc, fd);
    const name = socketAddress(to);
    if (libc.connect(fd, addressOf(name), name.length) < 0 && libc.errno() !== EINPROGRESS)
      throw new SystemFailure(libc.errno(), `connect ${formatIp(to.address)} port ${to.port}`);
    return new TcpSocket(libc, fd);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Whether the kernel's IPsec goes by TCP: some are built without. */
export function canCarryEsp(libc: Libc): boolean {
  const socket = new TcpSocket(libc, open(libc, new Uint8Array(4), {}));
  try {
    socket.carryEsp();
    return true;
  } catch (error) {
    // Whoever has the protocol may still miss the connection.
    return error instanceof SystemFailure && error.errno !== ENOENT && error.code !== 'ENOPROTOOPT';
  } finally {
    socket.close();
  }
}

function open(libc: Libc, address: IpAddress, { ipsecBypass }: TcpOptions): number {
  const family = familyOf(address);
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = checked(libc, libc.socket(domainOf(family), type, 0), 'socket');
  try {
    if (ipsecBypass === true) exemptFromIpsec(libc, fd, family);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Messages go at once, and a peer that is gone is noticed. */
function liven(libc: Libc, fd: number): void {
  set(libc, fd, IPPROTO_TCP, TCP_NODELAY);
  set(libc, fd, SOL_SOCKET, SO_KEEPALIVE);
}

function bind(libc: Libc, fd: number, where: SocketEndpoint): void {
  const name = socketAddress(where);
  const call = `bind ${formatIp(where.address)} port ${where.port}`;
  checked(libc, libc.bind(fd, addressOf(name), name.length), call);
}

function set(libc: Libc, fd: number, level: number, option: number): void {
  const on = new Uint8Array(Int32Array.of(1).buffer);
  checked(
    libc,
    libc.setsockopt(fd, level, option, addressOf(on), on.length),
    `setsockopt ${level} ${option}`,
  );
}
