import { ModeCfgType, V1ExchangeType, V1PayloadType } from '../../iana/ikev1.ts';
import { nameOf } from '../../iana/name.ts';
import { Failed } from '../../policy/failure.ts';
import type { V1Attribute, V1AttributesPayload } from '../../wire/v1/payload.ts';
import { begin, exchange, type Flow, first } from '../flow.ts';
import { HASH_1 } from '../hash-rule.ts';
import type { Transacting } from '../transacting.ts';

/**
 * A transaction of ours: a REQUEST and its REPLY, or a SET and its ACK. Each has a Message ID of its own, which says
 * what answers what; the identifier besides says nothing new, and some send another one back. Throws Failed.
 */
export function* transact(
  sa: Transacting,
  cfgType: number,
  attributes: readonly V1Attribute[],
): Flow<V1AttributesPayload> {
  const [high = 0, low = 0] = sa.host.provider.random(2);
  const identifier = high * 256 + low;
  yield* begin(V1ExchangeType.TRANSACTION);
  const payload: V1AttributesPayload = { type: V1PayloadType.ATTRIBUTES, cfgType, identifier, attributes };
  const message = yield* exchange({ payloads: [payload], hash: HASH_1 }, { hash: HASH_1 });
  const answer = first(message, V1PayloadType.ATTRIBUTES);
  if (answer?.cfgType === cfgType + 1) return answer;
  throw new Failed({
    code: 'peer/malformed',
    summary: `${nameOf(ModeCfgType, cfgType, 128)} was answered with ${nameOf(ModeCfgType, answer?.cfgType ?? 0, 128)}`,
  });
}
