import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../lib/time.ts';
import { type Chance, waitAfter } from './retransmission.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

const NONE: Chance = { jitter: () => assert.fail('nothing is drawn') };

test('waits grow as charon’s do: it gives up after 165 s', () => {
  const waits = [0, 1, 2, 3, 4, 5].map(resent => waitAfter(DEFAULT_SETTINGS, resent, NONE) / SECOND);
  assert.deepEqual(waits.map(Math.round), [4, 7, 13, 23, 42, 76]);
  assert.equal(Math.round(waits.reduce((sum, wait) => sum + wait, 0)), 165);
});

test('a limit holds them back', () => {
  const settings = { ...DEFAULT_SETTINGS, retransmitLimit: 10 * SECOND };
  assert.deepEqual(
    [0, 1, 2, 9].map(resent => waitAfter(settings, resent, NONE) / SECOND),
    [4, 7.2, 10, 10],
  );
});

test('up to a part of each wait is taken off at random', () => {
  const settings = { ...DEFAULT_SETTINGS, retransmitLimit: 10 * SECOND, retransmitJitter: 25 };
  const limits: number[] = [];
  const half: Chance = {
    jitter(limit) {
      limits.push(limit / SECOND);
      return limit / 2;
    },
  };
  assert.deepEqual(
    [0, 9].map(resent => waitAfter(settings, resent, half) / SECOND),
    [3.5, 8.75],
  );
  assert.deepEqual(limits, [1, 2.5]);
});
