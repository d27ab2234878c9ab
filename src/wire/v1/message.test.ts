import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counting, V1_SAMPLES } from '../../../test/wire-samples.ts';
import { V1ExchangeType, V1HeaderFlag, V1PayloadType } from '../../iana/ikev1.ts';
import { concat } from '../../lib/bytes.ts';
import { Malformed } from '../../lib/reader.ts';
import { HeaderMalformed } from '../header.ts';
import {
  afterHash,
  decodeV1Message,
  decodeV1Payloads,
  encodeV1Message,
  encodeV1Payloads,
  MAX_V1_PAYLOADS,
  prependHash,
  type V1MessageFields,
} from './message.ts';
import type { V1Payload } from './payload.ts';

const { KE, NONCE, NAT_D, VID, HASH, FRAGMENT } = V1PayloadType;

const fields: V1MessageFields = {
  initiatorSpi: 0x1122334455667788n,
  responderSpi: 0x99aabbccddeeff00n,
  exchangeType: V1ExchangeType.MAIN_MODE,
  flags: 0,
  messageId: 0,
};

const payloads: readonly V1Payload[] = [
  V1_SAMPLES[KE][0],
  V1_SAMPLES[NONCE][0],
  { type: 'unknown', number: 15, data: counting(20) },
  V1_SAMPLES[NAT_D][0],
  V1_SAMPLES[VID][0],
];

function raw(nextPayload: number, ...body: number[]): Uint8Array {
  const message = new Uint8Array(28 + body.length);
  message.set(encodeV1Message(fields, []));
  message.set(body, 28);
  message[16] = nextPayload;
  new DataView(message.buffer).setUint32(24, message.length);
  return message;
}

test('a message comes back as it was written', () => {
  const datagram = encodeV1Message(fields, payloads);
  assert.deepEqual(decodeV1Message(datagram), {
    header: { ...fields, nextPayload: KE, majorVersion: 1, minorVersion: 0, length: datagram.length },
    encrypted: false,
    payloads,
  });
});

test('a message cut at any octet is refused', () => {
  const datagram = encodeV1Message(fields, payloads);
  for (let length = 0; length < datagram.length; length++) {
    const cut = datagram.slice(0, length);
    assert.throws(() => decodeV1Message(cut), HeaderMalformed);
    if (length < 28) continue;
    new DataView(cut.buffer).setUint32(24, length);
    assert.throws(() => decodeV1Message(cut), Malformed);
  }
});

test('minor versions, the commit bit and reserved octets are ignored', () => {
  const datagram = encodeV1Message({ ...fields, flags: V1HeaderFlag.COMMIT | 0xf8 }, payloads);
  datagram[17] = 0x1f;
  datagram[29] = 0xff;
  assert.deepEqual(decodeV1Message(datagram).payloads, payloads);
});

test('another major version is told apart', () => {
  for (const version of [0x00, 0x20, 0xf0]) {
    const datagram = encodeV1Message(fields, payloads);
    datagram[17] = version;
    assert.throws(
      () => decodeV1Message(datagram),
      (error: unknown) => error instanceof HeaderMalformed && error.fault === 'version',
    );
  }
});

test('under the encryption flag nothing after the header is looked at', () => {
  const datagram = raw(HASH, 1, 2, 3);
  datagram[19] = V1HeaderFlag.ENCRYPTION;
  const { encrypted, payloads: none } = decodeV1Message(datagram);
  assert.equal(encrypted, true);
  assert.deepEqual(none, []);
});

test('a fragment is read whatever the encryption flag says', () => {
  const [fragment] = V1_SAMPLES[FRAGMENT];
  for (const flags of [0, V1HeaderFlag.ENCRYPTION]) {
    const message = decodeV1Message(encodeV1Message({ ...fields, flags }, [fragment]));
    assert.equal(message.encrypted, false);
    assert.deepEqual(message.payloads, [fragment]);
  }
});

test('a fragment stands alone', () => {
  const [fragment] = V1_SAMPLES[FRAGMENT];
  const [vendorId] = V1_SAMPLES[VID];
  for (const together of [
    [fragment, vendorId],
    [vendorId, fragment],
    [fragment, fragment],
  ]) {
    assert.throws(
      () => decodeV1Message(encodeV1Message(fields, together)),
      /a fragment among other payloads/,
    );
  }
});

test('a message in the clear may be filled up to four octets with zeros, and with nothing else', () => {
  const vendorId: V1Payload = { type: VID, data: counting(5) };
  const padded = (...padding: number[]): Uint8Array => raw(VID, 0, 0, 0, 9, 1, 2, 3, 4, 5, ...padding);
  for (const zeros of [[], [0], [0, 0], [0, 0, 0]]) {
    assert.deepEqual(decodeV1Message(padded(...zeros)).payloads, [vendorId]);
  }
  assert.throws(() => decodeV1Message(padded(0, 0, 0, 0)), Malformed);
  assert.throws(() => decodeV1Message(padded(0, 1)), Malformed);
});

test('a decrypted message ends with its last payload; any padding follows', () => {
  const chain = encodeV1Payloads(payloads);
  for (const padding of [new Uint8Array(0), new Uint8Array(15), counting(200)]) {
    const read = decodeV1Payloads(chain.first, concat(chain.bytes, padding));
    assert.deepEqual(read, { payloads, length: chain.bytes.length });
  }
  assert.deepEqual(decodeV1Payloads(0, counting(16)), { payloads: [], length: 0 });
});

test('HASH covers what follows it, up to the padding (RFC 2409 §5.5)', () => {
  const rest = encodeV1Payloads(payloads);
  const chain = prependHash(counting(20), rest);
  const bytes = concat(chain.bytes, new Uint8Array(11));
  const read = decodeV1Payloads(chain.first, bytes);
  assert.deepEqual(read.payloads, [{ type: HASH, data: counting(20) }, ...payloads]);
  assert.deepEqual(afterHash(bytes, read), rest.bytes);
});

/** Octets after the header that are refused, and what the message names as next payload. */
const REFUSED: readonly {
  readonly what: string;
  readonly next: number;
  readonly body: readonly number[];
  readonly why: RegExp;
}[] = [
  { what: 'a payload promised and none there', next: 1, body: [], why: /next payload/ },
  {
    what: 'a payload of length 0, which would stand still',
    next: VID,
    body: [VID, 0, 0, 0],
    why: /payload of 0/,
  },
  { what: 'a payload shorter than its own header', next: VID, body: [0, 0, 0, 3], why: /payload of 3/ },
  { what: 'a payload longer than the message', next: VID, body: [0, 0, 0, 5], why: /payload: 1 octets/ },
  {
    what: 'a fragment payload of length 4',
    next: FRAGMENT,
    body: [0, 0, 0, 4, 1, 1, 1, 1],
    why: /Fragment ID/,
  },
];

for (const { what, next, body, why } of REFUSED) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => decodeV1Message(raw(next, ...body)),
      (error: unknown) => error instanceof Malformed && why.test(error.message),
    );
  });
}

test('payloads are counted', () => {
  const many = (count: number): V1Payload[] => Array(count).fill({ type: VID, data: counting(1) });
  const { first, bytes } = encodeV1Payloads(many(MAX_V1_PAYLOADS));
  assert.equal(decodeV1Payloads(first, bytes).payloads.length, MAX_V1_PAYLOADS);
  assert.throws(() => decodeV1Message(encodeV1Message(fields, many(MAX_V1_PAYLOADS + 1))), Malformed);
});

test('a payload that its length field cannot tell is not written', () => {
  assert.throws(() => encodeV1Payloads([{ type: VID, data: new Uint8Array(65532) }]), RangeError);
});
