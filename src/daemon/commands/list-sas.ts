import { type Message, messageOf } from '../../control/vici/message.ts';
import { algorithmNames } from '../../crypto/algorithm-names.ts';
import type { ChildSaStatus, IkeSaStatus } from '../../ike/output.ts';
import { formatIp } from '../../lib/ip.ts';
import { plainIdentity } from '../../policy/identity.ts';
import type { ChildSaUsage, KernelOptions } from '../../policy/sa.ts';

/** One `list-sa` event: the IKE SA under its connection's name, with the fields and words that swanctl reads. */
export function listSa(ike: IkeSaStatus, usage: ReadonlyMap<number, ChildSaUsage>, now: number): Message {
  return { [ike.connection]: { ...ikeSaFields(ike, now), 'child-sas': childSas(ike.children, usage, now) } };
}

/** The IKE SA's own fields, as list-sa, ike-updown and child-updown carry them. Times are of SAs that are to stay. */
export function ikeSaFields(ike: IkeSaStatus, now: number): Message {
  const stays = ike.state === 'ESTABLISHED';
  const names = ike.proposal === undefined ? {} : algorithmNames(ike.proposal, 'ike');
  return messageOf({
    uniqueid: String(ike.id),
    version: String(ike.version),
    state: ike.state,
    'local-host': formatIp(ike.path.local.address),
    'local-port': String(ike.path.local.port),
    'local-id': plainIdentity(ike.localId),
    'remote-host': formatIp(ike.path.remote.address),
    'remote-port': String(ike.path.remote.port),
    'remote-id': plainIdentity(ike.remoteId),
    'remote-xauth-id': ike.remoteXauthId,
    initiator: yes(ike.role === 'initiator'),
    'initiator-spi': ike.initiatorSpi.toString(16).padStart(16, '0'),
    'responder-spi': ike.responderSpi.toString(16).padStart(16, '0'),
    'nat-local': yes(ike.natLocal),
    'nat-remote': yes(ike.natRemote),
    'nat-fake': yes(ike.natFake === true),
    'nat-any': yes(ike.natLocal || ike.natRemote || ike.natFake === true),
    'if-id-in': hex(ike.interfaces?.interfaceIn),
    'if-id-out': hex(ike.interfaces?.interfaceOut),
    'encr-alg': names.encr,
    'encr-keysize': decimal(names.keySize),
    'integ-alg': names.integ,
    'prf-alg': names.prf,
    'dh-group': names.ke,
    ppk: yes(ike.ppk === true),
    established: stays ? since(ike.establishedAt, now) : undefined,
    'rekey-time': stays ? until(ike.rekeyAt, now) : undefined,
    'reauth-time': stays ? until(ike.reauthAt, now) : undefined,
    'local-vips': ike.localVips,
    'remote-vips': ike.remoteVips,
    'tasks-queued': some(ike.tasksQueued),
    'tasks-active': some(ike.tasksActive),
  });
}

/** The `child-sas` section: each child under its name and number. */
export function childSas(
  children: readonly ChildSaStatus[],
  usage: ReadonlyMap<number, ChildSaUsage>,
  now: number,
): Message {
  return Object.fromEntries(
    children.map(child => [`${child.name}-${child.id}`, childFields(child, usage.get(child.id), now)]),
  );
}

function childFields(child: ChildSaStatus, usage: ChildSaUsage | undefined, now: number): Message {
  const names = algorithmNames(child.proposal, child.protocol);
  return messageOf({
    name: child.name,
    uniqueid: String(child.id),
    reqid: String(child.reqid),
    state: child.state,
    mode: child.mode.toUpperCase(),
    protocol: child.protocol.toUpperCase(),
    encap: yes(child.udpEncapsulation),
    'spi-in': child.spiIn.toString(16).padStart(8, '0'),
    'spi-out': child.spiOut.toString(16).padStart(8, '0'),
    'cpi-in': child.ipcomp?.cpiIn.toString(16).padStart(4, '0'),
    'cpi-out': child.ipcomp?.cpiOut.toString(16).padStart(4, '0'),
    ...kernelFields(child.kernel),
    'encr-alg': names.encr,
    'encr-keysize': decimal(names.keySize),
    'integ-alg': names.integ,
    'dh-group': names.ke,
    esn: child.esn ? '1' : undefined,
    'bytes-in': String(usage?.bytesIn ?? 0n),
    'packets-in': String(usage?.packetsIn ?? 0n),
    'use-in': usage === undefined || usage.usedIn === 0 ? undefined : since(usage.usedIn, now),
    'bytes-out': String(usage?.bytesOut ?? 0n),
    'packets-out': String(usage?.packetsOut ?? 0n),
    'use-out': usage === undefined || usage.usedOut === 0 ? undefined : since(usage.usedOut, now),
    'rekey-time': until(child.rekeyAt, now),
    'life-time': until(child.expiresAt, now),
    'install-time': since(child.installedAt, now),
    'local-ts': child.localTs,
    'remote-ts': child.remoteTs,
  });
}

/** In hexadecimal, as swanctl prints them. */
function kernelFields(kernel: KernelOptions | undefined): Record<string, string | undefined> {
  return {
    'mark-in': hex(kernel?.markIn?.value),
    'mark-mask-in': hex(kernel?.markIn?.mask),
    'mark-out': hex(kernel?.markOut?.value),
    'mark-mask-out': hex(kernel?.markOut?.mask),
    'if-id-in': hex(kernel?.interfaceIn),
    'if-id-out': hex(kernel?.interfaceOut),
  };
}

function hex(value: number | undefined): string | undefined {
  return value?.toString(16).padStart(8, '0');
}

/** swanctl leaves a false flag out. */
function yes(value: boolean): string | undefined {
  return value ? 'yes' : undefined;
}

function decimal(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function some(list: readonly string[]): readonly string[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Whole seconds since `at`. */
function since(at: number | undefined, now: number): string | undefined {
  return at === undefined ? undefined : String(Math.max(0, Math.floor((now - at) / 1000)));
}

/** Whole seconds until `at`. */
function until(at: number | undefined, now: number): string | undefined {
  return at === undefined ? undefined : String(Math.floor((at - now) / 1000));
}
