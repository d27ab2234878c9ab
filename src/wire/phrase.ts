import { toHex } from '../lib/bytes.ts';
import { formatIp } from '../lib/ip.ts';
import { printable } from '../lib/text.ts';

/** Octets shown of a value before it is cut. */
const SHOWN_OCTETS = 32;
const MAX_LINES = 400;
const MAX_LINE = 500;

/** Octets as `0a0b… (20 octets)`; never longer than a line. */
export function octets(data: Uint8Array): string {
  if (data.length === 0) return 'empty';
  const shown = toHex(data.subarray(0, SHOWN_OCTETS));
  return `${shown}${data.length > SHOWN_OCTETS ? '…' : ''} (${data.length} octets)`;
}

/** Text from a stranger, quoted, escaped and cut. */
export function quoted(data: Uint8Array): string {
  return `"${printable(data, 128)}"`;
}

/** An address where the length is one's, octets otherwise. */
export function address(data: Uint8Array): string {
  return data.length === 4 || data.length === 16 ? formatIp(data) : octets(data);
}

/**
 * `head`, and below it what `linesOf` makes of each of `items`, as one text: cut where somebody sent very much,
 * and what is cut off is not even made.
 */
export function paragraph<T>(
  head: readonly string[],
  items: readonly T[],
  linesOf: (item: T) => readonly string[],
): string {
  const lines = [...head];
  for (const item of items) {
    if (lines.length > MAX_LINES) break;
    lines.push(...linesOf(item));
  }
  const shown = lines
    .slice(0, MAX_LINES)
    .map(line => (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line));
  return (lines.length > MAX_LINES ? [...shown, '…'] : shown).join('\n');
}

/** A word for each of `items`, in one line; those beyond `most` are counted only. */
export function sentence<T>(items: readonly T[], wordOf: (item: T) => string, most = 64): string {
  const words = items.slice(0, most).map(wordOf);
  if (items.length > most) words.push('…', `${items.length - most} more`);
  return words.join(' ');
}

/** Both SPIs as strongSwan, Wireshark and RFC examples write them. */
export function spis(header: { readonly initiatorSpi: bigint; readonly responderSpi: bigint }): string {
  return `${header.initiatorSpi.toString(16).padStart(16, '0')}:${header.responderSpi.toString(16).padStart(16, '0')}`;
}
