import type { Message } from '../../control/vici/message.ts';
import type { IkeEvent } from '../../ike/output.ts';
import type { Failure, FailureCode } from '../../policy/failure.ts';
import { ikeSaFields } from './list-sas.ts';

/** charon's alert for a failure that ends a negotiation: of an IKE SA, of a child. */
const ALERTS: Partial<Readonly<Record<FailureCode, string>>> = {
  'peer/no-proposal-chosen': 'proposal-mismatch-ike',
  'peer/invalid-ke': 'proposal-mismatch-ike',
  'peer/ts-unacceptable': 'ts-mismatch',
  'peer/malformed': 'parse-error-body',
  'auth/no-key': 'peer-auth-failed',
  'auth/wrong-key': 'peer-auth-failed',
  'auth/wrong-identity': 'peer-auth-failed',
  'auth/method': 'peer-auth-failed',
  'auth/untrusted-chain': 'cert-validation-failed',
  'auth/refused-by-peer': 'local-auth-failed',
  'kernel/install': 'install-child-sa-failed',
  'local/address': 'peer-addr-failed',
};

/** The alert that an event is, as its message; undefined when it is none. */
export function alertOf(event: IkeEvent): Message | undefined {
  if (event.kind === 'failed') {
    const type = typeOf(event);
    if (type === undefined) return undefined;
    const { connection, role, remote, failure } = event;
    return { type, connection, role, remote, ...reason(failure) };
  }
  if (event.kind !== 'ike-down' || event.failure === undefined) return undefined;
  const type = DOWN[event.failure.code];
  if (type === undefined) return undefined;
  return {
    type,
    'ike-sa': { [event.ike.connection]: ikeSaFields(event.ike, event.at) },
    ...reason(event.failure),
  };
}

const DOWN: Partial<Readonly<Record<FailureCode, string>>> = {
  'peer/dead': 'retransmit-send-timeout',
  'local/expired': 'ike-sa-expired',
  'local/superseded': 'unique-replace',
};

function typeOf({ child, role, failure }: Extract<IkeEvent, { kind: 'failed' }>): string | undefined {
  if (failure.code === 'peer/silent')
    return role === 'initiator' ? 'peer-init-unreachable' : 'half-open-timeout';
  const type = ALERTS[failure.code];
  return type === 'proposal-mismatch-ike' && child !== undefined ? 'proposal-mismatch-child' : type;
}

/** Why, as values: clients of charon take every section of such a message for an SA. */
export function reason(failure: Failure | undefined): Message {
  return failure === undefined ? {} : { 'failure-code': failure.code, 'failure-summary': failure.summary };
}
