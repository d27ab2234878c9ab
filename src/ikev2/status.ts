import { childStatus } from '../ike/child.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import { virtualIpStatus } from '../ike/virtual-ips.ts';
import { formatIp } from '../lib/ip.ts';
import type { Instant } from '../lib/time.ts';
import { formatIdentity, type Identity } from '../policy/identity.ts';
import type { IkeSa, Task } from './ike-sa.ts';

/** What of a session its flows do not see, or not before it has come that far. */
interface Progress {
  readonly phase: string | undefined;
  readonly localId: Identity | undefined;
  readonly remoteId: Identity | undefined;
  readonly proposal: string | undefined;
  readonly rekeyAt: Instant | undefined;
  readonly reauthAt: Instant | undefined;
  readonly queued: readonly Task[];
}

export function statusOf(
  sa: Omit<IkeSa, 'keys' | 'localId' | 'remoteId'> & { readonly establishedAt: Instant | undefined },
  { localId, remoteId, queued, ...progress }: Progress,
): IkeSaStatus {
  return {
    id: sa.id,
    connection: sa.connection.name,
    version: 2,
    state: sa.state,
    role: sa.role,
    path: sa.path,
    ...(localId === undefined ? {} : { localId: formatIdentity(localId) }),
    ...(remoteId === undefined ? {} : { remoteId: formatIdentity(remoteId) }),
    initiatorSpi: sa.initiatorSpi,
    responderSpi: sa.responderSpi,
    natLocal: sa.peer.natLocal,
    natRemote: sa.peer.natRemote,
    ...(sa.connection.encap && !sa.peer.natLocal && !sa.peer.natRemote && { natFake: true }),
    ...(sa.peer.mobike && { mobike: true }),
    ...(sa.peer.addresses.length > 0 && { remoteAddresses: sa.peer.addresses.map(formatIp) }),
    ...known({ ...progress, establishedAt: sa.establishedAt }),
    ...virtualIpStatus(sa.virtualIps),
    children: sa.children.map(childStatus),
    tasksQueued: queued.map(nameOfTask),
    tasksActive: sa.running === undefined ? [] : [nameOfTask(sa.running)],
  };
}

/** What of `values` is there. */
function known<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function nameOfTask({ kind, subject }: Task): string {
  return subject === '' ? kind : `${kind} ${subject}`;
}
