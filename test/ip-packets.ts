import { concat } from '../src/lib/bytes.ts';
import { type IpAddress, ip } from '../src/lib/ip.ts';

export interface Ipv4Options {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol: number;
  readonly payload: ArrayLike<number>;
  /** Octets of options, a multiple of four. */
  readonly options?: number;
  /** Flags and fragment offset as they stand in the header. */
  readonly fragment?: number;
  readonly tos?: number;
}

/** An IPv4 packet with a right header checksum, from 10.1.0.1 to 10.2.0.1 unless said otherwise. */
export function ipv4Packet(of: Ipv4Options): Uint8Array {
  const { source = '10.1.0.1', destination = '10.2.0.1', options = 0, fragment = 0, tos = 0 } = of;
  const header = new Uint8Array(20 + options).fill(1);
  const view = new DataView(header.buffer);
  header.set([0x45 + options / 4, tos]);
  view.setUint16(2, header.length + of.payload.length);
  view.setUint16(4, 0x4242);
  view.setUint16(6, fragment);
  header.set([64, of.protocol, 0, 0], 8);
  header.set(ip(source), 12);
  header.set(ip(destination), 16);
  view.setUint16(10, internetChecksum(header));
  return concat(header, Uint8Array.from(of.payload));
}

export interface Ipv6Options {
  readonly source?: string;
  readonly destination?: string;
  readonly nextHeader: number;
  readonly payload: ArrayLike<number>;
  readonly trafficClass?: number;
}

/** An IPv6 packet from 2001:db8:1::1 to 2001:db8:2::1 unless said otherwise. */
export function ipv6Packet(of: Ipv6Options): Uint8Array {
  const { source = '2001:db8:1::1', destination = '2001:db8:2::1', trafficClass = 0 } = of;
  const header = new Uint8Array(40);
  header.set([0x60 | (trafficClass >> 4), (trafficClass & 0x0f) << 4]);
  new DataView(header.buffer).setUint16(4, of.payload.length);
  header.set([of.nextHeader, 64], 6);
  header.set(ip(source), 8);
  header.set(ip(destination), 24);
  return concat(header, Uint8Array.from(of.payload));
}

/** A UDP datagram with a right checksum over the pseudo header of these addresses. */
export function udpDatagram(
  source: IpAddress,
  destination: IpAddress,
  ports: readonly [source: number, destination: number],
  data: Uint8Array,
): Uint8Array {
  const datagram = concat(new Uint8Array(8), data);
  const view = new DataView(datagram.buffer);
  view.setUint16(0, ports[0]);
  view.setUint16(2, ports[1]);
  view.setUint16(4, datagram.length);
  view.setUint16(6, upperLayerChecksum(source, destination, 17, datagram) || 0xffff);
  return datagram;
}

/** The checksum of a TCP, UDP or ICMPv6 message; zero over a message whose checksum field is right. */
export function upperLayerChecksum(
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  message: Uint8Array,
): number {
  const tail = new Uint8Array(8);
  new DataView(tail.buffer).setUint32(0, message.length);
  tail[7] = protocol;
  return internetChecksum(concat(source, destination, tail, message));
}

/** RFC 1071. */
export function internetChecksum(octets: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += ((octets[i] as number) << 8) | (octets[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
