import { Malformed } from './reader.ts';

/** An address: 4 octets (IPv4) or 16 (IPv6), network order. */
export type IpAddress = Uint8Array;

export function isV4(address: IpAddress): boolean {
  return address.length === 4;
}

/** Reads `192.0.2.1` or `2001:db8::1` (also with an embedded IPv4 tail); undefined when it is neither. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

/** As `parseIp`, for text that must be an address. Throws Malformed. */
export function ip(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new Malformed(`"${text}" is not an IP address`, 0);
  return address;
}

/** The usual text form; IPv6 as RFC 5952 asks. */
export function formatIp(address: IpAddress): string {
  if (isV4(address)) return `${address[0]}.${address[1]}.${address[2]}.${address[3]}`;
  const words = Array.from(
    { length: 8 },
    (_, i) => ((address[2 * i] as number) << 8) | (address[2 * i + 1] as number),
  );
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && words[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = (from: number, to?: number): string =>
    words
      .slice(from, to)
      .map(word => word.toString(16))
      .join(':');
  return best.at < 0 ? hex(0) : `${hex(0, best.at)}::${hex(best.at + best.length)}`;
}

/** Whether all of it is zero, which stands for any address of its family. */
export function isUnspecified(address: IpAddress): boolean {
  return address.every(octet => octet === 0);
}

/** The mask of a prefix, for addresses of `length` octets (4 or 16). */
export function netmask(length: number, prefix: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => {
    const bits = Math.max(0, Math.min(8, prefix - 8 * i));
    return (0xff << (8 - bits)) & 0xff;
  });
}

/** The inverse of `netmask`; undefined where the ones do not stand together at the head. */
export function prefixOfMask(mask: Uint8Array): number | undefined {
  const bits = 8 * mask.length;
  const hosts = ipToBigInt(mask) ^ (2n ** BigInt(bits) - 1n);
  if ((hosts & (hosts + 1n)) !== 0n) return undefined;
  return bits - hosts.toString(2).replace(/^0$/, '').length;
}

/** The address as a number, for ranges and prefixes. */
export function ipToBigInt(address: IpAddress): bigint {
  let value = 0n;
  for (const octet of address) value = (value << 8n) | BigInt(octet);
  return value;
}

/** The inverse of `ipToBigInt` for addresses of `length` octets (4 or 16). */
export function ipFromBigInt(value: bigint, length: 4 | 16): IpAddress {
  const address = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    address[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return address;
}

function parseV4(text: string): IpAddress | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  return octets.every(octet => octet <= 255) ? Uint8Array.from(octets) : undefined;
}

function parseV6(text: string): IpAddress | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(half => (half === '' ? [] : words(half)));
  if (head === undefined) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? tail === undefined || missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array<number>(missing).fill(0), ...(tail ?? [])];
  return Uint8Array.from(all.flatMap(word => [word >> 8, word & 0xff]));
}

function words(text: string): number[] | undefined {
  const parts = text.split(':');
  const last = parts.at(-1) as string;
  const v4 = last.includes('.') ? parseV4(last) : undefined;
  if (last.includes('.') && v4 === undefined) return undefined;
  const hex = v4 === undefined ? parts : parts.slice(0, -1);
  if (!hex.every(part => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  const values = hex.map(part => Number.parseInt(part, 16));
  if (v4 !== undefined)
    values.push(((v4[0] as number) << 8) | (v4[1] as number), ((v4[2] as number) << 8) | (v4[3] as number));
  return values;
}
