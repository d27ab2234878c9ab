import type { IpAddress } from '../lib/ip.ts';
import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import type { IpPacket } from './ip-packet.ts';

const TCP = 6;
const UDP = 17;
const HOP_LIMIT = 64;

/** What of an IP packet travels in transport mode: all behind the IP header (RFC 4303 §3.1.1). */
export interface TransportPayload {
  /** From the packet's start. */
  readonly offset: number;
  readonly length: number;
  readonly nextHeader: number;
}

/** Undefined for fragments, which transport mode does not carry (RFC 4301 §4.1). `packet` is what `fields` was read from, at `start`. */
export function transportPayload(
  packet: Uint8Array,
  start: number,
  fields: IpPacket,
): TransportPayload | undefined {
  if (fields.fragment) return undefined;
  const v4 = fields.version === 4;
  const offset = v4 ? fields.payloadOffset : 40;
  return { offset, length: fields.length - offset, nextHeader: packet[start + (v4 ? 9 : 6)] as number };
}

/**
 * The IP packet that a transport-mode payload belongs to, with a header made of the addresses it travelled
 * between. Behind a NAT these are not the ones its sender computed the checksum for: with `readdressed` the
 * TCP or UDP checksum is computed afresh, which the ICV vouches for (RFC 3948 §3.1.2).
 */
export function transportPacket(
  payload: Uint8Array,
  nextHeader: number,
  source: IpAddress,
  destination: IpAddress,
  readdressed: boolean,
): Uint8Array {
  const v4 = source.length === 4;
  const headerLength = v4 ? 20 : 40;
  const packet = new Uint8Array(headerLength + payload.length);
  const view = new DataView(packet.buffer);
  packet.set(payload, headerLength);
  if (v4) {
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    packet[8] = HOP_LIMIT;
    packet[9] = nextHeader;
    packet.set(source, 12);
    packet.set(destination, 16);
    view.setUint16(10, internetChecksum(packet, 0, 20));
  } else {
    packet[0] = 0x60;
    view.setUint16(4, payload.length);
    packet[6] = nextHeader;
    packet[7] = HOP_LIMIT;
    packet.set(source, 8);
    packet.set(destination, 24);
  }
  if (readdressed) renewChecksum(packet, view, headerLength, nextHeader);
  return packet;
}

function renewChecksum(packet: Uint8Array, view: DataView, at: number, protocol: number): void {
  const field = protocol === TCP ? 16 : protocol === UDP ? 6 : undefined;
  if (field === undefined || packet.length < at + field + 2) return;
  // A UDP datagram over IPv4 may do without one.
  if (protocol === UDP && at === 20 && view.getUint16(at + field) === 0) return;
  view.setUint16(at + field, 0);
  const length = packet.length - at;
  const sum = internetChecksum(packet, at, packet.length, pseudoHeaderSum(packet, protocol, length));
  view.setUint16(at + field, sum === 0 && protocol === UDP ? 0xffff : sum);
}
