import { Malformed, type Reader } from '../../../lib/reader.ts';
import type { Writer } from '../../../lib/writer.ts';
import type { Codec } from '../../codec.ts';
import type { TsPayload, WireSelector } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Number of TSs |                 RESERVED                      |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                       <Traffic Selectors>                     ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Traffic Selectors, initiator and responder (RFC 7296 §3.13). At most 255 selectors: the count is an octet. */
export const ts: Codec<TsPayload> = {
  decode(body, type) {
    const count = body.u8('TS count');
    body.take(3, 'TS reserved');
    const selectors: WireSelector[] = [];
    for (let i = 0; i < count; i++) selectors.push(decodeSelector(body));
    body.end('TS');
    return { type, selectors };
  },
  encode(payload, out) {
    if (payload.selectors.length > 255) throw new RangeError(`TS: ${payload.selectors.length} selectors`);
    out.u8(payload.selectors.length).zeros(3);
    for (const selector of payload.selectors) encodeSelector(selector, out);
  },
};

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |   TS Type     |IP Protocol ID*|       Selector Length         |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |           Start Port*         |           End Port*           |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                         Starting Address*                     ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                         Ending Address*                       ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

const HEAD = 4;
const PORTS = 4;

function decodeSelector(body: Reader): WireSelector {
  const at = body.offset;
  const tsType = body.u8('TS type');
  const protocol = body.u8('TS protocol');
  const length = body.u16('TS length');
  if (length < HEAD) throw new Malformed(`TS of ${length} octets`, at);
  if (tsType !== 7 && tsType !== 8) {
    const tail = body.take(length - HEAD, 'TS');
    return { tsType, unknown: new Uint8Array(tail.buffer, tail.byteOffset - HEAD, length) };
  }
  const addressLength = tsType === 7 ? 4 : 16;
  if (length !== HEAD + PORTS + 2 * addressLength) {
    throw new Malformed(`TS of type ${tsType} with ${length} octets`, at);
  }
  return {
    tsType,
    protocol,
    startPort: body.u16('TS start port'),
    endPort: body.u16('TS end port'),
    start: body.take(addressLength, 'TS start address'),
    end: body.take(addressLength, 'TS end address'),
  };
}

function encodeSelector(selector: WireSelector, out: Writer): void {
  if ('unknown' in selector) {
    out.bytes(selector.unknown);
    return;
  }
  out
    .u8(selector.tsType)
    .u8(selector.protocol)
    .u16(HEAD + PORTS + 2 * selector.start.length);
  out.u16(selector.startPort).u16(selector.endPort).bytes(selector.start).bytes(selector.end);
}
