import { ask } from '../../ike/flow.ts';
import type { ChildConfig } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';
import type { Flow } from '../flow.ts';
import type { EmergingSa, Task } from '../ike-sa.ts';
import { initiateIkeAuth } from './auth-initiator.ts';
import { createChild } from './create-child.ts';
import { initiateIkeSaInit } from './init-initiator.ts';

/** The whole making of an IKE SA on the initiator's side, with its first child where `child` is given. */
export function establish(sa: EmergingSa, child: ChildConfig | undefined): Task {
  return { kind: 'establish', subject: '', run: () => making(sa, child) };
}

function* making(sa: EmergingSa, child: ChildConfig | undefined): Flow<void> {
  const { connection } = sa;
  sa.path = (yield* ask<'resolve'>({ kind: 'resolve', connection: connection.name })).path;
  const init = yield* initiateIkeSaInit(sa);
  const alone =
    child === undefined ||
    connection.childless === 'force' ||
    (connection.childless === 'prefer' && sa.peer.childless);
  if (alone && !sa.peer.childless) {
    throw new Failed({
      code: 'peer/refused',
      summary: `${connection.name}: the peer makes no IKE SA without a child (RFC 6023)`,
      remedy: child === undefined ? 'name a child to be made' : 'set childless to allow',
    });
  }
  yield* initiateIkeAuth(sa, init, alone ? undefined : child);
  if (alone && child !== undefined) sa.start(createChild(child));
}
