import { concat } from '../../lib/bytes.ts';

/** As much of DER as key containers need. What is read here was written by OpenSSL, never by a stranger. */

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(0x30, ...parts);
}

/** An unsigned number in network order, however many leading zeros it has. */
export function integer(value: Uint8Array): Uint8Array {
  const first = value.findIndex(octet => octet !== 0);
  if (first < 0) return Uint8Array.of(0x02, 1, 0);
  const digits = value.subarray(first);
  return (digits[0] as number) < 0x80 ? tagged(0x02, digits) : tagged(0x02, Uint8Array.of(0), digits);
}

export function octetString(value: Uint8Array): Uint8Array {
  return tagged(0x04, value);
}

export function bitString(value: Uint8Array): Uint8Array {
  return tagged(0x03, Uint8Array.of(0), value);
}

/** Context-specific, constructed. */
export function explicit(tag: number, value: Uint8Array): Uint8Array {
  return tagged(0xa0 | tag, value);
}

/** A number without its leading zeros, or with as many as make `length` octets. */
export function unsigned(value: Uint8Array, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  const digits = value.subarray(Math.max(0, value.length - length));
  octets.set(digits, length - digits.length);
  return octets;
}

/** Where the content of the element at `at` lies. */
export function contentOf(der: Uint8Array, at: number): { readonly start: number; readonly end: number } {
  const first = der[at + 1] as number;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const start = at + 2 + (first & 0x7f);
  const length = der.subarray(at + 2, start).reduce((sum, octet) => 256 * sum + octet, 0);
  return { start, end: start + length };
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return concat(Uint8Array.of(tag, ...lengthOctets(length)), ...parts);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}
