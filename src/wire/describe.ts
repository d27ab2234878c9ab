import { Malformed } from '../lib/reader.ts';
import { decodeHeader, type Header } from './header.ts';
import { spis } from './phrase.ts';
import { detailV1, summarizeV1 } from './v1/describe.ts';
import { decodeV1Message } from './v1/message.ts';
import { detailV2, summarizeV2 } from './v2/describe.ts';
import { decodeMessage } from './v2/message.ts';

/** A datagram in one line, of any version and in any condition: printable, bounded, never throws. */
export function summarizeDatagram(datagram: Uint8Array): string {
  return read(datagram, 0);
}

/** A datagram in all its fields, a line or more for each payload; otherwise as `summarizeDatagram`. */
export function detailDatagram(datagram: Uint8Array): string {
  return read(datagram, 1);
}

type Read = (datagram: Uint8Array, header: Header) => string;

/** For each major version how a message reads in short and at length. */
const VERSIONS: Readonly<Record<number, readonly [Read, Read]>> = {
  1: [
    (datagram, header) => summarizeV1(decodeV1Message(datagram, header)),
    (datagram, header) => detailV1(decodeV1Message(datagram, header)),
  ],
  2: [
    (datagram, header) => summarizeV2(decodeMessage(datagram, header)),
    (datagram, header) => detailV2(decodeMessage(datagram, header)),
  ],
};

function read(datagram: Uint8Array, depth: 0 | 1): string {
  let header: Header | undefined;
  try {
    header = decodeHeader(datagram);
    const version = VERSIONS[header.majorVersion];
    if (version !== undefined) return version[depth](datagram, header);
    return `IKE ${header.majorVersion}.${header.minorVersion} message of ${header.length} octets, SPIs ${spis(header)}`;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const of = header === undefined ? '' : `, SPIs ${spis(header)}`;
    return `malformed message of ${datagram.length} octets${of}: ${error.message} (at octet ${error.offset})`;
  }
}
