import type { Codec } from '../../codec.ts';
import type { V1IdPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !   ID Type     !  Protocol ID  !             Port              !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                     Identification Data                       ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Identification (RFC 2407 §4.6.2). Under public key encryption all of the body is ciphertext: see `body`. */
export const id: Codec<V1IdPayload> = {
  decode(body, type) {
    const idType = body.u8('ID type');
    const protocol = body.u8('ID protocol');
    const port = body.u16('ID port');
    const data = body.rest();
    const whole = new Uint8Array(data.buffer, data.byteOffset - 4, data.length + 4);
    return { type, idType, protocol, port, data, body: whole };
  },
  encode(payload, out) {
    if (payload.body === undefined) {
      out.u8(payload.idType).u8(payload.protocol).u16(payload.port).bytes(payload.data);
    } else {
      out.bytes(payload.body);
    }
  },
};
