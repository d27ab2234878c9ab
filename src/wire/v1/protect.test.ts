import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counting, V1_SAMPLES } from '../../../test/wire-samples.ts';
import { V1ExchangeType, V1HeaderFlag, V1PayloadType } from '../../iana/ikev1.ts';
import { decodeV1Message, decodeV1Payloads, encodeV1Payloads, type V1MessageFields } from './message.ts';
import { openV1Message, sealV1Message, type V1Cipher } from './protect.ts';

const fields: V1MessageFields = {
  initiatorSpi: 1n,
  responderSpi: 2n,
  exchangeType: V1ExchangeType.QUICK_MODE,
  flags: V1HeaderFlag.COMMIT,
  messageId: 0xdeadbeef,
};

/** CBC with a block cipher that adds a constant. */
function v1Cipher(blockLength: number): V1Cipher {
  const run = (iv: Uint8Array, text: Uint8Array, encrypt: boolean): Uint8Array => {
    assert.equal(iv.length, blockLength);
    assert.equal(text.length % blockLength, 0);
    const out = new Uint8Array(text.length);
    const before = (i: number): number =>
      (i < blockLength ? iv[i] : (encrypt ? out : text)[i - blockLength]) as number;
    text.forEach((octet, i) => {
      out[i] = encrypt ? (octet ^ before(i)) + 77 : ((octet - 77) & 0xff) ^ before(i);
    });
    return out;
  };
  return {
    blockLength,
    encrypt: (iv, text) => run(iv, text, true),
    decrypt: (iv, text) => run(iv, text, false),
  };
}

const payloads = [V1_SAMPLES[V1PayloadType.HASH][0], V1_SAMPLES[V1PayloadType.SA][0]];
const chain = encodeV1Payloads(payloads);

test('what is sealed opens under the same IV, and both sides go on with the last block', () => {
  for (const blockLength of [8, 16]) {
    const cipher = v1Cipher(blockLength);
    const iv = counting(blockLength, 50);
    const sealed = sealV1Message(fields, chain, cipher, iv);
    const before = sealed.datagram.slice();
    const { header, encrypted } = decodeV1Message(sealed.datagram);
    assert.equal(encrypted, true);
    assert.equal(header.flags, V1HeaderFlag.COMMIT | V1HeaderFlag.ENCRYPTION);
    assert.equal(header.nextPayload, V1PayloadType.HASH);
    const opened = openV1Message(sealed.datagram, cipher, iv);
    assert.ok(opened);
    const read = decodeV1Payloads(header.nextPayload, opened.bytes);
    assert.deepEqual(opened.bytes.subarray(0, read.length), chain.bytes);
    assert.deepEqual(opened.nextIv, sealed.nextIv);
    assert.deepEqual(sealed.nextIv, sealed.datagram.slice(-blockLength));
    assert.deepEqual(sealed.datagram, before);
  }
});

test('zeros fill up the last block; a whole number of blocks gets none', () => {
  const cipher = v1Cipher(16);
  const length = (octets: number): number => {
    const text = { first: V1PayloadType.HASH, bytes: counting(octets) };
    const { datagram } = sealV1Message(fields, text, cipher, new Uint8Array(16));
    const opened = openV1Message(datagram, cipher, new Uint8Array(16));
    assert.ok(opened?.bytes.subarray(octets).every(octet => octet === 0));
    return datagram.length - 28;
  };
  assert.equal(length(16), 16);
  assert.equal(length(17), 32);
});

test('the IV is not sent', () => {
  const iv = counting(16, 200);
  const { datagram } = sealV1Message(fields, chain, v1Cipher(16), iv);
  assert.equal(Buffer.from(datagram).indexOf(iv), -1);
});

test('another IV opens to something else', () => {
  const cipher = v1Cipher(16);
  const { datagram } = sealV1Message(fields, chain, cipher, counting(16));
  const opened = openV1Message(datagram, cipher, counting(16, 2));
  assert.notDeepEqual(opened?.bytes.subarray(0, chain.bytes.length), chain.bytes);
});

test('no whole number of blocks does not open', () => {
  const cipher = v1Cipher(16);
  const { datagram } = sealV1Message(fields, chain, cipher, counting(16));
  for (const length of [28, 29, 43, datagram.length - 1]) {
    assert.equal(openV1Message(datagram.slice(0, length), cipher, counting(16)), undefined);
  }
});
