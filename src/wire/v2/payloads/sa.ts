import { TransformAttribute } from '../../../iana/ikev2.ts';
import { Malformed, type Reader } from '../../../lib/reader.ts';
import type { Writer } from '../../../lib/writer.ts';
import type { SaPayload, TransformAttributeValue, WireProposal, WireTransform } from '../payload.ts';
import type { Codec } from './codec.ts';

/** More than any configuration offers; 64 KiB could hold 8000 of either. */
export const MAX_PROPOSALS = 128;
/** In one SA payload, over all its proposals. */
export const MAX_TRANSFORMS = 1024;
export const MAX_TRANSFORM_ATTRIBUTES = 16;

/** Security Association (RFC 7296 §3.3): proposals, of transforms, of attributes. */
export const sa: Codec<SaPayload> = {
  decode(body, type) {
    const proposals: WireProposal[] = [];
    let room = MAX_TRANSFORMS;
    for (let more = true; more; ) {
      const at = body.offset;
      more = substructure(body, 2, 'Proposal');
      if (proposals.length === MAX_PROPOSALS)
        throw new Malformed(`SA: more than ${MAX_PROPOSALS} proposals`, at);
      const proposal = decodeProposal(body, at, room);
      room -= proposal.transforms.length;
      proposals.push(proposal);
    }
    body.end('SA');
    return { type, proposals };
  },
  encode(payload, out) {
    const last = payload.proposals.length - 1;
    payload.proposals.forEach((proposal, i) => {
      encodeProposal(proposal, i === last ? 0 : 2, out);
    });
  },
};

/** The octet that begins a proposal or transform: `more` if another follows, 0 on the last. */
function substructure(body: Reader, more: number, what: string): boolean {
  const at = body.offset;
  const mark = body.u8(what);
  body.u8(what);
  if (mark !== 0 && mark !== more) throw new Malformed(`${what}: ${mark} where 0 or ${more} must stand`, at);
  return mark === more;
}

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Last Substruc |   RESERVED    |         Proposal Length       |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Proposal Num  |  Protocol ID  |    SPI Size   |Num  Transforms|
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                        SPI (variable)                         ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                        <Transforms>                           ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

function decodeProposal(body: Reader, at: number, room: number): WireProposal {
  const end = at + body.u16('Proposal length');
  const number = body.u8('Proposal number');
  const protocol = body.u8('Proposal protocol');
  const spiSize = body.u8('Proposal SPI size');
  const count = body.u8('Proposal transform count');
  if (count > room) throw new Malformed(`SA: more than ${MAX_TRANSFORMS} transforms`, at);
  const spi = body.take(spiSize, 'Proposal SPI');
  const transforms: WireTransform[] = [];
  for (let i = 0; i < count; i++) {
    const start = body.offset;
    const more = substructure(body, 3, 'Transform');
    if (more !== i + 1 < count) throw new Malformed(`Proposal: ${count} transforms announced`, start);
    transforms.push(decodeTransform(body, start));
  }
  if (body.offset !== end) throw new Malformed(`Proposal: ends at ${end} by its length`, body.offset);
  return { number, protocol, spi, transforms };
}

function encodeProposal(proposal: WireProposal, more: number, out: Writer): void {
  if (proposal.transforms.length > 255)
    throw new RangeError(`Proposal: ${proposal.transforms.length} transforms`);
  const at = out.position;
  out.u8(more).u8(0).u16(0);
  out.u8(proposal.number).u8(proposal.protocol).u8(proposal.spi.length).u8(proposal.transforms.length);
  out.bytes(proposal.spi);
  const last = proposal.transforms.length - 1;
  proposal.transforms.forEach((transform, i) => {
    encodeTransform(transform, i === last ? 0 : 3, out);
  });
  out.patchU16(at + 2, out.position - at);
}

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

const SHORT_FORM = 0x8000;

function decodeTransform(body: Reader, at: number): WireTransform {
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

function encodeTransform(transform: WireTransform, more: number, out: Writer): void {
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
