import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agenda } from './agenda.ts';

test('items come out in the order of their latest times', () => {
  const agenda = new Agenda<string>();
  agenda.set('a', 30);
  agenda.set('b', 10);
  agenda.set('c', 20);
  agenda.set('b', 40);
  agenda.set('c', undefined);
  assert.equal(agenda.next, 30);
  assert.equal(agenda.take(29), undefined);
  assert.equal(agenda.take(100), 'a');
  assert.equal(agenda.take(100), 'b');
  assert.equal(agenda.take(100), undefined);
  assert.equal(agenda.next, undefined);
});

test('a time that is set back to an earlier one holds', () => {
  const agenda = new Agenda<string>();
  agenda.set('a', 50);
  agenda.set('a', 70);
  agenda.set('a', 50);
  assert.equal(agenda.take(50), 'a');
  assert.equal(agenda.take(70), undefined);
});

test('it agrees with sorting, whatever is set over and over', () => {
  const agenda = new Agenda<number>();
  const times = new Map<number, number>();
  let seed = 7;
  const draw = (limit: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % limit;
  };
  for (let i = 0; i < 5000; i++) {
    const item = draw(40);
    const at = draw(1000);
    times.set(item, at);
    agenda.set(item, at);
  }
  const out: number[] = [];
  for (let item = agenda.take(1000); item !== undefined; item = agenda.take(1000)) {
    out.push(times.get(item) as number);
    times.delete(item);
  }
  assert.equal(times.size, 0);
  assert.deepEqual(
    out,
    out.toSorted((a, b) => a - b),
  );
});
