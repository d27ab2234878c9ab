import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toyCipher } from '../../../test/toy-cipher.ts';
import { counting, V2_SAMPLES } from '../../../test/wire-samples.ts';
import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import type { PayloadChain } from '../chain.ts';
import { HeaderFlag } from '../header.ts';
import { Reassembly } from './fragments.ts';
import { decodeMessage, decodePayloads, encodePayloads, type MessageFields } from './message.ts';
import type { EncryptedFragmentPayload, Payload } from './payload.ts';
import { openMessage, sealMessage, unprotectedHead } from './protect.ts';

const fields: MessageFields = {
  initiatorSpi: 1n,
  responderSpi: 2n,
  exchangeType: ExchangeType.IKE_AUTH,
  flags: HeaderFlag.INITIATOR,
  messageId: 1,
};

const payloads: readonly Payload[] = [
  V2_SAMPLES[PayloadType.AUTH][0],
  V2_SAMPLES[PayloadType.TSi][0],
  V2_SAMPLES[PayloadType.CERT][0],
];

const SHAPES = [toyCipher(8, 4, 1), toyCipher(16, 12, 16), toyCipher(8, 12, 8), toyCipher(0, 16, 4)] as const;

function sealOne(cipher: (typeof SHAPES)[number], of: readonly Payload[]): Uint8Array {
  const [datagram, ...more] = sealMessage(fields, of, cipher);
  assert.ok(datagram !== undefined && more.length === 0);
  return datagram;
}

test('what is sealed opens to the same payloads, and the datagram stays as it was', () => {
  for (const cipher of SHAPES) {
    for (const sent of [payloads, []]) {
      const datagram = sealOne(cipher, sent);
      const before = datagram.slice();
      const message = decodeMessage(datagram);
      assert.deepEqual(message.payloads, []);
      const inner = openMessage(datagram, message, cipher);
      assert.ok(inner);
      assert.deepEqual(decodePayloads(inner.first, inner.bytes), sent);
      assert.deepEqual(datagram, before);
    }
  }
});

test('padding is the least that fills the last block, and zero octets where blocks are of one octet', () => {
  const overhead = 28 + 4;
  const text = encodePayloads(payloads).bytes.length;
  assert.equal(sealOne(toyCipher(8, 4, 1), payloads).length, overhead + 8 + text + 1 + 4);
  assert.equal(
    sealOne(toyCipher(16, 12, 16), payloads).length,
    overhead + 16 + Math.ceil((text + 1) / 16) * 16 + 12,
  );
  assert.equal(sealOne(toyCipher(16, 12, 16), []).length, overhead + 16 + 16 + 12);
});

test('every changed octet is noticed', () => {
  const cipher = toyCipher(8, 4, 1);
  const datagram = sealOne(cipher, payloads);
  const message = decodeMessage(datagram);
  for (let i = 0; i < datagram.length; i++) {
    const changed = datagram.slice();
    changed[i] = (changed[i] as number) ^ 1;
    assert.equal(openMessage(changed, message, cipher), undefined);
  }
});

test('a pad length beyond the text is refused like a wrong ICV', () => {
  const cipher = toyCipher(8, 4, 1);
  /** Seals a text of which the last octet, the pad length, is given. */
  const padded = (textLength: number, padLength: number): PayloadChain | undefined => {
    const datagram = new Uint8Array(28 + 4 + 8 + textLength + 4);
    datagram.set(sealOne(cipher, []).subarray(0, 32));
    const view = new DataView(datagram.buffer);
    view.setUint32(24, datagram.length);
    view.setUint16(30, datagram.length - 28);
    datagram[datagram.length - 5] = padLength;
    cipher.seal(datagram, 32);
    return openMessage(datagram, decodeMessage(datagram), cipher);
  };
  assert.equal(padded(5, 4)?.bytes.length, 0);
  assert.equal(padded(5, 0)?.bytes.length, 4);
  assert.equal(padded(5, 5), undefined);
  assert.equal(padded(1, 255), undefined);
});

test('a body too short for IV, pad length and ICV is refused before the cipher sees it', () => {
  const cipher = toyCipher(8, 4, 1);
  const careless = { ...cipher, open: () => true };
  for (let length = 0; length <= 8 + 4; length++) {
    const datagram = new Uint8Array(32 + length);
    datagram.set(sealOne(cipher, []).subarray(0, 32));
    const view = new DataView(datagram.buffer);
    view.setUint32(24, datagram.length);
    view.setUint16(30, 4 + length);
    assert.equal(openMessage(datagram, decodeMessage(datagram), careless), undefined);
  }
});

test('a message in the clear does not open', () => {
  const datagram = sealOne(toyCipher(), []);
  const { header } = decodeMessage(datagram);
  assert.equal(openMessage(datagram, { header, payloads: [] }, toyCipher()), undefined);
});

test('a message larger than allowed goes out in fragments that all fit and come together again', () => {
  const large: readonly Payload[] = [{ type: PayloadType.CERT, encoding: 4, data: counting(3000) }];
  for (const cipher of SHAPES) {
    for (const largest of [100, 520, 1200, 3000]) {
      const datagrams = sealMessage(fields, large, cipher, largest);
      assert.ok(datagrams.length > 1);
      const reassembly = new Reassembly();
      let whole: PayloadChain | undefined;
      datagrams.forEach((datagram, i) => {
        assert.ok(datagram.length <= largest);
        const message = decodeMessage(datagram);
        const fragment = message.encrypted as EncryptedFragmentPayload;
        assert.equal(fragment.fragmentNumber, i + 1);
        assert.equal(fragment.totalFragments, datagrams.length);
        assert.equal(fragment.firstInner, i === 0 ? PayloadType.CERT : PayloadType.NONE);
        const piece = openMessage(datagram, message, cipher);
        assert.ok(piece);
        assert.equal(whole, undefined);
        whole = reassembly.add(message.header, fragment, piece.bytes);
      });
      assert.ok(whole);
      assert.deepEqual(decodePayloads(whole.first, whole.bytes), large);
    }
  }
});

test('a message that fits exactly is one SK, one octet less makes two SKF', () => {
  const cipher = toyCipher(8, 4, 1);
  const whole = sealOne(cipher, payloads);
  const [only, ...none] = sealMessage(fields, payloads, cipher, whole.length);
  assert.equal(none.length, 0);
  assert.equal(decodeMessage(only as Uint8Array).encrypted?.type, PayloadType.SK);
  assert.equal(sealMessage(fields, payloads, cipher, whole.length - 1).length, 2);
});

test('limits that leave no room for a fragment are refused, and so is a payload too long for its length field', () => {
  assert.throws(() => sealMessage(fields, payloads, toyCipher(8, 4, 1), 49), RangeError);
  const long: readonly Payload[] = [{ type: PayloadType.EAP, data: new Uint8Array(65_500) }];
  assert.throws(() => sealMessage(fields, long, toyCipher(16, 16, 16)), RangeError);
});

test('what IKE_INTERMEDIATE authenticates is the same whether or not the message was fragmented (RFC 9242 §3.3.2)', () => {
  const cipher = toyCipher(8, 4, 1);
  const inner = encodePayloads(payloads);
  const whole = sealOne(cipher, payloads);
  const head = unprotectedHead(whole, decodeMessage(whole), inner.bytes.length);
  const expected = whole.slice(0, 32);
  new DataView(expected.buffer).setUint32(24, 32 + inner.bytes.length);
  new DataView(expected.buffer).setUint16(30, 4 + inner.bytes.length);
  assert.deepEqual(head, expected);
  const [first] = sealMessage(fields, payloads, cipher, 120);
  assert.ok(first);
  assert.deepEqual(unprotectedHead(first, decodeMessage(first), inner.bytes.length), expected);
});

test('payloads before SK belong to what IKE_INTERMEDIATE authenticates', () => {
  const vendorId = [0, 0, 0, 6, 0xaa, 0xbb];
  for (const [type, numbers] of [
    [PayloadType.SK, []],
    [PayloadType.SKF, [0, 1, 0, 1]],
  ] as const) {
    const body = [...vendorId, 40, 0, 0, 4 + numbers.length + 20, ...numbers, ...Array(20).fill(7)];
    body[0] = type;
    const datagram = new Uint8Array(28 + body.length);
    datagram.set(sealOne(toyCipher(), []).subarray(0, 28));
    datagram.set(body, 28);
    datagram[16] = PayloadType.VendorID;
    new DataView(datagram.buffer).setUint32(24, datagram.length);
    const head = unprotectedHead(datagram, decodeMessage(datagram), 9);
    assert.deepEqual(
      [...head.subarray(24)],
      [0, 0, 0, 38 + 9, PayloadType.SK, 0, 0, 6, 0xaa, 0xbb, 40, 0, 0, 13],
    );
  }
});
