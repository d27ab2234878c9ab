import { childStatus, ikeInterfacesOf } from '../ike/child.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import { virtualIpStatus } from '../ike/virtual-ips.ts';
import type { Instant } from '../lib/time.ts';
import { formatIdentity, type Identity } from '../policy/identity.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';
import type { IsakmpSa, Task } from './isakmp-sa.ts';
import { STATES } from './states.ts';
import type { Tasks } from './tasks.ts';
import { userName } from './xauth-users.ts';

/** What only an SA has whose peer has proved itself. */
export interface Agreed {
  readonly keys: IsakmpKeys;
  readonly localId: Identity;
  readonly remoteId: Identity;
  /** Who proved itself in XAUTH. */
  readonly user: Identity | undefined;
  /** Since when it is established; undefined while transactions are still to come. */
  readonly at: Instant | undefined;
}

interface Progress {
  readonly phase: string | undefined;
  readonly agreed: Agreed | undefined;
  readonly reauthAt: Instant | undefined;
  readonly expiresAt: Instant | undefined;
  readonly tasks: Pick<Tasks, 'running' | 'queued'>;
}

export function statusOf(
  sa: Omit<IsakmpSa, 'keys' | 'localId' | 'remoteId'>,
  { phase, agreed, reauthAt, expiresAt, tasks }: Progress,
): IkeSaStatus {
  const { initiatorSpi, responderSpi } = sa;
  const interfaces = ikeInterfacesOf(sa.host, sa.peer.numbering, sa.connection);
  return {
    id: sa.id,
    connection: sa.connection.name,
    version: 1,
    state: STATES[sa.stage],
    ...(phase === undefined ? {} : { phase }),
    role: sa.role,
    path: sa.path,
    initiatorSpi,
    responderSpi,
    natLocal: sa.peer.natLocal,
    natRemote: sa.peer.natRemote,
    ...(sa.connection.encap && !sa.peer.natLocal && !sa.peer.natRemote && { natFake: true }),
    ...(interfaces === undefined ? {} : { interfaces }),
    ...(agreed === undefined ? {} : detailsOf(agreed)),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    // Whichever time is up, it is made anew: it is told of as configured, which charon does too.
    ...(reauthAt === undefined ? {} : { [sa.connection.reauthTime > 0 ? 'reauthAt' : 'rekeyAt']: reauthAt }),
    ...virtualIpStatus(sa.virtualIps),
    children: sa.children.map(childStatus),
    tasksQueued: tasks.queued.map(nameOfTask),
    tasksActive: tasks.running.map(nameOfTask),
  };
}

function detailsOf({ keys, localId, remoteId, user, at }: Agreed): Partial<IkeSaStatus> {
  return {
    localId: formatIdentity(localId),
    remoteId: formatIdentity(remoteId),
    ...(user === undefined ? {} : { remoteXauthId: userName(user) }),
    proposal: keys.suite.text,
    ...(at === undefined ? {} : { establishedAt: at }),
  };
}

function nameOfTask({ kind, child }: Task): string {
  return child === undefined ? kind : `${kind} ${child}`;
}
