import { ask } from '../../ike/flow.ts';
import type { Flow } from '../flow.ts';
import type { EmergingSa, Task } from '../isakmp-sa.ts';
import { initiateAggressiveMode } from './aggressive-initiator.ts';
import { initiateMainMode } from './main-initiator.ts';

/** The making of an ISAKMP SA on the initiator's side. */
export function establish(sa: EmergingSa): Task {
  return { kind: 'establish', subject: '', run: () => making(sa) };
}

function* making(sa: EmergingSa): Flow<void> {
  const { connection } = sa;
  sa.path = (yield* ask<'resolve'>({ kind: 'resolve', connection: connection.name })).path;
  yield* connection.aggressive ? initiateAggressiveMode(sa) : initiateMainMode(sa);
}
