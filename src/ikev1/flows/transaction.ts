import { ModeCfgType, V1PayloadType, XauthAttribute } from '../../iana/ikev1.ts';
import { type Flow, first, type Message } from '../flow.ts';
import type { Transacting } from '../transacting.ts';
import { heedAddresses } from './mode-config-client.ts';
import { answerRequest } from './mode-config-server.ts';
import { answerXauth, heedStatus } from './xauth-client.ts';

/*
 *   Who asks or tells                      Who answers
 *   HDR*, HASH(1), ATTR(REQUEST or SET) -->
 *                                       <--   HDR*, HASH(1), ATTR(REPLY or ACK)      draft-dukes-ike-mode-cfg §3
 */

/** Serves a transaction that the peer begins: it asks for our user or for addresses, or tells of either. */
export function* serveTransaction(sa: Transacting, message: Message): Flow<void> {
  const asked = first(message, V1PayloadType.ATTRIBUTES);
  if (asked === undefined) return;
  const isXauth = asked.attributes.some(({ type }) => XAUTH.has(type));
  if (asked.cfgType === ModeCfgType.ISAKMP_CFG_REQUEST)
    yield* isXauth ? answerXauth(sa, asked) : answerRequest(sa, asked);
  else if (asked.cfgType === ModeCfgType.ISAKMP_CFG_SET)
    yield* isXauth ? heedStatus(sa, asked) : heedAddresses(sa, asked);
}

const XAUTH: ReadonlySet<number> = new Set(Object.values(XauthAttribute));
