import { utf8 } from '../lib/text.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

const PADDING = -2;
const WHITE = -3;
const VALUES = new Int8Array(256).fill(-1);
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i;
for (const white of '\t\n\v\f\r ') VALUES[white.charCodeAt(0)] = WHITE;
VALUES['='.charCodeAt(0)] = PADDING;

/** The octets of base64 (RFC 4648 §4) with its padding; white space is passed over. Undefined for any other text. */
export function fromBase64(text: string): Uint8Array | undefined {
  // Reading octets costs a fraction of reading characters, of which a list has millions.
  const input = utf8(text);
  const octets = new Uint8Array(3 * Math.ceil(input.length / 4));
  let [at, held, digits, padding] = [0, 0, 0, 0];
  for (let i = 0; i < input.length; ) {
    let group = digits % 4 === 0 && padding === 0 ? groupAt(input, i) : -1;
    if (group >= 0) {
      i += 4;
      digits += 4;
    } else {
      const value = VALUES[input[i++] as number] as number;
      if (value === WHITE) continue;
      if (value === PADDING) padding++;
      else if (value < 0 || padding > 0) return undefined;
      else {
        held = (held << 6) | value;
        if (++digits % 4 === 0) group = held;
      }
      if (group < 0) continue;
      held = 0;
    }
    octets[at++] = group >> 16;
    octets[at++] = group >> 8;
    octets[at++] = group;
  }
  if (padding > 2 || (digits + padding) % 4 !== 0) return undefined;
  if (padding > 0) {
    held <<= 6 * padding;
    // Bits beyond the last octet must be zero, or two texts would mean the same.
    if ((held & ((1 << (8 * padding)) - 1)) !== 0) return undefined;
    octets[at++] = held >> 16;
    if (padding === 1) octets[at++] = held >> 8;
  }
  return octets.slice(0, at);
}

/** Four digits in a row, as nearly all stand; negative where they do not. */
function groupAt(input: Uint8Array, at: number): number {
  if (at + 4 > input.length) return -1;
  const [a, b] = [VALUES[input[at] as number] as number, VALUES[input[at + 1] as number] as number];
  const [c, d] = [VALUES[input[at + 2] as number] as number, VALUES[input[at + 3] as number] as number];
  return (a << 18) | (b << 12) | (c << 6) | d;
}

/** Base64 of `octets` in one line. */
export function toBase64(octets: Uint8Array): string {
  let text = '';
  for (let i = 0; i < octets.length; i += 3) {
    const [a, b, c] = [octets[i] as number, octets[i + 1], octets[i + 2]];
    const group = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63);
    text += b === undefined ? '=' : ALPHABET.charAt((group >> 6) & 63);
    text += c === undefined ? '=' : ALPHABET.charAt(group & 63);
  }
  return text;
}
