import { nameOf } from '../../iana/name.ts';
import { NotifyError } from '../../iana/notify.ts';
import { announceUp } from '../../ike/child-events.ts';
import { failureOf } from '../../ike/flow.ts';
import { tellNoChild } from '../../ike/steps.ts';
import { SECOND } from '../../lib/time.ts';
import type { ChildConfig } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { type Flow, type Message, notify, Refused, type Reply } from '../flow.ts';
import type { IkeSa, Task } from '../ike-sa.ts';
import { acceptChild, installOurs, negotiateChild, type Rejection } from './create-child-exchange.ts';
import { deleteIke } from './delete.ts';

/** A further Child SA on an established IKE SA (RFC 7296 §1.3.1). */
export function createChild(config: ChildConfig): Task {
  return {
    kind: 'create-child',
    subject: config.name,
    child: config.name,
    run: sa => create(sa, config),
  };
}

/**
 * Does `action` when no child waits to be made any more, by a task that stands behind theirs.
 *
 * @param number tells it from others of its kind.
 */
export function afterChildren(number: number, action: () => void): Task {
  return {
    kind: 'after-children',
    subject: String(number),
    *run(sa) {
      if (sa.has(({ kind }) => kind === 'create-child')) sa.start(afterChildren(number, action), SECOND);
      else action();
    },
  };
}

/** Answers the peer's wish for a further Child SA. */
export function* serveNewChild(sa: IkeSa, message: Message): Flow<Reply> {
  if (sa.children.length >= MOST_CHILDREN)
    throw new Refused(notify(NotifyError.NO_ADDITIONAL_SAS), {
      code: 'peer/refused',
      summary: `the peer asks for more than ${MOST_CHILDREN} Child SAs on one IKE SA`,
      notify: 'NO_ADDITIONAL_SAS',
    });
  const accepted = yield* acceptNew(sa, message);
  if ('notifyType' in accepted) return { payloads: [accepted] };
  const { child, payloads } = accepted;
  // While the back end was asked the SA may have been given up, or replaced.
  if (sa.state === 'DELETING' || sa.state === 'REKEYED') {
    sa.removeChild(child);
    return temporaryFailure();
  }
  announceUp(sa, child);
  return { payloads };
}

function* acceptNew(sa: IkeSa, message: Message): ReturnType<typeof acceptChild> {
  try {
    return yield* acceptChild(sa, message, sa.connection.children);
  } catch (error) {
    tellNoChild(sa, failureOf(error));
    throw error;
  }
}

/** What we cannot do just now (RFC 7296 §2.25); no failure of ours or the peer's. */
export function temporaryFailure(): Reply {
  return { payloads: [notify(NotifyError.TEMPORARY_FAILURE)] };
}

/**
 * The peer wants to be asked again later: `task` is begun anew after a pause, or the IKE SA given up when that has
 * gone on for minutes (RFC 7296 §2.25).
 */
export function tryLater(sa: IkeSa, task: Task, failure: Failure): void {
  const { now } = sa.host;
  const delay = sa.collisions.temporaryFailure(now, limit => sa.host.jitter(limit));
  if (delay !== undefined) sa.start(task, delay);
  else sa.start(deleteIke(failure));
}

/** A bound for what one peer can make us hold. */
const MOST_CHILDREN = 1024;

function* create(sa: IkeSa, config: ChildConfig): Flow<void> {
  const outcome = yield* negotiateChild(sa, config);
  if (outcome.kind === 'rejected') {
    rejected(sa, config, outcome);
    return;
  }
  if (!(yield* installOurs(sa, outcome, { outbound: true })))
    throw new Failed({
      code: 'peer/deleted',
      summary: `${config.name}: the peer deleted the SA as soon as it was made`,
    });
  announceUp(sa, outcome.child);
}

function rejected(sa: IkeSa, config: ChildConfig, { notify, failure }: Rejection): void {
  tellNoChild(sa, failure, nameOf(NotifyError, notify.notifyType));
  if (notify.notifyType !== NotifyError.TEMPORARY_FAILURE) throw new Failed(failure);
  tryLater(sa, createChild(config), failure);
}
