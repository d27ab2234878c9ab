import { ip } from 'cygnet';

/** Where packets leave and arrive: what a gateway offers the hosts behind it. */
export interface Wire {
  send(packet: Uint8Array): void;
  onPacket(listener: (packet: Uint8Array) => void): void;
}

const ICMP = 1;
const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;

/** A host behind a gateway that knows one protocol: it pings, and answers pings (RFC 792). */
export class Host {
  readonly #address: Uint8Array;
  readonly #wire: Wire;
  readonly #waiting = new Map<number, () => void>();
  #sequence = 0;

  constructor(address: string, wire: Wire) {
    this.#address = ip(address);
    this.#wire = wire;
    wire.onPacket(packet => this.#arrived(packet));
  }

  /** Sends one echo request. Resolves with whether its answer came within `patience` milliseconds. */
  ping(destination: string, patience = 10_000): Promise<boolean> {
    const sequence = this.#sequence++ & 0xffff;
    return new Promise(resolve => {
      const settle = (answered: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(sequence);
        resolve(answered);
      };
      const timer = setTimeout(settle, patience, false);
      this.#waiting.set(sequence, () => settle(true));
      this.#wire.send(
        echo(
          this.#address,
          ip(destination),
          ECHO_REQUEST,
          sequence,
          new TextEncoder().encode('cygnet demo ping'),
        ),
      );
    });
  }

  #arrived(packet: Uint8Array): void {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const header = (view.getUint8(0) & 0x0f) * 4;
    if (view.getUint8(9) !== ICMP) return;
    const type = view.getUint8(header);
    const sequence = view.getUint16(header + 6);
    if (type === ECHO_REPLY) this.#waiting.get(sequence)?.();
    if (type === ECHO_REQUEST) {
      const source = packet.slice(12, 16);
      this.#wire.send(echo(this.#address, source, ECHO_REPLY, sequence, packet.slice(header + 8)));
    }
  }
}

/** An IPv4 packet with an ICMP echo message in it. */
function echo(
  source: Uint8Array,
  destination: Uint8Array,
  type: number,
  sequence: number,
  data: Uint8Array,
): Uint8Array {
  const packet = new Uint8Array(28 + data.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, packet.length);
  view.setUint8(8, 64);
  view.setUint8(9, ICMP);
  packet.set(source, 12);
  packet.set(destination, 16);
  view.setUint16(10, checksum(packet.subarray(0, 20)));
  view.setUint8(20, type);
  view.setUint16(24, 0xc1c1);
  view.setUint16(26, sequence);
  packet.set(data, 28);
  view.setUint16(22, checksum(packet.subarray(20)));
  return packet;
}

/** The Internet checksum (RFC 1071). */
function checksum(octets: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += ((octets[i] as number) << 8) | (octets[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
