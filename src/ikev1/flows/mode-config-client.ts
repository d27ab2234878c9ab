import { ModeCfgType } from '../../iana/ikev1.ts';
import { takeAddresses, wantedAddresses } from '../../ike/virtual-ips.ts';
import { EMPTY } from '../../lib/bytes.ts';
import type { Failure } from '../../policy/failure.ts';
import type { V1Attribute, V1AttributesPayload } from '../../wire/v1/payload.ts';
import { type Flow, send } from '../flow.ts';
import { HASH_1 } from '../hash-rule.ts';
import type { Task } from '../isakmp-sa.ts';
import { fromWire, requestOf } from '../mode-config.ts';
import { answerTo, type Transacting } from '../transacting.ts';
import { transact } from './transact.ts';

/*
 *   Client                                         Server
 *   ATTR(REQUEST, address, name servers …)  -->                                   pull
 *                                           <--    ATTR(REPLY, address …)
 *   or
 *                                           <--    ATTR(SET, address …)           push
 *   ATTR(ACK, address …)                    -->                   draft-dukes-ike-mode-cfg §3.1
 */

/** Before the peer has given us an address. */
export const NEVER_CONFIGURED: Failure = {
  code: 'peer/no-address',
  summary: 'the peer never gave us a virtual IP',
  remedy: 'let pull of both sides say the same; with pull = no the peer begins, and needs a pool for us',
};

/** Asks for our virtual IPs; at its end the SA is established. */
export function requestAddresses(sa: Transacting): Task {
  return { kind: 'mode-config', subject: '', run: () => requesting(sa) };
}

function* requesting(sa: Transacting): Flow<void> {
  const wanted = wantedAddresses(sa.host, sa.connection);
  const { attributes } = yield* transact(sa, ModeCfgType.ISAKMP_CFG_REQUEST, requestOf(wanted));
  yield* take(sa, attributes);
}

/** The peer tells us what we have not asked for: that is taken while we wait for addresses, and at no other time. */
export function* heedAddresses(sa: Transacting, told: V1AttributesPayload): Flow<void> {
  const isAwaited = sa.progress.awaits === 'addresses';
  const accepted: readonly V1Attribute[] = isAwaited
    ? told.attributes.map(({ type }) => ({ type, value: EMPTY }))
    : [];
  try {
    if (isAwaited) yield* take(sa, told.attributes);
  } catch (error) {
    yield* send({ payloads: [answerTo(told, [])], hash: HASH_1 });
    throw error;
  }
  yield* send({ payloads: [answerTo(told, accepted)], hash: HASH_1 });
}

/** Throws Failed where there is no address for us. */
function* take(sa: Transacting, attributes: readonly V1Attribute[]): Flow<void> {
  const { host, connection, path } = sa;
  if (sa.progress.awaits !== 'addresses') return;
  sa.progress.awaits = undefined;
  const told = fromWire(attributes);
  const addresses = told.flatMap(one => (one.kind === 'address' ? [one.address] : []));
  const others = told.filter(({ kind }) => kind !== 'address');
  sa.virtualIps = yield* takeAddresses(host, connection, path, addresses, others);
  sa.configured();
}
