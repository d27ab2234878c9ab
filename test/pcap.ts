import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** A UDP datagram found in a capture. */
export interface UdpDatagram {
  /** Of the packet that completed it, 1 for the first of the file. */
  readonly frame: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/** An IKE message found in a capture: the non-ESP marker is taken off. */
export interface CapturedMessage extends UdpDatagram {
  readonly marked: boolean;
}

/** The IKE messages of a capture in order: UDP 500, and 4500 behind the non-ESP marker. */
export function ikeMessages(file: string): CapturedMessage[] {
  const messages: CapturedMessage[] = [];
  for (const datagram of udpDatagrams(file)) {
    const { sourcePort, destinationPort, payload } = datagram;
    if (sourcePort === 4500 || destinationPort === 4500) {
      const marked = payload.length > 4 && payload.subarray(0, 4).every(octet => octet === 0);
      if (marked) messages.push({ ...datagram, payload: payload.subarray(4), marked });
    } else if (sourcePort === 500 || destinationPort === 500) {
      messages.push({ ...datagram, marked: false });
    }
  }
  return messages;
}

/** All UDP datagrams of a pcap or pcapng file that were captured whole, IP fragments put together. */
export function udpDatagrams(file: string): UdpDatagram[] {
  const fragments = new Map<string, IpFragment[]>();
  return packets(readFileSync(file), basename(file)).flatMap((packet, i) => {
    const ip = ipOf(packet);
    const whole = ip === undefined ? undefined : reassemble(ip, fragments);
    const udp = whole === undefined ? undefined : udpOf(whole);
    return udp === undefined ? [] : [{ frame: i + 1, ...udp }];
  });
}

/** The payload of an IP packet found in a capture; IPv6 addresses as 32 hex digits. */
export interface IpPayload {
  readonly source: string;
  readonly destination: string;
  readonly payload: Uint8Array;
}

/** The payloads of all IP packets of one protocol (50 is ESP) that were captured whole, IP fragments put together. */
export function ipPayloads(file: string, protocol: number): IpPayload[] {
  const fragments = new Map<string, IpFragment[]>();
  return packets(readFileSync(file), basename(file)).flatMap(packet => {
    const ip = ipOf(packet);
    const whole = ip === undefined ? undefined : reassemble(ip, fragments);
    return whole?.protocol === protocol ? [{ ...whole, payload: Uint8Array.from(whole.payload) }] : [];
  });
}

interface Packet {
  readonly linkType: number;
  readonly bytes: Buffer;
}

interface IpFragment {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly id: string;
  readonly offset: number;
  readonly more: boolean;
  readonly payload: Buffer;
}

// ── files ──

function packets(file: Buffer, name: string): Packet[] {
  const magic = file.readUInt32BE(0);
  if (magic === 0x0a0d0d0a) return pcapng(file);
  if (magic === 0xa1b2c3d4 || magic === 0xa1b23c4d) return pcap(file, false);
  if (magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1) return pcap(file, true);
  throw new Error(`${name}: neither pcap nor pcapng`);
}

function reader(file: Buffer, little: boolean): (at: number) => number {
  return at => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
}

function pcap(file: Buffer, little: boolean): Packet[] {
  const u32 = reader(file, little);
  const linkType = u32(20) & 0x0fffffff;
  const found: Packet[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = u32(at + 8);
    found.push({ linkType, bytes: file.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return found;
}

function pcapng(file: Buffer): Packet[] {
  const found: Packet[] = [];
  let little = true;
  let linkTypes: number[] = [];
  for (let at = 0; at + 12 <= file.length; ) {
    if (file.readUInt32BE(at) === 0x0a0d0d0a) {
      little = file.readUInt32LE(at + 8) === 0x1a2b3c4d;
      linkTypes = [];
    }
    const u32 = reader(file, little);
    const type = u32(at);
    const length = u32(at + 4);
    if (type === 1) linkTypes.push(little ? file.readUInt16LE(at + 8) : file.readUInt16BE(at + 8));
    if (type === 6) {
      const captured = u32(at + 20);
      found.push({
        linkType: linkTypes[u32(at + 8)] ?? -1,
        bytes: file.subarray(at + 28, at + 28 + captured),
      });
    }
    if (type === 3) {
      found.push({ linkType: linkTypes[0] ?? -1, bytes: file.subarray(at + 12, at + 12 + u32(at + 8)) });
    }
    at += length;
  }
  return found;
}

// ── links ──

/** How many octets of link header stand before the IP header; undefined where it is no IP. */
const LINKS: Readonly<Record<number, (bytes: Buffer) => number | undefined>> = {
  // NULL and LOOP: an address family of four octets.
  0: () => 4,
  108: () => 4,
  // Ethernet, with any number of VLAN tags.
  1: bytes => {
    let at = 12;
    while (at + 2 <= bytes.length && [0x8100, 0x88a8, 0x9100].includes(bytes.readUInt16BE(at))) at += 4;
    return at + 2 <= bytes.length && [0x0800, 0x86dd].includes(bytes.readUInt16BE(at)) ? at + 2 : undefined;
  },
  // Raw IP, by its several numbers.
  12: () => 0,
  14: () => 0,
  101: () => 0,
  228: () => 0,
  229: () => 0,
  // Linux cooked, v1 and v2.
  113: () => 16,
  276: () => 20,
};

function ipOf({ linkType, bytes }: Packet): IpFragment | undefined {
  const at = LINKS[linkType]?.(bytes);
  if (at === undefined || at >= bytes.length) return undefined;
  const ip = bytes.subarray(at);
  return (ip[0] as number) >> 4 === 4 ? ipv4(ip) : (ip[0] as number) >> 4 === 6 ? ipv6(ip) : undefined;
}

function ipv4(ip: Buffer): IpFragment | undefined {
  if (ip.length < 20) return undefined;
  const headerLength = ((ip[0] as number) & 0x0f) * 4;
  const total = ip.readUInt16BE(2);
  if (total > ip.length || headerLength > total) return undefined;
  const flags = ip.readUInt16BE(6);
  const source = [...ip.subarray(12, 16)].join('.');
  const destination = [...ip.subarray(16, 20)].join('.');
  return {
    source,
    destination,
    protocol: ip[9] as number,
    id: `${source} ${destination} ${ip[9]} ${ip.readUInt16BE(4)}`,
    offset: (flags & 0x1fff) * 8,
    more: (flags & 0x2000) !== 0,
    payload: ip.subarray(headerLength, total),
  };
}

function ipv6(ip: Buffer): IpFragment | undefined {
  if (ip.length < 40) return undefined;
  const end = 40 + ip.readUInt16BE(4);
  if (end > ip.length) return undefined;
  const source = ip.toString('hex', 8, 24);
  const destination = ip.toString('hex', 24, 40);
  let protocol = ip[6] as number;
  let at = 40;
  let id = '';
  let offset = 0;
  let more = false;
  // Hop-by-hop, routing and destination options, and the fragment header.
  while ([0, 43, 60, 44].includes(protocol) && at + 8 <= end) {
    if (protocol === 44) {
      offset = ip.readUInt16BE(at + 2) & 0xfff8;
      more = ((ip[at + 3] as number) & 1) !== 0;
      id = `${source} ${destination} ${ip.readUInt32BE(at + 4)}`;
    }
    const next = ip[at] as number;
    at += protocol === 44 ? 8 : 8 * ((ip[at + 1] as number) + 1);
    protocol = next;
  }
  return { source, destination, protocol, id, offset, more, payload: ip.subarray(at, end) };
}

function reassemble(piece: IpFragment, fragments: Map<string, IpFragment[]>): IpFragment | undefined {
  if (piece.offset === 0 && !piece.more) return piece;
  const pieces = [...(fragments.get(piece.id) ?? []), piece].sort((a, b) => a.offset - b.offset);
  fragments.set(piece.id, pieces);
  let end = 0;
  for (const { offset, payload } of pieces) if (offset <= end) end = Math.max(end, offset + payload.length);
  const last = pieces.at(-1);
  if (last === undefined || last.more || end !== last.offset + last.payload.length) return undefined;
  const payload = Buffer.alloc(end);
  for (const { offset, payload: part } of pieces) payload.set(part, offset);
  fragments.delete(piece.id);
  return { ...piece, protocol: (pieces[0] as IpFragment).protocol, payload };
}

function udpOf({
  protocol,
  payload,
  source,
  destination,
}: IpFragment): Omit<UdpDatagram, 'frame'> | undefined {
  if (protocol !== 17 || payload.length < 8) return undefined;
  const length = payload.readUInt16BE(4);
  if (length < 8 || length > payload.length) return undefined;
  return {
    source,
    sourcePort: payload.readUInt16BE(0),
    destination,
    destinationPort: payload.readUInt16BE(2),
    payload: Uint8Array.from(payload.subarray(8, length)),
  };
}
