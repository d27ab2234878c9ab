import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { assertEndsAt, connectedMobile, OUTSIDE, SECOND_A, SECOND_B, THIRD_A } from '../sim/mobile.ts';
import { Nat } from '../sim/network.ts';
import { labelOf, type Packet } from '../sim/packet.ts';
import { ADDRESS_A, ADDRESS_B, type Pair } from '../sim/pair.ts';

// What the random runs have found, one thing at a time: messages are lost, and where the ends are is another place meanwhile.

/** The peer of `host` rekeys the IKE SA, and the answer is lost: only `host` knows of the new one. */
function loseAnswer(made: Pair, host: 'a' | 'b'): void {
  const [out, peer] = host === 'a' ? [made.ab, made.b] : [made.ba, made.a];
  out.script = packet => (isRekeyAnswer(packet) ? 'drop' : 'pass');
  peer.rekey({ connection: 'site' });
  made.sim.run(SECOND);
  out.script = () => 'pass';
  assert.deepEqual(states(made[host]), ['REKEYED', 'ESTABLISHED']);
  assert.deepEqual(states(peer), ['REKEYING']);
}

function states(host: Host): readonly string[] {
  return host.status().map(({ state }) => state);
}

function isRekeyAnswer(packet: Packet): boolean {
  const label = labelOf(packet);
  return label?.exchange === 'CREATE_CHILD_SA' && label.response;
}

for (const [host, place, atA, atB] of [
  ['a', SECOND_A, SECOND_A, ADDRESS_B],
  ['b', SECOND_B, ADDRESS_A, SECOND_B],
] as const)
  test(`the answer to a rekey of the IKE SA is lost, and ${host} moves, who sent it: the SA that the other knows tells of it too`, () => {
    const made = connectedMobile();
    loseAnswer(made, host);
    made[host].roam(place);
    made.sim.run(20 * SECOND);
    assertEndsAt(made, atA, atB);
  });

test('a has moved already, and had no turn to say so', () => {
  const made = connectedMobile({ a: { dpdDelay: 30 * SECOND } });
  const { a, ab, sim } = made;
  ab.script = () => 'drop';
  sim.until(() => a.status().some(({ tasksActive }) => tasksActive.includes('liveness')));
  // Its first address can still be sent to, but not from.
  a.paths = ({ path }) => [{ ...path, local: { ...path.local, address: SECOND_A } }];
  a.roam(SECOND_A, ADDRESS_A);
  loseAnswer(made, 'a');
  a.roam(SECOND_A);
  sim.run(20 * SECOND);
  assertEndsAt(made, SECOND_A, ADDRESS_B);
});

for (const mobike of [true, false]) {
  test(`the answer to a rekey of the IKE SA is lost, and a NAT gives another port, ${mobike ? 'with' : 'without'} MOBIKE`, () => {
    const nat = new Nat(OUTSIDE, [ADDRESS_A]);
    const made = connectedMobile({ both: { mobike, dpdDelay: 20 * SECOND } }, ({ sim }) =>
      sim.network.addNat(nat),
    );
    const { a, b, sim } = made;
    const before = onlyIke(b).path.remote.port;
    loseAnswer(made, 'a');
    nat.rebind();
    sim.run(2 * MINUTE);
    assertSettles(sim, a, b);
    assert.notEqual(onlyIke(b).path.remote.port, before);
    assert.deepEqual(b.backEnd.outbound('net')?.path, onlyIke(b).path);
    for (const host of [a, b]) assert.deepEqual(host.eventsOf('ike-down'), []);
    assertEnds(sim, a);
  });
}

test('a peer that never asks again: the SA before goes without a word, whatever was said there', () => {
  const made = connectedMobile();
  const { a, sim } = made;
  loseAnswer(made, 'a');
  made.b.roam();
  a.roam(SECOND_A);
  sim.run(10 * MINUTE);
  assert.deepEqual(a.status(), []);
  assert.deepEqual(
    a.eventsOf('ike-down').map(({ failure }) => failure?.code),
    ['peer/dead'],
  );
  assert.deepEqual(a.eventsOf('failed'), []);
});

test('an update goes several ways, and the answer comes by another than the peer took: it is said again (RFC 4555 §3.6)', () => {
  const made = connectedMobile({}, ({ b }) => b.roam(ADDRESS_B, SECOND_B));
  const { a, b, ab, ba, sim } = made;
  const isAt = ({ address }: { readonly address: Uint8Array }, place: Uint8Array): boolean =>
    formatIp(address) === formatIp(place);
  // The first that comes to b comes to its second address, and the first answer from its first one.
  let isLate = true;
  ab.script = packet => (isLate && isAt(packet.to, ADDRESS_B) ? 'drop' : 'pass');
  ba.script = packet => (isAt(packet.from, SECOND_B) && labelOf(packet)?.response === true ? 'drop' : 'pass');
  a.roam(SECOND_A);
  sim.until(() => isAt(onlyIke(b).path.local, SECOND_B));
  isLate = false;
  sim.until(() => a.status().every(({ tasksActive }) => tasksActive.length === 0));
  ba.flow();
  sim.run(MINUTE);
  assertEndsAt(made, SECOND_A, ADDRESS_B);
});

test('the responder finds another way to us than it was led: we follow', () => {
  const made = connectedMobile({ a: { dpdDelay: 20 * SECOND } }, ({ a }) => a.roam(ADDRESS_A, SECOND_A));
  const { b, ba, sim } = made;
  const toFirst = ({ to }: Packet): boolean => formatIp(to.address) === formatIp(ADDRESS_A);
  // Requests alone: what a asks is answered.
  ba.script = packet => (toFirst(packet) && labelOf(packet)?.response === false ? 'drop' : 'pass');
  b.roam(ADDRESS_B, SECOND_B);
  sim.run(MINUTE);
  ba.flow();
  assertEndsAt(made, SECOND_A, ADDRESS_B);
});

test('the responder finds another way to us, which is gone before it can say so: where a list comes from is a way too', () => {
  const made = connectedMobile();
  const { a, b, ba, sim } = made;
  const isAt = (address: Uint8Array, place: Uint8Array): boolean => formatIp(address) === formatIp(place);
  // Of what b asks one thing alone arrives: whether a receives there.
  let isAsked = false;
  ba.script = packet => {
    if (labelOf(packet)?.response !== false) return 'pass';
    if (isAsked || isAt(packet.to.address, SECOND_A)) return 'drop';
    isAsked = true;
    return 'pass';
  };
  a.roam(SECOND_A, THIRD_A);
  sim.until(() => isAt(onlyIke(b).path.remote.address, THIRD_A));
  a.roam(SECOND_A);
  sim.run(SECOND);
  ba.flow();
  sim.run(MINUTE);
  assertEndsAt(made, SECOND_A, ADDRESS_B);
});

test('a peer that was away for a while tells its addresses: what it has not answered is sent again at once', () => {
  const made = connectedMobile({ b: { dpdDelay: 30 * SECOND } });
  const { a, b, sim } = made;
  a.roam();
  sim.run(2 * MINUTE);
  assert.deepEqual(onlyIke(b).tasksActive, ['liveness']);
  a.roam(ADDRESS_A, SECOND_A);
  sim.run(SECOND);
  assert.deepEqual(onlyIke(b).tasksActive, []);
  assertEndsAt(made, ADDRESS_A, ADDRESS_B);
});
