import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { child, subnet } from '../sim/configuration.ts';
import { assertChildless, assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Packet } from '../sim/packet.ts';
import { connected, type Pair, type PairOptions } from '../sim/pair.ts';

const CREATE = 'CREATE_CHILD_SA';
const INFO = 'INFORMATIONAL';
const NET = { child: 'net' };

const OTHER = child({
  name: 'other',
  localTs: [subnet('10.11.0.0/16')],
  remoteTs: [subnet('10.12.0.0/16')],
});

/** Two children are configured and only `net` is there; every packet is held. */
function scene(options: PairOptions = {}): Pair {
  const made = connected({ ...options, both: { children: [child(), OTHER] } });
  made.ab.hold();
  made.ba.hold();
  return made;
}

test('a further child is made on the IKE SA that is there', () => {
  const { sim, a, b, ab, ba } = scene();
  a.initiate('site', 'other');
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  assertSettles(sim, a, b, ['net', 'other']);
  for (const host of [a, b]) assert.equal(host.eventsOf('child-up').length, 2);
});

test('create duplicate: a second copy of a child being made is not begun', () => {
  const { sim, a, b, ab, ba } = scene();
  a.initiate('site', 'other');
  a.initiate('site', 'other');
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b, ['net', 'other']);
});

test('create collision: both make the same child at once, and both are there', () => {
  const { sim, a, b, ab, ba } = scene();
  a.initiate('site', 'other');
  b.initiate('site', 'other');
  ab.flow();
  ba.flow();
  sim.quiet();
  for (const host of [a, b]) assert.equal(onlyIke(host).children.length, 3);
  assertEnds(sim, a);
});

test('create collision_ike_rekey: both are put off; the child is made, on the new IKE SA if need be', () => {
  const { sim, a, b, ab, ba } = scene();
  const [old] = b.status();
  a.initiate('site', 'other');
  b.rekey({ ike: old?.id ?? -1 });
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  ba.pass(CREATE, 'response');
  assert.deepEqual(onlyIke(a).tasksQueued, ['create-child other']);
  ab.flow();
  ba.flow();
  sim.run(2 * MINUTE);
  assertSettles(sim, a, b, ['net', 'other']);
  assert.notEqual(onlyIke(b).id, old?.id);
  for (const host of [a, b]) assert.equal(host.eventsOf('failed').length, 0);
});

test('create meets an IKE SA that is being deleted', () => {
  const { sim, a, b, ab, ba } = scene();
  a.initiate('site', 'other');
  b.terminate({ connection: 'site' });
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  ab.flow();
  ba.flow();
  sim.quiet();
  sim.run(MINUTE);
  sim.assertEmpty();
});

test('delete regular: both ends close it, and tell it once', () => {
  const { sim, a, b, ab, ba } = scene();
  a.terminate(NET);
  ab.pass(INFO, 'request');
  ba.pass(INFO, 'response');
  assertChildless(sim, a, b);
  for (const host of [a, b]) assert.equal(host.eventsOf('child-down').length, 1);
  assert.equal(a.eventsOf('child-down')[0]?.failure, undefined);
  assert.equal(b.eventsOf('child-down')[0]?.failure?.code, 'peer/deleted');
});

test('delete collision: crossing DELETEs are answered empty, and it goes down once', () => {
  const { sim, a, b, ab, ba } = scene();
  a.terminate(NET);
  b.terminate(NET);
  ab.pass(INFO, 'request');
  assert.equal(b.backEnd.outbound('net'), undefined, 'the outbound SA goes with the request');
  ba.pass(INFO, 'request');
  const empty = ({ content }: Packet): number => (content.kind === 'ike' ? content.datagram.length : 0);
  const [toA, toB] = [ba.pass(INFO, 'response'), ab.pass(INFO, 'response')];
  // Header, SK, IV, pad length and ICV: no payload.
  assert.equal(empty(toA), 28 + 4 + 8 + 1 + 16);
  assert.equal(empty(toB), 28 + 4 + 8 + 1 + 16);
  assertChildless(sim, a, b);
  for (const host of [a, b]) assert.equal(host.eventsOf('child-down').length, 1);
});

test('delete collision_drop: one DELETE is lost, and the end is the same', () => {
  const { sim, a, b, ab, ba } = scene();
  a.terminate(NET);
  b.terminate(NET);
  ab.lose(INFO, 'request');
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  ab.flow();
  ba.flow();
  sim.run(10 * SECOND);
  assertChildless(sim, a, b);
  for (const host of [a, b]) assert.equal(host.eventsOf('child-down').length, 1);
});

test('delete collision_ike_rekey: the DELETE is served, the rekey put off', () => {
  const { sim, a, b, ab, ba } = scene();
  const [old] = b.status();
  a.terminate(NET);
  b.rekey({ ike: old?.id ?? -1 });
  ab.pass(INFO, 'request');
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  ba.pass(INFO, 'response');
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
  sim.run(MINUTE);
  assertChildless(sim, a, b);
  assert.notEqual(onlyIke(b).id, old?.id, 'it is rekeyed later');
});

test('delete collision_ike_delete: the IKE SA goes; the late DELETE of the child finds nothing', () => {
  const { sim, a, b, ab, ba } = scene();
  a.terminate(NET);
  b.terminate({ connection: 'site' });
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  const late = ab.recorded.length - 1;
  assert.equal(b.status().length, 0);
  ab.replay(late);
  ab.flow();
  ba.flow();
  sim.quiet();
  sim.run(MINUTE);
  sim.assertEmpty();
  for (const host of [a, b]) assert.equal(host.eventsOf('child-down').length, 1);
});

test('ike_delete regular: the children go too', () => {
  const { sim, a, b, ab, ba } = scene();
  a.terminate({ connection: 'site' });
  ab.pass(INFO, 'request');
  ba.pass(INFO, 'response');
  sim.run(10 * SECOND);
  sim.assertEmpty();
  for (const host of [a, b]) {
    assert.equal(host.eventsOf('ike-down').length, 1);
    assert.equal(host.eventsOf('child-down').length, 1);
  }
});

test('ike_delete collision: both sides are clean at once, and nothing is sent again', () => {
  const { sim, a, b, ab, ba } = scene();
  a.terminate({ connection: 'site' });
  b.terminate({ connection: 'site' });
  ab.pass(INFO, 'request');
  ba.pass(INFO, 'request');
  assert.equal(a.status().length + b.status().length, 0);
  ab.flow();
  ba.flow();
  sim.quiet();
  const before = ab.recorded.length + ba.recorded.length;
  sim.run(5 * MINUTE);
  assert.equal(ab.recorded.length + ba.recorded.length, before);
  sim.assertEmpty();
  for (const host of [a, b]) assert.equal(host.eventsOf('ike-down').length, 1);
});

test('ike_delete: whose answer is lost goes by itself', () => {
  const { sim, a, b, ab, ba } = scene();
  a.terminate({ connection: 'site' });
  ab.pass(INFO, 'request');
  ba.lose(INFO, 'response');
  assert.equal(b.status().length, 0);
  ab.flow();
  ba.flow();
  sim.run(5 * MINUTE);
  sim.assertEmpty();
});

test('a deletion of what is being rekeyed by nobody, of an unknown SPI, is answered and changes nothing', () => {
  const { sim, a, b, ab, ba } = scene();
  const spi = onlyChild(a).spiIn;
  a.terminate(NET);
  ab.pass(INFO, 'request');
  ba.pass(INFO, 'response');
  assertChildless(sim, a, b);
  a.initiate('site', 'net');
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b);
  assert.notEqual(onlyChild(a).spiIn, spi);
});
