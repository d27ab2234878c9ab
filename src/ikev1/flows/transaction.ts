import { ModeCfgType, V1PayloadType, XauthAttribute } from '../../iana/ikev1.ts';
import { type Flow, first, type Message, send } from '../flow.ts';
import { HASH_1 } from '../hash-rule.ts';
import { answerTo, type Transacting } from '../transacting.ts';
import { answerXauth, heedStatus } from './xauth-client.ts';

/*
 *   Who asks or tells                      Who answers
 *   HDR*, HASH(1), ATTR(REQUEST or SET) -->
 *                                       <--   HDR*, HASH(1), ATTR(REPLY or ACK)      draft-dukes-ike-mode-cfg §3
 */

/**
 * Serves a transaction that the peer begins. What is asked of us besides XAUTH there is none of, and of what the peer
 * sets we take nothing: the answer is empty, which says so (draft-dukes-ike-mode-cfg §3.2).
 */
export function* serveTransaction(sa: Transacting, message: Message): Flow<void> {
  const asked = first(message, V1PayloadType.ATTRIBUTES);
  if (asked === undefined) return;
  const isXauth = asked.attributes.some(({ type }) => XAUTH.has(type));
  if (asked.cfgType === ModeCfgType.ISAKMP_CFG_REQUEST) {
    if (isXauth) yield* answerXauth(sa, asked);
    else yield* send({ payloads: [answerTo(asked, [])], hash: HASH_1 });
  } else if (asked.cfgType === ModeCfgType.ISAKMP_CFG_SET) {
    if (isXauth) yield* heedStatus(sa, asked);
    else yield* send({ payloads: [answerTo(asked, [])], hash: HASH_1 });
  }
}

const XAUTH: ReadonlySet<number> = new Set(Object.values(XauthAttribute));
