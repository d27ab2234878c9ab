import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lately } from './lately.ts';

test('what was noted long ago goes, unless it was noted again', () => {
  const lately = new Lately<string, number>(10, 100);
  lately.note('once', 1, 0);
  lately.note('twice', 2, 10);
  lately.note('other', 3, 60);
  lately.note('twice', 4, 100);
  assert.deepEqual([lately.get('once'), lately.size], [1, 3]);
  lately.note('last', 5, 161);
  assert.deepEqual(
    ['once', 'twice', 'other', 'last'].map(key => lately.get(key)),
    [undefined, 4, undefined, 5],
  );
  assert.equal(lately.size, 2);
  lately.forget('twice');
  assert.deepEqual([lately.get('twice'), lately.size], [undefined, 1]);
});

test('of too many the oldest go', () => {
  const lately = new Lately<number, string>(3, 1000);
  for (let i = 0; i < 100; i++) lately.note(i, `${i}`, i);
  assert.equal(lately.size, 3);
  assert.deepEqual(
    [96, 97, 98, 99].map(key => lately.get(key)),
    [undefined, '97', '98', '99'],
  );
});
