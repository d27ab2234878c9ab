import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compare, concat, constantTimeEqual, equal, fromHex, toHex, u64 } from './bytes.ts';

test('hex reads back what it wrote, and refuses what is none', () => {
  fc.assert(fc.property(fc.uint8Array(), bytes => equal(fromHex(toHex(bytes)) ?? Uint8Array.of(255), bytes)));
  for (const text of ['0', 'zz', '0x12', ' 12', '1 2']) assert.equal(fromHex(text), undefined);
});

test('both kinds of equality agree with the octets', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
      const same = toHex(a) === toHex(b);
      return equal(a, b) === same && constantTimeEqual(a, b) === same;
    }),
  );
});

test('nonces compare as RFC 7296 §2.8 asks: octet by octet, the shorter first', () => {
  assert.ok(compare(Uint8Array.of(1, 255), Uint8Array.of(2, 0)) < 0);
  assert.ok(compare(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0);
  assert.equal(compare(Uint8Array.of(7, 7), Uint8Array.of(7, 7)), 0);
});

test('concatenation and 64-bit numbers are in network order', () => {
  assert.equal(toHex(concat(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3))), '010203');
  assert.equal(toHex(u64(0x0102030405060708n)), '0102030405060708');
});
