import { childStatus, ikeInterfacesOf } from '../ike/child.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import { NO_VIRTUAL_IPS, virtualIpStatus } from '../ike/virtual-ips.ts';
import { formatIp } from '../lib/ip.ts';
import type { Instant } from '../lib/time.ts';
import { formatIdentity, type Identity } from '../policy/identity.ts';
import type { IkeKeys, IkeSa, Task } from './ike-sa.ts';
import type { Lifetime } from './lifetime.ts';

/** What the two have agreed upon so far: the keys come first, and the peer must have proved who it is. */
export interface Agreed {
  readonly keys?: IkeKeys;
  readonly localId?: Identity;
  readonly remoteId?: Identity;
}

/** What of a session its flows do not see, or not before it has come that far. */
interface Progress {
  readonly phase: string | undefined;
  readonly agreed: Agreed;
  readonly lifetime: Pick<Lifetime, 'rekeyAt' | 'reauthAt' | 'expiresAt'>;
  readonly queued: readonly Task[];
}

export function statusOf(
  sa: Omit<IkeSa, 'keys' | 'localId' | 'remoteId'> & { readonly establishedAt: Instant | undefined },
  { phase, agreed, lifetime, queued }: Progress,
): IkeSaStatus {
  const { connection, peer, establishedAt, virtualIps } = sa;
  const { keys, localId, remoteId } = agreed;
  const { rekeyAt, reauthAt, expiresAt } = lifetime;
  // Events tell of it again and again: fields that are set cost a fraction of ones that are spread.
  const status: { -readonly [Key in keyof IkeSaStatus]: IkeSaStatus[Key] } = {
    id: sa.id,
    connection: connection.name,
    version: 2,
    state: sa.state,
    role: sa.role,
    path: sa.path,
    initiatorSpi: sa.initiatorSpi,
    responderSpi: sa.responderSpi,
    natLocal: peer.natLocal,
    natRemote: peer.natRemote,
    children: sa.children.map(childStatus),
    tasksQueued: queued.map(nameOfTask),
    tasksActive: sa.running === undefined ? [] : [nameOfTask(sa.running)],
  };
  if (phase !== undefined) status.phase = phase;
  if (localId !== undefined) status.localId = formatIdentity(localId);
  if (remoteId !== undefined) status.remoteId = formatIdentity(remoteId);
  if (keys !== undefined) status.proposal = keys.proposal;
  if (establishedAt !== undefined) status.establishedAt = establishedAt;
  if (rekeyAt !== undefined) status.rekeyAt = rekeyAt;
  if (reauthAt !== undefined) status.reauthAt = reauthAt;
  if (expiresAt !== undefined) status.expiresAt = expiresAt;
  if (connection.encap && !peer.natLocal && !peer.natRemote) status.natFake = true;
  const interfaces = ikeInterfacesOf(sa.host, peer.numbering, connection);
  if (interfaces !== undefined) status.interfaces = interfaces;
  if (peer.usesPpk) status.ppk = true;
  if (peer.mobike) status.mobike = true;
  if (peer.addresses.length > 0) status.remoteAddresses = peer.addresses.map(formatIp);
  return virtualIps === NO_VIRTUAL_IPS ? status : { ...status, ...virtualIpStatus(virtualIps) };
}

function nameOfTask({ kind, subject }: Task): string {
  return subject === '' ? kind : `${kind} ${subject}`;
}
