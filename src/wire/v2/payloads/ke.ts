import type { Codec } from '../../codec.ts';
import type { KePayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |      Key Exchange Method      |           RESERVED            |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                       Key Exchange Data                       ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Key Exchange (RFC 7296 §3.4). Whether the data fits the method is the method's to judge. */
export const ke: Codec<KePayload> = {
  decode(body, type) {
    const method = body.u16('KE method');
    body.take(2, 'KE reserved');
    return { type, method, data: body.rest() };
  },
  encode(payload, out) {
    out.u16(payload.method).u16(0).bytes(payload.data);
  },
};
