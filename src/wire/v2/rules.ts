import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { knownName } from '../../iana/name.ts';
import { NotifyStatus } from '../../iana/notify.ts';
import type { Payload } from './payload.ts';
import type { KnownType } from './payloads/index.ts';

/** How often a payload may stand in a message: exactly once, at most once, at least once, any number of times. */
type Occurrence = '1' | '?' | '+' | '*';

/** One shape a message may have. Payload types that are not named must not stand in it. */
export interface Form {
  readonly name: string;
  readonly payloads: { readonly [T in KnownType]?: Occurrence };
  /** Either all of these or none. */
  readonly together?: readonly KnownType[];
}

/** The shapes of one exchange's messages. */
export interface ExchangeRules {
  readonly request: readonly Form[];
  readonly response: readonly Form[];
  /** Status notifies that, like any error notify, make a response lawful without the payloads it must have. */
  readonly instead?: readonly number[];
}

/** Why a message breaks the rules, measured by the form it comes nearest to. */
export interface RuleViolation {
  readonly kind: 'exchange' | 'missing' | 'repeated' | 'unexpected' | 'incomplete';
  /** The payload type at fault; absent where the exchange itself is unknown. */
  readonly payload?: number;
  /** One line for a log. */
  readonly text: string;
}

const { SA, KE, IDi, IDr, CERT, CERTREQ, AUTH, Nonce, Delete, TSi, TSr, CP, EAP } = PayloadType;

const CHILD: readonly KnownType[] = [SA, TSi, TSr];

/** RFC 5723 §4.3 leaves the resumed exchange with nonces and notifies. */
const NONCE_ALONE: readonly Form[] = [{ name: 'nonce', payloads: { [Nonce]: '1' } }];

/** One additional key exchange a round (RFC 9370 §2.2.2, §2.2.4); other extensions bring notifies alone. */
const KEY_EXCHANGE: readonly Form[] = [{ name: 'key exchange', payloads: { [KE]: '?' } }];

const INFORMATION: readonly Form[] = [{ name: 'information', payloads: { [Delete]: '*', [CP]: '?' } }];

/**
 * Which payloads may and must stand in which message (RFC 7296 appendix C and the RFCs named in the rows).
 * Notify, Vendor ID and payloads of unknown type may stand anywhere, in any number (§2.5, §3.10, §3.12).
 */
export const RULES: Readonly<Record<number, ExchangeRules>> = {
  [ExchangeType.IKE_SA_INIT]: {
    request: [{ name: 'key exchange', payloads: { [SA]: '1', [KE]: '1', [Nonce]: '1' } }],
    response: [{ name: 'key exchange', payloads: { [SA]: '1', [KE]: '1', [Nonce]: '1', [CERTREQ]: '*' } }],
    instead: [NotifyStatus.COOKIE, NotifyStatus.REDIRECT],
  },
  [ExchangeType.IKE_AUTH]: {
    request: [
      {
        // Without AUTH: EAP is asked for (§2.16). Without SA: a childless SA (RFC 6023) or a further round.
        name: 'identity',
        payloads: {
          [IDi]: '1',
          [IDr]: '?',
          [CERT]: '*',
          [CERTREQ]: '*',
          [AUTH]: '?',
          [CP]: '?',
          [SA]: '?',
          [TSi]: '?',
          [TSr]: '?',
        },
        together: CHILD,
      },
      { name: 'EAP', payloads: { [EAP]: '1' } },
      { name: 'authentication', payloads: { [AUTH]: '1' } },
      // Another authentication of the responder is waited for (RFC 4739 §3.4).
      { name: 'empty', payloads: {} },
    ],
    response: [
      {
        // AUTH may be left to the end (RFC 5998). A nonce is not foreseen, but there are peers that send one.
        name: 'identity',
        payloads: {
          [Nonce]: '?',
          [IDr]: '1',
          [CERT]: '*',
          [CERTREQ]: '*',
          [AUTH]: '?',
          [EAP]: '?',
          [CP]: '?',
          [SA]: '?',
          [TSi]: '?',
          [TSr]: '?',
        },
        together: CHILD,
      },
      { name: 'EAP', payloads: { [EAP]: '1' } },
      {
        name: 'authentication',
        payloads: { [AUTH]: '1', [CP]: '?', [SA]: '?', [TSi]: '?', [TSr]: '?' },
        together: CHILD,
      },
      // The initiator alone goes on, or has gone on, proving who it is (RFC 4739 §2.4).
      {
        name: 'child',
        payloads: { [CP]: '?', [SA]: '?', [TSi]: '?', [TSr]: '?' },
        together: CHILD,
      },
    ],
    instead: [NotifyStatus.REDIRECT],
  },
  [ExchangeType.CREATE_CHILD_SA]: {
    request: [
      {
        name: 'child',
        payloads: { [SA]: '1', [Nonce]: '1', [KE]: '?', [TSi]: '1', [TSr]: '1', [CP]: '?' },
      },
      { name: 'IKE rekey', payloads: { [SA]: '1', [Nonce]: '1', [KE]: '1' } },
    ],
    response: [
      {
        name: 'child',
        payloads: { [SA]: '1', [Nonce]: '1', [KE]: '?', [TSi]: '1', [TSr]: '1', [CP]: '?' },
      },
      { name: 'IKE rekey', payloads: { [SA]: '1', [Nonce]: '1', [KE]: '1' } },
    ],
  },
  [ExchangeType.INFORMATIONAL]: { request: INFORMATION, response: INFORMATION },
  [ExchangeType.IKE_SESSION_RESUME]: {
    request: NONCE_ALONE,
    response: NONCE_ALONE,
    instead: [NotifyStatus.COOKIE, NotifyStatus.REDIRECT, NotifyStatus.TICKET_NACK],
  },
  [ExchangeType.IKE_INTERMEDIATE]: { request: KEY_EXCHANGE, response: KEY_EXCHANGE },
  [ExchangeType.IKE_FOLLOWUP_KE]: { request: KEY_EXCHANGE, response: KEY_EXCHANGE },
};

/**
 * Whether a message has a lawful shape: all its payloads, those in the clear and those that were protected.
 * A response that carries an error notify need not have the payloads it otherwise must.
 *
 * @param exchange the exchange type from the header.
 * @returns undefined where it has.
 */
export function checkMessage(
  exchange: number,
  isResponse: boolean,
  payloads: readonly Payload[],
): RuleViolation | undefined {
  const rules = RULES[exchange];
  if (rules === undefined) return { kind: 'exchange', text: `no exchange type ${exchange} is known here` };
  const counts = countTypes(payloads);
  const excused = isResponse && payloads.some(payload => standsInstead(payload, rules.instead));
  let nearest: readonly RuleViolation[] | undefined;
  for (const form of isResponse ? rules.response : rules.request) {
    const violations = violationsOf(form, counts, excused);
    if (violations.length === 0) return undefined;
    if (nearest === undefined || violations.length < nearest.length) nearest = violations;
  }
  return nearest?.[0];
}

/** The type of the first unknown payload that is marked critical; the message must be refused (RFC 7296 §2.5). */
export function unknownCritical(payloads: readonly Payload[]): number | undefined {
  for (const payload of payloads) if (payload.type === 'unknown' && payload.critical) return payload.number;
  return undefined;
}

const FIRST_STATUS = 16384;

function standsInstead(payload: Payload, instead: readonly number[] = []): boolean {
  if (payload.type !== PayloadType.Notify) return false;
  return payload.notifyType < FIRST_STATUS || instead.includes(payload.notifyType);
}

function countTypes(payloads: readonly Payload[]): ReadonlyMap<KnownType, number> {
  const counts = new Map<KnownType, number>();
  for (const { type } of payloads) {
    if (type === 'unknown' || type === PayloadType.Notify || type === PayloadType.VendorID) continue;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}

/** What must stand in a message of each form. */
const required: ReadonlyMap<Form, readonly KnownType[]> = new Map(
  Object.values(RULES)
    .flatMap(({ request, response }) => [...request, ...response])
    .map(form => [
      form,
      Object.entries(form.payloads)
        .filter(([, occurrence]) => occurrence === '1' || occurrence === '+')
        .map(([type]) => Number(type) as KnownType),
    ]),
);

function violationsOf(
  form: Form,
  counts: ReadonlyMap<KnownType, number>,
  excused: boolean,
): readonly RuleViolation[] {
  const violations: RuleViolation[] = [];
  const blame = (kind: RuleViolation['kind'], payload: KnownType, what: string): void => {
    const name = knownName(PayloadType, payload);
    violations.push({ kind, payload, text: `${name} ${what} (${form.name})` });
  };
  for (const [type, count] of counts) {
    const occurrence = form.payloads[type];
    if (occurrence === undefined) blame('unexpected', type, 'must not stand here');
    else if (count > 1 && (occurrence === '1' || occurrence === '?'))
      blame('repeated', type, `stands ${count} times`);
  }
  if (excused) return violations;
  for (const type of required.get(form) ?? []) if (!counts.has(type)) blame('missing', type, 'is missing');
  const together = form.together ?? [];
  const absent = together.filter(type => !counts.has(type));
  if (absent.length < together.length) {
    for (const type of absent) blame('incomplete', type, 'is missing beside the others it belongs to');
  }
  return violations;
}
