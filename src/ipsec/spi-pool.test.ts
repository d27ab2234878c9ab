import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomSpi } from './spi-pool.ts';

/** Draws these octets again and again. */
const always =
  (...octets: readonly number[]) =>
  (): Uint8Array =>
    Uint8Array.from(octets);

test('SPIs are drawn from all there are, or from a range with both its ends', () => {
  assert.equal(randomSpi(always(0x12, 0x34, 0x56, 0x78))(), 0x12345678);
  const range = { lowest: 0xc000_0000, highest: 0xcfff_ffff };
  assert.equal(randomSpi(always(0, 0, 0, 0), range)(), range.lowest);
  assert.equal(randomSpi(always(0xff, 0xff, 0xff, 0xff), range)(), range.highest);
  assert.equal(randomSpi(always(0x80, 0, 0, 0), range)(), 0xc800_0000);
});
