import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, fromHex } from '../../lib/bytes.ts';
import { Malformed } from '../../lib/reader.ts';
import {
  attributeText,
  attributeU32,
  encodeMessage,
  NLM_F_ACK,
  NLM_F_REQUEST,
  readAttributes,
  readDone,
  readError,
  readMessages,
} from './message.ts';
import { NetlinkWriter } from './writer.ts';

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) as Uint8Array;

test('a message carries its length, type, flags and sequence number in host order', () => {
  const bytes = encodeMessage({
    type: 18,
    flags: NLM_F_REQUEST | NLM_F_ACK,
    sequence: 0x6b023f1f,
    port: 0,
    body: hex('00000000'),
  });
  assert.deepEqual(bytes, hex('14000000 1200 0500 1f3f026b 00000000 00000000'));
  assert.deepEqual(readMessages(bytes), [
    { type: 18, flags: 5, sequence: 0x6b023f1f, port: 0, body: hex('00000000') },
  ]);
});

test('several messages in a datagram begin on multiples of four', () => {
  const odd = encodeMessage({ type: 16, flags: 2, sequence: 7, port: 9, body: Uint8Array.of(1, 2, 3) });
  const messages = readMessages(concat(odd, Uint8Array.of(0), odd));
  assert.deepEqual(
    messages.map(message => message.body),
    [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3)],
  );
});

test('a message that is longer than the datagram, or shorter than its header, is malformed', () => {
  const whole = encodeMessage({ type: 16, flags: 2, sequence: 7, port: 9, body: new Uint8Array(20) });
  for (let length = 1; length < whole.length; length++)
    assert.throws(() => readMessages(whole.subarray(0, length)), Malformed, `${length} octets`);
  const short = whole.slice();
  short[0] = 15;
  assert.throws(() => readMessages(short), Malformed);
});

test('attributes are padded, nest, and give their lengths without the padding', () => {
  const body = new NetlinkWriter()
    .attributeText(3, 'lo')
    .attributeU32(4, 1400)
    .nested(8, metrics => metrics.attributeU32(2, 1280))
    .finish();
  assert.deepEqual(body, hex('0700 0300 6c6f0000  0800 0400 78050000  0c00 0800 0800 0200 00050000'));
  const attributes = readAttributes(body);
  assert.equal(attributeText(attributes, 3), 'lo');
  assert.equal(attributeU32(attributes, 4), 1400);
  assert.equal(attributeU32(readAttributes(attributes.get(8) as Uint8Array), 2), 1280);
  assert.equal(attributeU32(attributes, 99), undefined);
});

test('an attribute whose length cannot be is malformed', () => {
  for (const length of [0, 3, 9, 0xffff]) {
    const body = hex('0800 0400 78050000');
    new DataView(body.buffer).setUint16(0, length, true);
    assert.throws(() => readAttributes(body), Malformed, `length ${length}`);
  }
  assert.throws(() => attributeU32(readAttributes(hex('0600 0400 7805 0000')), 4), Malformed);
});

test('an acknowledgement and an error are told apart, with the words of the kernel', () => {
  const message = (flags: number, body: Uint8Array) => ({ type: 2, flags, sequence: 1, port: 0, body });
  const request = hex('14000000 1200 0500 01000000 00000000');
  assert.deepEqual(readError(message(0x100, concat(hex('00000000'), request))), { errno: 0 });
  assert.deepEqual(readError(message(0x100, concat(hex('efffffff'), request))), { errno: 17 });
  const words = new NetlinkWriter().attributeText(1, 'no such device').finish();
  assert.deepEqual(readError(message(0x300, concat(hex('edffffff'), request, words))), {
    errno: 19,
    detail: 'no such device',
  });
  // Not capped: the whole request stands between.
  assert.deepEqual(readError(message(0x200, concat(hex('edffffff'), request, hex('00000000'), words))), {
    errno: 19,
    detail: 'no such device',
  });
  assert.throws(() => readError(message(0, hex('00000000'))), Malformed);
});

test('the end of a dump carries its result', () => {
  const done = (body: Uint8Array) => ({ type: 3, flags: 2, sequence: 1, port: 0, body });
  assert.equal(readDone(done(hex('00000000'))), 0);
  assert.equal(readDone(done(hex('f4ffffff'))), 12);
  assert.equal(readDone(done(new Uint8Array(0))), 0);
});

test('the writer grows, and patches lengths that came before the growth', () => {
  const writer = new NetlinkWriter();
  writer.nested(1, inner => inner.zeros(1000).be16(0x1234).be32(0x01020304).u64(0x0102030405060708n));
  const body = writer.finish();
  assert.equal(body.length, 1020);
  assert.deepEqual(body.subarray(0, 4), hex('fa03 0100'));
  assert.deepEqual(body.subarray(1004), hex('1234 01020304 0807060504030201 0000'));
});
