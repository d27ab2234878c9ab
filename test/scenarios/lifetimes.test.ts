import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { child } from '../sim/configuration.ts';
import { assertChildless, assertSettled, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import { connected } from '../sim/pair.ts';

test('a child is rekeyed when its time has come, by the end whose time is the shorter', () => {
  const { sim, a, b } = connected({
    a: { children: [child({ rekeyTime: 10 * MINUTE, lifeTime: 12 * MINUTE })] },
  });
  const gaps = sim.watch(a, b, 'net');
  const first = onlyChild(a).id;
  sim.run(9 * MINUTE);
  assert.equal(onlyChild(a).id, first);
  sim.run(2 * MINUTE);
  assertSettled(sim, a, b);
  assert.notEqual(onlyChild(a).id, first);
  sim.run(5 * 10 * MINUTE);
  assertSettles(sim, a, b);
  assert.equal(a.eventsOf('child-rekey').length, 6);
  assert.deepEqual(gaps, []);
});

test('a child whose rekey the back end asks for early is rekeyed then', () => {
  const { sim, a, b } = connected();
  const { id } = onlyChild(b);
  b.expire(id, false);
  assertSettles(sim, a, b);
  assert.equal(b.eventsOf('child-rekey')[0]?.old.id, id);
});

test('a child that expires for good is deleted and made anew', () => {
  const { sim, a, b } = connected();
  const { id } = onlyChild(a);
  a.expire(id, true);
  assertSettles(sim, a, b);
  assert.notEqual(onlyChild(a).id, id);
  assert.equal(a.eventsOf('child-down')[0]?.failure?.code, 'kernel/expired');
  for (const host of [a, b]) assert.equal(host.eventsOf('child-up').length, 2);
});

test('a child whose rekey is refused until its life is over is deleted and made anew', () => {
  const { sim, a, b, ab, ba } = connected({
    a: { children: [child({ rekeyTime: MINUTE, lifeTime: 3 * MINUTE })] },
  });
  sim.run(50 * SECOND);
  // The back end of b takes no further SA for a while.
  const refuse = (): void => {
    b.backEnd.refusals.set('install', { code: 'kernel/install', summary: 'full' });
  };
  const { id } = onlyChild(a);
  for (let second = 0; second < 129; second++) {
    refuse();
    sim.run(SECOND);
  }
  b.backEnd.refusals.clear();
  assert.equal(onlyChild(a).id, id);
  sim.run(20 * SECOND);
  assert.notEqual(onlyChild(a).id, id);
  sim.run(10 * SECOND);
  assertSettled(sim, a, b);
  assert.ok(ab.recorded.length > 0 && ba.recorded.length > 0);
});

test('an IKE SA is rekeyed when its time has come, and its children stay', () => {
  const { sim, a, b } = connected({ a: { rekeyTime: 20 * MINUTE, overTime: 2 * MINUTE } });
  const gaps = sim.watch(a, b, 'net');
  const { id } = onlyIke(a);
  const kept = onlyChild(a).id;
  sim.run(21 * MINUTE);
  assertSettled(sim, a, b);
  assert.notEqual(onlyIke(a).id, id);
  assert.equal(onlyChild(a).id, kept);
  sim.run(3 * 20 * MINUTE);
  assertSettles(sim, a, b);
  assert.equal(a.eventsOf('ike-rekey').length, 4);
  assert.deepEqual(gaps, []);
});

test('both ends have the same lifetimes to the millisecond: one SA is left each time', () => {
  const lifetimes = { rekeyTime: 10 * MINUTE, lifeTime: 12 * MINUTE };
  const { sim, a, b } = connected({
    children: [child(lifetimes)],
    both: { rekeyTime: 25 * MINUTE, overTime: 2 * MINUTE },
  });
  const gaps = sim.watch(a, b, 'net');
  for (let i = 0; i < 12; i++) {
    sim.run(10 * MINUTE + 37 * SECOND);
    assertSettled(sim, a, b);
  }
  assert.deepEqual(gaps, []);
  for (const host of [a, b]) {
    assert.ok(host.eventsOf('child-rekey').length >= 11);
    assert.ok(host.eventsOf('ike-rekey').length >= 4);
    assert.equal(host.eventsOf('child-down').length, 0);
  }
});

test('a silent peer is found out by liveness checks, and everything it had is gone', () => {
  const { sim, a, b, ab, ba } = connected({ a: { dpdDelay: 30 * SECOND } });
  sim.run(5 * MINUTE);
  assertSettled(sim, a, b);
  ba.script = () => 'drop';
  sim.run(31 * SECOND + 166 * SECOND);
  assert.equal(a.status().length, 0);
  assert.equal(a.eventsOf('ike-down')[0]?.failure?.code, 'peer/dead');
  a.backEnd.assertEmpty('a');
  assert.ok(ab.recorded.length >= 6);
});

test('a peer that answers is left alone for as long as it was heard of', () => {
  const { sim, a, ab } = connected({ a: { dpdDelay: 30 * SECOND } });
  const before = ab.recorded.length;
  sim.run(10 * MINUTE);
  const checks = ab.recorded.length - before;
  assert.ok(checks >= 19 && checks <= 20, `${checks} checks in ten minutes, one each half`);
  assert.equal(onlyIke(a).tasksActive.length, 0);
});

test('a child that the peer deletes is made anew where that is configured', () => {
  const { sim, a, b } = connected({ a: { children: [child({ closeAction: 'start' })] } });
  const { id } = onlyChild(a);
  b.terminate({ child: 'net' });
  assertSettles(sim, a, b);
  assert.notEqual(onlyChild(a).id, id);
  a.terminate({ child: 'net' });
  assertChildless(sim, a, b);
});
