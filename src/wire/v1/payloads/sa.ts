import { Doi, Situation } from '../../../iana/ikev1.ts';
import type { Codec } from '../../codec.ts';
import type { V1SaPayload } from '../payload.ts';
import { decodeProposals, encodeProposals } from './proposal.ts';

const HEAD = 8;

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !              Domain of Interpretation  (DOI)                  !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !                           Situation                           !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                           Proposals                           ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/**
 * Security Association (RFC 2408 §3.4, RFC 2407 §4.6.1). What follows the situation depends on it and on the
 * DOI, and nothing but plain IPsec is spoken here: with any other the proposals stay unread in `body`, so that
 * the right refusal can be given (DOI-NOT-SUPPORTED, SITUATION-NOT-SUPPORTED).
 */
export const sa: Codec<V1SaPayload> = {
  decode(body, type) {
    const head = body.take(HEAD, 'SA DOI and situation');
    const view = new DataView(head.buffer, head.byteOffset, HEAD);
    const doi = view.getUint32(0);
    const situation = doi === Doi.IPSEC ? view.getUint32(4) : 0;
    const whole = new Uint8Array(head.buffer, head.byteOffset, HEAD + body.remaining);
    if (situation !== Situation.SIT_IDENTITY_ONLY) {
      body.rest();
      return { type, doi, situation, proposals: [], body: whole };
    }
    return { type, doi, situation, proposals: decodeProposals(body), body: whole };
  },
  encode(payload, out) {
    if (payload.body !== undefined) {
      out.bytes(payload.body);
      return;
    }
    out.u32(payload.doi).u32(payload.situation);
    encodeProposals(payload.proposals, out);
  },
};
