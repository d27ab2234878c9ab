import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { assertEnds, assertSettles, nonce, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { connected, type Pair, type PairOptions } from '../sim/pair.ts';

const CREATE = 'CREATE_CHILD_SA';
const INFO = 'INFORMATIONAL';

function scene(options: PairOptions = {}): Pair & { readonly gaps: readonly unknown[] } {
  const made = connected(options);
  const gaps = made.sim.watch(made.a, made.b, 'net');
  made.ab.hold();
  made.ba.hold();
  return { ...made, gaps };
}

function rekeyIke(host: Host): void {
  const [ike] = host.status();
  assert.equal(host.rekey({ ike: ike?.id ?? -1 }), 1);
}

/** As in the collisions of children: all four nonces in turn are the lowest. */
const POSITIONS = [
  { lowest: 'Ni of a', loser: 'a', a: [1, 3], b: [2, 4] },
  { lowest: 'Nr of b', loser: 'a', a: [2, 3], b: [4, 1] },
  { lowest: 'Ni of b', loser: 'b', a: [2, 3], b: [1, 4] },
  { lowest: 'Nr of a', loser: 'b', a: [3, 1], b: [2, 4] },
] as const;
type Position = (typeof POSITIONS)[number];

function bothRekey({ a, b }: Pair, position: Position): void {
  a.provider.script(...position.a.map(nonce));
  b.provider.script(...position.b.map(nonce));
  rekeyIke(a);
  rekeyIke(b);
}

/** The IKE SA that `host` is left with was begun by the end that did not lose. */
function assertWonBy(host: Host, loser: 'a' | 'b'): void {
  assert.equal(onlyIke(host).role, host.name === loser ? 'responder' : 'initiator');
}

function assertOneRekey(...hosts: readonly Host[]): void {
  for (const host of hosts) {
    assert.equal(host.eventsOf('ike-rekey').length, 1, `${host.name}: ike-rekey`);
    assert.equal(host.eventsOf('ike-down').length, 0, `${host.name}: ike-down`);
    assert.equal(host.eventsOf('ike-up').length, 1, `${host.name}: ike-up`);
    assert.equal(host.eventsOf('child-down').length, 0, `${host.name}: child-down`);
    assert.equal(host.eventsOf('failed').length, 0, `${host.name}: failed`);
  }
}

for (const begunBy of ['a', 'b'] as const) {
  test(`regular: the new IKE SA takes over the children; the initiator of the rekey deletes the old one; first begun by ${begunBy}`, () => {
    const { sim, a, b, ab, ba, gaps } = scene({ begunBy });
    const old = onlyIke(a);
    rekeyIke(a);
    ab.pass(CREATE, 'request');
    ba.pass(CREATE, 'response');
    ab.pass(INFO, 'request');
    ba.pass(INFO, 'response');
    assertSettles(sim, a, b);
    assert.notEqual(onlyIke(a).initiatorSpi, old.initiatorSpi);
    assert.equal(onlyIke(a).role, 'initiator');
    assert.deepEqual(gaps, []);
    assertOneRekey(a, b);
    ab.flow();
    ba.flow();
    // The new one is as good as the first: Message IDs begin at 0 again, and it can be rekeyed and ended.
    b.rekey({ child: 'net' });
    sim.quiet();
    rekeyIke(b);
    assertSettles(sim, a, b);
    assert.equal(onlyIke(a).role, 'responder');
    assertEnds(sim, a);
  });
}

test('regular_ke_invalid: the group asked for is used, and the next rekey begins with it', () => {
  const { sim, a, b, ab, ba } = scene({
    a: { proposals: parseProposals('aes128gcm16-prfsha256-x25519-ecp256', 'ike') },
    b: { proposals: parseProposals('aes128gcm16-prfsha256-ecp256', 'ike') },
  });
  // IKE_SA_INIT has settled for the right one: it is remembered from there.
  rekeyIke(a);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  assert.deepEqual(ab.waiting, [`${INFO} request`], 'no second try was needed');
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b);
});

const EACH_ITS_OWN: PairOptions = {
  a: { proposals: parseProposals('aes128gcm16-prfsha256-x25519-ecp256', 'ike') },
  b: { proposals: parseProposals('aes128gcm16-prfsha256-ecp256-x25519', 'ike') },
};

test('regular_ke_invalid: where the responder prefers another group the rekey is tried again with it', () => {
  const { sim, a, b, ab, ba, gaps } = scene(EACH_ITS_OWN);
  // The first IKE SA uses what b prefers, and a would not take it from b.
  rekeyIke(b);
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  assert.deepEqual(ba.waiting, [`${CREATE} request`], 'tried again at once');
  ba.pass(CREATE, 'request');
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b);
  assert.deepEqual(gaps, []);
  const before = ba.recorded.length;
  rekeyIke(b);
  assertSettles(sim, a, b);
  assert.equal(ba.recorded.length - before, 2, 'one CREATE_CHILD_SA and one DELETE');
});

for (const begunBy of ['a', 'b'] as const) {
  for (const position of POSITIONS) {
    const title = `${position.lowest} is the lowest, IKE SA begun by ${begunBy}`;

    test(`collision: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba, gaps } = made;
      bothRekey(made, position);
      ab.pass(CREATE, 'request');
      ba.pass(CREATE, 'request');
      ab.pass(CREATE, 'response');
      ba.pass(CREATE, 'response');
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assertWonBy(a, position.loser);
      assert.deepEqual(gaps, []);
      assertOneRekey(a, b);
      for (const host of [a, b]) assert.equal(host.provider.unused, 0);
      sim.run(10 * MINUTE);
      assertSettles(sim, a, b);
      assertEnds(sim, b);
    });

    test(`collision_delayed_response: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba, gaps } = made;
      bothRekey(made, position);
      ab.pass(CREATE, 'request');
      ba.pass(CREATE, 'request');
      ab.pass(CREATE, 'response');
      // b knows all and deletes what it has to; its answer to a is late.
      assert.deepEqual(ba.waiting, [`${CREATE} response`, `${INFO} request`]);
      ba.pass(INFO, 'request');
      ab.pass(INFO, 'response');
      ba.pass(CREATE, 'response');
      ab.flow();
      ba.flow();
      sim.quiet();
      sim.run(10 * MINUTE);
      assertSettles(sim, a, b);
      assertWonBy(a, position.loser);
      assert.deepEqual(gaps, []);
      assertOneRekey(a, b);
      assertEnds(sim, b);
    });

    test(`collision_delayed_response, with messages on the SA that is not known yet: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba } = made;
      bothRekey(made, position);
      ab.pass(CREATE, 'request');
      ba.pass(CREATE, 'request');
      ab.pass(CREATE, 'response');
      // b goes on at once on the SA that it settled for.
      b.rekey({ child: 'net' });
      const late = ba.held.findIndex((_, i) => ba.waiting[i] === `${CREATE} response`);
      const [response] = ba.held.splice(late, 1);
      // Its first request there overtakes the DELETE of the old SA.
      if (position.loser === 'a') ba.pass(CREATE, 'request');
      ab.flow();
      ba.flow();
      sim.run(SECOND);
      if (response !== undefined) sim.network.deliver(response);
      sim.quiet();
      sim.run(10 * MINUTE);
      assertSettles(sim, a, b);
      assertWonBy(a, position.loser);
      assertOneRekey(a, b);
      for (const host of [a, b]) assert.equal(host.eventsOf('child-rekey').length, 1);
    });

    test(`collision_dropped_request: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba, gaps } = made;
      bothRekey(made, position);
      const lost = ab.recorded.length;
      ab.lose(CREATE, 'request');
      ba.pass(CREATE, 'request');
      ab.pass(CREATE, 'response');
      ba.pass(INFO, 'request');
      ab.pass(INFO, 'response');
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assertWonBy(a, 'a');
      assert.deepEqual(gaps, []);
      assertOneRekey(a, b);
      const before = ba.recorded.length;
      ab.replay(lost);
      sim.run(10 * MINUTE);
      assert.ok(ba.recorded.length <= before + 1, 'at most one word about an unknown SPI');
      assertSettles(sim, a, b);
    });

    test(`collision_delayed_request: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba, gaps } = made;
      bothRekey(made, position);
      ba.pass(CREATE, 'request');
      ab.pass(CREATE, 'response');
      // b is through and sends its DELETE when the request of a arrives.
      ab.pass(CREATE, 'request');
      ba.pass(CREATE, 'response');
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assertWonBy(a, 'a');
      assert.deepEqual(gaps, []);
      assertOneRekey(a, b);
      sim.run(10 * MINUTE);
      assertOneRekey(a, b);
    });

    test(`collision_delayed_request_and_delete: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba } = made;
      bothRekey(made, position);
      ba.pass(CREATE, 'request');
      ab.pass(CREATE, 'response');
      ba.pass(INFO, 'request');
      // Request and answer to the DELETE overtake each other.
      ab.pass(CREATE, 'request');
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assertWonBy(a, 'a');
      sim.run(10 * MINUTE);
      assertSettles(sim, a, b);
      assertOneRekey(a, b);
    });
  }
}

for (const position of POSITIONS) {
  test(`collision_ke_invalid: one end guesses wrong, and its second try collides; ${position.lowest} is the lowest`, () => {
    const made = scene(EACH_ITS_OWN);
    const { sim, a, b, ab, ba, gaps } = made;
    b.provider.script(nonce(8));
    rekeyIke(b);
    ba.pass(CREATE, 'request');
    ab.pass(CREATE, 'response');
    a.provider.script(...position.a.map(nonce));
    b.provider.script(...position.b.map(nonce).slice(1));
    rekeyIke(a);
    ab.pass(CREATE, 'request');
    ba.pass(CREATE, 'request');
    ab.flow();
    ba.flow();
    assertSettles(sim, a, b);
    sim.run(10 * MINUTE);
    assertSettles(sim, a, b);
    assert.deepEqual(gaps, []);
  });
}

test('collision_ke_invalid_delayed_retry: the second try meets an SA that is being deleted', () => {
  const { sim, a, b, ab, ba, gaps } = scene(EACH_ITS_OWN);
  rekeyIke(b);
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  rekeyIke(a);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  assert.deepEqual(ab.waiting, [`${INFO} request`]);
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b);
  assert.deepEqual(gaps, []);
  assert.equal(b.eventsOf('failed').length, 0);
  sim.run(10 * MINUTE);
  assertOneRekey(a, b);
});

test('the SA of a collision that its maker never deletes goes by itself', () => {
  const made = scene();
  const { sim, a, b, ab, ba } = made;
  bothRekey(made, POSITIONS[0]);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  // The answer to a never comes: a has forgotten its rekey, and b holds the redundant SA.
  ba.lose(CREATE, 'response');
  ab.flow();
  ba.flow();
  assert.equal(b.status().length, 2);
  sim.run(5 * MINUTE);
  assertSettles(sim, a, b);
  assertOneRekey(a, b);
});

test('collision_delete: a delete beats a rekey, and both SAs are gone', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  rekeyIke(a);
  b.terminate({ connection: 'site' });
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  ab.flow();
  ba.flow();
  sim.quiet();
  sim.run(MINUTE);
  sim.assertEmpty();
  for (const host of [a, b]) {
    assert.equal(host.eventsOf('ike-down').length, 1);
    assert.equal(host.eventsOf('child-down').length, 1);
  }
});

test('collision_delete: the delete comes before the refusal', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  rekeyIke(a);
  b.terminate({ connection: 'site' });
  ba.pass(INFO, 'request');
  ab.pass(CREATE, 'request');
  ab.flow();
  ba.flow();
  sim.quiet();
  sim.run(10 * SECOND);
  sim.assertEmpty();
});

test('collision_delete_drop_delete: the rekey is put off, and void when the DELETE arrives', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  rekeyIke(a);
  b.terminate({ connection: 'site' });
  ba.lose(INFO, 'request');
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
  assert.deepEqual(onlyIke(a).tasksQueued, ['rekey-ike']);
  ab.flow();
  ba.flow();
  sim.run(10 * SECOND);
  const before = ab.recorded.length;
  sim.run(10 * MINUTE);
  sim.assertEmpty();
  assert.equal(ab.recorded.length, before);
});

test('children that are asked for while the IKE SA is rekeyed end up on the new one', () => {
  const { sim, a, b, ab, ba } = scene();
  rekeyIke(a);
  b.rekey({ child: 'net' });
  a.rekey({ child: 'net' });
  ab.flow();
  ba.flow();
  sim.run(2 * MINUTE);
  assertSettles(sim, a, b);
  assertEnds(sim, a);
});
