import { Malformed } from '../../../lib/reader.ts';
import type { Codec } from '../../codec.ts';
import type { NoncePayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                            Nonce Data                         ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** "The size of the Nonce Data MUST be between 16 and 256 octets, inclusive" (RFC 7296 §3.9). */
const SHORTEST = 16;
const LONGEST = 256;

/** Nonce (RFC 7296 §3.9). */
export const nonce: Codec<NoncePayload> = {
  decode(body, type) {
    const at = body.offset;
    const data = body.rest();
    if (data.length < SHORTEST || data.length > LONGEST) {
      throw new Malformed(`Nonce of ${data.length} octets, ${SHORTEST} to ${LONGEST} allowed`, at);
    }
    return { type, data };
  },
  encode(payload, out) {
    out.bytes(payload.data);
  },
};
