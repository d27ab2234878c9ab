import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE, SECOND } from '../lib/time.ts';
import { Collisions, loses, lower } from './collisions.ts';

const octets = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

test('the lowest of the four nonces loses, octet by octet, a shorter one before its extensions (RFC 7296 §2.8.1)', () => {
  assert.deepEqual(lower(octets(2, 1), octets(1, 9)), octets(1, 9));
  assert.deepEqual(lower(octets(1, 9), octets(2, 1)), octets(1, 9));
  assert.deepEqual(lower(octets(1, 2, 0), octets(1, 2)), octets(1, 2));
  assert.equal(loses(octets(1, 2), octets(1, 3)), true);
  assert.equal(loses(octets(1, 3), octets(1, 2)), false);
  assert.equal(loses(octets(0x7f), octets(0x80)), true, 'octets have no sign');
  assert.equal(loses(octets(1, 2), octets(1, 2, 0)), true);
});

test('the lower nonce is a copy: the message it came in may be overwritten', () => {
  const nonce = octets(1, 2, 3);
  const kept = lower(nonce, octets(9));
  nonce.fill(0);
  assert.deepEqual(kept, octets(1, 2, 3));
});

test('TEMPORARY_FAILURE: longer and longer pauses, then no more (RFC 7296 §2.25)', () => {
  const collisions = new Collisions();
  const none = (): number => 0;
  let now = 1_000_000;
  const pauses: number[] = [];
  for (let i = 0; i < 100; i++) {
    const pause = collisions.temporaryFailure(now, none);
    if (pause === undefined) break;
    pauses.push(pause);
    now += pause;
  }
  assert.deepEqual(
    pauses.slice(0, 5),
    [15, 30, 45, 60, 60].map(seconds => seconds * SECOND),
  );
  assert.ok(now - 1_000_000 > 5 * MINUTE && now - 1_000_000 <= 6 * MINUTE, `${now - 1_000_000} ms`);
});

test('TEMPORARY_FAILURE: the pause is jittered, and never nothing', () => {
  const most = (limit: number): number => limit - 1;
  assert.ok((new Collisions().temporaryFailure(0, most) ?? 0) > 5 * SECOND - 1);
});

test('TEMPORARY_FAILURE: an exchange that comes to something, or a long rest, ends the row', () => {
  const none = (): number => 0;
  const collisions = new Collisions();
  for (const at of [0, MINUTE, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE]) collisions.temporaryFailure(at, none);
  collisions.agreed();
  assert.equal(collisions.temporaryFailure(6 * MINUTE, none), 15 * SECOND);
  assert.equal(collisions.temporaryFailure(60 * MINUTE, none), 15 * SECOND);
});

test('what the peer deletes ahead of time is remembered within bounds', () => {
  const collisions = new Collisions();
  const remembered = (): number[] =>
    Array.from({ length: 1000 }, (_, i) => i + 1).filter(spi => collisions.isDeletedAhead(spi));
  for (let spi = 1; spi <= 1000; spi++) for (let again = 0; again < 2; again++) collisions.noteDeleted(spi);
  assert.deepEqual(remembered(), [1, 2, 3, 4, 5, 6, 7, 8]);
  collisions.forgetDeleted();
  assert.deepEqual(remembered(), []);
});
