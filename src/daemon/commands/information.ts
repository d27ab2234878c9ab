import { arch, release, type as systemName } from 'node:os';
import { refusal } from '../../control/failure.ts';
import { type Message, saysYes, textOf } from '../../control/vici/message.ts';
import type { Command } from '../../control/vici/server-client.ts';
import type { Failure } from '../../policy/failure.ts';
import { now } from '../clock.ts';
import { COUNTERS, type Counters, type CounterValues } from '../counters.ts';
import type { Gateway } from '../gateway.ts';
import type { StandingPolicies } from '../standing-policies.ts';
import type { DaemonFacts } from '../status-view.ts';
import { algorithms } from './algorithms.ts';

export interface InformationSubjects {
  readonly gateway: Gateway;
  readonly counters: Counters;
  readonly policies: StandingPolicies;
  readonly facts: DaemonFacts;
  /** Reads strongswan.conf again. Throws Failed. */
  readonly reloadSettings: () => void;
}

/** The commands about the daemon itself. */
export function informationCommands(subjects: InformationSubjects): Readonly<Record<string, Command>> {
  const { gateway, counters, facts } = subjects;
  return {
    version: async () => ({
      daemon: 'cygnet',
      version: facts.version,
      sysname: systemName(),
      release: release(),
      machine: MACHINES[arch()] ?? arch(),
    }),
    stats: async () => statistics(gateway, facts),
    'reload-settings': async () => {
      subjects.reloadSettings();
      return { success: 'yes' };
    },
    'get-algorithms': async () => algorithms(),
    'get-counters': async message => getCounters(counters, message),
    'reset-counters': async message => {
      const connection = textOf(message, 'name');
      const which = saysYes(message, 'all') ? 'each' : connection === undefined ? undefined : { connection };
      counters.reset(which);
      return { success: 'yes' };
    },
  };
}

/** The names that uname has for Node's. */
const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686' };

function getCounters(counters: Counters, message: Message): Message {
  const name = textOf(message, 'name');
  let found: Iterable<readonly [string, CounterValues]> = [['', counters.global]];
  if (saysYes(message, 'all')) found = counters.connections;
  else if (name !== undefined) {
    const values = counters.connections.get(name);
    if (values === undefined) return { counters: {}, ...refusal(noCounters(name)) };
    found = [[name, values]];
  }
  const sections: Record<string, Message> = Object.create(null);
  for (const [connection, values] of found)
    sections[connection] = Object.fromEntries(COUNTERS.map(counter => [counter, String(values[counter])]));
  return { counters: sections, success: 'yes' };
}

function noCounters(name: string): Failure {
  return {
    code: 'config/unknown-name',
    summary: 'no counters found for this connection',
    remedy: `${name} is not configured, or has not counted anything yet`,
  };
}

function statistics(gateway: Gateway, facts: DaemonFacts): Message {
  const statuses = gateway.status();
  const none = { critical: '0', high: '0', medium: '0', low: '0' };
  return {
    uptime: {
      running: timeInWords(Math.floor((now() - facts.startedAt) / 1000)),
      since: new Date(facts.startedAt).toString().replace(/^\w+ (\w+ \d+) (\d+) ([\d:]+).*/, '$1 $3 $2'),
    },
    workers: { total: '1', idle: '0', active: none },
    queues: none,
    scheduled: '0',
    ikesas: {
      total: String(statuses.length),
      'half-open': String(
        statuses.filter(({ state }) => state === 'CREATED' || state === 'CONNECTING').length,
      ),
    },
    plugins: ['cygnet', facts.backend],
    mallinfo: memory(),
  };
}

/** What malloc tells charon, as near as there is: of V8's heap what it has from the system and what is in use. */
function memory(): Message {
  const { heapTotal, heapUsed, external } = process.memoryUsage();
  return {
    sbrk: String(heapTotal),
    mmap: String(external),
    used: String(heapUsed),
    free: String(Math.max(0, heapTotal - heapUsed)),
  };
}

/** As charon prints spans: the largest unit that is there twice at least. */
function timeInWords(seconds: number): string {
  const units: readonly [number, string][] = [
    [2 * 86_400, 'day'],
    [2 * 3600, 'hour'],
    [2 * 60, 'minute'],
  ];
  const unit = units.find(([least]) => seconds >= least);
  const [count, name] =
    unit === undefined ? [seconds, 'second'] : [Math.floor((2 * seconds) / unit[0]), unit[1]];
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
