import { failureShape } from '../../control/failure.ts';
import type { Message } from '../../control/vici/message.ts';
import type { ViciServer } from '../../control/vici/server.ts';
import type { IkeEvent } from '../../ike/output.ts';
import { formatIp } from '../../lib/ip.ts';
import type { Failure } from '../../policy/failure.ts';
import type { ChildSaUsage } from '../../policy/sa.ts';
import type { LogLine } from '../log-lines.ts';
import { reason } from './alerts.ts';
import { childSas, ikeSaFields } from './list-sas.ts';

/** Every event that a client may ask for; the `list-…` ones, `control-log` and `cygnet-metric` belong to commands. */
export const EVENTS = [
  'log',
  'control-log',
  'list-sa',
  'list-conn',
  'list-policy',
  'list-cert',
  'list-authority',
  'ike-updown',
  'ike-rekey',
  'child-updown',
  'child-rekey',
  'ike-update',
  'alert',
  'cygnet-failed',
  'cygnet-metric',
] as const;

const NO_USAGE: ReadonlyMap<number, ChildSaUsage> = new Map();

/** Tells the clients of `server` that listen what happened. */
export function publish(server: ViciServer, event: IkeEvent): void {
  switch (event.kind) {
    case 'ike-up':
    case 'ike-down':
      server.emit(
        'ike-updown',
        updown(
          event.kind === 'ike-up',
          { [event.ike.connection]: ikeSaFields(event.ike, event.at) },
          event.failure,
        ),
      );
      return;
    case 'child-up':
    case 'child-down':
      server.emit(
        'child-updown',
        updown(
          event.kind === 'child-up',
          {
            [event.ike.connection]: {
              ...ikeSaFields(event.ike, event.at),
              'child-sas': childSas([event.child], NO_USAGE, event.at),
            },
          },
          event.failure,
        ),
      );
      return;
    case 'ike-rekey':
      server.emit('ike-rekey', {
        [event.old.connection]: {
          old: ikeSaFields(event.old, event.at),
          new: ikeSaFields(event.new, event.at),
        },
      });
      return;
    case 'ike-update': {
      const { local, remote } = event.ike.path;
      server.emit('ike-update', {
        'local-host': formatIp(local.address),
        'local-port': String(local.port),
        'remote-host': formatIp(remote.address),
        'remote-port': String(remote.port),
        [event.ike.connection]: ikeSaFields(event.ike, event.at),
      });
      return;
    }
    case 'child-rekey': {
      const { [`${event.old.name}-${event.old.id}`]: old = {} } = childSas([event.old], NO_USAGE, event.at);
      const { [`${event.new.name}-${event.new.id}`]: replacement = {} } = childSas(
        [event.new],
        NO_USAGE,
        event.at,
      );
      server.emit('child-rekey', {
        [event.ike.connection]: {
          ...ikeSaFields(event.ike, event.at),
          'child-sas': { [event.old.name]: { old, new: replacement } },
        },
      });
      return;
    }
    case 'failed':
      server.emit('cygnet-failed', {
        connection: event.connection,
        ...(event.child === undefined ? {} : { child: event.child }),
        role: event.role,
        remote: event.remote,
        failure: failureShape.encode(event.failure),
      });
      return;
    default:
      return;
  }
}

/** A line of the log as `log` and `control-log` events carry it. */
export function messageOfLine({ group, level, connection, ike, text }: LogLine): Message {
  return {
    group,
    level: String(level),
    ...(connection === undefined ? {} : { 'ikesa-name': connection }),
    ...(ike === undefined ? {} : { 'ikesa-uniqueid': String(ike) }),
    msg: text,
  };
}

/** The same for a `log` event, which names the thread too: there is one. */
export function logMessage(line: LogLine): Message {
  const { group = '', level = '', ...rest } = messageOfLine(line);
  return { group, level, thread: '1', ...rest };
}

function updown(up: boolean, section: Message, failure: Failure | undefined): Message {
  return {
    ...(up ? { up: 'yes' } : {}),
    ...section,
    ...reason(failure),
  };
}
