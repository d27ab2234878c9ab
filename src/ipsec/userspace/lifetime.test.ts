import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UNLIMITED } from '../../policy/lifetimes.ts';
import { Lifetime } from './lifetime.ts';

test('zero is never', () => {
  const lifetime = new Lifetime(UNLIMITED, 'endless');
  const much = { packets: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };
  assert.deepEqual([lifetime.soft(much), lifetime.hard(much)], [false, false]);
});

test('octets and packets each end it', () => {
  const lifetime = new Lifetime(
    { ...UNLIMITED, rekeyBytes: 100n, lifeBytes: 200n, rekeyPackets: 10n, lifePackets: 20n },
    'endless',
  );
  const at = (packets: number, bytes: number) => [
    lifetime.soft({ packets, bytes }),
    lifetime.hard({ packets, bytes }),
  ];
  assert.deepEqual(at(9, 99), [false, false]);
  assert.deepEqual(at(10, 0), [true, false]);
  assert.deepEqual(at(0, 100), [true, false]);
  assert.deepEqual(at(20, 0), [true, true]);
  assert.deepEqual(at(0, 200), [true, true]);
});

test('sequence numbers of 32 bits are a limit of their own: replaced in time, never used twice', () => {
  for (const packets of [0n, 2n ** 40n]) {
    const lifetime = new Lifetime({ ...UNLIMITED, rekeyPackets: packets, lifePackets: packets }, 'counted');
    assert.equal(lifetime.soft({ packets: 0xdfff_ffff, bytes: 0 }), false);
    assert.equal(lifetime.soft({ packets: 0xe000_0000, bytes: 0 }), true);
    assert.equal(lifetime.hard({ packets: 0xffff_fffe, bytes: 0 }), false);
    assert.equal(lifetime.hard({ packets: 0xffff_ffff, bytes: 0 }), true);
  }
});
