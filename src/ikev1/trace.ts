import { V1PayloadType } from '../iana/ikev1.ts';
import { EMPTY } from '../lib/bytes.ts';
import { summarizeV1 } from '../wire/v1/describe.ts';
import type { V1Payload } from '../wire/v1/payload.ts';
import type { Message } from './flow.ts';
import { isEncrypted } from './protection.ts';

/** Stands for the one in front, which flows do not see. */
const HASH_ALONE: V1Payload = { type: V1PayloadType.HASH, data: EMPTY };

/** A message in one line, as it is on the wire. */
export function messageInWords({ header, payloads }: Pick<Message, 'header' | 'payloads'>): string {
  const isHashed = header.messageId !== 0 && isEncrypted(header);
  const all = isHashed ? [HASH_ALONE, ...payloads] : payloads;
  return summarizeV1({ header, payloads: all, encrypted: false });
}
