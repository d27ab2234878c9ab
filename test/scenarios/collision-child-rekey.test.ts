import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { SECOND } from '../../src/lib/time.ts';
import { child } from '../sim/configuration.ts';
import { assertChildless, assertEnds, assertSettled, assertSettles, nonce, onlyChild } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { connected, type Pair, type PairOptions } from '../sim/pair.ts';

const CREATE = 'CREATE_CHILD_SA';
const INFO = 'INFORMATIONAL';
const NET = { child: 'net' };

/** Two ends with a child, every packet held from now on, gaps in traffic noted. */
function scene(options: PairOptions = {}): Pair & { readonly gaps: readonly unknown[] } {
  const made = connected(options);
  const gaps = made.sim.watch(made.a, made.b, 'net');
  made.ab.hold();
  made.ba.hold();
  return { ...made, gaps };
}

/** Who made the exchange with the lowest nonce, and whose nonce that is: all four of a collision. */
const POSITIONS = [
  { lowest: 'Ni of a', loser: 'a', a: [1, 3], b: [2, 4] },
  { lowest: 'Nr of b', loser: 'a', a: [2, 3], b: [4, 1] },
  { lowest: 'Ni of b', loser: 'b', a: [2, 3], b: [1, 4] },
  { lowest: 'Nr of a', loser: 'b', a: [3, 1], b: [2, 4] },
] as const;
type Position = (typeof POSITIONS)[number];

/** Both begin a rekey; `a` and `b` of a position are each end's Ni and Nr in the order it draws them. */
function bothRekey({ a, b }: Pair, position: Position): void {
  for (const [host, octets] of [
    [a, position.a],
    [b, position.b],
  ] as const) {
    host.provider.script(...octets.map(nonce));
    host.rekey(NET);
  }
}

const sides = (made: Pair, loser: 'a' | 'b'): { won: Host; lost: Host } =>
  loser === 'a' ? { won: made.b, lost: made.a } : { won: made.a, lost: made.b };

test('regular: the inbound SAs go in first, the responder sends by the new one once the old is deleted', () => {
  const made = scene();
  const { sim, a, b, ab, ba } = made;
  const [oldA, oldB] = [onlyChild(a), onlyChild(b)];
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  assert.equal(b.backEnd.outbound('net')?.sa.id, oldB.id, 'b still sends by the old one');
  assert.equal(b.backEnd.sas.size, 2);
  ba.pass(CREATE, 'response');
  assert.notEqual(a.backEnd.outbound('net')?.sa.id, oldA.id, 'a sends by the new one');
  assert.equal(b.backEnd.outbound('net')?.sa.id, oldB.id);
  assert.equal(a.backEnd.history.at(-1), `deactivate-outbound ${oldA.id}`);
  ab.pass(INFO, 'request');
  assert.notEqual(b.backEnd.outbound('net')?.sa.id, oldB.id, 'the DELETE moves b over');
  assert.equal(b.backEnd.history.at(-1), `deactivate-outbound ${oldB.id}`);
  assert.ok(b.backEnd.sas.has(oldB.id), 'what is on its way is still received');
  ba.pass(INFO, 'response');
  sim.run(4 * SECOND);
  assert.ok(a.backEnd.sas.has(oldA.id));
  sim.run(2 * SECOND);
  assert.ok(!a.backEnd.sas.has(oldA.id) && !b.backEnd.sas.has(oldB.id), 'until the delay is over');
  assertSettles(sim, a, b);
  assert.deepEqual(made.gaps, []);
  for (const host of [a, b]) {
    assert.equal(host.eventsOf('child-rekey').length, 1);
    assert.equal(host.eventsOf('child-down').length, 0);
    assert.equal(host.eventsOf('child-up').length, 1);
  }
});

test('the responder sends by the new SA as soon as something came by it', () => {
  const { a, b, ab, ba } = scene();
  const old = onlyChild(b);
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  a.sendPacket('net');
  ab.release(ab.held.length - 1);
  assert.notEqual(b.backEnd.outbound('net')?.sa.id, old.id);
  assert.equal(b.eventsOf('child-rekey').length, 0, 'the old one is still there');
});

test('a child that is rekeyed keeps its selectors, mode and number for policies', () => {
  const { sim, a, b, ab, ba } = scene();
  const old = onlyChild(a);
  a.rekey(NET);
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b);
  const now = onlyChild(a);
  assert.notEqual(now.spiIn, old.spiIn);
  for (const key of ['reqid', 'localTs', 'remoteTs', 'mode', 'protocol'] as const)
    assert.deepEqual(now[key], old[key]);
});

const TWO_GROUPS = {
  a: [child({ proposals: parseProposals('aes128gcm16-x25519-ecp256', 'esp') })],
  b: [child({ proposals: parseProposals('aes128gcm16-ecp256-x25519', 'esp') })],
};

test('regular_ke_invalid: the group asked for is used, and the next rekey begins with it', () => {
  const { sim, a, b, ab, ba } = scene({
    a: { children: TWO_GROUPS.a },
    children: [child({ proposals: parseProposals('aes128gcm16-ecp256', 'esp') })],
  });
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  assert.deepEqual(ab.waiting, [`${CREATE} request`], 'tried again at once');
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b);
  const before = ab.recorded.length;
  a.rekey(NET);
  assertSettles(sim, a, b);
  assert.equal(ab.recorded.length - before, 2, 'one CREATE_CHILD_SA and one DELETE');
});

test('regular_responder_ignore_soft_expire: who waits for the DELETE begins no rekey of its own', () => {
  const { sim, a, b, ab, ba } = scene();
  const old = onlyChild(b);
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  b.expire(old.id, false);
  sim.run(1);
  assert.deepEqual(ba.waiting, [`${CREATE} response`]);
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b);
});

for (const how of ['on demand', 'on a soft expire'] as const)
  test(`what was made a moment ago and has not taken over yet is rekeyed once it has, ${how}`, () => {
    const { sim, a, b, ab, ba, gaps } = scene();
    a.rekey(NET);
    ab.pass(CREATE, 'request');
    ba.pass(CREATE, 'response');
    const half = Math.max(...b.backEnd.sas.keys());
    if (how === 'on demand') b.rekey(NET);
    else b.expire(half, false);
    sim.run(1);
    assert.deepEqual(ba.waiting, []);
    ab.flow();
    ba.flow();
    sim.run(1);
    assert.equal(b.backEnd.sas.has(half), true);
    sim.run(40 * SECOND);
    assertSettles(sim, a, b);
    assert.notEqual(onlyChild(b).id, half);
    assert.deepEqual(gaps, []);
  });

test('what was to take over and is one too many is not rekeyed on demand: it goes', () => {
  const { sim, a, b, ab, ba, gaps } = scene();
  a.rekey(NET);
  b.rekey(NET);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'request');
  a.rekey(NET);
  b.rekey(NET);
  ab.flow();
  ba.flow();
  sim.run(60 * SECOND);
  assertSettles(sim, a, b);
  assert.equal(onlyChild(a).spiIn, onlyChild(b).spiOut);
  assert.deepEqual(gaps, []);
});

for (const [who, end] of [
  ['initiator', 'a'],
  ['responder', 'b'],
] as const) {
  test(`the back end of the ${who} refuses the new SA: nothing is left of it, and the old one stays`, () => {
    const made = scene();
    const { sim, a, b, ab, ba, gaps } = made;
    const old = onlyChild(a).id;
    made[end].backEnd.refusals.set('install', { code: 'kernel/install', summary: 'no room' });
    a.rekey(NET);
    ab.flow();
    ba.flow();
    sim.run(6 * SECOND);
    assertSettled(sim, a, b);
    assert.equal(onlyChild(a).id, old);
    assert.equal(made[end].eventsOf('failed')[0]?.failure.code, 'kernel/install');
    sim.run(60 * SECOND);
    assertSettles(sim, a, b);
    assert.notEqual(onlyChild(a).id, old, 'it is tried again');
    assert.deepEqual(gaps, []);
  });

  test(`the back end of the ${who} has no SPI to give: the old SA stays`, () => {
    const made = scene();
    const { sim, a, b, ab, ba } = made;
    const old = onlyChild(a).id;
    made[end].backEnd.refusals.set('allocate-spi', { code: 'kernel/install', summary: 'none left' });
    a.rekey(NET);
    ab.flow();
    ba.flow();
    sim.run(4 * SECOND);
    assertSettled(sim, a, b);
    assert.equal(onlyChild(a).id, old);
    sim.run(60 * SECOND);
    assertSettles(sim, a, b);
    assert.notEqual(onlyChild(a).id, old);
  });
}

test('the back end is slow: an SA that is deleted while its successor is being installed', () => {
  for (let latency = 0; latency < 60; latency += 4) {
    const made = connected();
    const { sim, a, b, ab, ba } = made;
    a.backEnd.latency = latency;
    b.backEnd.latency = latency;
    ab.weather = { ...ab.weather, delay: 7 };
    ba.weather = { ...ba.weather, delay: 9 };
    a.rekey(NET);
    sim.run(latency + 12);
    b.terminate(NET);
    sim.run(60 * SECOND);
    assertChildless(sim, a, b);
  }
});

test('the back end is slow: both ends rekey, whatever comes between', () => {
  for (let offset = 0; offset < 200; offset += 10) {
    const { sim, a, b, ab, ba } = connected({ seed: offset + 1 });
    const gaps = sim.watch(a, b, 'net');
    a.backEnd.latency = 30;
    b.backEnd.latency = 20;
    ab.weather = { ...ab.weather, delay: 15 };
    ba.weather = { ...ba.weather, delay: 25 };
    a.rekey(NET);
    sim.run(offset);
    b.rekey(NET);
    assertSettles(sim, a, b);
    assert.deepEqual(gaps, [], `${offset} ms apart`);
    sim.run(5 * 60 * SECOND);
    assertSettles(sim, a, b);
  }
});

test('regular_responder_handle_hard_expire: traffic moves at once, and the DELETE finds nothing', () => {
  const { sim, a, b, ab, ba } = scene();
  const old = onlyChild(b);
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  b.expire(old.id, true);
  sim.run(1);
  assert.deepEqual(ba.waiting, [], 'no DELETE');
  assert.notEqual(b.backEnd.outbound('net')?.sa.id, old.id);
  assert.equal(b.eventsOf('child-rekey').length, 1);
  ab.pass(INFO, 'request');
  ba.pass(INFO, 'response');
  assertSettles(sim, a, b);
});

test('regular_responder_delete: the new SA is deleted while the DELETE of the old one is awaited', () => {
  const { sim, a, b, ab, ba } = scene();
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  const half = b.status()[0]?.children.find(({ id }) => id !== onlyOldest(b));
  b.terminate({ childId: half?.id ?? -1 });
  ba.pass(INFO, 'request');
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
});

function onlyOldest(host: Host): number {
  return Math.min(...(host.status()[0]?.children.map(({ id }) => id) ?? []));
}

test('regular_delete_timeout: the DELETE is never answered, and the replaced child goes down once', () => {
  const { sim, a, b, ab, ba } = scene();
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  sim.unwatch();
  sim.run(400 * SECOND);
  assert.equal(a.status().length, 0, 'the peer is dead');
  assert.equal(a.eventsOf('child-down').length, 1);
  assert.equal(a.eventsOf('child-rekey').length, 1);
  a.backEnd.assertEmpty('a');
  assert.equal(b.status().length, 1);
});

test('what the peer deleted while it was being installed takes along what it was to replace', () => {
  const made = scene();
  const { sim, a, b, ab, ba } = made;
  const old = onlyChild(b).id;
  // b makes the redundant SA, and deletes it.
  bothRekey(made, POSITIONS[2]);
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  a.backEnd.latency = SECOND;
  ba.pass(CREATE, 'response');
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  sim.unwatch();
  b.expire(old, true);
  b.terminate(NET);
  ba.pass(INFO, 'request');
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
});

test('a user who deletes what the peer replaces twice meanwhile is obeyed, and it goes down once', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  const old = onlyChild(a).id;
  b.rekey(NET);
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  a.terminate({ childId: old });
  ab.lose(INFO, 'request');
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  b.rekey(NET);
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
  assert.equal(a.eventsOf('child-down').length, 1);
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
      const { won, lost } = sides(made, position.loser);
      ab.pass(CREATE, 'response');
      ba.pass(CREATE, 'response');
      const winner = won.backEnd.outbound('net')?.sa;
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assert.equal(onlyChild(won).id, winner?.id, 'the exchange without the lowest nonce remains');
      assert.equal(onlyChild(lost).spiIn, winner?.spiOut);
      assert.deepEqual(gaps, []);
      for (const host of [a, b]) {
        assert.equal(host.eventsOf('child-rekey').length, 1);
        assert.equal(host.eventsOf('child-down').length, 0);
        assert.equal(host.eventsOf('failed').length, 0);
        assert.equal(host.provider.unused, 0);
      }
      assertEnds(sim, a);
    });

    test(`collision_delayed_response: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba, gaps } = made;
      bothRekey(made, position);
      ab.pass(CREATE, 'request');
      ba.pass(CREATE, 'request');
      // b has both answers; the one to a is late
      ab.pass(CREATE, 'response');
      ba.pass(INFO, 'request');
      ab.pass(INFO, 'response');
      sim.run(SECOND);
      ba.pass(CREATE, 'response');
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assert.deepEqual(gaps, []);
      assertEnds(sim, b);
    });

    test(`collision_delayed_request: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba, gaps } = made;
      bothRekey(made, position);
      ba.pass(CREATE, 'request');
      ab.pass(CREATE, 'response');
      // b has finished and sent its DELETE when the request of a arrives
      ab.pass(CREATE, 'request');
      ba.pass(CREATE, 'response');
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assert.deepEqual(gaps, []);
      assert.equal(a.eventsOf('failed').length, 0, 'no failure: the peer has done it');
      assert.deepEqual(a.status()[0]?.tasksQueued, []);
      const before = ab.recorded.length;
      sim.run(60 * SECOND);
      assert.equal(ab.recorded.length, before, 'and no second try');
    });

    test(`collision_delayed_request_more: ${title}`, () => {
      const made = scene({ begunBy });
      const { sim, a, b, ab, ba, gaps } = made;
      bothRekey(made, position);
      ba.pass(CREATE, 'request');
      ab.pass(CREATE, 'response');
      ba.pass(INFO, 'request');
      ab.pass(INFO, 'response');
      // the old one is gone at both ends
      ab.pass(CREATE, 'request');
      ba.pass(CREATE, 'response');
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assert.deepEqual(gaps, []);
      assert.equal(a.eventsOf('child-up').length, 1, 'nothing was made from scratch');
    });
  }
}

for (const position of POSITIONS) {
  for (const end of ['a', 'b'] as const) {
    test(`the old SA expires for good at ${end} in a collision where ${position.lowest} is the lowest`, () => {
      const made = scene();
      const { sim, a, b, ab, ba, gaps } = made;
      const old = onlyChild(made[end]).id;
      bothRekey(made, position);
      ab.pass(CREATE, 'request');
      ba.pass(CREATE, 'request');
      sim.unwatch();
      made[end].expire(old, true);
      ab.flow();
      ba.flow();
      assertSettles(sim, a, b);
      assert.deepEqual(gaps, []);
      for (const host of [a, b]) {
        assert.equal(host.eventsOf('child-rekey').length, 1);
        assert.equal(host.eventsOf('child-up').length, 1);
      }
      assertEnds(sim, a);
    });
  }
}

test('collision_delayed_response_delete: what the peer deleted before its answer came is never installed', () => {
  const made = scene();
  const { sim, a, b, ab, ba } = made;
  // b wins, so that its half of the exchange of a is the redundant one
  bothRekey(made, POSITIONS[0]);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'request');
  const redundant = Math.max(...b.backEnd.sas.keys());
  ab.pass(CREATE, 'response');
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  b.terminate({ childId: redundant });
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  const installed = a.backEnd.history.filter(line => line.startsWith('install')).length;
  ba.pass(CREATE, 'response');
  ab.flow();
  ba.flow();
  assertSettles(sim, a, b);
  assert.equal(a.backEnd.history.filter(line => line.startsWith('install')).length, installed);
});

test('collision_delayed_request_more_delete: nor is anything made when the successor is gone too', () => {
  const made = scene();
  const { sim, a, b, ab, ba } = made;
  bothRekey(made, POSITIONS[0]);
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  sim.unwatch();
  b.terminate(NET);
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
  sim.run(60 * SECOND);
  assertChildless(sim, a, b);
});

for (const position of POSITIONS) {
  test(`collision_ke_invalid: both guess wrong, ${position.lowest} of the second tries is the lowest`, () => {
    const made = scene({ a: { children: TWO_GROUPS.a }, b: { children: mirror(TWO_GROUPS.b) } });
    const { sim, a, b, ab, ba, gaps } = made;
    a.provider.script(nonce(8));
    b.provider.script(nonce(8));
    a.rekey(NET);
    b.rekey(NET);
    ab.pass(CREATE, 'request');
    ba.pass(CREATE, 'request');
    for (const [host, octets] of [
      [a, position.a],
      [b, position.b],
    ] as const)
      host.provider.script(...octets.map(nonce));
    ab.pass(CREATE, 'response');
    ba.pass(CREATE, 'response');
    ab.pass(CREATE, 'request');
    ba.pass(CREATE, 'request');
    ab.flow();
    ba.flow();
    assertSettles(sim, a, b);
    assert.deepEqual(gaps, []);
    for (const host of [a, b]) assert.equal(host.provider.unused, 0);
  });
}

for (const [when, more] of [
  ['while the old SA is being deleted', false],
  ['after it is gone', true],
] as const) {
  test(`collision_ke_invalid_delayed_retry: one second try arrives ${when}`, () => {
    const made = scene({ a: { children: TWO_GROUPS.a }, b: { children: mirror(TWO_GROUPS.b) } });
    const { sim, a, b, ab, ba, gaps } = made;
    a.rekey(NET);
    b.rekey(NET);
    ab.pass(CREATE, 'request');
    ba.pass(CREATE, 'request');
    ab.pass(CREATE, 'response');
    ba.pass(CREATE, 'response');
    ba.pass(CREATE, 'request');
    ab.pass(CREATE, 'response');
    if (more) {
      ba.pass(INFO, 'request');
      ab.pass(INFO, 'response');
    }
    ab.pass(CREATE, 'request');
    ba.pass(CREATE, 'response');
    ab.flow();
    ba.flow();
    assertSettles(sim, a, b);
    assert.deepEqual(gaps, []);
  });
}

test('collision_delete: a delete beats a rekey of the same SA', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  a.rekey(NET);
  b.terminate(NET);
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  assertChildless(sim, a, b);
  sim.run(60 * SECOND);
  assert.deepEqual(ab.waiting, [], 'nothing is tried again');
  assert.equal(a.eventsOf('child-down').length, 1);
});

test('collision_delete: the delete arrives before the refusal of the rekey', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  a.rekey(NET);
  b.terminate(NET);
  ba.pass(INFO, 'request');
  ab.pass(CREATE, 'request');
  ab.pass(INFO, 'response');
  ba.pass(CREATE, 'response');
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
  assert.equal(a.eventsOf('child-down').length, 1);
});

test('collision_delete_drop_delete: the rekey is put off, then finds the SA gone', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  a.rekey(NET);
  b.terminate(NET);
  ba.lose(INFO, 'request');
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'response');
  assert.equal(onlyChild(a).state, 'INSTALLED', 'to be rekeyed later');
  // The DELETE comes again.
  ab.flow();
  ba.flow();
  sim.run(5 * SECOND);
  assertChildless(sim, a, b);
  const before = ab.recorded.length;
  sim.run(120 * SECOND);
  assert.equal(ab.recorded.length, before, 'nothing is left to rekey');
});

test('collision_delete_drop_rekey: the rekey arrives when the SA is gone, and none is made', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  a.rekey(NET);
  ab.lose(CREATE, 'request');
  b.terminate(NET);
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  ab.flow();
  ba.flow();
  sim.run(60 * SECOND);
  assertChildless(sim, a, b);
  assert.equal(a.eventsOf('child-up').length, 1);
});

test('collision_delete_delayed_response: a DELETE comes before the answer that would have made the SA known', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  const made = Math.max(...b.backEnd.sas.keys());
  b.terminate({ childId: made });
  ba.pass(INFO, 'request');
  ab.pass(INFO, 'response');
  ba.pass(CREATE, 'response');
  assert.equal(a.backEnd.sas.size, 1, 'it is not installed');
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
});

test('a user who deletes the child by name while the peer rekeys it is obeyed', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  a.rekey(NET);
  ab.pass(CREATE, 'request');
  b.terminate(NET);
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
});

test('a user who deletes the child while this end rekeys it is obeyed once that is through', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  a.rekey(NET);
  a.terminate(NET);
  ab.flow();
  ba.flow();
  assertChildless(sim, a, b);
});

test('collision_ike_rekey: both are put off, and the child is rekeyed in the end', () => {
  const { sim, a, b, ab, ba, gaps } = scene();
  const before = { ike: b.status()[0]?.id, spi: onlyChild(a).spiIn };
  a.rekey(NET);
  b.rekey({ connection: 'site', ike: before.ike ?? -1 });
  ab.pass(CREATE, 'request');
  ba.pass(CREATE, 'request');
  ab.pass(CREATE, 'response');
  ba.pass(CREATE, 'response');
  assert.deepEqual([...ab.waiting, ...ba.waiting], [], 'neither goes on at once');
  ab.flow();
  ba.flow();
  sim.run(120 * SECOND);
  assertSettles(sim, a, b);
  assert.notEqual(b.status()[0]?.id, before.ike);
  assert.notEqual(onlyChild(a).spiIn, before.spi);
  assert.deepEqual(gaps, []);
});

test('collision_ike_delete: the IKE SA goes, and the child with it', () => {
  const { sim, a, b, ab, ba } = scene();
  sim.unwatch();
  a.rekey(NET);
  b.terminate({ connection: 'site' });
  ab.pass(CREATE, 'request');
  ba.pass(INFO, 'request');
  ab.flow();
  ba.flow();
  sim.quiet();
  sim.run(10 * SECOND);
  sim.assertEmpty();
  for (const host of [a, b]) assert.equal(host.eventsOf('child-down').length, 1);
});

function mirror(children: readonly ReturnType<typeof child>[]) {
  return children.map(one => ({ ...one, localTs: one.remoteTs, remoteTs: one.localTs }));
}
