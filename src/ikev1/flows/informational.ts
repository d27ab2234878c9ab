import { V1Notify, V1PayloadType, V1ProtocolId } from '../../iana/ikev1.ts';
import { nameOf } from '../../iana/name.ts';
import type { ChildSa } from '../../ike/child.ts';
import { warning } from '../../ike/events.ts';
import { offerRefused } from '../../ike/failures.ts';
import { tell, tellClosing, tellDelete, tellDeleting } from '../../ike/steps.ts';
import type { Instant } from '../../lib/time.ts';
import { proofRefused } from '../../policy/auth-failures.ts';
import { isEncryption } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { addressIdentity } from '../../policy/identity.ts';
import type { V1DeletePayload, V1NotifyPayload, V1Payload } from '../../wire/v1/payload.ts';
import { OTHER_KEY } from '../auth/encryption/peer-identity.ts';
import { methodsFor } from '../auth/index.ts';
import { BEGUN_ANEW } from '../endings.ts';
import { all, findError, type Message } from '../flow.ts';
import { isUntouched } from '../inheritance.ts';
import type { IsakmpSa } from '../isakmp-sa.ts';
import { methodNames, settingOf } from '../phase-one-proposal.ts';
import { protocolNumber } from '../quick-proposal.ts';
import { spiOf } from '../quick-transform.ts';
import type { Setbacks } from '../setbacks.ts';
import { carrierBeside, dropChild } from '../succession.ts';
import { createChild } from './quick-initiator.ts';

/*
 *   Initiator                        Responder
 *   HDR*, HASH(1), N/D      -->                                                  RFC 2409 §5.7
 */

/** What the session can do about what a peer says. */
export interface Informed extends IsakmpSa {
  readonly establishedAt: Instant | undefined;
  readonly liveness: {
    answerTo(question: V1NotifyPayload): V1NotifyPayload | undefined;
    answered(answer: V1NotifyPayload): void;
  };
  /** The peer refuses the negotiation of this SPI of ours, or the only one there is; false where there is none. */
  refused(spi: number | undefined, failure: Failure): boolean;
  /** The exchange that waits for a sign that `child` is in use need not wait any longer. */
  inUse(child: ChildSa): void;
  deletedByPeer(): void;
  /** The peer has no other SA with us. */
  onlyContact(): void;
  readonly setbacks: Pick<Setbacks, 'suspect'>;
  /** Those between the same two that may have a child that this one does not know of. */
  siblings(): readonly IsakmpSa[];
}

/** Heeds an authentic Informational message. One that deletes the ISAKMP SA says nothing else but what goes with it. */
export function serveInformational(
  sa: Informed,
  message: Message,
  reply: (payloads: readonly V1Payload[]) => void,
): void {
  const deletes = all(message, V1PayloadType.D);
  for (const payload of deletes) deleted(sa, payload);
  if (deletes.some(({ protocol }) => protocol === V1ProtocolId.PROTO_ISAKMP)) {
    if (sa.establishedAt !== undefined) tellDeleting(sa, 'received');
    sa.deletedByPeer();
  } else for (const payload of all(message, V1PayloadType.N)) noted(sa, payload, reply);
}

/** Before phase 1 is done only errors matter: what comes under the new keys ends it, what does not may be forged. */
export function informedEarly(sa: Informed, message: Message, authentic: boolean): void {
  const error = findError(message);
  if (error === undefined) return;
  tellError(sa, error);
  const failure = refusedEarly(sa, error);
  if (authentic) sa.refused(undefined, failure);
  else sa.setbacks.suspect(failure);
}

function noted(
  sa: Informed,
  payload: V1NotifyPayload,
  reply: (payloads: readonly V1Payload[]) => void,
): void {
  const { notifyType } = payload;
  if (notifyType < V1Notify.CONNECTED) tellError(sa, payload);
  switch (notifyType) {
    case V1Notify.R_U_THERE: {
      const answer = sa.liveness.answerTo(payload);
      if (answer !== undefined) reply([answer]);
      return;
    }
    case V1Notify.R_U_THERE_ACK:
      sa.liveness.answered(payload);
      return;
    case V1Notify.INITIAL_CONTACT:
      // Later it would be a lever to pull other SAs down with.
      if (sa.role === 'responder' && isUntouched(sa)) begunAnew(sa);
      return;
    case V1Notify.INVALID_SPI:
      lost(sa, payload);
      return;
    case V1Notify.PAYLOAD_MALFORMED:
      // The last message of aggressive mode goes along with what is sent again after it; charon cannot read it twice.
      if (sa.role === 'initiator' && sa.connection.aggressive && spiOf(payload.spi) === undefined)
        sa.host.event(warning(sa, refusalOf(sa, payload).summary));
      else sa.refused(spiOf(payload.spi), refusalOf(sa, payload));
      return;
    case V1Notify.AUTHENTICATION_FAILED:
      // The peer had our last word of phase 1 still to judge.
      sa.close(refusalOf(sa, payload));
      return;
    default:
      if (notifyType < V1Notify.CONNECTED) sa.refused(spiOf(payload.spi), refusalOf(sa, payload));
  }
}

function tellError(sa: Informed, { notifyType }: V1NotifyPayload): void {
  tell(sa, 'ike', () => `received ${nameOf(V1Notify, notifyType, 8192)} error notify`);
}

/** The peer has this SA with us, and nothing that was before. */
function begunAnew(sa: Informed): void {
  if (sa.connection.unique !== 'never') for (const child of sa.children) dropChild(sa, child, BEGUN_ANEW);
  sa.onlyContact();
}

/** The peer does not know the SA that we send by: it is of no use any more. */
function lost(sa: Informed, { spi, data }: V1NotifyPayload): void {
  const meant = spiOf(spi) ?? spiOf(data);
  const child = sa.children.find(({ spiOut, outbound }) => outbound && spiOut === meant);
  if (child === undefined) {
    sa.refused(meant, { code: 'peer/refused', summary: 'the peer knows no such SPI', notify: 'INVALID_SPI' });
    return;
  }
  retire(
    sa,
    child,
    { code: 'peer/child-not-found', summary: 'the peer does not know the SA any more' },
    true,
  );
}

const DELETED: Failure = { code: 'peer/deleted', summary: 'the peer deleted the SA' };

/** The peer will not receive by these SPIs of its own any more. What is unknown was gone already. */
function deleted(sa: Informed, { protocol, spis }: V1DeletePayload): void {
  for (const octets of spis) {
    const spi = spiOf(octets);
    for (const owner of [sa, ...sa.siblings()]) {
      const child = owner.children.find(
        one => one.spiOut === spi && protocolNumber(one.protocol) === protocol,
      );
      if (child === undefined) continue;
      // Who deletes an SA goes on by its successor, though its last message may have been lost.
      const waiting = owner.children.find(
        other =>
          !other.outbound &&
          other.state === 'INSTALLED' &&
          other.config.name === child.config.name &&
          other.id > child.id,
      );
      if (waiting !== undefined && child.outbound) sa.inUse(waiting);
      tellDelete(owner, 'received', child.protocol, child.spiOut);
      tellClosing(owner, child);
      retire(owner, child, DELETED, child.config.closeAction.includes('start'));
      break;
    }
  }
}

/** `again`: where nothing carries on its traffic, it is made anew. */
function retire(sa: IsakmpSa, child: ChildSa, failure: Failure, again: boolean): void {
  const restart =
    again && child.up === true && child.state !== 'REKEYING' && carrierBeside(sa, child) === undefined;
  dropChild(sa, child, failure);
  if (restart) for (const task of createChild(child.config)) sa.start(task);
}

/** What a peer's error says while phase 1 is under way: there only algorithms can be refused, and who we are. */
function refusedEarly(sa: IsakmpSa, error: V1NotifyPayload): Failure {
  const { connection, path } = sa;
  const failure = refusalOf(sa, error);
  switch (error.notifyType) {
    case V1Notify.NO_PROPOSAL_CHOSEN: {
      const { code, ours, remedy } = offerRefused(connection.proposals, settingOf(connection));
      const mode = connection.aggressive ? 'aggressive' : 'main';
      const summary = `${failure.summary}: it allows none of our proposals, or not ${offeredMethods(sa)}, or not ${mode} mode`;
      return { ...failure, code, summary, ...(ours && { ours }), ...(remedy && { remedy }) };
    }
    case V1Notify.AUTHENTICATION_FAILED: {
      const localId = connection.local[0]?.id ?? addressIdentity(path.local.address);
      return { ...failure, ...proofRefused(localId, undefined), summary: failure.summary };
    }
    case V1Notify.PAYLOAD_MALFORMED:
      return connection.local.some(({ method }) => isEncryption(method))
        ? { ...OTHER_KEY, summary: `${failure.summary}: ${OTHER_KEY.summary}`, notify: 'PAYLOAD_MALFORMED' }
        : failure;
    default:
      return failure;
  }
}

/** The Authentication Methods that we offer, in words. */
function offeredMethods({ host, connection, role, path }: IsakmpSa): string {
  try {
    return methodNames(methodsFor({ host, connection, role, path })).join(' or ');
  } catch (error) {
    // The secrets are others by now.
    if (error instanceof Failed) return 'our authentication';
    throw error;
  }
}

/** What a peer's error says: a flow that waits may know more. */
function refusalOf({ connection }: IsakmpSa, { notifyType }: V1NotifyPayload): Failure {
  const notify = nameOf(V1Notify, notifyType, 8192);
  const code = notifyType === V1Notify.AUTHENTICATION_FAILED ? 'auth/refused-by-peer' : 'peer/refused';
  return { code, summary: `${connection.name}: the peer refused with ${notify}`, notify };
}
