import { Malformed } from '../../../lib/reader.ts';
import type { Codec } from '../../codec.ts';
import type { V1FragmentPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |          Fragment ID          |Fragment Number|     Flags   |L|
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                        a piece of a message                   ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

const LAST = 0x01;

/** The fragment payload of Cisco and Microsoft, which no RFC describes. */
export const fragment: Codec<V1FragmentPayload> = {
  decode(body, type) {
    const at = body.offset;
    const fragmentId = body.u16('Fragment ID');
    const fragmentNumber = body.u8('Fragment number');
    const last = (body.u8('Fragment flags') & LAST) !== 0;
    if (fragmentNumber === 0) throw new Malformed('Fragment 0', at);
    return { type, fragmentId, fragmentNumber, last, data: body.rest() };
  },
  encode(payload, out) {
    out
      .u16(payload.fragmentId)
      .u8(payload.fragmentNumber)
      .u8(payload.last ? LAST : 0);
    out.bytes(payload.data);
  },
};
