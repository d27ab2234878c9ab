import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp, ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { child } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import {
  assertAt,
  assertEndsAt,
  connectedMobile,
  ends,
  mobile,
  OUTSIDE,
  SECOND_A,
  SECOND_B,
  THIRD_A,
} from '../sim/mobile.ts';
import { Nat } from '../sim/network.ts';
import { labelOf } from '../sim/packet.ts';
import { ADDRESS_A, ADDRESS_B, byTcp } from '../sim/pair.ts';

test('both say so in IKE_AUTH, and go to the port of NAT traversal at once (RFC 4555 §3.3)', () => {
  const made = connectedMobile();
  for (const host of [made.a, made.b]) {
    assert.equal(onlyIke(host).mobike, true);
    assert.equal(onlyIke(host).path.local.port, 4500);
    assert.equal(onlyChild(host).udpEncapsulation, false);
  }
  assertEnds(made.sim, made.a);
});

for (const off of ['a', 'b'] as const) {
  test(`where ${off} does not want it there is none, and no word of it from there`, () => {
    const made = connectedMobile({ [off]: { mobike: false }, settings: { traceMessages: true } });
    assert.equal(onlyIke(made.a).mobike, undefined);
    assert.equal(onlyIke(made.b).mobike, undefined);
    const said = made[off].eventsOf('message').filter(({ direction }) => direction === 'out');
    assert.equal(said.filter(({ text }) => text.includes('MOBIKE')).length, 0);
    assert.equal(onlyIke(made.a).path.local.port, off === 'a' ? 500 : 4500);
  });
}

test('the initiator moves: IKE and ESP follow, with the SPIs that they had', () => {
  const made = connectedMobile();
  const { a, b, sim } = made;
  const before = [onlyChild(a).spiIn, onlyChild(a).spiOut, onlyIke(a).id];
  a.roam(SECOND_A);
  sim.quiet();
  assertAt(made, SECOND_A);
  assert.deepEqual([onlyChild(a).spiIn, onlyChild(a).spiOut, onlyIke(a).id], before);
  assert.equal(onlyChild(b).udpEncapsulation, false);
  for (const host of [a, b]) assert.equal(host.eventsOf('ike-update').length, 1);
  assertEnds(sim, a);
});

test('there and back again, ten times', () => {
  const made = connectedMobile();
  for (let time = 0; time < 10; time++) {
    made.a.roam(time % 2 === 0 ? SECOND_A : ADDRESS_A);
    made.sim.quiet();
    assertAt(made, time % 2 === 0 ? SECOND_A : ADDRESS_A);
  }
  assertEnds(made.sim, made.a);
});

test('the responder sends nothing to a new address before it has shown that it is heard there', () => {
  const made = connectedMobile();
  const { a, b, ba, sim } = made;
  const oldPath = b.backEnd.outbound('net')?.path;
  ba.hold();
  a.roam(SECOND_A);
  sim.run(SECOND);
  assert.deepEqual(ba.waiting, ['INFORMATIONAL response', 'INFORMATIONAL request']);
  assert.deepEqual(onlyIke(b).path.remote.address, SECOND_A);
  assert.deepEqual(b.backEnd.outbound('net')?.path, oldPath);
  ba.flow();
  sim.quiet();
  assertAt(made, SECOND_A);
});

test('no packet that was under way before the move is lost, nor one after it', () => {
  const made = connectedMobile();
  const { a, b, sim } = made;
  const received = (host: Host): number =>
    [...host.backEnd.sas.values()].reduce((sum, sa) => sum + sa.received, 0);
  const before = received(b);
  for (let count = 0; count < 50; count++) {
    a.sendPacket('net');
    if (count === 20) a.roam(SECOND_A);
    sim.run(5);
  }
  sim.quiet();
  assert.equal(received(b) - before, 50);
});

test('only the port changes, or the address of the responder that is sent to: nothing is to be shown', () => {
  const made = connectedMobile({}, ({ b }) => b.roam(ADDRESS_B, SECOND_B));
  const { a, sim } = made;
  assert.deepEqual(onlyIke(a).remoteAddresses, [formatIp(SECOND_B)]);
  // The first address of b is no longer reached.
  a.paths = ({ path }) => [{ ...path, remote: { ...path.remote, address: SECOND_B } }];
  a.roam(ADDRESS_A);
  sim.quiet();
  assertAt(made, ADDRESS_A, SECOND_B);
  assertEnds(sim, a);
});

for (const lost of ['request', 'response'] as const) {
  test(`the ${lost} of the update is lost: it is sent again, and all is well`, () => {
    const made = connectedMobile();
    const { a, b, sim } = made;
    const direction = lost === 'request' ? made.ab : made.ba;
    direction.hold();
    a.roam(SECOND_A);
    sim.run(SECOND);
    direction.lose('INFORMATIONAL', lost);
    direction.flow();
    assertSettles(sim, a, b);
    assertAt(made, SECOND_A);
  });
}

test('what comes late and out of order changes nothing any more', () => {
  const made = connectedMobile();
  const { a, b, ab, sim } = made;
  ab.hold();
  a.roam(SECOND_A);
  sim.run(SECOND);
  const [old] = ab.held;
  ab.flow();
  sim.quiet();
  a.roam(THIRD_A);
  sim.quiet();
  assert.ok(old !== undefined);
  for (let time = 0; time < 2; time++) {
    sim.network.deliver(old);
    sim.quiet();
    assertAt(made, THIRD_A);
  }
  assertEnds(sim, a);
  assert.equal(b.status().length, 0);
});

test('addresses flap while the update is under way: the last one counts', () => {
  const made = connectedMobile();
  const { a, sim } = made;
  for (let time = 0; time < 27; time++) {
    a.roam([SECOND_A, THIRD_A, ADDRESS_A][time % 3] as Uint8Array);
    sim.run(7);
  }
  assertEndsAt(made, ADDRESS_A);
});

test('with loss, jitter and doubles in both directions', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const made = connectedMobile({ seed });
    const { a, b, ab, ba, sim } = made;
    const weather = { delay: 20, jitter: 200, loss: 0.25, duplicate: 0.2, mtu: Number.POSITIVE_INFINITY };
    ab.weather = weather;
    ba.weather = weather;
    for (let time = 0; time < 6; time++) {
      a.roam([SECOND_A, THIRD_A, ADDRESS_A][time % 3] as Uint8Array);
      if (time === 2) b.rekey({ child: 'net' });
      if (time === 4) a.rekey({ ike: onlyIke(a).id });
      sim.run(3 * MINUTE);
    }
    ab.weather = { ...weather, loss: 0 };
    ba.weather = { ...weather, loss: 0 };
    assertSettles(sim, a, b);
    assertAt(made, ADDRESS_A);
  }
});

for (const [what, target] of [
  ['a child', { child: 'net' }],
  ['the IKE SA', { connection: 'site' }],
] as const) {
  for (const starter of ['a', 'b'] as const) {
    for (const exchange of ['request', 'response'] as const) {
      test(`${starter} rekeys ${what}, and a moves while the ${exchange} is on its way`, () => {
        const made = connectedMobile();
        const { a, b, sim } = made;
        const direction = (starter === 'a') === (exchange === 'request') ? made.ab : made.ba;
        direction.hold();
        made[starter].rekey(target);
        sim.run(SECOND);
        a.roam(SECOND_A);
        sim.run(SECOND);
        direction.flow();
        assertSettles(sim, a, b);
        assertAt(made, SECOND_A);
        assertEnds(sim, a);
      });
    }
  }
}

test('both rekey the IKE SA while a moves', () => {
  const made = connectedMobile();
  const { a, b, ab, ba, sim } = made;
  ab.hold();
  ba.hold();
  a.rekey({ connection: 'site' });
  b.rekey({ connection: 'site' });
  sim.run(SECOND);
  a.roam(SECOND_A);
  sim.run(SECOND);
  ab.flow();
  ba.flow();
  assertEndsAt(made, SECOND_A);
});

test('a move while the back end installs a child', () => {
  const made = connectedMobile();
  const { a, b, sim } = made;
  a.backEnd.latency = 500;
  b.backEnd.latency = 500;
  a.rekey({ child: 'net' });
  sim.run(700);
  a.roam(SECOND_A);
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A);
});

test('whoever began the first of them leads, whoever rekeyed since (RFC 4555 §1.3)', () => {
  const made = connectedMobile();
  const { a, b, sim } = made;
  b.rekey({ connection: 'site' });
  assertSettles(sim, a, b);
  assert.equal(onlyIke(a).role, 'responder');
  a.roam(SECOND_A);
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A);
  b.roam(SECOND_B);
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A, SECOND_B);
});

test('the responder moves: it tells its new address, and the initiator follows', () => {
  const made = connectedMobile();
  const { b } = made;
  b.roam(SECOND_B);
  assertEndsAt(made, ADDRESS_A, SECOND_B);
});

test('a further address of either is told, and one that goes too', () => {
  const made = connectedMobile();
  const { a, b, sim } = made;
  b.roam(ADDRESS_B, SECOND_B);
  a.roam(ADDRESS_A, SECOND_A, THIRD_A);
  sim.quiet();
  assert.deepEqual(onlyIke(a).remoteAddresses, [formatIp(SECOND_B)]);
  assert.deepEqual(onlyIke(b).remoteAddresses, [formatIp(SECOND_A), formatIp(THIRD_A)]);
  b.roam(ADDRESS_B);
  a.roam(ADDRESS_A);
  sim.quiet();
  assert.equal(onlyIke(a).remoteAddresses, undefined);
  assert.equal(onlyIke(b).remoteAddresses, undefined);
  assertAt(made, ADDRESS_A);
  assert.equal(a.eventsOf('ike-update').length, 0);
});

test('both lose their address at once, and each knows of another of the other', () => {
  const made = connectedMobile({}, ({ a, b }) => {
    a.roam(ADDRESS_A, SECOND_A);
    b.roam(ADDRESS_B, SECOND_B);
  });
  const { a, b, sim } = made;
  a.roam(SECOND_A);
  b.roam(SECOND_B);
  sim.run(2 * MINUTE);
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A, SECOND_B);
});

test('the second path is up when the first goes down', () => {
  const made = connectedMobile({}, ({ a }) => a.roam(ADDRESS_A, THIRD_A));
  made.a.roam(THIRD_A);
  assertSettles(made.sim, made.a, made.b);
  assertAt(made, THIRD_A);
});

test('a path dies of which nobody tells: requests go along others, and the SA after them', () => {
  const made = connectedMobile({ both: { dpdDelay: 30 * SECOND } }, ({ a }) => a.roam(ADDRESS_A, THIRD_A));
  const { a, b, sim } = made;
  const isDead = ({ from, to }: { from: { address: Uint8Array }; to: { address: Uint8Array } }): boolean =>
    [from, to].some(({ address }) => formatIp(address) === formatIp(ADDRESS_A));
  for (const direction of [made.ab, made.ba]) direction.script = packet => (isDead(packet) ? 'drop' : 'pass');
  sim.run(2 * MINUTE);
  assertSettles(sim, a, b);
  assertAt(made, THIRD_A);
});

test('the responder is dead at one address and alive at another', () => {
  const made = connectedMobile({ a: { dpdDelay: 30 * SECOND } }, ({ b }) => b.roam(ADDRESS_B, SECOND_B));
  const { a, b, sim } = made;
  const isDead = ({ from, to }: { from: { address: Uint8Array }; to: { address: Uint8Array } }): boolean =>
    [from, to].some(({ address }) => formatIp(address) === formatIp(ADDRESS_B));
  for (const direction of [made.ab, made.ba]) direction.script = packet => (isDead(packet) ? 'drop' : 'pass');
  sim.run(2 * MINUTE);
  assertSettles(sim, a, b);
  assertAt(made, ADDRESS_A, SECOND_B);
});

test('a peer that is dead everywhere is given up as always', () => {
  const made = connectedMobile({ a: { dpdDelay: 30 * SECOND } }, ({ b }) => b.roam(ADDRESS_B, SECOND_B));
  const { a, sim } = made;
  made.ab.script = () => 'drop';
  sim.run(10 * MINUTE);
  assert.equal(a.status().length, 0);
  assert.equal(a.eventsOf('ike-down')[0]?.failure?.code, 'peer/dead');
});

test('no way at all: the SA waits, and goes on when there is one again', () => {
  const made = connectedMobile({ a: { dpdDelay: 30 * SECOND } });
  const { a, b, sim } = made;
  for (let time = 0; time < 2; time++) {
    a.roam();
    sim.run(20 * MINUTE);
    assert.equal(onlyIke(a).state, 'ESTABLISHED');
    const back = time === 0 ? ADDRESS_A : SECOND_A;
    a.roam(back);
    assertSettles(sim, a, b);
    assertAt(made, back);
  }
});

test('into a NAT, out of it, and into another', () => {
  const made = connectedMobile();
  const { a, b, sim } = made;
  const inside = ip('10.0.0.5');
  sim.network.addNat(new Nat(OUTSIDE, [inside]));
  for (let time = 0; time < 2; time++) {
    a.roam(inside);
    assertSettles(sim, a, b);
    assert.deepEqual([onlyIke(a).natLocal, onlyIke(b).natRemote], [true, true]);
    assert.deepEqual(onlyIke(b).path.remote.address, OUTSIDE);
    for (const host of [a, b]) {
      assert.equal(onlyChild(host).udpEncapsulation, true);
      assert.equal(host.backEnd.outbound('net')?.udpEncapsulation, true);
      assert.deepEqual(host.backEnd.outbound('net')?.path, onlyIke(host).path);
    }
    sim.run(MINUTE);
    const keepalives = (): number =>
      made.ab.recorded.filter(({ content }) => content.kind === 'keepalive').length;
    assert.ok(keepalives() >= 2);
    a.roam(SECOND_A);
    assertSettles(sim, a, b);
    assertAt(made, SECOND_A);
    assert.equal(onlyChild(b).udpEncapsulation, false);
    assert.deepEqual([onlyIke(a).natLocal, onlyIke(b).natRemote], [false, false]);
    const count = keepalives();
    sim.run(MINUTE);
    assert.equal(keepalives(), count);
  }
});

test('a NAT gives another port: the check for life shows it, and the peer is told (RFC 4555 §3.8)', () => {
  const made = mobile({ both: { dpdDelay: 30 * SECOND } });
  const { a, b, sim } = made;
  const nat = new Nat(OUTSIDE, [ADDRESS_A]);
  sim.network.addNat(nat);
  a.initiate('site', 'net');
  sim.quiet();
  for (let time = 0; time < 2; time++) {
    const before = onlyIke(b).path.remote.port;
    nat.rebind();
    sim.run(90 * SECOND);
    assertSettles(sim, a, b);
    assert.notEqual(onlyIke(b).path.remote.port, before);
    assert.deepEqual(b.backEnd.outbound('net')?.path, onlyIke(b).path);
  }
});

test('a mere message from elsewhere moves nothing with MOBIKE, and all without it (must-survive R089)', () => {
  for (const mobike of [true, false]) {
    const made = mobile({ both: { mobike } });
    const { a, b, sim } = made;
    const nat = new Nat(OUTSIDE, [ADDRESS_A]);
    sim.network.addNat(nat);
    a.initiate('site', 'net');
    sim.quiet();
    const before = onlyIke(b).path.remote.port;
    nat.rebind();
    a.rekey({ child: 'net' });
    sim.quiet();
    assert.equal(onlyIke(b).path.remote.port !== before, !mobike);
  }
});

test('a connection says where its peer may be: refused there, twice, and it goes on elsewhere', () => {
  const made = connectedMobile({ b: { remoteAddresses: ['192.0.2.0/24'] } });
  const { a, b, sim } = made;
  for (let time = 0; time < 2; time++) {
    a.roam(THIRD_A);
    sim.quiet();
    const [last] = a.eventsOf('failed').slice(-1);
    assert.equal(last?.failure.code, 'peer/address-refused');
    assert.equal(last?.failure.notify, 'UNACCEPTABLE_ADDRESSES');
    assert.equal(b.eventsOf('failed').at(-1)?.failure.code, 'config/address-not-allowed');
    assert.equal(a.eventsOf('failed').length, time + 1);
    assert.deepEqual(onlyIke(b).path.remote.address, time === 0 ? ADDRESS_A : SECOND_A);
    a.roam(SECOND_A);
    assertSettles(sim, a, b);
    assertAt(made, SECOND_A);
  }
  a.roam(THIRD_A, ADDRESS_A);
  assertSettles(sim, a, b);
  assertAt(made, ADDRESS_A);
});

test('a responder that tells its addresses from where it may not be is not followed', () => {
  const made = connectedMobile({ a: { remoteAddresses: [formatIp(ADDRESS_B), '198.51.100.0/24'] } });
  const { a, b, sim } = made;
  b.roam(THIRD_A);
  sim.run(10 * SECOND);
  assert.equal(ends(a), `${formatIp(ADDRESS_A)} ${formatIp(ADDRESS_B)}`);
  b.roam(SECOND_B);
  sim.run(MINUTE);
  assertSettles(sim, a, b);
  assertAt(made, ADDRESS_A, SECOND_B);
});

test('a prefix of our own likewise: what lies outside is not gone to, nor told', () => {
  const made = connectedMobile({ a: { localAddresses: ['192.0.2.0/24'] } });
  const { a, b, sim } = made;
  a.roam(THIRD_A, SECOND_A);
  assertSettles(sim, a, b);
  assertAt(made, SECOND_A);
  assert.equal(onlyIke(b).remoteAddresses, undefined);
});

test('without MOBIKE the initiator makes all anew from its new address', () => {
  const made = connectedMobile({ b: { mobike: false } });
  const { a, b, sim } = made;
  const { id } = onlyIke(a);
  a.resolve = () => ({
    kind: 'path',
    path: { local: { address: SECOND_A, port: 500 }, remote: { address: ADDRESS_B, port: 500 } },
  });
  a.roam(SECOND_A);
  sim.run(5 * MINUTE);
  assert.equal(b.eventsOf('ike-up').length, 2);
  const standing = a.status().filter(({ state }) => state === 'ESTABLISHED');
  assert.equal(standing.length, 1);
  assert.notEqual(standing[0]?.id, id);
  assert.deepEqual(standing[0]?.path.local.address, SECOND_A);
});

test('but not where the address that it keeps is configured', () => {
  const made = connectedMobile({ a: { mobike: false, localAddresses: [formatIp(ADDRESS_A)] } });
  made.a.roam(SECOND_A);
  made.sim.run(MINUTE);
  assert.equal(made.a.eventsOf('ike-up').length, 1);
});

test('a path that works is left for a better one only where that is wished', () => {
  for (const preferBestPath of [false, true]) {
    const made = connectedMobile({ settings: { preferBestPath } });
    made.a.roam(THIRD_A, ADDRESS_A);
    assertSettles(made.sim, made.a, made.b);
    assertAt(made, preferBestPath ? THIRD_A : ADDRESS_A);
  }
});

test('a change that leaves the path as it is can be a reason to ask the peer', () => {
  for (const checkCurrentPath of [false, true]) {
    const made = connectedMobile({ settings: { checkCurrentPath } });
    const before = made.ab.recorded.length;
    made.a.roam(ADDRESS_A);
    made.sim.quiet();
    assert.equal(made.ab.recorded.length - before, checkCurrentPath ? 1 : 0);
  }
});

test('a child between the ends themselves is made anew where they are now', () => {
  const dynamic = { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 } as const;
  for (const mode of ['transport', 'tunnel'] as const) {
    const made = connectedMobile({ children: [child({ mode, localTs: [dynamic], remoteTs: [dynamic] })] });
    const { a, b, sim } = made;
    for (const address of [SECOND_A, ADDRESS_A]) {
      a.roam(address);
      assertSettles(sim, a, b);
      assertAt(made, address);
      assert.deepEqual(onlyChild(a).localTs, [`${formatIp(address)}/32`]);
      assert.deepEqual(onlyChild(b).remoteTs, [`${formatIp(address)}/32`]);
      assert.equal(onlyChild(b).mode, mode);
    }
    assertEnds(sim, a);
  }
});

test('over TCP a change that leaves the address changes nothing, and another address makes all anew', () => {
  const made = connectedMobile({ both: { tcp: 'yes' } });
  const { a, b, sim } = made;
  a.roam(ADDRESS_A, SECOND_A);
  assertSettles(sim, a, b);
  assert.equal(onlyIke(a).path.tcp, true);
  assert.equal(a.eventsOf('ike-up').length, 1);
  a.resolve = () => ({
    kind: 'path',
    path: byTcp({ local: { address: SECOND_A, port: 500 }, remote: { address: ADDRESS_B, port: 500 } }),
  });
  a.roam(SECOND_A);
  sim.run(5 * MINUTE);
  assert.equal(a.eventsOf('ike-up').length, 2);
  assert.deepEqual(onlyIke(a).path.local.address, SECOND_A);
});

for (const exchange of ['IKE_SA_INIT', 'IKE_AUTH'] as const) {
  for (const mobike of [true, false]) {
    test(`the address is another while the answer to ${exchange} is waited for, ${mobike ? 'with' : 'without'} MOBIKE`, () => {
      const made = mobile({ both: { mobike } });
      const { a, b, ab, sim } = made;
      ab.script = packet => (labelOf(packet)?.exchange === exchange ? 'drop' : 'pass');
      a.initiate('site', 'net');
      sim.run(5 * SECOND);
      ab.script = () => 'pass';
      a.resolve = () => ({
        kind: 'path',
        path: { local: { address: SECOND_A, port: 500 }, remote: { address: ADDRESS_B, port: 500 } },
      });
      a.roam(SECOND_A);
      sim.run(MINUTE);
      assertSettles(sim, a, b);
      assertAt(made, SECOND_A);
      assert.equal(a.eventsOf('failed').length, 0);
      if (mobike) assert.deepEqual([onlyIke(a).natLocal, onlyChild(b).udpEncapsulation], [false, false]);
      assertEnds(sim, a);
    });
  }
}
