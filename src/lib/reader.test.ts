import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from './bytes.ts';
import { Malformed, Reader } from './reader.ts';
import { Writer } from './writer.ts';

test('what the writer wrote the reader reads, past every growth', () => {
  const writer = new Writer(1)
    .u8(1)
    .u16(0x0203)
    .u32(0x04050607)
    .u64(0x08090a0b0c0d0e0fn)
    .bytes(Uint8Array.of(16))
    .zeros(2);
  writer.patchU8(0, 0xff);
  writer.patchU16(1, 0xeeee);
  const reader = new Reader(writer.finish());
  assert.equal(reader.u8('a'), 0xff);
  assert.equal(reader.u16('b'), 0xeeee);
  assert.equal(reader.u32('c'), 0x04050607);
  assert.equal(reader.u64('d'), 0x08090a0b0c0d0e0fn);
  assert.equal(toHex(reader.take(1, 'e')), '10');
  assert.equal(toHex(reader.rest()), '0000');
  reader.end('all');
});

test('no read goes past the end, of the whole or of a part', () => {
  const bytes = new Uint8Array(8);
  for (const read of [
    (reader: Reader) => reader.u64('x') + BigInt(reader.u8('x')),
    (reader: Reader) => reader.take(9, 'x'),
    (reader: Reader) => reader.sub(3, 'x').u32('x'),
    (reader: Reader) => reader.sub(2 ** 32, 'x'),
  ]) {
    assert.throws(() => read(new Reader(bytes)), Malformed);
  }
  assert.throws(() => new Reader(bytes).end('whole'), /whole: 8 octets too many/);
});

test('a refusal says what was wanted, what was left and where', () => {
  const reader = new Reader(new Uint8Array(5), 2);
  reader.u8('flags');
  assert.throws(
    () => reader.u32('length'),
    (error: Malformed) => error.offset === 3 && error.message === 'length: 4 octets wanted, 2 left',
  );
  assert.equal(reader.remaining, 2);
});

test('slices are views of the input', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert.equal(new Reader(bytes, 1).rest().buffer, bytes.buffer);
});
