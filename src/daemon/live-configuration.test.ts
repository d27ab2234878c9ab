import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issueCrl, makeAuthority } from '../../test/certificate-builder.ts';
import { type Base, LiveConfiguration, NO_BASE } from './live-configuration.ts';
import { credentialsDiffer } from './plan.ts';

const root = makeAuthority();
const [first, second] = [issueCrl(root), issueCrl(root, { revoked: [{ serial: Uint8Array.of(7) }] })];

function withLists(...crls: readonly Uint8Array[]): Base {
  return { ...NO_BASE, credentials: { ...NO_BASE.credentials, crls } };
}

test('a list that is read again as it was stays the object that it was, and is told from another', () => {
  const live = new LiveConfiguration(withLists(first, second), () => {});
  for (let i = 0; i < 2; i++) {
    const again = withLists(second.slice(), first.slice());
    assert.equal(credentialsDiffer(live, again), false);
    live.replaceBase(again);
    assert.equal(live.credentials.crls[0], second);
    assert.equal(live.credentials.crls[1], first);
  }
  const changed = second.slice();
  changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
  for (const other of [withLists(first), withLists(first, changed), withLists(first, first)])
    assert.equal(credentialsDiffer(live, other), true);
  live.replaceBase(withLists(first, changed));
  assert.deepEqual(live.credentials.crls, [first, changed]);
});

test('a list that a client loads again changes nothing, and goes with what clients loaded', () => {
  let changes = 0;
  const live = new LiveConfiguration(withLists(first), () => changes++);
  for (let i = 0; i < 2; i++) {
    live.loadCrl(second.slice());
    live.loadCrl(second.slice());
    assert.deepEqual(live.credentials.crls, [first, second]);
    assert.equal(changes, 2 * i + 1);
    live.flushCrls();
    live.flushCrls();
    assert.deepEqual(live.credentials.crls, [first]);
    assert.equal(changes, 2 * i + 2);
  }
});
