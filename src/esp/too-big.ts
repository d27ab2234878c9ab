import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import { type IpPacket, UNKNOWN_PROTOCOL } from './ip-packet.ts';

const ICMP = 1;
const ICMPV6 = 58;
const HOP_LIMIT = 64;
/** Of the whole answer: RFC 1812 §4.3.2.3, RFC 4443 §3.2. */
const LONGEST_V4 = 576;
const LONGEST_V6 = 1280;
/** Internetwork control (RFC 1812 §4.3.2.5). */
const PRECEDENCE = 0xc0;
const FRAGMENTATION_NEEDED = [3, 4] as const;
const PACKET_TOO_BIG = [2, 0] as const;

/**
 * What the sender of an inner packet is told that is too long for its SA: ICMP "fragmentation needed" with the MTU of
 * the next hop (RFC 1191), or ICMPv6 "packet too big" (RFC 4443 §3.2). It comes from the address that the packet was
 * going to, which is the one that routing and reverse path filters expect on the inner side. Undefined where nobody may
 * be told: about ICMP errors, later fragments, and packets that have no single sender or receiver (RFC 1122 §3.2.2).
 * `fields` was read from `buffer` at `start`.
 */
export function tooBig(
  buffer: Uint8Array,
  start: number,
  fields: IpPacket,
  mtu: number,
): Uint8Array | undefined {
  if (!mayBeTold(buffer, start, fields)) return undefined;
  return fields.version === 4 ? forV4(buffer, start, fields, mtu) : forV6(buffer, start, fields, mtu);
}

function forV4(buffer: Uint8Array, start: number, { length }: IpPacket, mtu: number): Uint8Array {
  const quoted = Math.min(length, LONGEST_V4 - 28);
  const packet = new Uint8Array(28 + quoted);
  const view = new DataView(packet.buffer);
  packet[0] = 0x45;
  packet[1] = PRECEDENCE;
  view.setUint16(2, packet.length);
  packet[8] = HOP_LIMIT;
  packet[9] = ICMP;
  packet.set(buffer.subarray(start + 16, start + 20), 12);
  packet.set(buffer.subarray(start + 12, start + 16), 16);
  view.setUint16(10, internetChecksum(packet, 0, 20));
  packet.set(FRAGMENTATION_NEEDED, 20);
  view.setUint16(26, mtu);
  packet.set(buffer.subarray(start, start + quoted), 28);
  view.setUint16(22, internetChecksum(packet, 20, packet.length));
  return packet;
}

function forV6(buffer: Uint8Array, start: number, { length }: IpPacket, mtu: number): Uint8Array {
  const quoted = Math.min(length, LONGEST_V6 - 48);
  const packet = new Uint8Array(48 + quoted);
  const view = new DataView(packet.buffer);
  packet[0] = 0x60;
  view.setUint16(4, 8 + quoted);
  packet[6] = ICMPV6;
  packet[7] = HOP_LIMIT;
  packet.set(buffer.subarray(start + 24, start + 40), 8);
  packet.set(buffer.subarray(start + 8, start + 24), 24);
  packet.set(PACKET_TOO_BIG, 40);
  view.setUint32(44, mtu);
  packet.set(buffer.subarray(start, start + quoted), 48);
  view.setUint16(
    42,
    internetChecksum(packet, 40, packet.length, pseudoHeaderSum(packet, ICMPV6, 8 + quoted)),
  );
  return packet;
}

function mayBeTold(buffer: Uint8Array, start: number, fields: IpPacket): boolean {
  const { version, protocol, payloadOffset, fragment, length } = fields;
  const type = payloadOffset < length ? (buffer[start + payloadOffset] as number) : 0;
  if (version === 4) {
    const offset = (((buffer[start + 6] as number) & 0x1f) << 8) | (buffer[start + 7] as number);
    const isError = protocol === ICMP && (offset !== 0 || [3, 4, 5, 11, 12].includes(type));
    return offset === 0 && !isError && isSingle4(fields.source) && isSingle4(fields.destination);
  }
  if (protocol === UNKNOWN_PROTOCOL || (fragment && protocol === ICMPV6)) return false;
  // Errors have types below 128; multicast packets may be answered with this one (RFC 4443 §2.4 e.3), from nobody's address.
  const isError = protocol === ICMPV6 && type < 128;
  return !isError && isSingle6(buffer, start + 8) && isSingle6(buffer, start + 24);
}

/** Neither 0.0.0.0/8, loopback, multicast nor beyond. */
function isSingle4([word = 0]: Uint32Array): boolean {
  const first = word >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

function isSingle6(buffer: Uint8Array, at: number): boolean {
  return buffer[at] !== 0xff && buffer.subarray(at, at + 16).some(octet => octet !== 0);
}
