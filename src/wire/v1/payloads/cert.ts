import type { Codec } from '../../codec.ts';
import type { V1CertPayload, V1CertRequestPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ! Cert Encoding !                                               !
// +-+-+-+-+-+-+-+-+                                               +
// ~          Certificate Data  /  Certificate Authority           ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Certificate (RFC 2408 §3.9). */
export const cert: Codec<V1CertPayload> = {
  decode: (body, type) => ({ type, encoding: body.u8('CERT encoding'), data: body.rest() }),
  encode: (payload, out) => void out.u8(payload.encoding).bytes(payload.data),
};

/** Certificate Request (RFC 2408 §3.10): the same picture. */
export const certRequest: Codec<V1CertRequestPayload> = {
  decode: (body, type) => ({ type, encoding: body.u8('CR encoding'), data: body.rest() }),
  encode: (payload, out) => void out.u8(payload.encoding).bytes(payload.data),
};
