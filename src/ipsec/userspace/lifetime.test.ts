import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lifetime } from './lifetime.ts';

const NEVER = { rekeyTime: 0, lifeTime: 0, rekeyBytes: 0n, lifeBytes: 0n, rekeyPackets: 0n, lifePackets: 0n };

test('zero is never', () => {
  const lifetime = new Lifetime(NEVER, 'endless');
  const much = { packets: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };
  assert.deepEqual([lifetime.soft(much), lifetime.hard(much)], [false, false]);
});

test('octets and packets each end it', () => {
  const lifetime = new Lifetime(
    { ...NEVER, rekeyBytes: 100n, lifeBytes: 200n, rekeyPackets: 10n, lifePackets: 20n },
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
    const lifetime = new Lifetime({ ...NEVER, rekeyPackets: packets, lifePackets: packets }, 'counted');
    assert.equal(lifetime.soft({ packets: 0xdfff_ffff, bytes: 0 }), false);
    assert.equal(lifetime.soft({ packets: 0xe000_0000, bytes: 0 }), true);
    assert.equal(lifetime.hard({ packets: 0xffff_fffe, bytes: 0 }), false);
    assert.equal(lifetime.hard({ packets: 0xffff_ffff, bytes: 0 }), true);
  }
});
