import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rate } from './rate.ts';
import { Timers } from './timers.ts';

test('timers come out when they are due, the soonest first', () => {
  const timers = new Timers<'a' | 'b' | 'c'>();
  timers.set('a', 30);
  timers.set('b', 10);
  timers.set('c', 20);
  timers.clear('c');
  assert.equal(timers.deadline, 10);
  assert.equal(timers.take(9), undefined);
  assert.equal(timers.take(30), 'b');
  assert.equal(timers.take(30), 'a');
  assert.equal(timers.take(30), undefined);
  assert.equal(timers.deadline, undefined);
});

test('a rate lets a burst pass, then so many a second', () => {
  const rate = new Rate(10, 3);
  assert.deepEqual(
    [0, 0, 0, 0, 50, 100, 100, 200].map(at => rate.allows(1000 + at)),
    [true, true, true, false, false, true, false, true],
  );
  assert.deepEqual(
    Array.from({ length: 5 }, () => rate.allows(1_000_000)),
    [true, true, true, false, false],
  );
});
