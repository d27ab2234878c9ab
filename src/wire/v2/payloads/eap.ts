import type { Codec } from '../../codec.ts';
import type { EapPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                       EAP Message                             ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** EAP (RFC 7296 §3.16): one EAP packet, which the eap room takes apart. */
export const eap: Codec<EapPayload> = {
  decode: (body, type) => ({ type, data: body.rest() }),
  encode: (payload, out) => void out.bytes(payload.data),
};
