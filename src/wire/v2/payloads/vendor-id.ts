import type { Codec } from '../../codec.ts';
import type { VendorIdPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                        Vendor ID (VID)                        ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Vendor ID (RFC 7296 §3.12). */
export const vendorId: Codec<VendorIdPayload> = {
  decode: (body, type) => ({ type, data: body.rest() }),
  encode: (payload, out) => void out.bytes(payload.data),
};
