import { V1ExchangeType, V1Notify } from '../../iana/ikev1.ts';
import type { V1Payload } from '../../wire/v1/payload.ts';
import { type Flow, type Message, notify } from '../flow.ts';
import type { Transacting } from '../transacting.ts';
import { type Informed, serveInformational } from './informational.ts';
import { serveNewGroup } from './new-group.ts';
import { serveQuickMode } from './quick-responder.ts';
import { serveTransaction } from './transaction.ts';

/** The flow that goes on from a peer's first message; undefined where `reply`, which answers in an exchange of its own, is all. */
export function serve(
  sa: Informed & Transacting,
  message: Message,
  reply: (payloads: readonly V1Payload[]) => void,
): Flow<void> | undefined {
  switch (message.header.exchangeType) {
    case V1ExchangeType.QUICK_MODE:
      return serveQuickMode(sa, message);
    case V1ExchangeType.TRANSACTION:
      return serveTransaction(sa, message);
    case V1ExchangeType.NEW_GROUP_MODE:
      return serveNewGroup(sa, message);
    case V1ExchangeType.INFORMATIONAL:
      serveInformational(sa, message, reply);
      return undefined;
    default:
      reply([notify(V1Notify.UNSUPPORTED_EXCHANGE_TYPE)]);
      return undefined;
  }
}
