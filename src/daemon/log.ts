import { type Logger, pino } from 'pino';
import type { IkeEvent, IkeSaStatus } from '../ike/output.ts';
import { formatIp } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';

export type { Logger } from 'pino';

/** Structured lines (JSON) on standard output. */
export function openLog(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}

/** One line for each thing that happens. */
export function logEvent(log: Logger, event: IkeEvent): void {
  switch (event.kind) {
    case 'ike-up':
      log.info(
        { group: 'ike', ...ike(event.ike), proposal: event.ike.proposal },
        `IKE SA ${event.ike.connection}[${event.ike.id}] established with ${event.ike.remoteId ?? 'an unnamed peer'}`,
      );
      return;
    case 'ike-down':
      log.info(
        { group: 'ike', ...ike(event.ike), ...failed(event.failure) },
        `IKE SA ${event.ike.connection}[${event.ike.id}] closed${because(event.failure)}`,
      );
      return;
    case 'ike-rekey':
      log.info(
        { group: 'ike', ...ike(event.new), replaces: event.old.id },
        `IKE SA ${event.old.connection}[${event.old.id}] rekeyed as [${event.new.id}]`,
      );
      return;
    case 'ike-update': {
      const { path, connection, id } = event.ike;
      log.info(
        { group: 'ike', ...ike(event.ike) },
        `IKE SA ${connection}[${id}] goes on from ${formatIp(path.local.address)} to ${formatIp(path.remote.address)}[${path.remote.port}]`,
      );
      return;
    }
    case 'child-up':
    case 'child-down':
      log.info(
        {
          group: 'chd',
          ...ike(event.ike),
          child: event.child.name,
          childId: event.child.id,
          spiIn: spi(event.child.spiIn),
          spiOut: spi(event.child.spiOut),
          ...failed(event.failure),
        },
        `Child SA ${event.child.name}{${event.child.id}} ${event.kind === 'child-up' ? `installed: ${event.child.localTs.join(' ')} === ${event.child.remoteTs.join(' ')}, ${event.child.proposal}` : `closed${because(event.failure)}`}`,
      );
      return;
    case 'child-rekey':
      log.info(
        {
          group: 'chd',
          ...ike(event.ike),
          child: event.new.name,
          childId: event.new.id,
          replaces: event.old.id,
        },
        `Child SA ${event.old.name}{${event.old.id}} rekeyed as {${event.new.id}}`,
      );
      return;
    case 'failed':
      log.error(
        {
          group: 'ike',
          connection: event.connection,
          child: event.child,
          role: event.role,
          remote: event.remote,
          ...failed(event.failure),
        },
        `${event.connection}${event.child === undefined ? '' : `/${event.child}`} as ${event.role}: ${event.failure.summary}`,
      );
      return;
    case 'message':
      log.debug(
        { group: 'enc', ike: event.ike, connection: event.connection, ...path(event.path) },
        `${event.direction === 'in' ? 'received' : 'sent'} ${event.text}`,
      );
      return;
    case 'step':
      log.debug({ group: event.group, ike: event.ike, connection: event.connection }, event.text);
      return;
    case 'log':
      log[event.level]({ group: event.group, ike: event.ike, connection: event.connection }, event.text);
      return;
    case 'closing':
    case 'list-fetched':
    case 'ike-keys':
    case 'child-keys':
      // Its end is told when it has come. Keys go to the files of --save-keys and nowhere else.
      return;
  }
}

function ike(status: IkeSaStatus): Record<string, unknown> {
  return { connection: status.connection, ike: status.id, ...path(status.path) };
}

function path({ local, remote }: Path): Record<string, unknown> {
  return {
    local: `${formatIp(local.address)}:${local.port}`,
    remote: `${formatIp(remote.address)}:${remote.port}`,
  };
}

function failed(failure: Failure | undefined): Record<string, unknown> {
  return failure === undefined ? {} : { failure };
}

function because(failure: Failure | undefined): string {
  return failure === undefined ? '' : `: ${failure.summary}`;
}

function spi(value: number): string {
  return value.toString(16).padStart(8, '0');
}
