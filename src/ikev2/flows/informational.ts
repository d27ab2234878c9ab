import { ExchangeType, PayloadType, ProtocolId } from '../../iana/ikev2.ts';
import { NotifyError } from '../../iana/notify.ts';
import { activateOutbound, type ChildSa } from '../../ike/child.ts';
import { announceDown } from '../../ike/child-events.ts';
import { tell, tellClosing, tellDelete, tellDeleted, tellDeleting } from '../../ike/steps.ts';
import type { Failure } from '../../policy/failure.ts';
import type { Path } from '../../policy/sa.ts';
import type { DeletePayload } from '../../wire/v2/payload.ts';
import { yieldToYounger } from '../elder.ts';
import { all, type Flow, findNotify, type Message, type Reply, request } from '../flow.ts';
import type { IkeSa, Task } from '../ike-sa.ts';
import { settle } from '../rivals.ts';
import { childSpiOf } from '../sa-payload.ts';
import { dropChild, stopOutbound, successorOf, switchTo } from '../succession.ts';
import { createChild } from './create-child-new.ts';
import { childBySpi, deletePayload, isMakingChild } from './delete.ts';
import { judgeNatProbe, natProbe, serveMobike } from './mobike.ts';

/*
 *   Initiator                         Responder
 *   HDR, SK {[N,] [D,] [CP,] ...}  -->
 *                                <--  HDR, SK {[N,] [D,] [CP,] ...}       RFC 7296 §1.4
 */

/**
 * Empty, and answered empty: is the peer alive? (RFC 7296 §2.4) What follows from silence is the session's business.
 * Behind a NAT it is also asked whether that has forgotten us.
 */
export function liveness(): Task {
  return {
    kind: 'liveness',
    subject: '',
    *run(sa) {
      tell(sa, 'ike', () => 'sending DPD request');
      judgeNatProbe(sa, yield* request(ExchangeType.INFORMATIONAL, natProbe(sa)));
    },
  };
}

/** Answers an INFORMATIONAL request. What is neither a Delete nor an error that concerns the SA is answered empty. */
export function* serveInformational(sa: IkeSa, message: Message, path: Path): Flow<Reply> {
  const deletes = all(message, PayloadType.Delete);
  if (deletes.some(({ protocol }) => protocol === ProtocolId.IKE)) {
    const reason = sa.state === 'DELETING' || sa.state === 'REKEYED' ? undefined : DELETED;
    tellDeleting(sa, 'received');
    tellDeleted(sa);
    yieldToYounger(sa);
    return { payloads: [], afterwards: () => closedByPeer(sa, reason) };
  }
  // RFC 7296 §2.21.2: the initiator could not accept our proof, and says so in an exchange of its own.
  if (findNotify(message, NotifyError.AUTHENTICATION_FAILED) !== undefined)
    return { payloads: [], afterwards: () => sa.close(REFUSED) };
  settle(sa);
  const answers = deletes.flatMap(payload => deletedByPeer(sa, payload));
  return { payloads: [...answers, ...serveMobike(sa, message, path)] };
}

const REFUSED: Failure = {
  code: 'auth/refused-by-peer',
  summary: 'the peer did not accept our proof of identity',
  notify: 'AUTHENTICATION_FAILED',
};

const DELETED: Failure = { code: 'peer/deleted', summary: 'the peer deleted the SA' };

/** RFC 7296 §2.25.2: whatever we had begun on this SA is void. */
function closedByPeer(sa: IkeSa, reason: Failure | undefined): void {
  const { rival, predecessor } = sa.collisions;
  // It was redundant, and the peer has said so (§2.8.2).
  if (predecessor?.collisions.rival?.sa === sa) predecessor.collisions.rival = undefined;
  // The peer has finished its rekey of this SA and knows nothing of ours.
  if (rival !== undefined) settle(rival.sa);
  sa.close(reason);
}

/** Returns the Delete payload that answers `payload`; none for what is unknown or on its way out from here (§1.4.1). */
function deletedByPeer(sa: IkeSa, { protocol, spis }: DeletePayload): readonly DeletePayload[] {
  const gone: ChildSa[] = [];
  for (const spi of spis) {
    const child = childBySpi(sa, protocol, spi);
    if (child !== undefined) tellDelete(sa, 'received', child.protocol, child.spiOut);
    if (child === undefined) {
      // Perhaps made by the answer that has not come yet.
      const ahead = childSpiOf(spi);
      if (isMakingChild(sa) && ahead !== undefined) sa.collisions.noteDeleted(ahead);
    } else if (child.state === 'DELETING') {
      // The deletes cross: the outbound SA goes with the request, the inbound one with the answer to ours.
      const next = successorOf(sa, child);
      if (next !== undefined) activateOutbound(sa.host, next);
      stopOutbound(sa, child);
    } else {
      gone.push(child);
      tellClosing(sa, child);
      tellDelete(sa, 'sending', child.protocol, child.spiIn);
      tell(sa, 'ike', () => 'CHILD_SA closed');
      retire(sa, child);
    }
  }
  const [first] = gone;
  return first === undefined ? [] : [deletePayload(first.protocol, gone)];
}

/** The peer deleted `child`: its traffic goes by its successor, where there is one. */
function retire(sa: IkeSa, child: ChildSa): void {
  const next = successorOf(sa, child);
  if (next !== undefined) {
    switchTo(sa, child, next);
    return;
  }
  // Our own rekey of it may still come to something: the event waits for that.
  const awaited = child.state === 'REKEYING';
  const restart = child.up === true && !awaited && child.config.closeAction.includes('start');
  if (!awaited) announceDown(sa, child, DELETED);
  dropChild(sa, child);
  if (restart) sa.start(createChild(child.config));
}
