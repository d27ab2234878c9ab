import { Malformed, type Reader } from '../../../lib/reader.ts';
import type { Writer } from '../../../lib/writer.ts';
import type { Codec } from '../../codec.ts';
import type { SaPayload, WireProposal, WireTransform } from '../payload.ts';
import { decodeTransform, encodeTransform } from './transform.ts';

/** More than any configuration offers; 64 KiB could hold 8000 of either. */
export const MAX_PROPOSALS = 128;
/** In one SA payload, over all its proposals. */
export const MAX_TRANSFORMS = 1024;

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
