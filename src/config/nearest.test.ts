import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './nearest.ts';

const KEYS = [
  'local_addrs',
  'remote_addrs',
  'local_ts',
  'remote_ts',
  'proposals',
  'esp_proposals',
  'mode',
  'id',
];

test('what is nearest is found', () => {
  for (const [word, meant] of [
    ['local_addr', 'local_addrs'],
    ['Remote_TS', 'remote_ts'],
    ['porposals', 'proposals'],
    ['esp_proposal', 'esp_proposals'],
    ['mod', 'mode'],
    ['di', 'id'],
    ['proposed_ones', 'proposals'],
  ] as const) {
    assert.equal(nearest(word, KEYS), meant);
  }
});

test('what is far from everything is not guessed at', () => {
  for (const word of ['zzz', 'x', 'completely_other', '', 'a'.repeat(5000)])
    assert.equal(nearest(word, KEYS), undefined);
  assert.equal(nearest('a', []), undefined);
});
