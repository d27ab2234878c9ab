import { V1PayloadType } from '../../../iana/ikev1.ts';
import { Malformed, type Reader } from '../../../lib/reader.ts';
import type { Writer } from '../../../lib/writer.ts';
import { readAttributes, writeAttributes } from '../attribute.ts';
import type { V1Proposal, V1Transform } from '../payload.ts';

/** More than any configuration offers; 64 KiB could hold 8000 of either. */
export const MAX_PROPOSALS = 128;
/** In one SA payload, over all its proposals. */
export const MAX_TRANSFORMS = 1024;
export const MAX_TRANSFORM_ATTRIBUTES = 64;

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ! Next Payload  !   RESERVED    !         Payload Length        !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !  Proposal #   !  Protocol-Id  !    SPI Size   !# of Transforms!
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                        SPI (variable)                         ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                          Transforms                           ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** All proposals up to the end of `body`. Throws Malformed. */
export function decodeProposals(body: Reader): V1Proposal[] {
  const proposals: V1Proposal[] = [];
  let room = MAX_TRANSFORMS;
  for (let more = true; more; ) {
    if (proposals.length === MAX_PROPOSALS)
      throw new Malformed(`SA: more than ${MAX_PROPOSALS} proposals`, body.offset);
    const proposal = substructure(body, V1PayloadType.Proposal, 'Proposal');
    const decoded = decodeProposal(proposal.inner, room);
    room -= decoded.transforms.length;
    proposals.push(decoded);
    more = proposal.more;
  }
  body.end('SA');
  return proposals;
}

/** The generic header of a proposal or transform: whether another follows, and a reader of its body. */
function substructure(
  body: Reader,
  more: number,
  what: string,
): { readonly more: boolean; readonly inner: Reader } {
  const at = body.offset;
  const next = body.u8(what);
  if (next !== V1PayloadType.NONE && next !== more) {
    throw new Malformed(`${what}: next payload ${next} where 0 or ${more} must stand`, at);
  }
  body.u8(what);
  const length = body.u16(what);
  if (length < 4) throw new Malformed(`${what} of ${length} octets`, at);
  return { more: next === more, inner: body.sub(length - 4, what) };
}

function decodeProposal(body: Reader, room: number): V1Proposal {
  const number = body.u8('Proposal number');
  const protocol = body.u8('Proposal protocol');
  const spiSize = body.u8('Proposal SPI size');
  const count = body.u8('Proposal transform count');
  if (count > room) throw new Malformed(`SA: more than ${MAX_TRANSFORMS} transforms`, body.offset);
  const spi = body.take(spiSize, 'Proposal SPI');
  const transforms: V1Transform[] = [];
  for (let i = 0; i < count; i++) {
    const { more, inner } = substructure(body, V1PayloadType.Transform, 'Transform');
    if (more !== i + 1 < count) throw new Malformed(`Proposal: ${count} transforms announced`, body.offset);
    transforms.push(decodeTransform(inner));
  }
  body.end('Proposal');
  return { number, protocol, spi, transforms };
}

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ! Next Payload  !   RESERVED    !         Payload Length        !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !  Transform #  !  Transform-Id !           RESERVED2           !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                        SA Attributes                          ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

function decodeTransform(body: Reader): V1Transform {
  const number = body.u8('Transform number');
  const id = body.u8('Transform ID');
  body.take(2, 'Transform reserved');
  return { number, id, attributes: readAttributes(body, MAX_TRANSFORM_ATTRIBUTES) };
}

/** Writes the proposals of an SA payload. */
export function encodeProposals(proposals: readonly V1Proposal[], out: Writer): void {
  proposals.forEach((proposal, i) => {
    encodeProposal(proposal, i + 1 < proposals.length ? V1PayloadType.Proposal : V1PayloadType.NONE, out);
  });
}

function encodeProposal(proposal: V1Proposal, next: number, out: Writer): void {
  const { number, protocol, spi, transforms } = proposal;
  if (transforms.length > 255) throw new RangeError(`Proposal: ${transforms.length} transforms`);
  const at = out.position;
  out.u8(next).u8(0).u16(0).u8(number).u8(protocol).u8(spi.length).u8(transforms.length).bytes(spi);
  transforms.forEach((transform, i) => {
    const start = out.position;
    out
      .u8(i + 1 < transforms.length ? V1PayloadType.Transform : V1PayloadType.NONE)
      .u8(0)
      .u16(0);
    out.u8(transform.number).u8(transform.id).u16(0);
    writeAttributes(transform.attributes, out);
    out.patchU16(start + 2, out.position - start);
  });
  out.patchU16(at + 2, out.position - at);
}
