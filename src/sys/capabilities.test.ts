import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCapabilities } from './capabilities.ts';

test('the effective set counts, not the permitted one', () => {
  const status = (effective: string): string =>
    `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${effective}\nCapBnd:\t000001ffffffffff\n`;
  assert.deepEqual(parseCapabilities(status('0000000000000000')), {
    netAdmin: false,
    netRaw: false,
    netBindService: false,
  });
  assert.deepEqual(parseCapabilities(status('0000000000001400')), {
    netAdmin: true,
    netRaw: false,
    netBindService: true,
  });
  assert.deepEqual(parseCapabilities(status('000001ffffffffff')), {
    netAdmin: true,
    netRaw: true,
    netBindService: true,
  });
  assert.equal(parseCapabilities('nothing of the kind').netAdmin, false);
});
