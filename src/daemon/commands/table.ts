import { arch, release, type as systemName } from 'node:os';
import { failureShape } from '../../control/failure.ts';
import { explanationShape, statusShape } from '../../control/status.ts';
import { type Message, numberOf, textOf } from '../../control/vici/message.ts';
import type { Command, CommandContext } from '../../control/vici/server-client.ts';
import type { IkeEvent, IkeSaStatus } from '../../ike/output.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { ChildSaUsage } from '../../policy/sa.ts';
import { now } from '../clock.ts';
import type { Gateway, SaTarget } from '../gateway.ts';
import type { History } from '../history.ts';
import { type DaemonFacts, daemonStatus, explain } from '../status-view.ts';
import { logLine } from './events.ts';
import { listConn } from './list-conns.ts';
import { listSa } from './list-sas.ts';

export interface CommandSubjects {
  readonly gateway: Gateway;
  readonly history: History;
  readonly facts: DaemonFacts;
  /** The subject of a certificate in DER, for lists. */
  readonly subjectOf: (der: Uint8Array) => string;
}

/** Every command that the control socket answers. The `cygnet-…` ones are ours, the others charon's. */
export function commandTable(subjects: CommandSubjects): Readonly<Record<string, Command>> {
  const { gateway, history, facts, subjectOf } = subjects;
  return {
    version: async () => ({
      daemon: 'cygnet',
      version: facts.version,
      sysname: systemName(),
      release: release(),
      machine: arch(),
    }),
    stats: async () => statistics(gateway, facts),
    initiate: (message, context) => initiate(gateway, message, context),
    terminate: (message, context) => terminate(gateway, message, context),
    rekey: async message => {
      const matches = gateway.rekey(targetOf(message));
      if (matches === 0) throw new Failed(nothingMatches(message));
      return { success: 'yes', matches: String(matches) };
    },
    'list-sas': async (message, context) => {
      const usage = await usageOf(gateway);
      for (const ike of gateway.status().filter(wanted(targetOf(message))))
        await context.emit('list-sa', listSa(ike, usage, now()));
      return {};
    },
    'list-conns': async (message, context) => {
      const name = textOf(message, 'ike');
      for (const connection of gateway.connections) {
        if (name === undefined || connection.name === name)
          await context.emit('list-conn', listConn(connection, subjectOf));
      }
      return {};
    },
    'get-conns': async () => ({ conns: gateway.connections.map(connection => connection.name) }),
    'cygnet-status': async () => statusShape.encode(await daemonStatus(gateway, history, facts)),
    'cygnet-explain': async message => {
      const name = textOf(message, 'connection') ?? textOf(message, 'ike') ?? '';
      const connection = gateway.connections.find(connection => connection.name === name);
      if (connection === undefined) throw new Failed(unknownConnection(gateway, name));
      return explanationShape.encode(await explain(gateway, history, connection));
    },
  };
}

async function initiate(gateway: Gateway, message: Message, context: CommandContext): Promise<Message> {
  const { connection, child } = findTarget(gateway, textOf(message, 'ike'), textOf(message, 'child'));
  const timeout = numberOf(message, 'timeout') ?? 0;
  const signal =
    timeout > 0 ? AbortSignal.any([context.signal, AbortSignal.timeout(timeout)]) : context.signal;
  const end = follow(gateway, connection.name, context);
  try {
    const up = gateway.up(connection.name, child, signal);
    if (timeout < 0) {
      up.catch(ignore);
      return { success: 'yes' };
    }
    const { ike, child: installed } = await up;
    return {
      success: 'yes',
      'ike-id': String(ike.id),
      ...(installed === undefined ? {} : { 'child-id': String(installed.id) }),
    };
  } finally {
    end();
  }
}

async function terminate(gateway: Gateway, message: Message, context: CommandContext): Promise<Message> {
  const target = targetOf(message);
  const end = follow(gateway, target.connection, context);
  try {
    const terminated = await gateway.down(target);
    if (terminated === 0) throw new Failed(nothingMatches(message));
    return { success: 'yes', matches: String(terminated), terminated: String(terminated) };
  } finally {
    end();
  }
}

/** Streams what happens to a connection to the client that asked for it, until the returned function is called. */
function follow(gateway: Gateway, connection: string | undefined, context: CommandContext): () => void {
  return gateway.on(event => {
    const line = logLine(event);
    if (line === undefined || (connection !== undefined && connectionOf(event) !== connection)) return;
    const failure = event.kind === 'failed' ? { failure: failureShape.encode(event.failure) } : {};
    void context.emit('control-log', { ...line, ...failure });
  });
}

function connectionOf(event: IkeEvent): string | undefined {
  if ('ike' in event && typeof event.ike === 'object') return event.ike.connection;
  return 'connection' in event
    ? event.connection
    : event.kind === 'ike-rekey'
      ? event.new.connection
      : undefined;
}

/** `child` alone is looked for in all connections, as swanctl's users expect. Throws Failed. */
function findTarget(
  gateway: Gateway,
  ike: string | undefined,
  child: string | undefined,
): { connection: Connection; child: string | undefined } {
  const named = gateway.connections.filter(connection => ike === undefined || connection.name === ike);
  if (ike !== undefined && named.length === 0) throw new Failed(unknownConnection(gateway, ike));
  const connection =
    child === undefined
      ? named[0]
      : named.find(({ children }) => children.some(config => config.name === child));
  if (connection === undefined) {
    const known = named.flatMap(({ children }) => children.map(config => config.name));
    throw new Failed({
      code: 'config/unknown-name',
      summary: `CHILD_SA config '${child ?? ''}' not found`,
      remedy: known.length === 0 ? 'no child is configured' : `configured are: ${known.join(', ')}`,
    });
  }
  return { connection, child };
}

function unknownConnection(gateway: Gateway, name: string): Failure {
  const known = gateway.connections.map(connection => connection.name);
  return {
    code: 'config/unknown-name',
    summary: `there is no connection "${name}"`,
    remedy: known.length === 0 ? 'no connection is configured' : `configured are: ${known.join(', ')}`,
  };
}

function nothingMatches(message: Message): Failure {
  const named = ['ike', 'child', 'ike-id', 'child-id'].flatMap(key => textOf(message, key) ?? []);
  return {
    code: 'config/unknown-name',
    summary: `no matching SAs to act on found${named.length === 0 ? '' : ` for ${named.join(' ')}`}`,
    remedy: 'see what is up with: cygnet status',
  };
}

function targetOf(message: Message): SaTarget {
  const connection = textOf(message, 'ike');
  const child = textOf(message, 'child');
  const ike = numberOf(message, 'ike-id');
  const childId = numberOf(message, 'child-id');
  return {
    ...(connection === undefined ? {} : { connection }),
    ...(child === undefined ? {} : { child }),
    ...(ike === undefined ? {} : { ike }),
    ...(childId === undefined ? {} : { childId }),
  };
}

function wanted(target: SaTarget): (ike: IkeSaStatus) => boolean {
  return ike =>
    (target.connection === undefined || ike.connection === target.connection) &&
    (target.ike === undefined || ike.id === target.ike) &&
    (target.child === undefined || ike.children.some(child => child.name === target.child)) &&
    (target.childId === undefined || ike.children.some(child => child.id === target.childId));
}

async function usageOf(gateway: Gateway): Promise<ReadonlyMap<number, ChildSaUsage>> {
  const children = gateway.status().flatMap(ike => ike.children);
  const pairs = await Promise.all(
    children.map(async child => [child.id, await gateway.usage(child.id)] as const),
  );
  return new Map(pairs.filter((pair): pair is [number, ChildSaUsage] => pair[1] !== undefined));
}

function statistics(gateway: Gateway, facts: DaemonFacts): Message {
  const statuses = gateway.status();
  const none = { critical: '0', high: '0', medium: '0', low: '0' };
  return {
    uptime: {
      running: `${Math.floor((now() - facts.startedAt) / 1000)} seconds`,
      since: new Date(facts.startedAt).toString().slice(4, 24),
    },
    workers: { total: '1', idle: '0', active: none },
    queues: none,
    scheduled: '0',
    ikesas: {
      total: String(statuses.length),
      'half-open': String(
        statuses.filter(ike => ike.state === 'CREATED' || ike.state === 'CONNECTING').length,
      ),
    },
    plugins: ['cygnet', facts.backend],
  };
}

function ignore(): void {}
