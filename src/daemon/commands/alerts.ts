import { type Message, messageOf } from '../../control/vici/message.ts';
import type { IkeEvent, IkeSaStatus } from '../../ike/output.ts';
import type { ChainFailureReason } from '../../pki/chain-failure.ts';
import type { Failure, FailureCode } from '../../policy/failure.ts';
import { formatSelector } from '../../policy/selector-text.ts';
import { now } from '../clock.ts';
import type { TracedDatagram } from '../datagram-trace.ts';
import type { Gateway } from '../gateway.ts';
import { ikeSaFields } from './list-sas.ts';

type Subject = Pick<Gateway, 'on' | 'onTraced' | 'status' | 'connections'>;
type Failed = Extract<IkeEvent, { kind: 'failed' }>;

/** charon's alert for a failure that ends a negotiation: of an IKE SA, of a child. */
const FAILED: Partial<Readonly<Record<FailureCode, string>>> = {
  'peer/no-proposal-chosen': 'proposal-mismatch-ike',
  'peer/invalid-ke': 'proposal-mismatch-ike',
  'peer/ts-unacceptable': 'ts-mismatch',
  'peer/malformed': 'parse-error-body',
  'peer/no-address': 'vip-failure',
  'auth/no-key': 'peer-auth-failed',
  'auth/wrong-key': 'peer-auth-failed',
  'auth/wrong-identity': 'peer-auth-failed',
  'auth/method': 'peer-auth-failed',
  'auth/untrusted-chain': 'peer-auth-failed',
  'auth/rounds': 'peer-auth-failed',
  'auth/ppk': 'peer-auth-failed',
  'auth/refused-by-peer': 'local-auth-failed',
  'kernel/install': 'install-child-sa-failed',
  'local/address': 'peer-addr-failed',
  'local/no-virtual-ip': 'vip-failure',
  'local/superseded': 'unique-keep',
};

/** The same for one that ends an IKE SA which stood. */
const DOWN: Partial<Readonly<Record<FailureCode, string>>> = {
  'peer/dead': 'retransmit-send-timeout',
  'local/expired': 'ike-sa-expired',
};

/** What is wrong with a chain of certificates, as far as charon has a word for it. */
const CHAIN: Partial<Readonly<Record<ChainFailureReason, string>>> = {
  expired: 'cert-expired',
  'not-yet-valid': 'cert-expired',
  'no-issuer': 'cert-no-issuer',
  'self-signed': 'cert-untrusted-root',
  'untrusted-root': 'cert-untrusted-root',
  'path-length': 'cert-exceeded-path-len',
  'path-too-long': 'cert-exceeded-path-len',
  'name-constraints': 'cert-policy-violation',
  revoked: 'cert-revoked',
};

/** Makes `alert` events of what happens, with charon's types, and with our reasons beside them. */
export class Alerts {
  readonly #gateway: Subject;
  readonly #emit: (message: Message) => void;
  /** IKE SAs whose last request was repeated and not answered yet. */
  readonly #repeating = new Set<number>();

  /** Nothing is made while `isHeard` says that nobody listens: strangers can cause failures at will. */
  constructor(gateway: Subject, emit: (message: Message) => void, isHeard: () => boolean) {
    this.#gateway = gateway;
    this.#emit = emit;
    gateway.on(event => {
      if (isHeard()) this.#note(event);
    });
    gateway.onTraced(datagram => {
      if (isHeard()) this.#trace(datagram);
    });
  }

  /** The daemon was told to end. */
  shutdown(): void {
    this.#emit({ type: 'shutdown-signal' });
  }

  #note(event: IkeEvent): void {
    switch (event.kind) {
      case 'failed':
        this.#failed(event);
        return;
      case 'ike-down': {
        this.#repeating.delete(event.ike.id);
        const { failure } = event;
        const type =
          failure?.reason === 'unique-replace' ? failure.reason : DOWN[failure?.code ?? 'peer/silent'];
        if (type !== undefined && failure !== undefined) this.#tell(type, event.ike, failure);
        return;
      }
      case 'child-up':
        if (this.#isNarrowed(event))
          this.#tell('ts-narrowed', event.ike, undefined, { child: event.child.name });
        return;
      case 'message':
        // The answer to what was repeated.
        if (
          event.direction === 'in' &&
          event.text.includes(' response ') &&
          this.#repeating.delete(event.ike)
        )
          this.#tell('retransmit-send-cleared', this.#ikeOf(event.ike), undefined);
        return;
      default:
        return;
    }
  }

  #failed(event: Failed): void {
    const { connection, child, role, remote, failure } = event;
    const facts = { connection, ...(child === undefined ? {} : { child }), role, remote };
    const ike = this.#gateway
      .status()
      .find(sa => sa.connection === connection && sa.role === role && (child === undefined || isUp(sa)));
    for (const type of typesOf(event)) this.#tell(type, ike, failure, facts);
  }

  #trace({ direction, repeated, ike }: TracedDatagram): void {
    if (direction === 'in' || repeated === undefined || ike === undefined) return;
    if (repeated === 'request') this.#repeating.add(ike);
    this.#tell(
      repeated === 'request' ? 'retransmit-send' : 'retransmit-receive',
      this.#ikeOf(ike),
      undefined,
    );
  }

  /** The peer allowed less than is configured; what is only known from the addresses does not count. */
  #isNarrowed({ ike, child }: Extract<IkeEvent, { kind: 'child-up' | 'child-down' }>): boolean {
    const connection = this.#gateway.connections.find(({ name }) => name === ike.connection);
    const config = connection?.children.find(({ name }) => name === child.name);
    if (config === undefined) return false;
    const less = (configured: typeof config.localTs, agreed: readonly string[]): boolean =>
      configured.every(selector => !('dynamic' in selector)) &&
      configured.some(selector => !agreed.includes(formatSelector(selector)));
    return less(config.localTs, child.localTs) || less(config.remoteTs, child.remoteTs);
  }

  #ikeOf(id: number): IkeSaStatus | undefined {
    return this.#gateway.status().find(ike => ike.id === id);
  }

  #tell(type: string, ike: IkeSaStatus | undefined, failure: Failure | undefined, facts: Message = {}): void {
    this.#emit(
      messageOf({
        type,
        'ike-sa': ike && { [ike.connection]: ikeSaFields(ike, now()) },
        ...facts,
        ...reason(failure),
      }),
    );
  }
}

function typesOf({ child, role, failure }: Failed): readonly string[] {
  if (failure.code === 'peer/silent')
    return [role === 'initiator' ? 'peer-init-unreachable' : 'half-open-timeout'];
  const type = FAILED[failure.code];
  if (type === undefined) return [];
  if (type === 'proposal-mismatch-ike' && child !== undefined) return ['proposal-mismatch-child'];
  if (failure.code !== 'auth/untrusted-chain') return [type];
  // Which certificate, and then what comes of it.
  return [CHAIN[failure.reason as ChainFailureReason] ?? 'cert-validation-failed', type];
}

function isUp({ state }: IkeSaStatus): boolean {
  return state === 'ESTABLISHED' || state === 'REKEYING';
}

/** Why, as values: clients of charon take every section of such a message for an SA. */
export function reason(failure: Failure | undefined): Message {
  return failure === undefined ? {} : { 'failure-code': failure.code, 'failure-summary': failure.summary };
}
