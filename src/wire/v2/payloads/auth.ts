import type { Codec } from '../../codec.ts';
import type { AuthPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Auth Method   |                RESERVED                       |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                      Authentication Data                      ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Authentication (RFC 7296 §3.8). */
export const auth: Codec<AuthPayload> = {
  decode(body, type) {
    const method = body.u8('AUTH method');
    body.take(3, 'AUTH reserved');
    return { type, method, data: body.rest() };
  },
  encode(payload, out) {
    out.u8(payload.method).zeros(3).bytes(payload.data);
  },
};
