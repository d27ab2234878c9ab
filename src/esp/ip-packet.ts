/** A port, ICMP type and code or MH type that cannot be seen: beyond every range of real ones (RFC 4301 §4.4.1, OPAQUE). */
export const OPAQUE = 0x1_0000;
/** An IP protocol that cannot be seen: the later fragments of an IPv6 packet may begin anywhere. */
export const UNKNOWN_PROTOCOL = 0x100;

const IPV6_HEADER_LENGTH = 40;
/** More extension headers than this in one packet are nobody's honest traffic. */
const MAXIMUM_EXTENSION_HEADERS = 8;

const TCP = 6;
/** Passed over in search of the upper-layer protocol; AH and ESP count as one themselves (RFC 4301 §4.4.1.3). */
const Extension = { HOP_BY_HOP: 0, ROUTING: 43, FRAGMENT: 44, DESTINATION: 60 } as const;

/** TCP, UDP, DCCP, SCTP, UDP-Lite: two ports come first. */
const PORTS: ReadonlySet<number> = new Set([TCP, 17, 33, 132, 136]);
/** ICMP and ICMPv6: type and code come first. */
const ICMP: ReadonlySet<number> = new Set([1, 58]);
const MOBILITY = 135;

/**
 * What the selectors of an SA look at in an IP packet (RFC 4301 §4.4.1.1). One object is filled anew for packet
 * after packet. Addresses are four 32-bit words; an IPv4 address is the first of them.
 */
export class IpPacket {
  version: 0 | 4 | 6 = 0;
  /** Of the whole packet as its header says: octets after it are padding. */
  length = 0;
  /** Offset of the upper-layer protocol behind all extension headers, from the packet's start. */
  payloadOffset = 0;
  readonly source: Uint32Array = new Uint32Array(4);
  readonly destination: Uint32Array = new Uint32Array(4);
  protocol = UNKNOWN_PROTOCOL;
  sourcePort = OPAQUE;
  destinationPort = OPAQUE;
  /** The packet has one value for both ports: ICMP type and code, or MH type in the high octet. */
  typed = false;
  /** A fragment, be it the first. */
  fragment = false;

  /**
   * Reads the IP packet at `[start, end)`. False for what is none: another version, lengths that cannot be, or
   * a fragment made to overwrite a TCP header (RFC 4301 §7.2, RFC 3128).
   */
  read(buffer: Uint8Array, start: number, end: number): boolean {
    this.version = 0;
    this.sourcePort = OPAQUE;
    this.destinationPort = OPAQUE;
    this.typed = false;
    this.fragment = false;
    const available = end - start;
    if (available < 20) return false;
    const version = (buffer[start] as number) >> 4;
    if (version === 4) return this.#readV4(buffer, start, available);
    return version === 6 && available >= IPV6_HEADER_LENGTH && this.#readV6(buffer, start, available);
  }

  #readV4(buffer: Uint8Array, start: number, available: number): boolean {
    const headerLength = ((buffer[start] as number) & 0x0f) * 4;
    const length = u16(buffer, start + 2);
    if (headerLength < 20 || length < headerLength || length > available) return false;
    this.length = length;
    this.payloadOffset = headerLength;
    this.protocol = buffer[start + 9] as number;
    this.source[0] = u32(buffer, start + 12);
    this.destination[0] = u32(buffer, start + 16);
    const fragment = u16(buffer, start + 6);
    const offset = fragment & 0x1fff;
    this.fragment = (fragment & 0x3fff) !== 0;
    if (offset === 1 && this.protocol === TCP) return false;
    if (offset === 0) this.#readPorts(buffer, start);
    this.version = 4;
    return true;
  }

  #readV6(buffer: Uint8Array, start: number, available: number): boolean {
    const length = IPV6_HEADER_LENGTH + u16(buffer, start + 4);
    if (length > available) return false;
    this.length = length;
    for (let i = 0; i < 4; i++) {
      this.source[i] = u32(buffer, start + 8 + 4 * i);
      this.destination[i] = u32(buffer, start + 24 + 4 * i);
    }
    let protocol = buffer[start + 6] as number;
    let at = IPV6_HEADER_LENGTH;
    let first = true;
    for (let count = 0; isExtension(protocol); count++) {
      // Every extension header is at least 8 octets long.
      if (count === MAXIMUM_EXTENSION_HEADERS || at + 8 > length) return false;
      const next = buffer[start + at] as number;
      if (protocol === Extension.FRAGMENT) {
        const fragment = u16(buffer, start + at + 2);
        this.fragment = this.fragment || (fragment & 0xfff9) !== 0;
        at += 8;
        if (fragment >>> 3 !== 0) {
          first = false;
          // What stands behind a later fragment's header is the middle of something: the header named cannot be read.
          protocol = isExtension(next) ? UNKNOWN_PROTOCOL : next;
          break;
        }
      } else {
        at += 8 * ((buffer[start + at + 1] as number) + 1);
      }
      protocol = next;
    }
    if (at > length) return false;
    this.payloadOffset = at;
    this.protocol = protocol;
    if (first) this.#readPorts(buffer, start);
    this.version = 6;
    return true;
  }

  #readPorts(buffer: Uint8Array, start: number): void {
    const at = start + this.payloadOffset;
    const present = this.length - this.payloadOffset;
    if (PORTS.has(this.protocol)) {
      if (present < 4) return;
      this.sourcePort = u16(buffer, at);
      this.destinationPort = u16(buffer, at + 2);
    } else if (ICMP.has(this.protocol)) {
      if (present < 2) return;
      this.sourcePort = u16(buffer, at);
      this.destinationPort = this.sourcePort;
      this.typed = true;
    } else if (this.protocol === MOBILITY) {
      if (present < 3) return;
      this.sourcePort = (buffer[at + 2] as number) << 8;
      this.destinationPort = this.sourcePort;
      this.typed = true;
    }
  }
}

function isExtension(protocol: number): boolean {
  switch (protocol) {
    case Extension.HOP_BY_HOP:
    case Extension.ROUTING:
    case Extension.FRAGMENT:
    case Extension.DESTINATION:
      return true;
    default:
      return false;
  }
}

function u16(buffer: Uint8Array, at: number): number {
  return ((buffer[at] as number) << 8) | (buffer[at + 1] as number);
}

function u32(buffer: Uint8Array, at: number): number {
  return (
    (((buffer[at] as number) << 24) |
      ((buffer[at + 1] as number) << 16) |
      ((buffer[at + 2] as number) << 8) |
      (buffer[at + 3] as number)) >>>
    0
  );
}
