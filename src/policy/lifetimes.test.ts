import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR, MINUTE } from '../lib/time.ts';
import type { ChildConfig } from './connection.ts';
import { childLifetimes, ikeLifetimes } from './lifetimes.ts';

const none = { rekey: 0, reauth: 0 };
const half = { rekey: 0.5, reauth: 0.5 };
const ike = { rekeyTime: 4 * HOUR, reauthTime: 0, overTime: 24 * MINUTE, randTime: 24 * MINUTE };

test('an IKE SA is rekeyed up to randTime early, and given up overTime later', () => {
  assert.deepEqual(ikeLifetimes(ike, none), { rekey: 4 * HOUR, expire: 4 * HOUR + 24 * MINUTE });
  assert.deepEqual(ikeLifetimes(ike, half), {
    rekey: 4 * HOUR - 12 * MINUTE,
    expire: 4 * HOUR + 12 * MINUTE,
  });
});

test('the earlier of rekeying and reauthentication counts', () => {
  const both = { ...ike, reauthTime: 3 * HOUR, randTime: 0 };
  assert.deepEqual(ikeLifetimes(both, half), {
    rekey: 4 * HOUR,
    reauth: 3 * HOUR,
    expire: 3 * HOUR + 24 * MINUTE,
  });
});

test('an SA that is never renewed never ends', () => {
  assert.deepEqual(ikeLifetimes({ ...ike, rekeyTime: 0 }, half), {});
});

test('a random part larger than the time leaves a time', () => {
  assert.equal(ikeLifetimes({ ...ike, rekeyTime: MINUTE }, { rekey: 0.999, reauth: 0 }).rekey, 1);
});

const child = {
  rekeyTime: HOUR,
  lifeTime: 66 * MINUTE,
  randTime: 6 * MINUTE,
  rekeyBytes: 1000n,
  lifeBytes: 1100n,
  rekeyPackets: 10n,
  lifePackets: 0n,
} as ChildConfig;

test('a Child SA has soft and hard limits, the soft ones randomised', () => {
  assert.deepEqual(childLifetimes(child, 0), {
    rekeyTime: HOUR,
    lifeTime: 66 * MINUTE,
    rekeyBytes: 1000n,
    lifeBytes: 1100n,
    rekeyPackets: 10n,
    lifePackets: 0n,
  });
  const { rekeyTime, rekeyBytes, rekeyPackets } = childLifetimes(child, 0.5);
  assert.deepEqual([rekeyTime, rekeyBytes, rekeyPackets], [57 * MINUTE, 950n, 10n]);
});

test('a random part that is given takes the place of the gap, and leaves at least one', () => {
  const given = { ...child, randBytes: 600n, randPackets: 4n };
  const { rekeyBytes, rekeyPackets } = childLifetimes(given, 0.5);
  assert.deepEqual([rekeyBytes, rekeyPackets], [700n, 8n]);
  assert.equal(childLifetimes({ ...given, randBytes: 0n }, 0.9).rekeyBytes, 1000n);
  assert.ok(childLifetimes({ ...given, randPackets: 1_000_000n }, 0.9999).rekeyPackets >= 1n);
});

test('no limit stays none', () => {
  const unlimited = childLifetimes({ ...child, rekeyTime: 0, rekeyBytes: 0n }, 0.9);
  assert.deepEqual([unlimited.rekeyTime, unlimited.rekeyBytes], [0, 0n]);
});

test('a hard limit far above the soft one leaves a soft one', () => {
  assert.ok(childLifetimes({ ...child, lifeBytes: 1n << 62n }, 0.999).rekeyBytes > 0n);
});
