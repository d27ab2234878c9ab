import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concat, fromHex, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { framed, STREAM_PREFIX, StreamFrames } from './stream-frames.ts';

const hex = (text: string): Uint8Array => fromHex(text) as Uint8Array;
const NOTHING = new Uint8Array();

function all(frames: StreamFrames, chunks: readonly Uint8Array[]): string[] {
  return chunks.flatMap(chunk => [...frames.take(chunk)]).map(toHex);
}

test('a stream of the RFC: prefix, an IKE message behind its marker, an ESP packet, a keepalive', () => {
  const stream = hex('494b45544350 0008 00000000 abcd 0008 11111111 0001 0003 ff'.replaceAll(' ', ''));
  const messages = ['00000000abcd', '111111110001', 'ff'];
  assert.deepEqual(all(new StreamFrames(true), [stream]), messages);
  const frames = new StreamFrames(true);
  const octets = Array.from(stream, octet => Uint8Array.of(octet));
  assert.deepEqual(all(frames, octets.slice(0, 5)), []);
  assert.equal(frames.begun, false);
  assert.deepEqual(all(frames, octets.slice(5)), messages);
  assert.equal(frames.begun, true);
});

test('the answering side sends no prefix', () => {
  assert.deepEqual(all(new StreamFrames(false), [hex('0006deadbeef')]), ['deadbeef']);
});

test('however it is cut, what went in comes out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 70 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (messages, sizes) => {
        const parts = messages.map(message => framed(NOTHING, message) as Uint8Array);
        const stream = concat(STREAM_PREFIX, ...parts);
        const chunks: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] as number;
          chunks.push(stream.slice(at, at + size));
          at += size;
        }
        assert.deepEqual(all(new StreamFrames(true), chunks), messages.map(toHex));
      },
    ),
    { seed: 9329 },
  );
});

test('empty messages are passed over, lengths of 0 and 1 and another prefix end it', () => {
  assert.deepEqual(all(new StreamFrames(false), [hex('00020002000501020300')]), ['010203']);
  for (const length of ['0000', '0001'])
    assert.throws(() => [...new StreamFrames(false).take(hex(length))], Malformed);
  assert.throws(() => [...new StreamFrames(true).take(hex('474554202f20'))], Malformed);
});

test('a message has a limit', () => {
  assert.equal(framed(new Uint8Array(4), new Uint8Array(0xffff - 6))?.length, 0xffff);
  assert.equal(framed(new Uint8Array(4), new Uint8Array(0xffff - 5)), undefined);
});
