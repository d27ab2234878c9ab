import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../lib/bytes.ts';
import { reservedRandom } from './random.ts';

test('no octets are handed out twice, across refills and for lengths of all kinds', () => {
  const random = reservedRandom();
  const seen = new Set<string>();
  let drawn = 0;
  for (let i = 0; i < 1200; i++) {
    const octets = random([16, 32, 255, 256, 257][i % 5] as number);
    for (let at = 0; at + 16 <= octets.length; at += 16) {
      seen.add(toHex(octets.subarray(at, at + 16)));
      drawn++;
    }
  }
  assert.equal(seen.size, drawn);
});

test('what one caller overwrites is no other caller’s', () => {
  const random = reservedRandom();
  const one = random(32);
  const other = random(32);
  const before = toHex(other);
  one.fill(0);
  assert.equal(toHex(other), before);
  assert.equal(one.byteLength, 32);
  assert.equal(random(0).length, 0);
});
