import { formatRemark, manualSaFromTree, type PlainTree } from '../../config/index.ts';
import { type ManualSaView, manualListShape } from '../../control/manual.ts';
import { type Message, messageOf, sectionsOf, textOf } from '../../control/vici/message.ts';
import type { Command } from '../../control/vici/server-client.ts';
import { algorithmNames } from '../../crypto/algorithm-names.ts';
import { formatIp } from '../../lib/ip.ts';
import { wipeKeys } from '../../policy/direction-keys.ts';
import { Failed } from '../../policy/failure.ts';
import { formatSelector } from '../../policy/selector-text.ts';
import { now } from '../clock.ts';
import type { LiveConfiguration } from '../live-configuration.ts';
import type { ManualSas, ManualState } from '../manual-sas.ts';
import { otherNames } from './known-names.ts';
import { configured } from './loading.ts';

export interface ManualSubjects {
  readonly live: LiveConfiguration;
  readonly manual: ManualSas;
}

/** `cygnet-sa-add`, `cygnet-sa-del` and `cygnet-sa-list`: SAs with given keys, until the daemon ends or a directory is applied. */
export function manualCommands({ live, manual }: ManualSubjects): Readonly<Record<string, Command>> {
  return {
    'cygnet-sa-add': async message => {
      const [first, ...others] = sectionsOf(message);
      if (first === undefined || others.length > 0 || Object.keys(message).length > 1)
        throw new Failed({
          code: 'config/invalid-value',
          summary: 'an SA is added as one section with its name',
        });
      const [name, section] = first;
      const { sa, warnings } = configured(
        () => manualSaFromTree(name, section as PlainTree),
        () => true,
      );
      try {
        refuseKnown(live, name);
        const clash = manual.clashOf(sa);
        if (clash !== undefined) throw new Failed(clash);
        live.loadManual(sa);
        await manual.take(live.manual);
        const failure = manual.list.find(state => state.sa === sa)?.failure;
        if (failure !== undefined) throw new Failed(failure);
      } catch (error) {
        if (live.manual.includes(sa)) {
          live.unloadManual(name);
          await manual.take(live.manual);
        }
        wipeKeys(sa);
        throw error;
      }
      return { success: 'yes', warnings: warnings.map(formatRemark) };
    },
    'cygnet-sa-del': async message => {
      const name = textOf(message, 'name') ?? '';
      if (!live.unloadManual(name)) throw new Failed(notLoaded(live, name));
      await manual.take(live.manual);
      return { success: 'yes' };
    },
    'cygnet-sa-list': async () =>
      manualListShape.encode({ now: now(), sas: await manualViews(live, manual) }),
  };
}

/** What is to be told of all manual SAs, without their keys. */
export function manualViews(live: LiveConfiguration, manual: ManualSas): Promise<readonly ManualSaView[]> {
  return Promise.all(
    manual.list.map(async state => {
      const { sa, id, reqid, installedAt, failure } = state;
      const usage = await manual.usage(state);
      const place = (address: Uint8Array, port: number): string =>
        sa.encap ? `${bracketed(address)}:${port}` : formatIp(address);
      return {
        id,
        name: sa.name,
        state: state.state,
        configured: !live.hasLoadedManual(sa.name),
        protocol: sa.protocol,
        mode: sa.mode,
        proposal: sa.proposal,
        local: place(sa.local, manual.natPort),
        remote: place(sa.remote, sa.remotePort),
        udpEncapsulation: sa.encap,
        spiIn: hex(sa.spiIn),
        spiOut: hex(sa.spiOut),
        reqid,
        localTs: sa.localTs.map(formatSelector),
        remoteTs: sa.remoteTs.map(formatSelector),
        bytesIn: usage?.bytesIn ?? 0n,
        packetsIn: usage?.packetsIn ?? 0n,
        bytesOut: usage?.bytesOut ?? 0n,
        packetsOut: usage?.packetsOut ?? 0n,
        ...(installedAt === undefined ? {} : { installedAt }),
        ...(installedAt === undefined || sa.lifeTime === 0 ? {} : { expiresAt: installedAt + sa.lifeTime }),
        ...(failure === undefined ? {} : { failure }),
      };
    }),
  );
}

/** A manual SA as a `list-sa` event: swanctl knows of IKE SAs alone, so it stands below one that has no version and no SPIs. */
export async function listManual(manual: ManualSas, state: ManualState): Promise<Message> {
  const { sa, id, reqid, installedAt } = state;
  const usage = await manual.usage(state);
  const names = algorithmNames(sa.proposal, sa.protocol);
  const none = '0'.repeat(16);
  const child = messageOf({
    name: sa.name,
    uniqueid: String(id),
    reqid: String(reqid),
    state: state.state,
    mode: sa.mode.toUpperCase(),
    protocol: sa.protocol.toUpperCase(),
    encap: sa.encap ? 'yes' : undefined,
    'spi-in': hex(sa.spiIn),
    'spi-out': hex(sa.spiOut),
    'encr-alg': names.encr,
    'encr-keysize': names.keySize === undefined ? undefined : String(names.keySize),
    'integ-alg': names.integ,
    'bytes-in': String(usage?.bytesIn ?? 0n),
    'packets-in': String(usage?.packetsIn ?? 0n),
    'bytes-out': String(usage?.bytesOut ?? 0n),
    'packets-out': String(usage?.packetsOut ?? 0n),
    'install-time': installedAt === undefined ? undefined : String(Math.floor((now() - installedAt) / 1000)),
    'local-ts': sa.localTs.map(formatSelector),
    'remote-ts': sa.remoteTs.map(formatSelector),
  });
  return {
    [sa.name]: {
      uniqueid: String(id),
      version: '0',
      state: 'MANUAL',
      'local-host': formatIp(sa.local),
      'local-port': String(sa.encap ? manual.natPort : 0),
      'local-id': '%any',
      'remote-host': formatIp(sa.remote),
      'remote-port': String(sa.encap ? sa.remotePort : 0),
      'remote-id': '%any',
      'initiator-spi': none,
      'responder-spi': none,
      'child-sas': { [`${sa.name}-${id}`]: child },
    },
  };
}

function refuseKnown(live: LiveConfiguration, name: string): void {
  if (!live.manual.some(sa => sa.name === name)) return;
  throw new Failed({
    code: 'config/invalid-value',
    summary: `there is a manual SA "${name}" already`,
    remedy: `choose another name, or take it out first: cygnet sa del ${name}`,
  });
}

function notLoaded(live: LiveConfiguration, name: string) {
  const known = live.manual.map(sa => sa.name);
  if (known.includes(name)) {
    return {
      code: 'config/invalid-value',
      summary: `the manual SA "${name}" stands in the configured directory`,
      remedy: 'take it out there, then: cygnet apply DIR',
    } as const;
  }
  return {
    code: 'config/unknown-name',
    summary: `there is no manual SA "${name}"`,
    remedy: otherNames(name, known, 'manual SA'),
  } as const;
}

function bracketed(address: Uint8Array): string {
  return address.length === 4 ? formatIp(address) : `[${formatIp(address)}]`;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
