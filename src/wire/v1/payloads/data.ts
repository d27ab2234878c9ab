import type { Codec } from '../../codec.ts';
import type {
  V1HashPayload,
  V1KePayload,
  V1NatDPayload,
  V1SignaturePayload,
  V1VendorIdPayload,
} from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                             Data                              ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

type DataPayload = { readonly type: number; readonly data: Uint8Array };

/** A payload that is nothing but data. */
function dataAlone<P extends DataPayload>(): Codec<P> {
  return {
    decode: (body, type) => ({ type, data: body.rest() }) as P,
    encode: (payload, out) => void out.bytes(payload.data),
  };
}

/** Key Exchange (RFC 2408 §3.7): which group it is stands in the SA. */
export const ke = dataAlone<V1KePayload>();

/** Hash (RFC 2408 §3.11). */
export const hash = dataAlone<V1HashPayload>();

/** Signature (RFC 2408 §3.12). */
export const signature = dataAlone<V1SignaturePayload>();

/** Vendor ID (RFC 2408 §3.16). */
export const vendorId = dataAlone<V1VendorIdPayload>();

/** NAT-D (RFC 3947 §3.2), by the number of the RFC and of the drafts. */
export const natD = dataAlone<V1NatDPayload>();
