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

/** Several lines as one text, cut where somebody sent very much. */
export function paragraph(lines: readonly string[]): string {
  const shown = lines
    .slice(0, MAX_LINES)
    .map(line => (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line));
  if (lines.length > MAX_LINES) shown.push(`… ${lines.length - MAX_LINES} lines more`);
  return shown.join('\n');
}

/** Words in one line, cut likewise. */
export function sentence(words: readonly string[], most = 64): string {
  if (words.length <= most) return words.join(' ');
  return `${words.slice(0, most).join(' ')} … ${words.length - most} more`;
}

/** Both SPIs as strongSwan, Wireshark and RFC examples write them. */
export function spis(header: { readonly initiatorSpi: bigint; readonly responderSpi: bigint }): string {
  return `${header.initiatorSpi.toString(16).padStart(16, '0')}:${header.responderSpi.toString(16).padStart(16, '0')}`;
}
