import { Malformed } from '../../../lib/reader.ts';
import type { Codec } from '../../codec.ts';
import type { V1NoncePayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                            Nonce Data                         ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** "The length of nonce payload MUST be between 8 and 256 bytes inclusive" (RFC 2409 §5). */
const SHORTEST = 8;
/** Above 256, because under public key encryption the nonce is as long as the key's modulus (RFC 2409 §5.2). */
const LONGEST = 1024;

/** Nonce (RFC 2408 §3.13). Whoever reads a nonce in the clear refuses more than 256 octets. */
export const nonce: Codec<V1NoncePayload> = {
  decode(body, type) {
    const at = body.offset;
    const data = body.rest();
    if (data.length < SHORTEST || data.length > LONGEST)
      throw new Malformed(`Nonce of ${data.length} octets`, at);
    return { type, data };
  },
  encode(payload, out) {
    out.bytes(payload.data);
  },
};
