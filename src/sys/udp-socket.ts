import { formatIp, type IpAddress } from '../lib/ip.ts';
import type { DatagramBatch } from './datagram-batch.ts';
import { attachSteering } from './esp-steering.ts';
import { SystemFailure } from './failure.ts';
import { checked, type Libc } from './libc.ts';
import { addressOf } from './memory.ts';
import { domainOf, familyOf, type SocketEndpoint, socketAddress } from './socket-address.ts';
import { exemptFromIpsec, localOf } from './socket-ends.ts';

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;

const SOL_SOCKET = 1;
const IPPROTO_IP = 0;
const IPPROTO_UDP = 17;
const IPPROTO_IPV6 = 41;

/** Level and name of each option, by address family where they differ (asm-generic: x86 and ARM alike). */
const OPTION = {
  reuseAddress: { 4: [SOL_SOCKET, 2], 6: [SOL_SOCKET, 2] },
  sendBuffer: { 4: [SOL_SOCKET, 7], 6: [SOL_SOCKET, 7] },
  receiveBuffer: { 4: [SOL_SOCKET, 8], 6: [SOL_SOCKET, 8] },
  device: { 4: [SOL_SOCKET, 25], 6: [SOL_SOCKET, 25] },
  sendBufferForce: { 4: [SOL_SOCKET, 32], 6: [SOL_SOCKET, 32] },
  receiveBufferForce: { 4: [SOL_SOCKET, 33], 6: [SOL_SOCKET, 33] },
  reusePort: { 4: [SOL_SOCKET, 15], 6: [SOL_SOCKET, 15] },
  mark: { 4: [SOL_SOCKET, 36], 6: [SOL_SOCKET, 36] },
  packetInfo: { 4: [IPPROTO_IP, 8], 6: [IPPROTO_IPV6, 49] },
  trafficClass: { 4: [IPPROTO_IP, 13], 6: [IPPROTO_IPV6, 66] },
  pathMtuDiscovery: { 4: [IPPROTO_IP, 10], 6: [IPPROTO_IPV6, 23] },
  v6Only: { 4: [IPPROTO_IPV6, 26], 6: [IPPROTO_IPV6, 26] },
  udpEncap: { 4: [IPPROTO_UDP, 100], 6: [IPPROTO_UDP, 100] },
} as const;

/** IP_PMTUDISC_DONT: never the DF bit, and no limit by a cached path MTU. The same number for IPv6. */
const PMTUDISC_DONT = 0;
/** IP_PMTUDISC_DO: always the DF bit, and EMSGSIZE for what is longer than the path's MTU as far as that is known. */
const PMTUDISC_DO = 2;
/** UDP_ENCAP_ESPINUDP (RFC 3948): the kernel takes ESP and keepalives, and passes on what has the non-ESP marker. */
const ESP_IN_UDP = 2;

export interface UdpSocketOptions {
  /** 0.0.0.0 or :: for all addresses of that family. */
  readonly address: IpAddress;
  /** 0 picks a free one. */
  readonly port: number;
  /** Report the address each datagram was sent to (IP_PKTINFO). */
  readonly packetInfo?: boolean;
  /** Report the TOS octet or Traffic Class of each datagram (IP_RECVTOS). */
  readonly trafficClass?: boolean;
  readonly reuseAddress?: boolean;
  /**
   * Several sockets of this process on one address and port: `first` makes sure that nobody else holds it, `further`
   * joins. Among them `steerEsp` decides.
   */
  readonly share?: 'first' | 'further';
  /** Network interface to bind to, by name. */
  readonly device?: string;
  /** Hand ESP to the kernel's IPsec. */
  readonly espInUdp?: boolean;
  /** No DF bit: large IKE messages are cut by IP where need be. */
  readonly fragment?: boolean;
  /** Octets. With CAP_NET_ADMIN beyond the system's limit. */
  readonly receiveBuffer?: number;
  readonly sendBuffer?: number;
  readonly mark?: number;
  /** Exempt from IPsec policies in both directions: IKE must not be caught by the SAs it makes. Needs CAP_NET_ADMIN. */
  readonly ipsecBypass?: boolean;
}

/** A non-blocking UDP socket of one address family. */
export class UdpSocket {
  readonly fd: number;
  readonly family: 4 | 6;
  /** What it is bound to, with the real port. */
  readonly local: SocketEndpoint;
  readonly #libc: Libc;
  #whole: boolean | undefined;
  #closed = false;

  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.fd = fd;
    this.local = localOf(libc, fd);
    this.family = familyOf(this.local.address);
  }

  /** Takes what waits, up to the batch's capacity, without waiting itself: how many slots were filled. */
  receive(batch: DatagramBatch): number {
    batch.arm();
    const count = this.#libc.recvmmsg(this.fd, batch.headers, batch.capacity, MSG_DONTWAIT, 0);
    if (count < 0) return this.#nothing('recvmmsg');
    batch.filled(count);
    return count;
  }

  /**
   * Sends slots `from` … `from + count − 1`: how many went out, fewer where the buffer is full. A datagram that the
   * system refuses (no route, too long) throws when it is the first; the caller leaves it out and goes on.
   */
  send(batch: DatagramBatch, from: number, count: number): number {
    const sent = this.#libc.sendmmsg(this.fd, batch.headers + from * batch.headerSize, count, MSG_DONTWAIT);
    return sent < 0 ? this.#nothing('sendmmsg') : sent;
  }

  /** Whether what is sent from now on must not be fragmented, by this host or by routers. Throws SystemFailure. */
  keepWhole(whole: boolean): void {
    if (this.#whole === whole) return;
    const [level, name] = OPTION.pathMtuDiscovery[this.family];
    const value = new Uint8Array(Int32Array.of(whole ? PMTUDISC_DO : PMTUDISC_DONT).buffer);
    const result = this.#libc.setsockopt(this.fd, level, name, addressOf(value), value.length);
    checked(this.#libc, result, 'setsockopt pathMtuDiscovery');
    this.#whole = whole;
  }

  /**
   * On the first of several sockets that share a port: ESP, whose SPI is not zero, goes to the further ones, the SPI
   * modulo `shards` choosing among them; all the rest (IKE, keepalives) stays here. Throws SystemFailure.
   */
  steerEsp(shards: number): void {
    attachSteering(this.#libc, this.fd, shards);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.fd);
  }

  /** Zero where the call would have had to wait, or where an ICMP error of an earlier datagram was reported. */
  #nothing(call: string): 0 {
    const errno = this.#libc.errno();
    if (errno === EAGAIN || errno === EINTR || errno === ECONNREFUSED) return 0;
    throw new SystemFailure(errno, call);
  }
}

const EINTR = 4;
const EAGAIN = 11;
const ECONNREFUSED = 111;

/** Creates, configures and binds; closes again whatever fails half-way. Throws SystemFailure. */
export function openUdp(libc: Libc, options: UdpSocketOptions): UdpSocket {
  if (options.share === 'first' && options.port !== 0) {
    // Sockets that share a port do not see each other as in the way, even those of another program of the same user.
    const { share: _, ...alone } = options;
    openUdp(libc, alone).close();
  }
  const family = familyOf(options.address);
  const fd = checked(
    libc,
    libc.socket(domainOf(family), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
    'socket',
  );
  try {
    configure(libc, fd, family, options);
    bindTo(libc, fd, options);
    return new UdpSocket(libc, fd);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function bindTo(libc: Libc, fd: number, endpoint: SocketEndpoint): void {
  const name = socketAddress(endpoint);
  const call = `bind ${formatIp(endpoint.address)} port ${endpoint.port}`;
  checked(libc, libc.bind(fd, addressOf(name), name.length), call);
}

function configure(libc: Libc, fd: number, family: 4 | 6, options: UdpSocketOptions): void {
  const set = (option: keyof typeof OPTION, value: number | Uint8Array): number => {
    const octets = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : value;
    const [level, name] = OPTION[option][family];
    return libc.setsockopt(fd, level, name, addressOf(octets), octets.length);
  };
  const demand = (option: keyof typeof OPTION, value: number | Uint8Array): void => {
    checked(libc, set(option, value), `setsockopt ${option}`);
  };
  if (family === 6) demand('v6Only', 1);
  if (options.reuseAddress === true) demand('reuseAddress', 1);
  if (options.share !== undefined) demand('reusePort', 1);
  if (options.packetInfo === true) demand('packetInfo', 1);
  if (options.trafficClass === true) demand('trafficClass', 1);
  if (options.fragment === true) demand('pathMtuDiscovery', PMTUDISC_DONT);
  if (options.device !== undefined) demand('device', new TextEncoder().encode(`${options.device}\0`));
  if (options.mark !== undefined) demand('mark', options.mark);
  if (options.receiveBuffer !== undefined && set('receiveBufferForce', options.receiveBuffer) < 0)
    demand('receiveBuffer', options.receiveBuffer);
  if (options.sendBuffer !== undefined && set('sendBufferForce', options.sendBuffer) < 0)
    demand('sendBuffer', options.sendBuffer);
  if (options.ipsecBypass === true) exemptFromIpsec(libc, fd, family);
  if (options.espInUdp === true) demand('udpEncap', ESP_IN_UDP);
}
