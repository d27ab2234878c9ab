import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V2_SAMPLES } from '../../../test/wire-samples.ts';
import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { knownName } from '../../iana/name.ts';
import { NotifyError, NotifyStatus } from '../../iana/notify.ts';
import type { Payload } from './payload.ts';
import type { KnownType } from './payloads/index.ts';
import { checkMessage, type Form, RULES, unknownCritical } from './rules.ts';

const { SA, KE, IDi, IDr, CERT, AUTH, Nonce, Notify, Delete, VendorID, TSi, TSr, CP, EAP } = PayloadType;

/** Notify, Vendor ID and an unknown payload: they may stand anywhere. */
const ANYWHERE: readonly Payload[] = [
  { type: Notify, protocol: 0, spi: new Uint8Array(0), notifyType: 16430, data: new Uint8Array(0) },
  { type: VendorID, data: new Uint8Array(3) },
  { type: 'unknown', number: 200, critical: false, data: new Uint8Array(0) },
];

function of(...types: KnownType[]): Payload[] {
  return types.map(type => V2_SAMPLES[type][0]);
}

function notify(notifyType: number): Payload {
  return { type: Notify, protocol: 0, spi: new Uint8Array(0), notifyType, data: new Uint8Array(0) };
}

function allForms(): { exchange: number; isResponse: boolean; form: Form }[] {
  return Object.entries(RULES).flatMap(([exchange, rules]) => [
    ...rules.request.map(form => ({ exchange: Number(exchange), isResponse: false, form })),
    ...rules.response.map(form => ({ exchange: Number(exchange), isResponse: true, form })),
  ]);
}

function required(form: Form): KnownType[] {
  return Object.entries(form.payloads).flatMap(([type, occurrence]) =>
    occurrence === '1' || occurrence === '+' ? [Number(type) as KnownType] : [],
  );
}

test('every form is lawful with the least it must have, in any order, with what may stand anywhere', () => {
  for (const { exchange, isResponse, form } of allForms()) {
    const least = of(...required(form));
    assert.equal(checkMessage(exchange, isResponse, least), undefined, form.name);
    assert.equal(
      checkMessage(exchange, isResponse, [...ANYWHERE, ...least.reverse(), ...ANYWHERE]),
      undefined,
    );
  }
});

test('every form is lawful with all it may have', () => {
  for (const { exchange, isResponse, form } of allForms()) {
    const types = Object.keys(form.payloads).map(type => Number(type) as KnownType);
    assert.equal(checkMessage(exchange, isResponse, of(...types)), undefined, form.name);
    const twice = types.filter(type => form.payloads[type] === '*' || form.payloads[type] === '+');
    assert.equal(checkMessage(exchange, isResponse, of(...types, ...twice)), undefined, form.name);
  }
});

test('no cell of the table lets a payload stand twice that may stand once', () => {
  for (const { exchange, isResponse, form } of allForms()) {
    for (const [key, occurrence] of Object.entries(form.payloads)) {
      if (occurrence !== '1' && occurrence !== '?') continue;
      const type = Number(key) as KnownType;
      const all = Object.keys(form.payloads).map(other => Number(other) as KnownType);
      const violation = checkMessage(exchange, isResponse, of(...all, type));
      assert.equal(violation?.kind, 'repeated', `${exchange} ${form.name} ${knownName(PayloadType, type)}`);
      assert.equal(violation?.payload, type);
    }
  }
});

test('no exchange takes a payload that none of its forms names', () => {
  const types = Object.keys(V2_SAMPLES).map(type => Number(type) as KnownType);
  for (const [exchange, rules] of Object.entries(RULES)) {
    for (const isResponse of [false, true]) {
      const forms = isResponse ? rules.response : rules.request;
      for (const type of types) {
        if (type === Notify || type === VendorID || forms.some(form => type in form.payloads)) continue;
        const message = of(...required(forms[0] as Form), type);
        assert.equal(checkMessage(Number(exchange), isResponse, message)?.kind, 'unexpected');
      }
    }
  }
});

/** Messages that are not lawful: the exchange, whether it is a response, what stands in it, and what is said. */
const UNLAWFUL: readonly [number, boolean, Payload[], string, number | undefined][] = [
  [ExchangeType.IKE_SA_INIT, false, of(KE, Nonce), 'missing', SA],
  [ExchangeType.IKE_SA_INIT, false, of(SA, Nonce), 'missing', KE],
  [ExchangeType.IKE_SA_INIT, false, of(SA, KE), 'missing', Nonce],
  [ExchangeType.IKE_SA_INIT, false, of(SA, KE, Nonce, Delete), 'unexpected', Delete],
  [ExchangeType.IKE_SA_INIT, false, [notify(NotifyStatus.COOKIE)], 'missing', SA],
  [ExchangeType.IKE_SA_INIT, false, [notify(NotifyError.NO_PROPOSAL_CHOSEN)], 'missing', SA],
  [ExchangeType.IKE_SA_INIT, true, [notify(NotifyStatus.INITIAL_CONTACT)], 'missing', SA],
  [ExchangeType.IKE_AUTH, false, of(IDi, AUTH, SA, TSi), 'incomplete', TSr],
  [ExchangeType.IKE_AUTH, false, of(IDi, AUTH, TSi, TSr), 'incomplete', SA],
  [ExchangeType.IKE_AUTH, false, of(IDi, IDi, AUTH), 'repeated', IDi],
  [ExchangeType.IKE_AUTH, false, of(EAP, SA, TSi, TSr), 'unexpected', EAP],
  [ExchangeType.IKE_AUTH, true, of(IDr, AUTH, SA, TSr), 'incomplete', TSi],
  [ExchangeType.IKE_AUTH, true, of(SA, TSi), 'incomplete', TSr],
  [ExchangeType.CREATE_CHILD_SA, false, of(SA, Nonce), 'missing', KE],
  [ExchangeType.CREATE_CHILD_SA, false, of(SA, Nonce, TSi), 'missing', TSr],
  [ExchangeType.CREATE_CHILD_SA, false, of(SA, TSi, TSr), 'missing', Nonce],
  [ExchangeType.INFORMATIONAL, false, of(SA), 'unexpected', SA],
  [ExchangeType.IKE_INTERMEDIATE, false, of(KE, KE), 'repeated', KE],
  [33, false, [], 'exchange', undefined],
  [250, true, [], 'exchange', undefined],
];

for (const [exchange, isResponse, payloads, kind, payload] of UNLAWFUL) {
  const types = payloads.map(({ type }) => (type === 'unknown' ? type : knownName(PayloadType, type)));
  test(`unlawful: exchange ${exchange} ${isResponse ? 'response' : 'request'} [${types.join(' ')}]`, () => {
    const violation = checkMessage(exchange, isResponse, payloads);
    assert.deepEqual([violation?.kind, violation?.payload], [kind, payload]);
    assert.match(violation?.text ?? '', /\S/);
  });
}

/** Lawful messages of the field that a stricter reading of appendix C would refuse. */
const LAWFUL: readonly [number, boolean, Payload[]][] = [
  [ExchangeType.IKE_SA_INIT, true, [notify(NotifyStatus.COOKIE)]],
  [ExchangeType.IKE_SA_INIT, true, [notify(NotifyError.INVALID_KE_PAYLOAD), ...ANYWHERE]],
  [ExchangeType.IKE_SA_INIT, true, [notify(9999)]],
  [ExchangeType.IKE_AUTH, true, [notify(NotifyError.AUTHENTICATION_FAILED)]],
  [ExchangeType.IKE_AUTH, true, [...of(IDr, AUTH), notify(NotifyError.TS_UNACCEPTABLE)]],
  [ExchangeType.IKE_AUTH, true, of(IDr, CERT, CERT, AUTH, EAP)],
  [ExchangeType.IKE_AUTH, true, of(IDr, EAP)],
  [ExchangeType.IKE_AUTH, true, of(IDr, CERT, AUTH, CP, SA, Nonce, TSi, TSr)],
  [ExchangeType.IKE_AUTH, false, of(IDi, IDr, CP, SA, TSi, TSr)],
  [ExchangeType.IKE_AUTH, false, of(AUTH)],
  // Between rounds of authentication of one side alone (RFC 4739).
  [ExchangeType.IKE_AUTH, false, []],
  [ExchangeType.IKE_AUTH, true, []],
  [ExchangeType.IKE_AUTH, true, of(CP)],
  [ExchangeType.INFORMATIONAL, false, []],
  [ExchangeType.INFORMATIONAL, true, of(Delete, Delete)],
];

test('lawful: what the field sends', () => {
  for (const [exchange, isResponse, payloads] of LAWFUL) {
    assert.equal(checkMessage(exchange, isResponse, payloads), undefined);
  }
});

test('an error notify excuses a missing payload, not one that must not be there', () => {
  const error = notify(NotifyError.NO_PROPOSAL_CHOSEN);
  assert.equal(checkMessage(ExchangeType.IKE_SA_INIT, true, [error, ...of(Delete)])?.kind, 'unexpected');
  assert.equal(checkMessage(ExchangeType.IKE_SA_INIT, true, [error, ...of(SA, SA)])?.kind, 'repeated');
});

test('the first unknown payload that is critical is named; a critical bit on a known one is not', () => {
  const unknown = (number: number, critical: boolean): Payload => ({
    type: 'unknown',
    number,
    critical,
    data: new Uint8Array(0),
  });
  assert.equal(unknownCritical([...of(SA), unknown(200, false)]), undefined);
  assert.equal(unknownCritical([unknown(200, false), unknown(201, true), unknown(202, true)]), 201);
  assert.equal(unknownCritical([{ ...V2_SAMPLES[SA][0], critical: true }]), undefined);
});
