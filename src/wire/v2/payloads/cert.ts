import type { Codec } from '../../codec.ts';
import type { CertPayload, CertReqPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Cert Encoding |                                               |
// +-+-+-+-+-+-+-+-+                                               +
// ~         Certificate Data  /  Certification Authority          ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Certificate (RFC 7296 §3.6). */
export const cert: Codec<CertPayload> = {
  decode: (body, type) => ({ type, encoding: body.u8('CERT encoding'), data: body.rest() }),
  encode: (payload, out) => void out.u8(payload.encoding).bytes(payload.data),
};

/** Certificate Request (RFC 7296 §3.7): the same picture; the data are SHA-1 hashes of trust anchors' keys. */
export const certReq: Codec<CertReqPayload> = {
  decode: (body, type) => ({ type, encoding: body.u8('CERTREQ encoding'), data: body.rest() }),
  encode: (payload, out) => void out.u8(payload.encoding).bytes(payload.data),
};
