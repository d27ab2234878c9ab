import { Malformed, Reader } from '../../lib/reader.ts';
import { Writer } from '../../lib/writer.ts';
import type { V1Attribute } from './payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !A!       Attribute Type        !    AF=0  Attribute Length     !
// !F!                             !    AF=1  Attribute Value      !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// .                   AF=0  Attribute Value                       .
// .                   AF=1  Not Transmitted                       .
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Split tunnels of some gateways list hundreds of subnets; a transform has a dozen attributes at most. */
export const MAX_ATTRIBUTES = 1024;

const SHORT_FORM = 0x8000;

/** All attributes up to the end of `body` (RFC 2408 §3.3). Throws Malformed. */
export function readAttributes(body: Reader, limit = MAX_ATTRIBUTES): V1Attribute[] {
  const attributes: V1Attribute[] = [];
  while (body.remaining > 0) {
    if (attributes.length === limit) throw new Malformed(`more than ${limit} attributes`, body.offset);
    attributes.push(readAttribute(body));
  }
  return attributes;
}

/** One attribute. Throws Malformed. */
export function readAttribute(body: Reader): V1Attribute {
  const format = body.u16('attribute type');
  const value = body.u16('attribute value or length');
  return format & SHORT_FORM
    ? { type: format & ~SHORT_FORM, value }
    : { type: format, value: body.take(value, 'attribute value') };
}

export function writeAttributes(attributes: readonly V1Attribute[], out: Writer): void {
  for (const { type, value } of attributes) {
    if (typeof value === 'number') out.u16(SHORT_FORM | type).u16(value);
    else out.u16(type).u16(value.length).bytes(value);
  }
}

/** The attribute list that stands as data in a RESPONDER-LIFETIME notify (RFC 2407 §4.6.3.1). Throws Malformed. */
export function decodeV1Attributes(bytes: Uint8Array): readonly V1Attribute[] {
  return readAttributes(new Reader(bytes));
}

/** The inverse of `decodeV1Attributes`. */
export function encodeV1Attributes(attributes: readonly V1Attribute[]): Uint8Array {
  const out = new Writer(64);
  writeAttributes(attributes, out);
  return out.finish();
}

/** The value as an unsigned number, of either form; undefined where it has more than 6 octets. */
export function attributeNumber({ value }: V1Attribute): number | undefined {
  if (typeof value === 'number') return value;
  return value.length > 6 ? undefined : value.reduce((number, octet) => number * 256 + octet, 0);
}
