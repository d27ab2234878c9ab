import { type IpAddress, isV4 } from '../lib/ip.ts';
import { allocate, type Memory, setPointer } from './memory.ts';
import { AF_INET, readSocketAddress, SOCKET_ADDRESS_ROOM, type SocketEndpoint } from './socket-address.ts';

/**
 * Slots for recvmmsg and sendmmsg, laid out once and used for ever: nothing is allocated per packet.
 *
 * struct mmsghdr, 64 octets on 64-bit Linux (musl splits the two lengths of eight octets into four and padding,
 * which in little-endian order with the upper half zero is the same):
 *   0 name · 8 name length (4) · 16 iov · 24 iov count · 32 control · 40 control length · 48 flags (4) · 56 length (4)
 */
const HEADER = 64;
const IOVEC = 16;
const CONTROL = 64;

const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IP_TOS = 1;
const IP_PKTINFO = 8;
const IPV6_PKTINFO = 50;
const IPV6_TCLASS = 67;
const MSG_TRUNC = 0x20;

export interface BatchOptions {
  readonly slots: number;
  /** Octets; a datagram that is longer arrives cut and marked as such. */
  readonly slotSize: number;
}

export class DatagramBatch {
  readonly capacity: number;
  readonly slotSize: number;
  /** Of the first header, for the system calls. */
  readonly headers: number;
  /** From one header to the next, octets. */
  readonly headerSize = HEADER;
  readonly #memory: Memory;
  readonly #slots: readonly Uint8Array[];
  readonly #namesAt: number;
  readonly #iovecsAt: number;
  readonly #controlsAt: number;
  readonly #slotsAt: number;
  /** Slots from 0 on whose headers are not as `recvmmsg` needs them. */
  #used: number;

  constructor(options: BatchOptions) {
    const { slots } = options;
    const slotSize = (options.slotSize + 63) & ~63;
    this.capacity = slots;
    this.#used = slots;
    this.slotSize = slotSize;
    this.#iovecsAt = slots * HEADER;
    this.#namesAt = this.#iovecsAt + slots * IOVEC;
    this.#controlsAt = this.#namesAt + slots * SOCKET_ADDRESS_ROOM;
    this.#slotsAt = this.#controlsAt + slots * CONTROL;
    const memory = allocate(this.#slotsAt + slots * slotSize);
    this.#memory = memory;
    this.headers = memory.address;
    for (let i = 0; i < slots; i++) {
      const header = i * HEADER;
      setPointer(memory.words, header, memory.address + this.#namesAt + i * SOCKET_ADDRESS_ROOM);
      setPointer(memory.words, header + 16, memory.address + this.#iovecsAt + i * IOVEC);
      setPointer(memory.words, header + 24, 1);
      setPointer(memory.words, header + 32, memory.address + this.#controlsAt + i * CONTROL);
    }
    this.#slots = Array.from({ length: slots }, (_, i) => {
      const at = this.#slotsAt + i * slotSize;
      return memory.bytes.subarray(at, at + slotSize);
    });
  }

  /** The whole slot: always the same view. */
  slot(i: number): Uint8Array {
    return this.#slots[i] as Uint8Array;
  }

  /** Octets that arrived in the slot. */
  length(i: number): number {
    return this.#memory.words[(i * HEADER + 56) >> 2] as number;
  }

  /** Whether the datagram was longer than the slot. */
  truncated(i: number): boolean {
    return ((this.#memory.words[(i * HEADER + 48) >> 2] as number) & MSG_TRUNC) !== 0;
  }

  /** Whether the datagram came from `peer` (a result of `socketAddress`). Compares octets, allocates nothing. */
  peerMatches(i: number, peer: Uint8Array): boolean {
    const { bytes } = this.#memory;
    const at = this.#namesAt + i * SOCKET_ADDRESS_ROOM;
    // All but the scope of IPv6, which the kernel fills in for link-local peers.
    const length = Math.min(peer.length, 24);
    for (let k = 0; k < length; k++) {
      if ((k < 4 || k > 7 || length === 16) && bytes[at + k] !== peer[k]) return false;
    }
    return true;
  }

  /** Where the datagram came from. */
  peer(i: number): SocketEndpoint {
    const at = this.#namesAt + i * SOCKET_ADDRESS_ROOM;
    const endpoint = readSocketAddress(this.#memory.bytes.subarray(at, at + SOCKET_ADDRESS_ROOM));
    if (endpoint === undefined) throw new RangeError('the slot holds no datagram');
    return endpoint;
  }

  /** The raw sockaddr of the peer, a copy that `set` takes: keeps the scope of link-local peers. */
  peerAddress(i: number): Uint8Array {
    const at = this.#namesAt + i * SOCKET_ADDRESS_ROOM;
    return this.#memory.bytes.slice(at, at + (this.#memory.bytes[at] === AF_INET ? 16 : 28));
  }

  /** The address that the datagram was sent to; undefined unless the socket reports packet information. */
  localAddress(i: number): IpAddress | undefined {
    const { bytes } = this.#memory;
    const v4 = this.#told(i, IPPROTO_IP, IP_PKTINFO);
    if (v4 !== undefined) return bytes.slice(v4 + 8, v4 + 12);
    const v6 = this.#told(i, IPPROTO_IPV6, IPV6_PKTINFO);
    return v6 === undefined ? undefined : bytes.slice(v6, v6 + 16);
  }

  /** The TOS octet or Traffic Class that the datagram came with; 0 unless the socket reports it. */
  trafficClass(i: number): number {
    const at = this.#told(i, IPPROTO_IP, IP_TOS) ?? this.#told(i, IPPROTO_IPV6, IPV6_TCLASS);
    return at === undefined ? 0 : (this.#memory.bytes[at] as number);
  }

  /**
   * Makes slot `i` ready to be sent: `length` octets from `start`, to `peer` (a sockaddr). From a socket that is bound
   * to all addresses, `localAddress` chooses the source; without it the routing table does. `trafficClass` is the TOS
   * octet or Traffic Class; with 0 the socket's own.
   */
  set(
    i: number,
    start: number,
    length: number,
    peer: Uint8Array,
    localAddress?: IpAddress,
    trafficClass = 0,
  ): void {
    if (start < 0 || length < 0 || start + length > this.slotSize)
      throw new RangeError('outside of the slot');
    const { bytes, words } = this.#memory;
    const header = i * HEADER;
    bytes.set(peer, this.#namesAt + i * SOCKET_ADDRESS_ROOM);
    words[(header + 8) >> 2] = peer.length;
    this.#setIovec(i, start, length);
    let control = localAddress === undefined ? 0 : this.#setSource(i, localAddress);
    if (trafficClass !== 0) control += this.#setTrafficClass(i, control, peer[0] === AF_INET, trafficClass);
    words[(header + 40) >> 2] = control;
    if (i >= this.#used) this.#used = i + 1;
  }

  /** Makes every slot ready to receive: called by the socket. Only those that were used since need it. */
  arm(): void {
    const { words } = this.#memory;
    for (let i = 0; i < this.#used; i++) {
      const header = i * HEADER;
      words[(header + 8) >> 2] = SOCKET_ADDRESS_ROOM;
      words[(header + 40) >> 2] = CONTROL;
      words[(header + 48) >> 2] = 0;
      this.#setIovec(i, 0, this.slotSize);
    }
    this.#used = 0;
  }

  /** Called by the socket: the kernel filled this many slots, and shortened their lengths as it did. */
  filled(count: number): void {
    if (count > this.#used) this.#used = count;
  }

  #setIovec(i: number, start: number, length: number): void {
    const at = this.#iovecsAt + i * IOVEC;
    setPointer(this.#memory.words, at, this.#memory.address + this.#slotsAt + i * this.slotSize + start);
    setPointer(this.#memory.words, at + 8, length);
  }

  /** Where the data of a control message of this kind lies in slot `i`; undefined where there is none. */
  #told(i: number, level: number, type: number): number | undefined {
    const { words } = this.#memory;
    const control = this.#controlsAt + i * CONTROL;
    const end = control + (words[(i * HEADER + 40) >> 2] as number);
    for (let at = control; at + 16 <= end; ) {
      const length = words[at >> 2] as number;
      if (words[(at + 8) >> 2] === level && words[(at + 12) >> 2] === type) return at + 16;
      if (length < 16) break;
      at += (length + 7) & ~7;
    }
    return undefined;
  }

  /** Packet information with the source address alone (interface 0: any); its length with padding. */
  #setSource(i: number, address: IpAddress): number {
    const { bytes, words } = this.#memory;
    const at = this.#controlsAt + i * CONTROL;
    const v4 = isV4(address);
    words.fill(0, at >> 2, (at + CONTROL) >> 2);
    words[at >> 2] = v4 ? 28 : 36;
    words[(at + 8) >> 2] = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    words[(at + 12) >> 2] = v4 ? IP_PKTINFO : IPV6_PKTINFO;
    bytes.set(address, v4 ? at + 20 : at + 16);
    return v4 ? 32 : 40;
  }

  /** A control message behind `before` octets of others; its length with padding. */
  #setTrafficClass(i: number, before: number, v4: boolean, trafficClass: number): number {
    const { words } = this.#memory;
    const at = this.#controlsAt + i * CONTROL + before;
    words.fill(0, at >> 2, (at + 24) >> 2);
    words[at >> 2] = 20;
    words[(at + 8) >> 2] = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    words[(at + 12) >> 2] = v4 ? IP_TOS : IPV6_TCLASS;
    words[(at + 16) >> 2] = trafficClass;
    return 24;
  }
}
