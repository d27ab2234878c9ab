import type { Codec } from '../../codec.ts';
import type { IdPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |   ID Type     |                 RESERVED                      |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                   Identification Data                         ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/**
 * Identification, initiator and responder (RFC 7296 §3.5). The body is kept and written as it came: AUTH
 * covers the RESERVED octets too (§2.15), so they are the one reserved field that must survive.
 */
export const id: Codec<IdPayload> = {
  decode(body, type) {
    const idType = body.u8('ID type');
    body.take(3, 'ID reserved');
    const data = body.rest();
    const whole = new Uint8Array(data.buffer, data.byteOffset - 4, data.length + 4);
    return { type, idType, data, body: whole };
  },
  encode(payload, out) {
    if (payload.body === undefined) out.u8(payload.idType).zeros(3).bytes(payload.data);
    else out.bytes(payload.body);
  },
};
