import type { Codec } from '../../codec.ts';
import type { V1NatOaPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !    ID Type    !            Reserved           !  Reserved     !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~           IPv4 (4 octets) or IPv6 (16 octets) address         ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** NAT-OA, the original address (RFC 3947 §5.2), by the number of the RFC and of the drafts. */
export const natOa: Codec<V1NatOaPayload> = {
  decode(body, type) {
    const idType = body.u8('NAT-OA ID type');
    body.take(3, 'NAT-OA reserved');
    return { type, idType, data: body.rest() };
  },
  encode(payload, out) {
    out.u8(payload.idType).zeros(3).bytes(payload.data);
  },
};
