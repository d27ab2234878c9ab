import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from './history.ts';

const failed = (connection: string, at: number) =>
  ({
    kind: 'failed',
    at,
    connection,
    role: 'responder',
    remote: '192.0.2.9',
    failure: { code: 'peer/silent', summary: `attempt ${at}` },
  }) as const;

test('the last sixteen attempts are kept, oldest first', () => {
  const history = new History();
  for (let at = 1; at <= 20; at++) history.note(failed('office', at));
  assert.deepEqual(
    history.of('office').map(attempt => attempt.at),
    Array.from({ length: 16 }, (_, i) => i + 5),
  );
  assert.deepEqual(history.of('other'), []);
});

test('ever new names do not make it grow without end, and do not push out what is in use', () => {
  const history = new History();
  for (let i = 0; i < 6000; i++) {
    history.note(failed(`name ${i}`, i));
    if (i % 1000 === 0) history.note(failed('office', i));
  }
  assert.equal(history.of('name 0').length, 0);
  assert.equal(history.of('name 5999').length, 1);
  assert.equal(history.of('office').length, 6);
});
