import { type IpAddress, ipToBigInt, isV4 } from '../lib/ip.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';
import { type IpPacket, OPAQUE } from './ip-packet.ts';

const ANY_PROTOCOL = 0;
const LAST_PORT = 65535;

/** One side of a packet as a traffic selector sees it, ready for comparison word by word. */
export class Selector {
  readonly version: 4 | 6;
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  readonly protocol: number;
  readonly #startPort: number;
  readonly #endPort: number;
  /** Addresses less one, and ports: what is smaller is more specific. */
  readonly #breadth: bigint;

  constructor(selector: TrafficSelector) {
    this.version = isV4(selector.start) ? 4 : 6;
    this.start = wordsOf(selector.start);
    this.end = wordsOf(selector.end);
    this.protocol = selector.protocol;
    // OPAQUE is written as 65535 … 0 and admits packets whose port cannot be seen (RFC 7296 §3.13.1).
    const opaque = selector.startPort === LAST_PORT && selector.endPort === 0;
    const any = selector.startPort === 0 && selector.endPort === LAST_PORT;
    this.#startPort = opaque ? OPAQUE : selector.startPort;
    // ANY encompasses OPAQUE (RFC 4301 §4.4.1).
    this.#endPort = opaque || any ? OPAQUE : selector.endPort;
    this.#breadth = ipToBigInt(selector.end) - ipToBigInt(selector.start);
  }

  /** Holds exactly one address. */
  get host(): boolean {
    return this.#breadth === 0n;
  }

  admitsSource(packet: IpPacket): boolean {
    return (
      this.#admitsProtocol(packet) &&
      packet.sourcePort >= this.#startPort &&
      packet.sourcePort <= this.#endPort &&
      within(packet.source, this.start, this.end, this.version)
    );
  }

  admitsDestination(packet: IpPacket): boolean {
    return (
      this.#admitsProtocol(packet) &&
      this.#admitsDestinationPort(packet) &&
      within(packet.destination, this.start, this.end, this.version)
    );
  }

  /** Negative where this one is more specific: fewer addresses, then a protocol, then fewer ports. */
  compare(other: Selector): number {
    if (this.#breadth !== other.#breadth) return this.#breadth < other.#breadth ? -1 : 1;
    const any = Number(this.protocol === ANY_PROTOCOL) - Number(other.protocol === ANY_PROTOCOL);
    return any !== 0 ? any : this.#endPort - this.#startPort - (other.#endPort - other.#startPort);
  }

  #admitsProtocol(packet: IpPacket): boolean {
    return (
      packet.version === this.version && (this.protocol === ANY_PROTOCOL || this.protocol === packet.protocol)
    );
  }

  /**
   * ICMP and MH packets have one type, which belongs to their sender's side; the receiver's side says OPAQUE
   * where such packets pass that way alone, or the type again where they pass both ways (RFC 4301 §4.4.1.3).
   */
  #admitsDestinationPort(packet: IpPacket): boolean {
    const port = packet.destinationPort;
    return (port >= this.#startPort && port <= this.#endPort) || (packet.typed && this.#startPort === OPAQUE);
  }
}

/** The selectors of one SA, both sides: a packet needs one of each (RFC 7296 §2.9). */
export class SelectorPair {
  readonly local: readonly Selector[];
  readonly remote: readonly Selector[];

  constructor(local: readonly TrafficSelector[], remote: readonly TrafficSelector[]) {
    this.local = local.map(selector => new Selector(selector));
    this.remote = remote.map(selector => new Selector(selector));
  }

  /** Whether a packet that came in by this SA may have come by it (RFC 4301 §5.2 step 4). */
  admitsInbound(packet: IpPacket): boolean {
    return (
      this.remote.some(selector => selector.admitsSource(packet)) &&
      this.local.some(selector => selector.admitsDestination(packet))
    );
  }
}

function wordsOf(address: IpAddress): Uint32Array {
  const words = new Uint32Array(4);
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  for (let i = 0; 4 * i < address.length; i++) words[i] = view.getUint32(4 * i);
  return words;
}

function within(address: Uint32Array, start: Uint32Array, end: Uint32Array, version: 4 | 6): boolean {
  if (version === 4) {
    const word = address[0] as number;
    return word >= (start[0] as number) && word <= (end[0] as number);
  }
  return compareWords(address, start) >= 0 && compareWords(address, end) <= 0;
}

function compareWords(a: Uint32Array, b: Uint32Array): number {
  for (let i = 0; i < 4; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
