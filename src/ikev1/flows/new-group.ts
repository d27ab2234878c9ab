import { groupFault, isKnownPrime, type ModpGroup } from '../../crypto/ke/private-group.ts';
import { V1ExchangeType, V1Notify, V1PayloadType } from '../../iana/ikev1.ts';
import { ask } from '../../ike/flow.ts';
import { equal } from '../../lib/bytes.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { begin, exchange, type Flow, first, type Message, Refused, send } from '../flow.ts';
import { HASH_1 } from '../hash-rule.ts';
import type { IsakmpSa, Task } from '../isakmp-sa.ts';
import { groupIn, type PrivateGroup, proposalOf } from '../private-group.ts';

/*
 *   Initiator                        Responder
 *   HDR*, HASH(1), SA        -->
 *                            <--     HDR*, HASH(2), SA                            RFC 2409 §5.6
 */

/** Primes of one peer under one ISAKMP SA that are tested: each test may take seconds. */
const MOST_TESTED = 2;

/** The group that the connection has is proposed, before any child is made; undefined where there is none to propose. */
export function proposeGroup({ role, connection }: IsakmpSa): Task | undefined {
  const { newGroup } = connection;
  if (newGroup === undefined || newGroup === 'accept' || role !== 'initiator') return undefined;
  return { kind: 'new-group', subject: '', first: true, run: sa => propose(sa, newGroup) };
}

function* propose(sa: IsakmpSa, group: ModpGroup): Flow<void> {
  const offer = proposalOf(group);
  yield* begin(V1ExchangeType.NEW_GROUP_MODE);
  let answer: Message;
  try {
    answer = yield* exchange({ payloads: [offer], hash: HASH_1 }, { hash: HASH_1 });
  } catch (error) {
    if (error instanceof Failed) throw new Failed(explained(sa, error.failure));
    throw error;
  }
  const payload = first(answer, V1PayloadType.SA);
  const agreed = payload === undefined ? 'it is not there' : groupIn(payload);
  const [ours] = [groupIn(offer)];
  if (typeof agreed === 'string' || typeof ours === 'string' || !isSame(agreed, ours))
    throw new Refused(V1Notify.BAD_PROPOSAL_SYNTAX, {
      code: 'peer/malformed',
      summary: `${sa.connection.name}: the peer answered with another group than it was asked for`,
    });
  sa.privateGroup = ours;
}

/** What a peer's refusal means. */
function explained({ connection }: IsakmpSa, failure: Failure): Failure {
  if (failure.notify === undefined) return failure;
  return {
    ...failure,
    summary: `${connection.name}: the peer does not take our group (${failure.notify}), so that no child with PFS is made`,
    remedy:
      'let new_group of the peer be accept, if it knows new group mode; otherwise remove new_group here',
  };
}

/** Why children with PFS must wait for ever: the group that the connection is to have for them was not agreed upon. */
export function missingGroup({ connection, role, privateGroup }: IsakmpSa): Failure | undefined {
  const { newGroup, name } = connection;
  const isWanted = newGroup !== undefined && newGroup !== 'accept' && role === 'initiator';
  if (!isWanted || privateGroup !== undefined) return undefined;
  return {
    code: 'peer/invalid-ke',
    summary: `${name}: the group of new_group was not agreed upon, and no other is to stand in`,
    remedy: 'let new_group of the peer be accept, or remove new_group here',
  };
}

/** Takes the group of a peer that may propose one, once it is known to be sound. Throws Refused. */
export function* serveNewGroup(sa: IsakmpSa, message: Message): Flow<void> {
  const { connection } = sa;
  const payload = first(message, V1PayloadType.SA);
  const proposed = payload === undefined ? 'it is not there' : groupIn(payload);
  if (connection.newGroup !== 'accept')
    throw refused(
      sa,
      'new_group is not accept here',
      'set new_group = accept, if the peer may choose the group of PFS',
    );
  if (typeof proposed === 'string') throw refused(sa, proposed, REMEDY);
  const fault = groupFault(proposed.group);
  if (fault !== undefined) throw refused(sa, fault, REMEDY);
  yield* test(sa, proposed);
  sa.privateGroup = proposed;
  yield* send({ payloads: [proposalOf(proposed.group, proposed.number)], hash: HASH_1 });
}

const REMEDY = 'let the peer propose a safe prime of 2048 to 8192 bits: openssl dhparam makes them';

const tested = new WeakMap<IsakmpSa, number>();

function* test(sa: IsakmpSa, { group }: PrivateGroup): Flow<void> {
  if (isKnownPrime(group.prime)) return;
  const count = (tested.get(sa) ?? 0) + 1;
  tested.set(sa, count);
  if (count > MOST_TESTED) throw refused(sa, `the peer has proposed ${MOST_TESTED} already`, REMEDY);
  try {
    yield* ask<'check-safe-prime'>({ kind: 'check-safe-prime', prime: group.prime });
  } catch (error) {
    if (error instanceof Failed) throw refused(sa, error.failure.summary, error.failure.remedy ?? REMEDY);
    throw error;
  }
}

/** "The responder MUST reply with a Notify payload with the message type set to ATTRIBUTES-NOT-SUPPORTED" (RFC 2409 §5.6). */
function refused({ connection }: IsakmpSa, why: string, remedy: string): Refused {
  return new Refused(V1Notify.ATTRIBUTES_NOT_SUPPORTED, {
    code: 'peer/refused',
    summary: `${connection.name}: the group that the peer proposes is not taken: ${why}`,
    remedy,
    notify: 'ATTRIBUTES_NOT_SUPPORTED',
  });
}

function isSame(a: PrivateGroup, b: PrivateGroup): boolean {
  return (
    a.number === b.number &&
    equal(a.group.prime, b.group.prime) &&
    equal(a.group.generator, b.group.generator)
  );
}
