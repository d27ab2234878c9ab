import { failureShape } from '../../control/failure.ts';
import type { Message } from '../../control/vici/message.ts';
import type { ViciServer } from '../../control/vici/server.ts';
import type { IkeEvent, IkeSaStatus } from '../../ike/output.ts';
import { formatIp } from '../../lib/ip.ts';
import type { Failure } from '../../policy/failure.ts';
import type { ChildSaUsage } from '../../policy/sa.ts';
import { childSas, ikeSaFields } from './list-sas.ts';

/** Every event that a client may ask for; the `list-…` ones and `control-log` belong to commands. */
export const EVENTS = [
  'log',
  'control-log',
  'list-sa',
  'list-conn',
  'ike-updown',
  'ike-rekey',
  'child-updown',
  'child-rekey',
  'cygnet-failed',
] as const;

const NO_USAGE: ReadonlyMap<number, ChildSaUsage> = new Map();

/** Tells the clients of `server` that listen what happened. */
export function publish(server: ViciServer, event: IkeEvent): void {
  if (server.hasListeners('log')) {
    const line = logLine(event);
    if (line !== undefined) server.emit('log', line);
  }
  switch (event.kind) {
    case 'ike-up':
    case 'ike-down':
      server.emit(
        'ike-updown',
        updown(
          event.kind === 'ike-up',
          { [event.ike.connection]: withChildren(event.ike, event.at) },
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
          old: withChildren(event.old, event.at),
          new: withChildren(event.new, event.at),
        },
      });
      return;
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

/** An event as a line of charon's log; undefined for what is not said there. */
export function logLine(event: IkeEvent): Message | undefined {
  switch (event.kind) {
    case 'ike-up': {
      const { ike } = event;
      return line(
        'IKE',
        0,
        ike.connection,
        ike.id,
        `IKE_SA ${name(ike)} established between ${side(ike, 'local')}...${side(ike, 'remote')}`,
      );
    }
    case 'ike-down':
      return line(
        'IKE',
        0,
        event.ike.connection,
        event.ike.id,
        `IKE_SA ${name(event.ike)} closed${because(event.failure)}`,
      );
    case 'ike-rekey':
      return line('IKE', 0, event.new.connection, event.new.id, `IKE_SA ${name(event.new)} rekeyed`);
    case 'child-up':
    case 'child-down': {
      const { ike, child } = event;
      const spis = `${child.spiIn.toString(16).padStart(8, '0')}_i ${child.spiOut.toString(16).padStart(8, '0')}_o`;
      const text = `CHILD_SA ${child.name}{${child.id}} ${event.kind === 'child-up' ? 'established' : 'closed'} with SPIs ${spis} and TS ${child.localTs.join(' ')} === ${child.remoteTs.join(' ')}`;
      return line('IKE', 0, ike.connection, ike.id, text + because(event.failure));
    }
    case 'child-rekey':
      return line(
        'IKE',
        0,
        event.ike.connection,
        event.ike.id,
        `CHILD_SA ${event.old.name}{${event.old.id}} rekeyed as {${event.new.id}}`,
      );
    case 'failed':
      return line(
        'IKE',
        1,
        event.connection,
        undefined,
        `${event.connection}${event.child === undefined ? '' : `/${event.child}`}: ${event.failure.summary}`,
      );
    case 'message':
      return line(
        'ENC',
        1,
        event.connection,
        event.ike,
        `${event.direction === 'in' ? 'parsed' : 'generating'} ${event.text}`,
      );
    case 'log':
      return line(
        event.group.toUpperCase(),
        event.level === 'debug' ? 2 : 1,
        event.connection,
        event.ike,
        event.text,
      );
    default:
      return undefined;
  }
}

function line(
  group: string,
  level: number,
  connection: string | undefined,
  ike: number | undefined,
  msg: string,
): Message {
  return {
    group,
    level: String(level),
    ...(connection === undefined ? {} : { 'ikesa-name': connection }),
    ...(ike === undefined ? {} : { 'ikesa-uniqueid': String(ike) }),
    msg,
  };
}

function updown(up: boolean, section: Message, failure: Failure | undefined): Message {
  return {
    ...(up ? { up: 'yes' } : {}),
    ...section,
    ...(failure === undefined ? {} : { failure: failureShape.encode(failure) }),
  };
}

function withChildren(ike: IkeSaStatus, at: number): Message {
  return { ...ikeSaFields(ike, at), 'child-sas': childSas(ike.children, NO_USAGE, at) };
}

function name(ike: IkeSaStatus): string {
  return `${ike.connection}[${ike.id}]`;
}

function side(ike: IkeSaStatus, end: 'local' | 'remote'): string {
  return `${formatIp(ike.path[end].address)}[${(end === 'local' ? ike.localId : ike.remoteId) ?? '%any'}]`;
}

function because(failure: Failure | undefined): string {
  return failure === undefined ? '' : `: ${failure.summary}`;
}
