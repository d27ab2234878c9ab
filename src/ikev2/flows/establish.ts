import { ask, failureOf } from '../../ike/flow.ts';
import type { ChildConfig } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { Path } from '../../policy/sa.ts';
import type { Flow } from '../flow.ts';
import type { EmergingSa, Task } from '../ike-sa.ts';
import { initiateIkeAuth } from './auth-initiator.ts';
import { createChild } from './create-child.ts';
import type { InitResult } from './init.ts';
import { initiateIkeSaInit } from './init-initiator.ts';

/** The whole making of an IKE SA on the initiator's side, with its first child where `child` is given. */
export function establish(sa: EmergingSa, child: ChildConfig | undefined): Task {
  return { kind: 'establish', subject: '', run: () => making(sa, child) };
}

function* making(sa: EmergingSa, child: ChildConfig | undefined): Flow<void> {
  const { connection } = sa;
  const init = yield* reached(sa);
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

/** By UDP, by TCP, or by TCP where nobody answers by UDP: with an SPI and addresses of its own then (RFC 9329 §5.1). */
function* reached(sa: EmergingSa): Flow<InitResult> {
  const { tcp } = sa.connection;
  sa.path = yield* resolved(sa, tcp === 'yes');
  try {
    return yield* initiateIkeSaInit(sa);
  } catch (error) {
    const byUdp = failureOf(error);
    if (tcp !== 'fallback' || byUdp.code !== 'peer/silent') throw error;
    sa.beginAnew(yield* openedInstead(sa, byUdp));
    return yield* initiateIkeSaInit(sa);
  }
}

function* openedInstead(sa: EmergingSa, byUdp: Failure): Flow<Path> {
  try {
    return yield* resolved(sa, true);
  } catch (error) {
    throw new Failed({ ...byUdp, summary: `${byUdp.summary}; and by TCP: ${failureOf(error).summary}` });
  }
}

function* resolved({ connection: { name }, host }: EmergingSa, tcp: boolean): Flow<Path> {
  if (tcp && host.features.tcp !== true)
    throw new Failed({
      code: 'local/unsupported',
      summary: `${name}: the IPsec back end carries no ESP over TCP`,
      remedy: 'use a kernel that has INET_ESPINTCP, or the back end in user space, or set tcp to no',
    });
  const question = { kind: 'resolve', connection: name } as const;
  return (yield* ask<'resolve'>(tcp ? { ...question, tcp } : question)).path;
}
