import { V1ExchangeType, V1PayloadType } from '../iana/ikev1.ts';
import { nameOf } from '../iana/name.ts';
import { EMPTY } from '../lib/bytes.ts';
import { summarizeV1 } from '../wire/v1/describe.ts';
import type { V1Payload } from '../wire/v1/payload.ts';
import type { Message } from './flow.ts';
import { isEncrypted } from './protection.ts';

/** Stands for the one in front, which flows do not see. */
const HASH_ALONE: V1Payload = { type: V1PayloadType.HASH, data: EMPTY };

/** Both versions have exchanges of this name: in a trace they are told apart. */
const INFORMATIONAL = 'INFORMATIONAL_V1';

/**
 * A message in one line, as it is on the wire, in the form of those of IKEv2: what the end says that began the exchange are
 * requests.
 */
export function messageInWords(
  { header, payloads }: Pick<Message, 'header' | 'payloads'>,
  fromInitiator: boolean,
): string {
  const { exchangeType, messageId } = header;
  const isHashed = messageId !== 0 && isEncrypted(header);
  const all = isHashed ? [HASH_ALONE, ...payloads] : payloads;
  const isInformational = exchangeType === V1ExchangeType.INFORMATIONAL;
  const exchange = isInformational ? INFORMATIONAL : nameOf(V1ExchangeType, exchangeType, 240);
  const kind = isInformational || fromInitiator ? 'request' : 'response';
  const summary = summarizeV1({ header, payloads: all, encrypted: false });
  return `${exchange} ${kind} ${messageId} ${summary.slice(summary.indexOf('['))}`;
}
