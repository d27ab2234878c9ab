import { TransformAttribute } from '../../../iana/ikev2.ts';
import { Malformed, type Reader } from '../../../lib/reader.ts';
import type { Writer } from '../../../lib/writer.ts';
import type { TransformAttributeValue, WireTransform } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Last Substruc |   RESERVED    |        Transform Length       |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Transform Type |   RESERVED    |          Transform ID         |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                      Transform Attributes                     ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// each attribute, short (AF = 1) or long (AF = 0, Length and Value instead):
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |A|       Attribute Type        |    Attribute Value / Length   |
// |F|                             |                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

export const MAX_TRANSFORM_ATTRIBUTES = 16;

const SHORT_FORM = 0x8000;

/** One transform of a proposal (RFC 7296 §3.3.2) that begins at `at`; `body` stands at its length field. */
export function decodeTransform(body: Reader, at: number): WireTransform {
  const end = at + body.u16('Transform length');
  const type = body.u8('Transform type');
  body.u8('Transform reserved');
  const id = body.u16('Transform ID');
  if (end === body.offset) return { type, id };
  let keyLength: number | undefined;
  let attributes: TransformAttributeValue[] | undefined;
  while (body.offset < end) {
    const format = body.u16('Attribute type');
    // The one attribute there is must be short (§3.3.5); a long or a second one stays visible as unknown.
    if (format === (SHORT_FORM | TransformAttribute.KEY_LENGTH) && keyLength === undefined) {
      keyLength = body.u16('Key length');
      continue;
    }
    attributes ??= [];
    if (attributes.length === MAX_TRANSFORM_ATTRIBUTES) {
      throw new Malformed(`Transform: more than ${MAX_TRANSFORM_ATTRIBUTES} attributes`, body.offset);
    }
    attributes.push(
      format & SHORT_FORM
        ? { type: format & ~SHORT_FORM, value: body.take(2, 'Attribute value') }
        : { type: format, value: body.take(body.u16('Attribute length'), 'Attribute value'), long: true },
    );
  }
  if (body.offset !== end) throw new Malformed(`Transform: ends at ${end} by its length`, body.offset);
  if (attributes === undefined) return { type, id, keyLength: keyLength as number };
  return keyLength === undefined ? { type, id, attributes } : { type, id, keyLength, attributes };
}

/** Writes one transform; `more` is its Last Substruc octet. */
export function encodeTransform(transform: WireTransform, more: number, out: Writer): void {
  const at = out.position;
  out.u8(more).u8(0).u16(0);
  out.u8(transform.type).u8(0).u16(transform.id);
  if (transform.keyLength !== undefined) {
    out.u16(SHORT_FORM | TransformAttribute.KEY_LENGTH).u16(transform.keyLength);
  }
  for (const { type, value, long } of transform.attributes ?? []) {
    if (long === true || value.length !== 2) out.u16(type).u16(value.length).bytes(value);
    else out.u16(SHORT_FORM | type).bytes(value);
  }
  out.patchU16(at + 2, out.position - at);
}
