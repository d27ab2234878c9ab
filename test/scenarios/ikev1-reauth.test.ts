import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V1Notify } from '../../src/iana/ikev1.ts';
import type { IkeSaStatus } from '../../src/ike/output.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { HOUR, MINUTE, SECOND } from '../../src/lib/time.ts';
import { assertEnds, assertSettled, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import type { Pair, PairOptions } from '../sim/pair.ts';
import { certified, childV1, connectedV1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import { cookiesOf, deleteOfChild, deleteOfIsakmp, notifyOf } from '../sim/scripted-peer-v1.ts';

/* An ISAKMP SA is not rekeyed but made anew (RFC 2409 has nothing else); its children go on meanwhile. */

const AGGRESSIVE = { both: { aggressive: true }, settings: { allowAggressivePsk: true } } as const;

/** Two that have a child, and whose packets arrive all the while. */
function steady(options: PairOptions = {}): Pair & { readonly gaps: readonly unknown[] } {
  const made = connectedV1(options);
  const { sim, a, b } = made;
  assertSettles(
    sim,
    a,
    b,
    options.children?.map(({ name }) => name),
  );
  return { ...made, gaps: sim.watch(a, b, 'net') };
}

function cookies(host: Host): bigint {
  return onlyIke(host).initiatorSpi;
}

for (const [what, options] of [
  ['a shared key', {}],
  ['aggressive mode', AGGRESSIVE],
  ['signatures', certified({ name: 'moon' }, { name: 'sun' })],
] as const) {
  for (const by of ['a', 'b'] as const) {
    test(`${what}: made anew by ${by}, the children stay as they are`, () => {
      const made = steady(options);
      const { sim, a, b, gaps } = made;
      const [before, kept] = [cookies(a), onlyChild(a)];
      for (let time = 0; time < 3; time++) {
        made[by].rekey({ ike: onlyIke(made[by]).id });
        sim.quiet();
        sim.run(MINUTE);
        assertSettled(sim, a, b);
      }
      assert.notEqual(cookies(a), before);
      assert.deepEqual([onlyChild(a).id, onlyChild(a).spiIn], [kept.id, kept.spiIn]);
      assert.deepEqual(gaps, []);
      for (const host of [a, b]) assert.equal(host.eventsOf('child-down').length, 0);
      assertEnds(sim, a);
    });
  }
}

test('several children move, one of them in the middle of its rekey', () => {
  const names = ['net', 'web', 'dns'];
  const children = names.map((name, i) =>
    childV1({ name, localTs: [subnetOf(1, i)], remoteTs: [subnetOf(2, i)] }),
  );
  const made = steady({ children });
  const { sim, a, b, gaps } = made;
  a.rekey({ child: 'web' });
  a.rekey({ ike: onlyIke(a).id });
  sim.quiet();
  sim.run(2 * MINUTE);
  assertSettled(sim, a, b, names);
  assert.deepEqual(gaps, []);
});

function subnetOf(side: number, i: number) {
  return {
    start: Uint8Array.of(10, side, i, 0),
    end: Uint8Array.of(10, side, i, 255),
    protocol: 0,
    startPort: 0,
    endPort: 65_535,
  };
}

test('the lifetime of phase 1 is kept to, by the end that began; the child goes on for hours', () => {
  const { sim, a, b, gaps } = steady({ both: { reauthTime: 30 * MINUTE, overTime: 3 * MINUTE } });
  const seen = new Set<bigint>();
  for (let i = 0; i < 20; i++) {
    sim.run(10 * MINUTE);
    seen.add(liveIke(a).initiatorSpi);
    assert.equal(liveIke(a).role, 'initiator');
  }
  sim.quiet();
  assert.ok(seen.size >= 6, `${seen.size} SAs`);
  assert.deepEqual(gaps, []);
  assert.equal(a.eventsOf('child-down').length + b.eventsOf('child-down').length, 0);
});

function liveIke(host: Host): IkeSaStatus {
  const [ike, ...others] = host.status().filter(({ state }) => state === 'ESTABLISHED');
  assert.ok(ike !== undefined && others.length === 0);
  return ike;
}

test('the responder makes it anew where the initiator does not', () => {
  const { sim, a, b, gaps } = steady({
    a: { reauthTime: 10 * HOUR },
    b: { reauthTime: 30 * MINUTE, overTime: 3 * MINUTE },
  });
  const before = cookies(a);
  sim.run(HOUR);
  assert.notEqual(liveIke(b).initiatorSpi, before);
  assert.deepEqual(gaps, []);
});

test('both ends make it anew at once: one SA is left, and no packet is lost', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const { sim, a, b, ab, ba, gaps } = steady({ seed });
    ab.hold();
    ba.hold();
    a.rekey({ ike: onlyIke(a).id });
    b.rekey({ ike: onlyIke(b).id });
    ab.flow();
    ba.flow();
    sim.quiet();
    sim.run(5 * MINUTE);
    assertSettled(sim, a, b);
    assert.deepEqual(gaps, []);
  }
});

test('a third of all packets is lost while it is made anew', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const { sim, a, b, ab, ba, gaps } = steady({ seed });
    const calm = ab.weather;
    for (const direction of [ab, ba]) direction.weather = { ...calm, loss: 0.33, duplicate: 0.2, jitter: 60 };
    a.rekey({ ike: onlyIke(a).id });
    sim.run(4 * MINUTE);
    for (const direction of [ab, ba]) direction.weather = calm;
    sim.quiet();
    sim.run(10 * MINUTE);
    assertSettled(sim, a, b);
    assert.deepEqual(gaps, []);
  }
});

test('it cannot be made anew: the old one is used to its end, and tried again before', () => {
  const { sim, a, b, ab } = steady({ both: { reauthTime: 30 * MINUTE, overTime: 30 * MINUTE } });
  const before = cookies(a);
  // First messages alone are lost.
  ab.script = ({ content }) =>
    content.kind === 'ike' &&
    content.datagram[18] === 2 &&
    content.datagram.subarray(8, 16).every(octet => octet === 0)
      ? 'drop'
      : 'pass';
  sim.run(40 * MINUTE);
  assert.equal(liveIke(a).initiatorSpi, before);
  ab.script = () => 'pass';
  sim.run(25 * MINUTE);
  assert.notEqual(liveIke(a).initiatorSpi, before);
  assert.equal(b.eventsOf('child-down').length, 0);
});

test('the peer deletes the ISAKMP SA alone: another one is made, and the child never stops', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.establish();
  const { spiIn } = peer.quick();
  const kept = onlyChild(a).id;
  peer.inform([deleteOfIsakmp(peer.current)]);
  sim.run(SECOND);
  assert.equal(a.status()[0]?.state, 'DELETING');
  assert.equal(a.status()[0]?.children[0]?.id, kept);
  sim.run(30 * SECOND);
  assert.equal(liveIke(a).role, 'initiator');
  assert.equal(onlyChild(a).id, kept);
  assert.ok(a.backEnd.sas.get(kept)?.sa.spiOut === spiIn);
});

test('the peer deletes the child after its ISAKMP SA: both are gone, and nothing comes instead', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.establish();
  const { spiIn } = peer.quick();
  peer.inform([deleteOfIsakmp(peer.current)]);
  sim.run(SECOND);
  peer.inform([deleteOfChild(spiIn)]);
  sim.run(5 * MINUTE);
  assert.deepEqual(a.status(), []);
  assert.equal(a.backEnd.sas.size, 0);
});

test('the peer makes it anew and deletes the old one, as most do: the child moves', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.establish();
  peer.quick();
  const kept = onlyChild(a).id;
  const old = peer.current;
  const fresh = peer.establish();
  sim.run(SECOND);
  peer.sa = old;
  peer.inform([deleteOfIsakmp(old)]);
  sim.run(SECOND);
  peer.sa = fresh;
  assert.equal(onlyIke(a).initiatorSpi, fresh.initiatorSpi);
  assert.equal(onlyChild(a).id, kept);
  // And it can be deleted by the new one.
  const [child] = peer.children;
  peer.inform([deleteOfChild(child?.spiIn ?? 0)]);
  sim.run(SECOND);
  assert.equal(onlyIke(a).children.length, 0);
});

test('INITIAL-CONTACT: what the peer had with us before is gone at once', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.establish();
  peer.quick();
  const first = peer.current;
  const next = peer.establish();
  peer.inform([notifyOf(V1Notify.INITIAL_CONTACT, EMPTY, { spi: cookiesOf(next) })]);
  sim.run(SECOND);
  assert.equal(onlyIke(a).initiatorSpi, next.initiatorSpi);
  assert.notEqual(next.initiatorSpi, first.initiatorSpi);
  assert.equal(onlyIke(a).children.length, 0);
  assert.equal(a.backEnd.sas.size, 0);
});

for (const unique of ['replace', 'no', 'keep'] as const) {
  test(`unique ${unique}: an end that has lost all it had says so, and the old SA goes`, () => {
    const { sim, a, b } = connectedV1({ both: { unique } });
    const before = onlyIke(b).id;
    a.act((engine, now) => engine.abandon({}, now).outputs);
    assert.equal(a.status().length, 0);
    a.initiate('site', 'net');
    sim.quiet();
    assert.equal(
      b.status().some(({ id }) => id === before),
      false,
    );
    sim.run(MINUTE);
    assertSettled(sim, a, b);
  });
}

test('unique keep: the end that is there may make its SA anew', () => {
  const { sim, a, b, gaps } = steady({ both: { unique: 'keep' } });
  const before = cookies(a);
  a.rekey({ ike: onlyIke(a).id });
  sim.quiet();
  sim.run(MINUTE);
  assertSettled(sim, a, b);
  assert.notEqual(cookies(a), before);
  assert.deepEqual(gaps, []);
});

test('taken down while it is made anew: nothing is left', () => {
  for (let after = 5; after < 120; after += 10) {
    // Between the last two messages of phase 1 the peer cannot be told: it finds out by asking.
    const { sim, a, b } = steady({ b: { dpdDelay: 30 * SECOND } });
    sim.unwatch();
    a.rekey({ ike: onlyIke(a).id });
    sim.run(after);
    a.terminate({});
    sim.quiet();
    sim.run(5 * MINUTE);
    assert.deepEqual(
      [a, b].flatMap(host => host.status()),
      [],
      `${after} ms after`,
    );
    sim.assertEmpty();
  }
});
