import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counting, V2_SAMPLES } from '../../../test/wire-samples.ts';
import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { Malformed } from '../../lib/reader.ts';
import { HeaderFlag, HeaderMalformed } from '../header.ts';
import {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  MAX_PAYLOADS,
  type MessageFields,
} from './message.ts';
import type { Payload } from './payload.ts';

const fields: MessageFields = {
  initiatorSpi: 0x1122334455667788n,
  responderSpi: 0n,
  exchangeType: ExchangeType.IKE_SA_INIT,
  flags: HeaderFlag.INITIATOR,
  messageId: 0,
};

const payloads: readonly Payload[] = [
  V2_SAMPLES[PayloadType.SA][0],
  V2_SAMPLES[PayloadType.KE][0],
  V2_SAMPLES[PayloadType.Nonce][0],
  { type: 'unknown', number: 200, critical: true, data: counting(3) },
  { type: 'unknown', number: 201, critical: false, data: new Uint8Array(0) },
  { ...V2_SAMPLES[PayloadType.VendorID][0], critical: true },
];

/** A message of which the octets after the header are given. */
function raw(nextPayload: number, ...body: number[]): Uint8Array {
  const message = new Uint8Array(28 + body.length);
  message.set(encodeMessage(fields, []));
  message.set(body, 28);
  message[16] = nextPayload;
  new DataView(message.buffer).setUint32(24, message.length);
  return message;
}

test('a message comes back as it was written', () => {
  const datagram = encodeMessage(fields, payloads);
  const message = decodeMessage(datagram);
  assert.deepEqual(message.payloads, payloads);
  assert.equal(message.encrypted, undefined);
  assert.deepEqual(message.header, {
    ...fields,
    nextPayload: PayloadType.SA,
    majorVersion: 2,
    minorVersion: 0,
    length: datagram.length,
  });
  assert.deepEqual(encodeMessage(message.header, message.payloads), datagram);
});

test('a message without payloads is its header', () => {
  const datagram = encodeMessage(fields, []);
  assert.equal(datagram.length, 28);
  assert.deepEqual(decodeMessage(datagram).payloads, []);
});

test('a chain of payloads comes back as it was written', () => {
  const { first, bytes } = encodePayloads(payloads);
  assert.equal(first, PayloadType.SA);
  assert.deepEqual(decodePayloads(first, bytes), payloads);
  assert.deepEqual(encodePayloads([]), { first: 0, bytes: new Uint8Array(0) });
  assert.deepEqual(decodePayloads(0, new Uint8Array(0)), []);
});

test('a message cut at any octet is refused', () => {
  const datagram = encodeMessage(fields, payloads);
  for (let length = 0; length < datagram.length; length++) {
    const cut = datagram.slice(0, length);
    assert.throws(() => decodeMessage(cut), HeaderMalformed);
    if (length < 28) continue;
    // With a Length field that fits, the chain itself must notice.
    new DataView(cut.buffer).setUint32(24, length);
    assert.throws(() => decodeMessage(cut), Malformed);
  }
});

test('minor versions and unknown flags are ignored (RFC 7296 §2.5, §3.1)', () => {
  const datagram = encodeMessage(fields, payloads);
  datagram[17] = 0x2f;
  datagram[19] = 0xff;
  assert.deepEqual(decodeMessage(datagram).payloads, payloads);
});

test('another major version is told apart', () => {
  for (const version of [0x10, 0x30, 0xf0]) {
    const datagram = encodeMessage(fields, payloads);
    datagram[17] = version;
    assert.throws(
      () => decodeMessage(datagram),
      (error: unknown) => error instanceof HeaderMalformed && error.fault === 'version',
    );
  }
});

test('reserved bits of the generic header are ignored', () => {
  const datagram = encodeMessage(fields, payloads);
  datagram[29] = 0x7f;
  assert.deepEqual(decodeMessage(datagram).payloads, payloads);
});

test('SK is the last payload, and what it names as next is inside', () => {
  const message = decodeMessage(raw(43, 46, 0, 0, 5, 9, 35, 0, 0, 8, 1, 2, 3, 4));
  assert.deepEqual(message.payloads, [{ type: PayloadType.VendorID, data: Uint8Array.of(9) }]);
  assert.deepEqual(message.encrypted, { type: PayloadType.SK, firstInner: 35, bodyOffset: 37 });
});

test('SKF tells its number, its total and where the IV begins', () => {
  assert.deepEqual(decodeMessage(raw(53, 35, 0x80, 0, 10, 0, 1, 0, 3, 7, 7)).encrypted, {
    type: PayloadType.SKF,
    firstInner: 35,
    critical: true,
    fragmentNumber: 1,
    totalFragments: 3,
    bodyOffset: 36,
  });
});

/** Octets after the header that are refused, and what the message names as next payload. */
const REFUSED: readonly {
  readonly what: string;
  readonly next: number;
  readonly body: readonly number[];
  readonly why: RegExp;
}[] = [
  { what: 'a payload promised and none there', next: 33, body: [], why: /next payload/ },
  {
    what: 'octets after the last payload',
    next: 43,
    body: [0, 0, 0, 4, 0],
    why: /after the last payload: 1/,
  },
  { what: 'octets and no payload', next: 0, body: [0], why: /after the last payload: 1/ },
  {
    what: 'a payload of length 0, which would stand still',
    next: 43,
    body: [43, 0, 0, 0],
    why: /payload of 0/,
  },
  { what: 'a payload shorter than its own header', next: 43, body: [0, 0, 0, 3], why: /payload of 3/ },
  { what: 'a payload longer than the message', next: 43, body: [0, 0, 0, 5], why: /payload: 1 octets/ },
  { what: 'half a generic header', next: 43, body: [0, 0, 0], why: /payload length/ },
  { what: 'octets after SK', next: 46, body: [0, 0, 0, 4, 0], why: /after the encrypted payload/ },
  {
    what: 'a payload after SKF',
    next: 53,
    body: [43, 0, 0, 8, 0, 1, 0, 1, 0, 0, 0, 4],
    why: /after the encrypted/,
  },
  { what: 'fragment 0', next: 53, body: [0, 0, 0, 8, 0, 0, 0, 1], why: /fragment 0 of 1/ },
  { what: 'fragment 0 of 0', next: 53, body: [0, 0, 0, 8, 0, 0, 0, 0], why: /fragment 0 of 0/ },
  { what: 'fragment 3 of 2', next: 53, body: [0, 0, 0, 8, 0, 3, 0, 2], why: /fragment 3 of 2/ },
  { what: 'SKF too short for its numbers', next: 53, body: [0, 0, 0, 7, 0, 1, 0], why: /total fragments/ },
];

for (const { what, next, body, why } of REFUSED) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => decodeMessage(raw(next, ...body)),
      (error: unknown) => error instanceof Malformed && why.test(error.message),
    );
  });
}

test('an encrypted payload inside an encrypted payload is refused', () => {
  for (const type of [PayloadType.SK, PayloadType.SKF]) {
    assert.throws(
      () => decodePayloads(type, Uint8Array.of(0, 0, 0, 8, 0, 1, 0, 1)),
      /inside an encrypted payload/,
    );
  }
});

test('payloads are counted', () => {
  const many = (count: number): Payload[] =>
    Array(count).fill({ type: PayloadType.VendorID, data: counting(1) });
  assert.equal(decodeMessage(encodeMessage(fields, many(MAX_PAYLOADS))).payloads.length, MAX_PAYLOADS);
  assert.throws(() => decodeMessage(encodeMessage(fields, many(MAX_PAYLOADS + 1))), Malformed);
});

test('a payload that its length field cannot tell is not written', () => {
  const payload: Payload = { type: PayloadType.VendorID, data: new Uint8Array(65532) };
  assert.throws(() => encodePayloads([payload]), RangeError);
});
