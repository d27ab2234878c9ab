import { childStatus } from '../ike/child.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import type { Instant } from '../lib/time.ts';
import { formatIdentity, type Identity } from '../policy/identity.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';
import type { IsakmpSa, Task } from './isakmp-sa.ts';
import { STATES } from './states.ts';
import type { Tasks } from './tasks.ts';

/** What is known only of an SA that has come so far. */
interface Progress {
  readonly phase: string | undefined;
  readonly localId: Identity | undefined;
  readonly remoteId: Identity | undefined;
  readonly keys: IsakmpKeys | undefined;
  readonly establishedAt: Instant | undefined;
  readonly reauthAt: Instant | undefined;
  readonly tasks: Tasks;
}

export function statusOf(
  sa: Omit<IsakmpSa, 'keys' | 'localId' | 'remoteId'>,
  { phase, localId, remoteId, keys, establishedAt, reauthAt, tasks }: Progress,
): IkeSaStatus {
  return {
    id: sa.id,
    connection: sa.connection.name,
    version: 1,
    state: STATES[sa.stage],
    ...(phase === undefined ? {} : { phase }),
    role: sa.role,
    path: sa.path,
    ...(localId === undefined ? {} : { localId: formatIdentity(localId) }),
    ...(remoteId === undefined ? {} : { remoteId: formatIdentity(remoteId) }),
    initiatorSpi: sa.initiatorSpi,
    responderSpi: sa.responderSpi,
    natLocal: sa.peer.natLocal,
    natRemote: sa.peer.natRemote,
    ...(keys === undefined ? {} : { proposal: keys.suite.text }),
    ...(establishedAt === undefined ? {} : { establishedAt }),
    ...(reauthAt === undefined ? {} : { reauthAt }),
    children: sa.children.map(childStatus),
    tasksQueued: tasks.queued.map(nameOfTask),
    tasksActive: tasks.running.map(nameOfTask),
  };
}

function nameOfTask({ kind, child }: Task): string {
  return child === undefined ? kind : `${kind} ${child}`;
}
