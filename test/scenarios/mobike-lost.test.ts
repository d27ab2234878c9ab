import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp, ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { Nat } from '../sim/network.ts';
import { labelOf, type Packet } from '../sim/packet.ts';
import { ADDRESS_A, ADDRESS_B, type Pair, type PairOptions, pair } from '../sim/pair.ts';

// What the random runs have found, one thing at a time: messages are lost, and where the ends are is another place meanwhile.

const SECOND_A = ip('192.0.2.11');
const THIRD_A = ip('203.0.113.5');
const SECOND_B = ip('198.51.100.22');
const OUTSIDE = ip('203.0.113.7');

function up(options: PairOptions = {}, before: (made: Pair) => void = () => undefined): Pair {
  const made = pair({ ...options, both: { mobike: true, ...options.both } });
  made.a.roam(ADDRESS_A);
  made.b.roam(ADDRESS_B);
  before(made);
  made.a.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
  return made;
}

/** Both ends, and all that they have installed, agree on where they are. */
function assertAt({ a, b }: Pair, atA: Uint8Array, atB: Uint8Array): void {
  const text = ({ path: { local, remote } }: Pick<ReturnType<typeof onlyIke>, 'path'>): string =>
    `${formatIp(local.address)} ${formatIp(remote.address)}`;
  for (const [host, local, remote] of [
    [a, atA, atB],
    [b, atB, atA],
  ] as const)
    for (const one of [onlyIke(host), ...host.backEnd.sas.values()])
      assert.equal(text(one), `${formatIp(local)} ${formatIp(remote)}`, host.name);
}

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

test('the answer to a rekey of the IKE SA is lost, and a moves: the SA that b knows tells of it too', () => {
  const made = up();
  const { a, b, sim } = made;
  loseAnswer(made, 'a');
  a.roam(SECOND_A);
  sim.run(20 * SECOND);
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A, ADDRESS_B);
  assertEnds(sim, a);
});

test('a has moved already, and had no turn to say so', () => {
  const made = up({ a: { dpdDelay: 30 * SECOND } });
  const { a, b, ab, sim } = made;
  ab.script = () => 'drop';
  sim.until(() => a.status().some(({ tasksActive }) => tasksActive.includes('liveness')));
  // Its first address can still be sent to, but not from.
  a.paths = ({ path }) => [{ ...path, local: { ...path.local, address: SECOND_A } }];
  a.roam(SECOND_A, ADDRESS_A);
  loseAnswer(made, 'a');
  a.roam(SECOND_A);
  sim.run(20 * SECOND);
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A, ADDRESS_B);
  assertEnds(sim, a);
});

test('the answer to a rekey of the IKE SA is lost, and b moves to where nobody looks for it', () => {
  const made = up();
  const { a, b, sim } = made;
  loseAnswer(made, 'b');
  b.roam(SECOND_B);
  sim.run(20 * SECOND);
  assertSettles(sim, a, b);
  assertAt(made, ADDRESS_A, SECOND_B);
  assertEnds(sim, a);
});

for (const mobike of [true, false]) {
  test(`the answer to a rekey of the IKE SA is lost, and a NAT gives another port, ${mobike ? 'with' : 'without'} MOBIKE`, () => {
    const nat = new Nat(OUTSIDE, [ADDRESS_A]);
    const made = up({ both: { mobike, dpdDelay: 20 * SECOND } }, ({ sim }) => sim.network.addNat(nat));
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
  const made = up();
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
  const made = up({}, ({ b }) => b.roam(ADDRESS_B, SECOND_B));
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
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A, ADDRESS_B);
  assertEnds(sim, a);
});

test('the responder finds another way to us than it was led: we follow', () => {
  const made = up({ a: { dpdDelay: 20 * SECOND } }, ({ a }) => a.roam(ADDRESS_A, SECOND_A));
  const { a, b, ba, sim } = made;
  const toFirst = ({ to }: Packet): boolean => formatIp(to.address) === formatIp(ADDRESS_A);
  // Requests alone: what a asks is answered.
  ba.script = packet => (toFirst(packet) && labelOf(packet)?.response === false ? 'drop' : 'pass');
  b.roam(ADDRESS_B, SECOND_B);
  sim.run(MINUTE);
  ba.flow();
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A, ADDRESS_B);
  assertEnds(sim, a);
});

test('the responder finds another way to us, which is gone before it can say so: where a list comes from is a way too', () => {
  const made = up();
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
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A, ADDRESS_B);
  assertEnds(sim, a);
});

test('a peer that was away for a while tells its addresses: what it has not answered is sent again at once', () => {
  const made = up({ b: { dpdDelay: 30 * SECOND } });
  const { a, b, sim } = made;
  a.roam();
  sim.run(2 * MINUTE);
  assert.deepEqual(onlyIke(b).tasksActive, ['liveness']);
  a.roam(ADDRESS_A, SECOND_A);
  sim.run(SECOND);
  assert.deepEqual(onlyIke(b).tasksActive, []);
  assertSettles(sim, a, b);
  assertAt(made, ADDRESS_A, ADDRESS_B);
  assertEnds(sim, a);
});
