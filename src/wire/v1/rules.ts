import { V1ExchangeType, V1PayloadType } from '../../iana/ikev1.ts';
import { knownName } from '../../iana/name.ts';
import type { V1Payload } from './payload.ts';
import type { V1KnownType } from './payloads/index.ts';

/** Exactly once, at most once, any number of times, none or two. */
type V1Occurrence = '1' | '?' | '*' | 'pair';

/** One shape a message may have. Payload types that are not named must not stand in it. */
export interface V1Form {
  readonly name: string;
  readonly payloads: { readonly [T in V1KnownType]?: V1Occurrence };
  /** Absent: either way. */
  readonly encrypted?: boolean;
  /** HASH stands first and covers the rest (RFC 2409 §5.5, §5.7). */
  readonly hashFirst?: true;
}

/** Why a message breaks the rules, measured by the form it comes nearest to. */
export interface V1RuleViolation {
  readonly kind: 'exchange' | 'number' | 'missing' | 'repeated' | 'unexpected' | 'order' | 'protection';
  /** The payload type at fault, where it is one. */
  readonly payload?: number;
  /** One line for a log. */
  readonly text: string;
}

const { SA, KE, ID, CERT, CR, HASH, SIG, NONCE, D, ATTRIBUTES } = V1PayloadType;
const { NAT_D, NAT_D_DRAFT, NAT_OA, NAT_OA_DRAFT } = V1PayloadType;

/** CERT and CR "MUST be accepted at any point during an exchange" (RFC 2408 §3.9, §3.10): anywhere in phase 1. */
const CERTIFICATES = { [CERT]: '*', [CR]: '*' } as const;

/** RFC 3947 §3.2 and the drafts before it; an address may have several hashes. */
const NAT_DETECTION = { [NAT_D]: '*', [NAT_D_DRAFT]: '*' } as const;

const NEGOTIATION: V1Form = {
  name: 'negotiation',
  payloads: { [SA]: '1', ...CERTIFICATES },
  encrypted: false,
};

/** HASH and ID stand here only with public key encryption (RFC 2409 §5.2, §5.3). */
const KEY_EXCHANGE: V1Form = {
  name: 'key exchange',
  payloads: { [KE]: '1', [NONCE]: '1', [ID]: '?', [HASH]: '?', ...NAT_DETECTION, ...CERTIFICATES },
  encrypted: false,
};

const IDENTITY: readonly V1Form[] = [
  { name: 'hash', payloads: { [ID]: '1', [HASH]: '1', ...CERTIFICATES }, encrypted: true },
  { name: 'signature', payloads: { [ID]: '1', [SIG]: '1', ...CERTIFICATES }, encrypted: true },
  { name: 'public key encryption', payloads: { [HASH]: '1', ...CERTIFICATES }, encrypted: true },
];

const ALL_AT_ONCE = { [SA]: '1', [KE]: '1', [NONCE]: '1', [ID]: '1', ...CERTIFICATES } as const;

const QUICK: V1Form = {
  name: 'quick mode',
  payloads: {
    [HASH]: '1',
    [SA]: '1',
    [NONCE]: '1',
    [KE]: '?',
    [ID]: 'pair',
    [NAT_OA]: '*',
    [NAT_OA_DRAFT]: '*',
  },
  encrypted: true,
  hashFirst: true,
};

/** Several SAs may be asked for at once (RFC 2409 §5.5); who has one made here gets a refusal. */
const QUICK_OFFER: V1Form = { ...QUICK, payloads: { ...QUICK.payloads, [SA]: '*' } };

const HASH_ALONE: V1Form = { name: 'hash', payloads: { [HASH]: '1' }, encrypted: true, hashFirst: true };

const TRANSACTION: V1Form = {
  name: 'transaction',
  payloads: { [HASH]: '1', [ATTRIBUTES]: '1' },
  encrypted: true,
  hashFirst: true,
};

const NEW_GROUP: V1Form = {
  name: 'new group',
  payloads: { [HASH]: '1', [SA]: '1' },
  encrypted: true,
  hashFirst: true,
};

/**
 * Which payloads may and must stand in which message: a row an exchange, in it a row a message, the first being
 * message 1 (RFC 2409 §5, RFC 3947). Notification, Vendor ID and payloads of unknown type may stand anywhere.
 */
export const V1_RULES: Readonly<Record<number, readonly (readonly V1Form[])[]>> = {
  [V1ExchangeType.MAIN_MODE]: [
    [NEGOTIATION],
    [NEGOTIATION],
    [KEY_EXCHANGE],
    [KEY_EXCHANGE],
    IDENTITY,
    IDENTITY,
  ],
  [V1ExchangeType.AGGRESSIVE]: [
    [{ name: 'offer', payloads: { ...ALL_AT_ONCE, [HASH]: '?', ...NAT_DETECTION }, encrypted: false }],
    [
      { name: 'hash', payloads: { ...ALL_AT_ONCE, [HASH]: '1', ...NAT_DETECTION }, encrypted: false },
      { name: 'signature', payloads: { ...ALL_AT_ONCE, [SIG]: '1', ...NAT_DETECTION }, encrypted: false },
    ],
    // In the clear by the RFC's picture; some encrypt it.
    [
      { name: 'hash', payloads: { [HASH]: '1', ...NAT_DETECTION, ...CERTIFICATES } },
      { name: 'signature', payloads: { [SIG]: '1', ...NAT_DETECTION, ...CERTIFICATES } },
    ],
  ],
  // A fourth message answers a commit bit with CONNECTED (RFC 2408 §3.1).
  [V1ExchangeType.QUICK_MODE]: [[QUICK_OFFER], [QUICK], [HASH_ALONE], [HASH_ALONE]],
  [V1ExchangeType.NEW_GROUP_MODE]: [[NEW_GROUP], [NEW_GROUP]],
  [V1ExchangeType.TRANSACTION]: [[TRANSACTION], [TRANSACTION]],
  [V1ExchangeType.INFORMATIONAL]: [
    [
      { name: 'protected', payloads: { [HASH]: '1', [D]: '*' }, encrypted: true, hashFirst: true },
      { name: 'unprotected', payloads: { [D]: '*' }, encrypted: false },
    ],
  ],
};

/**
 * Whether a message has a lawful shape.
 *
 * @param exchange the exchange type from the header.
 * @param number of the message within its exchange, 1 for the first.
 * @param encrypted whether the payloads were encrypted.
 * @returns undefined where it has.
 */
export function checkV1Message(
  exchange: number,
  number: number,
  encrypted: boolean,
  payloads: readonly V1Payload[],
): V1RuleViolation | undefined {
  const messages = V1_RULES[exchange];
  if (messages === undefined) return { kind: 'exchange', text: `no exchange type ${exchange} is known here` };
  const forms = messages[number - 1];
  if (forms === undefined) {
    const name = knownName(V1ExchangeType, exchange);
    return { kind: 'number', text: `${name} has ${messages.length} messages, not ${number}` };
  }
  let nearest: readonly V1RuleViolation[] | undefined;
  for (const form of forms) {
    const violations = violationsOf(form, payloads, encrypted);
    if (violations.length === 0) return undefined;
    if (nearest === undefined || violations.length < nearest.length) nearest = violations;
  }
  return nearest?.[0];
}

function violationsOf(
  form: V1Form,
  payloads: readonly V1Payload[],
  encrypted: boolean,
): readonly V1RuleViolation[] {
  const violations: V1RuleViolation[] = [];
  const blame = (kind: V1RuleViolation['kind'], payload: V1KnownType, what: string): void => {
    violations.push({ kind, payload, text: `${knownName(V1PayloadType, payload)} ${what} (${form.name})` });
  };
  if (form.encrypted !== undefined && form.encrypted !== encrypted) {
    const text = `a message ${encrypted ? 'under encryption' : 'in the clear'} (${form.name})`;
    violations.push({ kind: 'protection', text });
  }
  const counts = countTypes(payloads);
  for (const [type, count] of counts) {
    const occurrence = form.payloads[type];
    if (occurrence === undefined) blame('unexpected', type, 'must not stand here');
    else if (count > MOST[occurrence]) blame('repeated', type, `stands ${count} times`);
    else if (occurrence === 'pair' && count === 1) blame('missing', type, 'stands once, not twice');
  }
  for (const [key, occurrence] of Object.entries(form.payloads)) {
    const type = Number(key) as V1KnownType;
    if (occurrence === '1' && !counts.has(type)) blame('missing', type, 'is missing');
  }
  if (form.hashFirst && counts.has(HASH) && payloads[0]?.type !== HASH)
    blame('order', HASH, 'is not the first');
  return violations;
}

const MOST: Readonly<Record<V1Occurrence, number>> = {
  '1': 1,
  '?': 1,
  pair: 2,
  '*': Number.POSITIVE_INFINITY,
};

function countTypes(payloads: readonly V1Payload[]): ReadonlyMap<V1KnownType, number> {
  const counts = new Map<V1KnownType, number>();
  for (const { type } of payloads) {
    if (type === 'unknown' || type === V1PayloadType.N || type === V1PayloadType.VID) continue;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}
