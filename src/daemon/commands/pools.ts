import { poolFromTree } from '../../config/index.ts';
import { type Message, textOf } from '../../control/vici/message.ts';
import type { Command } from '../../control/vici/server-client.ts';
import { equal } from '../../lib/bytes.ts';
import { formatIp } from '../../lib/ip.ts';
import { Failed } from '../../policy/failure.ts';
import type { Gateway } from '../gateway.ts';
import type { Leases, PoolView } from '../leases.ts';
import type { LiveConfiguration } from '../live-configuration.ts';
import { configured, nameIn, sectionIn, unknown } from './loading.ts';

export interface PoolSubjects {
  readonly gateway: Gateway;
  readonly live: LiveConfiguration;
}

/** The commands about pools of virtual IPs. */
export function poolCommands({ gateway, live }: PoolSubjects): Readonly<Record<string, Command>> {
  const { leases } = gateway;
  return {
    'load-pool': async message => {
      const found = sectionIn(message, 'pool');
      if (found === undefined) return { success: 'yes' };
      const [name, section] = found;
      const pool = configured(() => poolFromTree(name, section));
      const known = live.pools.find(other => other.name === name);
      // Other attributes are for whoever comes from now on; other addresses would not be those that were given away.
      if (known !== undefined && !(equal(known.start, pool.start) && equal(known.end, pool.end)))
        throwWhereUsed(leases, name, 'replace');
      live.loadPool(pool);
      return { success: 'yes' };
    },
    'unload-pool': async message => {
      const name = nameIn(message, 'name', 'missing pool name to unload');
      if (live.hasPool(name)) throwWhereUsed(leases, name, 'unload');
      // swanctl takes out what is listed and not in its file: what the directory says is listed, and stays.
      const isDirectorys = !live.hasPool(name) && live.pools.some(pool => pool.name === name);
      if (!isDirectorys && !live.unloadPool(name)) throw unknown(`${name} not found`);
      return { success: 'yes' };
    },
    'get-pools': async message => {
      const wanted = textOf(message, 'name');
      const inFull = textOf(message, 'leases') === 'yes';
      const found: Record<string, Message> = Object.create(null);
      for (const pool of leases.view())
        if (wanted === undefined || pool.name === wanted) found[pool.name] = poolMessage(pool, inFull);
      return found;
    },
  };
}

function poolMessage({ base, size, online, offline, leases }: PoolView, inFull: boolean): Message {
  const numbers = { size: String(size), online: String(online), offline: String(offline) };
  if (!inFull) return { base: formatIp(base), ...numbers };
  const rows = leases().map((lease, index): [string, Message] => [
    String(index),
    {
      address: formatIp(lease.address),
      identity: lease.identity,
      status: lease.online ? 'online' : 'offline',
    },
  ]);
  return { base: formatIp(base), ...numbers, leases: Object.fromEntries(rows) };
}

function throwWhereUsed(leases: Leases, name: string, what: 'replace' | 'unload'): void {
  const online = leases.online(name);
  if (online === 0) return;
  throw new Failed({
    code: 'config/invalid-value',
    summary: `pool "${name}" has ${online} addresses in use, unable to ${what} it`,
    remedy: 'take down the IKE SAs that have them: cygnet status shows which',
  });
}
