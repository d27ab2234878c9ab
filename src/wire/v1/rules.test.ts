import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V1_SAMPLES } from '../../../test/wire-samples.ts';
import { V1ExchangeType, V1PayloadType } from '../../iana/ikev1.ts';
import { knownName } from '../../iana/name.ts';
import type { V1Payload } from './payload.ts';
import type { V1KnownType } from './payloads/index.ts';
import { checkV1Message, V1_RULES, type V1Form } from './rules.ts';

const { SA, KE, ID, CERT, CR, HASH, SIG, NONCE, N, D, VID, ATTRIBUTES, NAT_D, NAT_OA } = V1PayloadType;
const { MAIN_MODE, AGGRESSIVE, QUICK_MODE, INFORMATIONAL, TRANSACTION, BASE } = V1ExchangeType;

function of(...types: V1KnownType[]): V1Payload[] {
  return types.map(type => V1_SAMPLES[type][0]);
}

const ANYWHERE: readonly V1Payload[] = [
  ...of(N, VID),
  { type: 'unknown', number: 15, data: new Uint8Array(2) },
];

interface Cell {
  readonly exchange: number;
  readonly number: number;
  readonly form: V1Form;
}

const CELLS: readonly Cell[] = Object.entries(V1_RULES).flatMap(([exchange, messages]) =>
  messages.flatMap((forms, i) => forms.map(form => ({ exchange: Number(exchange), number: i + 1, form }))),
);

function name({ exchange, number, form }: Cell): string {
  return `${knownName(V1ExchangeType, exchange)} ${number} ${form.name}`;
}

/** The payload types of a form, HASH first, as often as `occurrence` says. */
function types(form: V1Form, times: (occurrence: string) => number): V1KnownType[] {
  const all = Object.entries(form.payloads).flatMap(([type, occurrence]) =>
    Array<V1KnownType>(times(occurrence)).fill(Number(type) as V1KnownType),
  );
  return [...all.filter(type => type === HASH), ...all.filter(type => type !== HASH)];
}

const least = (form: V1Form): V1KnownType[] => types(form, occurrence => (occurrence === '1' ? 1 : 0));
const most = (form: V1Form): V1KnownType[] =>
  types(form, occurrence => (occurrence === 'pair' || occurrence === '*' ? 2 : 1));

test('every form is lawful with the least and with the most it may have', () => {
  for (const cell of CELLS) {
    const { exchange, number, form } = cell;
    for (const payloads of [of(...least(form)), of(...most(form))]) {
      const encrypted = form.encrypted ?? true;
      assert.equal(checkV1Message(exchange, number, encrypted, payloads), undefined, name(cell));
      assert.equal(
        checkV1Message(exchange, number, encrypted, [...payloads, ...ANYWHERE]),
        undefined,
        name(cell),
      );
    }
  }
});

test('no cell of the table lets a payload stand oftener than it says', () => {
  for (const cell of CELLS) {
    const { exchange, number, form } = cell;
    for (const [key, occurrence] of Object.entries(form.payloads)) {
      if (occurrence === '*') continue;
      const type = Number(key) as V1KnownType;
      const violation = checkV1Message(exchange, number, form.encrypted ?? true, of(...most(form), type));
      assert.deepEqual([violation?.kind, violation?.payload], ['repeated', type], name(cell));
    }
  }
});

test('no message is lawful under encryption that belongs in the clear, nor the other way', () => {
  for (const cell of CELLS) {
    const { exchange, number, form } = cell;
    if (form.encrypted === undefined) continue;
    // An informational without HASH is lawful in the clear, and only there.
    const violation = checkV1Message(exchange, number, !form.encrypted, of(...least(form)));
    assert.notEqual(violation, undefined, name(cell));
  }
});

test('no message takes a payload that none of its forms names', () => {
  const known = Object.keys(V1_SAMPLES).map(type => Number(type) as V1KnownType);
  for (const { exchange, number, form } of CELLS) {
    const forms = V1_RULES[exchange]?.[number - 1] ?? [];
    for (const type of known) {
      if (type === N || type === VID || forms.some(other => type in other.payloads)) continue;
      const payloads = of(...least(form), type);
      assert.equal(checkV1Message(exchange, number, form.encrypted ?? true, payloads)?.kind, 'unexpected');
    }
  }
});

const UNLAWFUL: readonly [number, number, boolean, V1Payload[], string, number | undefined][] = [
  [MAIN_MODE, 1, false, of(SIG, VID), 'unexpected', SIG],
  [MAIN_MODE, 1, false, of(VID), 'missing', SA],
  [MAIN_MODE, 1, false, of(SA, SA), 'repeated', SA],
  [MAIN_MODE, 1, true, of(SA), 'protection', undefined],
  [MAIN_MODE, 3, false, of(KE, NAT_D, NAT_D), 'missing', NONCE],
  [MAIN_MODE, 5, false, of(ID, HASH), 'protection', undefined],
  [MAIN_MODE, 5, true, of(ID), 'missing', HASH],
  [MAIN_MODE, 7, true, of(ID), 'number', undefined],
  [MAIN_MODE, 0, true, of(ID), 'number', undefined],
  [AGGRESSIVE, 1, false, of(SA), 'missing', KE],
  [AGGRESSIVE, 2, false, of(SA, KE, NONCE, ID), 'missing', HASH],
  [QUICK_MODE, 1, true, of(SA, NONCE, HASH), 'order', HASH],
  [QUICK_MODE, 1, true, of(SA, NONCE), 'missing', HASH],
  [QUICK_MODE, 1, true, of(HASH, SA, NONCE, ID), 'missing', ID],
  [QUICK_MODE, 1, true, of(HASH, SA, NONCE, ID, ID, ID), 'repeated', ID],
  [QUICK_MODE, 1, false, of(HASH, SA, NONCE), 'protection', undefined],
  [INFORMATIONAL, 1, true, of(N), 'missing', HASH],
  [INFORMATIONAL, 1, true, of(D, HASH), 'order', HASH],
  [TRANSACTION, 1, true, of(HASH), 'missing', ATTRIBUTES],
  [BASE, 1, false, of(SA), 'exchange', undefined],
];

for (const [exchange, number, encrypted, payloads, kind, payload] of UNLAWFUL) {
  const what = payloads
    .map(({ type }) => (type === 'unknown' ? type : knownName(V1PayloadType, type)))
    .join(' ');
  const title = `${knownName(V1ExchangeType, exchange)} ${number} ${encrypted ? 'encrypted' : 'clear'} [${what}]`;
  test(`unlawful: ${title}`, () => {
    const violation = checkV1Message(exchange, number, encrypted, payloads);
    assert.deepEqual([violation?.kind, violation?.payload], [kind, payload]);
    assert.match(violation?.text ?? '', /\S/);
  });
}

test('lawful: what the field sends', () => {
  const lawful: readonly [number, number, boolean, V1Payload[]][] = [
    [MAIN_MODE, 1, false, of(VID, SA)],
    [MAIN_MODE, 4, false, of(KE, NONCE, CR, CR, NAT_D, NAT_D, NAT_D)],
    [MAIN_MODE, 5, true, of(ID, CERT, CERT, SIG, CR, N)],
    [MAIN_MODE, 6, true, of(ID, HASH)],
    [AGGRESSIVE, 2, false, of(SA, KE, NONCE, ID, VID, HASH, NAT_D, NAT_D)],
    [AGGRESSIVE, 3, false, of(HASH)],
    [AGGRESSIVE, 3, true, of(NAT_D, NAT_D, HASH, N)],
    [QUICK_MODE, 2, true, of(HASH, SA, NONCE, KE, ID, ID, NAT_OA, NAT_OA, N)],
    [QUICK_MODE, 3, true, of(HASH)],
    [INFORMATIONAL, 1, true, of(HASH, N, D, D)],
    [INFORMATIONAL, 1, false, of(N)],
  ];
  for (const [exchange, number, encrypted, payloads] of lawful) {
    assert.equal(checkV1Message(exchange, number, encrypted, payloads), undefined);
  }
});
