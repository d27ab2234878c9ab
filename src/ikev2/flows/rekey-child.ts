import { NotifyError } from '../../iana/notify.ts';
import type { ChildSa, Succession } from '../../ike/child.ts';
import { announceDown, announceRekey } from '../../ike/child-events.ts';
import { tellInstalled } from '../../ike/steps.ts';
import { SECOND } from '../../lib/time.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { NotifyPayload } from '../../wire/v2/payload.ts';
import { ABANDONED, loses, retryDelay } from '../collisions.ts';
import { type Flow, type Message, notify, type Reply } from '../flow.ts';
import type { IkeSa, Task } from '../ike-sa.ts';
import { dropChild, successorOf, switchTo } from '../succession.ts';
import {
  acceptChild,
  installOurs,
  type Negotiated,
  negotiateChild,
  type Rejection,
} from './create-child-exchange.ts';
import { createChild, temporaryFailure, tryLater } from './create-child-new.ts';
import { childBySpi, deleteChildSa, isMakingChild } from './delete.ts';

/**
 * Replaces a Child SA: a new one is made, then the old one deleted (RFC 7296 §1.3.3, §2.8). Both ends may do so at
 * once; then there are two new ones for a moment, and the lowest of the four nonces says which goes (§2.8.1).
 */
export function rekeyChild(old: ChildSa): Task {
  return {
    kind: 'rekey-child',
    subject: String(old.id),
    child: old.config.name,
    run: sa => rekey(sa, old),
  };
}

/** Answers the peer's rekey of the Child SA that `about` names (RFC 7296 §2.25.1). */
export function* serveRekeyChild(sa: IkeSa, message: Message, about: NotifyPayload): Flow<Reply> {
  const old = childBySpi(sa, about.protocol, about.spi);
  if (old === undefined) {
    // Perhaps made by the answer that has not come yet.
    if (isMakingChild(sa)) return temporaryFailure();
    const { protocol, spi } = about;
    return { payloads: [notify(NotifyError.CHILD_SA_NOT_FOUND, undefined, { protocol, spi })] };
  }
  // Who rekeys a successor has no use any more for what it replaces.
  const replaced = sa.children.find(
    ({ state, successor }) => state === 'REKEYED' && successor?.child === old,
  );
  if (replaced !== undefined) switchTo(sa, replaced, old);
  const wanted = old.state === 'INSTALLED' || old.state === 'REKEYING';
  if (!wanted || old.successor !== undefined) return temporaryFailure();
  let succession: Succession | undefined;
  try {
    const accepted = yield* acceptChild(sa, message, [old.config], {
      old,
      begun: nonce => {
        succession = { nonce };
        old.successor = succession;
      },
    });
    if ('notifyType' in accepted) return { payloads: [accepted] };
    const { child, payloads } = accepted;
    // While the back end was asked our own rekey may have won, or the SA been given up.
    if (!sa.children.includes(old) || old.state === 'DELETING') {
      sa.removeChild(child);
      return temporaryFailure();
    }
    tellInstalled(sa, 'inbound', child);
    if (succession !== undefined) succession.child = child;
    if (old.state === 'INSTALLED') old.state = 'REKEYED';
    return { payloads };
  } finally {
    if (succession?.child === undefined && old.successor === succession) old.successor = undefined;
  }
}

function* rekey(sa: IkeSa, old: ChildSa): Flow<void> {
  if (!sa.children.includes(old) || old.state !== 'INSTALLED') return;
  if (old.up !== true) {
    // It was made a moment ago, and takes over when the peer deletes what it replaces, or goes as the one too many.
    sa.start(rekeyChild(old), SECOND);
    return;
  }
  old.state = 'REKEYING';
  try {
    const outcome = yield* negotiateChild(sa, old.config, old);
    if (outcome.kind === 'rejected') rejected(sa, old, outcome);
    else yield* conclude(sa, old, outcome);
  } catch (error) {
    if (isAlone(sa, old))
      sa.start(
        rekeyChild(old),
        retryDelay(limit => sa.host.jitter(limit)),
      );
    throw error;
  } finally {
    if (old.state === 'REKEYING') old.state = successorOf(sa, old) === undefined ? 'INSTALLED' : 'REKEYED';
    // The peer deleted it meanwhile, and nothing came of our rekey.
    if (!sa.children.includes(old)) announceDown(sa, old, DELETED);
  }
}

function* conclude(sa: IkeSa, old: ChildSa, made: Negotiated): Flow<void> {
  const { child, nonce } = made;
  const rival = old.successor;
  if (rival !== undefined && loses(nonce, rival.nonce)) {
    // The peer deletes `old`. Until it knows that ours is redundant it may send by it: ours must receive.
    old.state = 'REKEYED';
    if (yield* installOurs(sa, made, { outbound: false, replaces: old })) yield* deleteChildSa(sa, child);
    return;
  }
  // From now on the peer comes too late with a rekey of its own.
  const ours: Succession = { nonce };
  old.successor = ours;
  try {
    if (yield* installOurs(sa, made, { outbound: true, replaces: old })) ours.child = child;
  } finally {
    if (ours.child === undefined) old.successor = rival;
  }
  if (ours.child === undefined) {
    // Whoever deletes a successor wants no more of what it replaces, unless it has made one itself that lives.
    const isReplaced =
      rival !== undefined && (rival.child === undefined || sa.children.includes(rival.child));
    if (!isReplaced) yield* deleteChildSa(sa, old, DELETED);
    return;
  }
  tellInstalled(sa, 'inbound', child);
  tellInstalled(sa, 'outbound', child);
  announceRekey(sa, old.up === true ? old : (rival?.child ?? old), child);
  if (rival !== undefined) sa.start(deleteRival(rival), ABANDONED);
  yield* deleteChildSa(sa, old);
}

/** The SA that the peer made in the collision that we won: the peer deletes it, or we in the end. */
function deleteRival(rival: Succession): Task {
  return {
    kind: 'delete-child',
    subject: `redundant ${rival.child?.id}`,
    *run(sa) {
      if (rival.child !== undefined) yield* deleteChildSa(sa, rival.child);
    },
  };
}

function rejected(sa: IkeSa, old: ChildSa, { notify, failure }: Rejection): void {
  switch (notify.notifyType) {
    case NotifyError.TEMPORARY_FAILURE:
      // Where the peer has replaced or deleted it there is nothing left to do.
      if (isAlone(sa, old)) tryLater(sa, rekeyChild(old), failure);
      return;
    case NotifyError.CHILD_SA_NOT_FOUND:
      if (!isAlone(sa, old)) return;
      // RFC 7296 §2.25: silently deleted, and made from scratch.
      announceDown(sa, old, failure);
      dropChild(sa, old);
      sa.start(createChild(old.config));
      return;
    case NotifyError.NO_ADDITIONAL_SAS:
      // Some peers take no CREATE_CHILD_SA at all; then everything is made anew in time (RFC 7296 §2.8).
      if (isAlone(sa, old)) sa.reauthenticate();
      return;
    default:
      throw new Failed(failure);
  }
}

/** Still there, and the peer has not replaced it. */
function isAlone(sa: IkeSa, old: ChildSa): boolean {
  return sa.children.includes(old) && old.successor === undefined;
}

const DELETED: Failure = { code: 'peer/deleted', summary: 'the peer deleted the SA' };
