import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MAXIMUM_REPLAY_WINDOW, ReplayWindow } from './replay-window.ts';

const SUBSPACE = 2 ** 32;
const SEEDED = { seed: 4303 };

/** A window that has accepted `top`. */
function at(top: number, size = 64): ReplayWindow {
  const window = new ReplayWindow(size);
  window.accept(top);
  return window;
}

describe('the high half of a sequence number (RFC 4303 appendix A2.2)', () => {
  const W = 64;
  const rows: readonly [what: string, top: number, low: number, whole: number][] = [
    ['first packet of an SA', 0, 1, 1],
    ['case A, inside the window', 5 * SUBSPACE + 1000, 990, 5 * SUBSPACE + 990],
    ['case A, the lower bound', 5 * SUBSPACE + 1000, 1000 - W + 1, 5 * SUBSPACE + 937],
    ['case A, above the top', 5 * SUBSPACE + 1000, 5000, 5 * SUBSPACE + 5000],
    ['case A, below the lower bound is the next subspace', 5 * SUBSPACE + 1000, 936, 6 * SUBSPACE + 936],
    ['case A, top at the end of a subspace', 6 * SUBSPACE - 1, 0, 6 * SUBSPACE],
    ['case A, top exactly at W − 1', 7 * SUBSPACE + W - 1, 0, 7 * SUBSPACE],
    ['case B, the part in this subspace', 7 * SUBSPACE + 10, 3, 7 * SUBSPACE + 3],
    ['case B, the part in the one before', 7 * SUBSPACE + 10, SUBSPACE - 20, 7 * SUBSPACE - 20],
    ['case B, the lower bound', 7 * SUBSPACE + 10, SUBSPACE - 53, 7 * SUBSPACE - 53],
    ['case B, below the lower bound is above the top', 7 * SUBSPACE + 10, SUBSPACE - 54, 8 * SUBSPACE - 54],
    ['case B, above the top', 7 * SUBSPACE + 10, 11, 7 * SUBSPACE + 11],
  ];
  for (const [what, top, low, whole] of rows) test(what, () => assert.equal(at(top, W).extend(low), whole));

  test('before the first subspace there is none', () => {
    const window = new ReplayWindow(64);
    assert.ok(window.extend(SUBSPACE - 1) < 0);
    assert.equal(window.check(window.extend(SUBSPACE - 1)), 'late');
  });

  test('every number from the lower bound on, one whole subspace, is found again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 50 }),
        fc.integer({ min: 1, max: MAXIMUM_REPLAY_WINDOW }),
        fc.integer({ min: 0, max: SUBSPACE - 1 }),
        (top, size, ahead) => {
          const sequence = top - size + 1 + ahead;
          if (sequence < 1) return;
          assert.equal(at(top, size).extend(sequence % SUBSPACE), sequence);
        },
      ),
      SEEDED,
    );
  });

  test('without a window the nearest number is taken', () => {
    const window = at(3 * SUBSPACE + 5, 0);
    assert.equal(window.extend(SUBSPACE - 10), 3 * SUBSPACE - 10);
    assert.equal(window.extend(2 ** 31 - 10), 3 * SUBSPACE + 2 ** 31 - 10);
  });
});

describe('the window', () => {
  test('refuses what it saw, what is too old, and zero', () => {
    const window = at(1000, 64);
    assert.equal(window.check(1000), 'replay');
    assert.equal(window.check(999), 'new');
    assert.equal(window.check(937), 'new');
    assert.equal(window.check(936), 'late');
    assert.equal(window.check(0), 'late');
    assert.equal(new ReplayWindow(64).check(0), 'late');
  });

  test('changes by accept alone', () => {
    const window = at(1000, 64);
    window.check(5000);
    assert.equal(window.top, 1000);
    assert.equal(window.check(5000), 'new');
  });

  test('of size 0 lets everything pass, and still knows the top', () => {
    const window = at(1000, 0);
    for (const sequence of [0, 1, 1000, 2000]) assert.equal(window.check(sequence), 'new');
    assert.equal(window.top, 1000);
  });

  test('has 0 to 4096 packets', () => {
    for (const size of [-1, 4097, 1.5, Number.NaN])
      assert.throws(() => new ReplayWindow(size), RangeError, String(size));
    assert.equal(new ReplayWindow(4096).size, 4096);
  });

  test('agrees with a list of all numbers ever accepted', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 3 * SUBSPACE }),
        fc.array(fc.oneof(fc.integer({ min: -700, max: 700 }), fc.integer({ min: -40, max: 40 })), {
          maxLength: 120,
        }),
        (size, start, steps) => {
          const window = new ReplayWindow(size);
          const seen = new Set<number>();
          let top = 0;
          let sequence = start;
          for (const step of steps) {
            sequence = Math.max(0, sequence + step);
            const expected =
              sequence === 0 || sequence <= top - size ? 'late' : seen.has(sequence) ? 'replay' : 'new';
            assert.equal(window.check(sequence), expected);
            if (expected !== 'new') continue;
            window.accept(sequence);
            seen.add(sequence);
            top = Math.max(top, sequence);
            assert.equal(window.top, top);
          }
        },
      ),
      SEEDED,
    );
  });

  test('forgets all when the top jumps further than the ring is long', () => {
    const window = new ReplayWindow(128);
    for (let sequence = 1; sequence <= 500; sequence++) window.accept(sequence);
    const far = SUBSPACE + 250;
    window.accept(far);
    for (let sequence = far - 127; sequence < far; sequence++)
      assert.equal(window.check(sequence), 'new', String(sequence - far));
  });
});
