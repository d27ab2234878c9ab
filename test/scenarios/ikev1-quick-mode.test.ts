import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { V1PayloadType } from '../../src/iana/ikev1.ts';
import { HOUR, MINUTE, SECOND } from '../../src/lib/time.ts';
import type { ChildConfig } from '../../src/policy/connection.ts';
import { mirrored, subnet } from '../sim/configuration.ts';
import {
  assertChildless,
  assertEnds,
  assertSettled,
  assertSettles,
  onlyChild,
  onlyIke,
} from '../sim/ends.ts';
import { CALM } from '../sim/network.ts';
import type { PairOptions } from '../sim/pair.ts';
import { childV1, connectedV1, pairV1, withScriptedPeerV1 } from '../sim/pair-v1.ts';

/* IPsec SAs of IKEv1: how they come to be, are renewed and go, whatever the network does meanwhile. */

/** A quarter of an hour, as peers of the old days had it. */
const SHORT = { rekeyTime: 12 * MINUTE, lifeTime: 15 * MINUTE, randTime: MINUTE } as const;

for (const [name, child, proposal] of [
  ['AES-GCM', { proposals: parseProposals('aes256gcm16', 'esp') }, 'aes256gcm16'],
  ['AES-CCM', { proposals: parseProposals('aes128ccm12', 'esp') }, 'aes128ccm12'],
  ['AES-CTR', { proposals: parseProposals('aes192ctr-sha384', 'esp') }, 'aes192ctr-sha384'],
  ['AES-GMAC', { proposals: parseProposals('aes128gmac', 'esp') }, 'aes128gmac'],
  ['no encryption', { proposals: parseProposals('null-sha256', 'esp') }, 'null-sha256'],
  ['Camellia', { proposals: parseProposals('camellia256-sha512', 'esp') }, 'camellia256-sha512'],
  ['triple DES', { proposals: parseProposals('3des-sha1', 'esp') }, '3des-sha1'],
  ['SHA2-256 cut short', { proposals: parseProposals('aes128-sha256_96', 'esp') }, 'aes128-sha256_96'],
  ['PFS', { proposals: parseProposals('aes128-sha256-modp2048', 'esp') }, 'aes128-sha256-modp2048'],
  [
    'extended sequence numbers',
    { proposals: parseProposals('aes128-sha256-esn', 'esp') },
    'aes128-sha256-esn',
  ],
  ['AH', { protocol: 'ah', proposals: parseProposals('sha256', 'ah') }, 'sha256'],
  ['AH with GMAC', { protocol: 'ah', proposals: parseProposals('aes128gmac', 'ah') }, 'aes128gmac'],
  ['transport mode', { mode: 'transport', localTs: [ANY_HOST()], remoteTs: [ANY_HOST()] }, 'aes128gcm16'],
] as readonly (readonly [string, Partial<ChildConfig>, string])[]) {
  test(`a child with ${name}`, () => {
    const { sim, a, b } = pairV1({ children: [childV1(child)] });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.equal(onlyChild(a).proposal, proposal);
    assert.equal(onlyChild(b).proposal, proposal);
    assertEnds(sim, a);
  });
}

/** `dynamic`: the end of the IKE SA itself. */
function ANY_HOST(): ChildConfig['localTs'][number] {
  return { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 };
}

test('the peer chooses among several algorithms, by its own order', () => {
  const { sim, a, b } = pairV1({
    a: { children: [childV1({ proposals: parseProposals('aes128-aes256-sha256-sha512', 'esp') })] },
    b: { children: [mirrored(childV1({ proposals: parseProposals('aes256gcm16, aes256-sha512', 'esp') }))] },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyChild(a).proposal, 'aes256-sha512');
});

test('a group that the peer refuses is followed by the next one', () => {
  const { sim, a, b } = pairV1({
    a: { children: [childV1({ proposals: parseProposals('aes128-sha256-ecp384-ecp256', 'esp') })] },
    b: { children: [mirrored(childV1({ proposals: parseProposals('aes128-sha256-ecp256', 'esp') }))] },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyChild(a).proposal, 'aes128-sha256-ecp256');
});

test('every pair of selectors has a quick mode of its own', () => {
  const { sim, a, b } = pairV1({
    children: [
      childV1({
        localTs: [subnet('10.1.0.0/16'), subnet('10.3.0.0/16')],
        remoteTs: [
          subnet('10.2.0.0/16'),
          { ...subnet('10.4.4.4/32'), protocol: 6, startPort: 443, endPort: 443 },
        ],
      }),
    ],
  });
  a.initiate('site', 'net');
  sim.quiet();
  assert.deepEqual(
    onlyIke(b).children.map(({ localTs, remoteTs }) => `${remoteTs.join()} === ${localTs.join()}`),
    [
      '10.1.0.0/16 === 10.2.0.0/16',
      '10.1.0.0/16 === 10.4.4.4/32[tcp/443]',
      '10.3.0.0/16 === 10.2.0.0/16',
      '10.3.0.0/16 === 10.4.4.4/32[tcp/443]',
    ],
  );
  assertEnds(sim, a);
});

test('a responder takes a part of its networks, and says so where it was asked for more', () => {
  const narrow = { remoteTs: [subnet('10.2.7.0/24')] };
  const { sim, a, b } = pairV1({
    a: { children: [childV1(narrow)] },
    b: { children: [mirrored(childV1())] },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.deepEqual(onlyChild(b).localTs, ['10.2.7.0/24']);

  const wide = pairV1({
    a: { children: [childV1({ remoteTs: [subnet('10.0.0.0/8')] })] },
    b: { children: [mirrored(childV1())] },
  });
  wide.a.initiate('site', 'net');
  assertSettles(wide.sim, wide.a, wide.b);
  for (const [host, side] of [
    [wide.a, 'remoteTs'],
    [wide.b, 'localTs'],
  ] as const)
    assert.deepEqual(onlyChild(host)[side], ['10.2.0.0/16']);
  wide.a.rekey({ child: 'net' });
  wide.sim.quiet();
  wide.sim.run(MINUTE);
  assertSettled(wide.sim, wide.a, wide.b);
  assert.deepEqual(onlyChild(wide.a).remoteTs, ['10.2.0.0/16']);
});

test('a child that has all that is asked for comes before one that has a part of it', () => {
  const { sim, a, b } = pairV1({
    a: { children: [childV1()] },
    b: {
      children: [
        mirrored(childV1({ name: 'part', remoteTs: [subnet('10.2.7.0/24')] })),
        mirrored(childV1({ name: 'all' })),
      ],
    },
  });
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(onlyChild(b, 'all').state, 'INSTALLED');
});

for (const [what, networks] of [
  ['none', ['10.9.0.0/16']],
  ['several parts', ['10.2.1.0/24', '10.2.3.0/24']],
] as const) {
  test(`a responder that has ${what} of what it is asked for refuses, twice in a row`, () => {
    const theirs = mirrored(childV1({ remoteTs: networks.map(subnet) }));
    const { sim, a, b } = pairV1({ a: { children: [childV1()] }, b: { children: [theirs] } });
    for (let time = 0; time < 2; time++) {
      a.events.length = 0;
      b.events.length = 0;
      a.initiate('site', 'net');
      sim.quiet();
      const [told] = a.eventsOf('failed');
      assert.equal(told?.failure.code, 'peer/ts-unacceptable');
      assert.equal(told?.child, 'net');
      const [known] = b.eventsOf('failed');
      assert.match(known?.failure.summary ?? '', /10\.2\.0\.0\/16/);
      assertChildless(sim, a, b);
    }
  });
}

test('an answer with more than was asked for is no answer', () => {
  const { sim, a, peer } = withScriptedPeerV1({ children: [childV1({ remoteTs: [subnet('10.2.7.0/24')] })] });
  const wide = { type: V1PayloadType.ID, idType: 4, protocol: 0, port: 0 } as const;
  peer.odd.quick = {
    2: {
      payloads: all => [
        ...all.filter(({ type }) => type !== V1PayloadType.ID),
        { ...wide, data: Uint8Array.of(10, 1, 0, 0, 255, 255, 0, 0) },
        { ...wide, data: Uint8Array.of(10, 2, 0, 0, 255, 255, 0, 0) },
      ],
    },
  };
  a.initiate('site', 'net');
  sim.run(10 * SECOND);
  assert.equal(a.eventsOf('failed')[0]?.failure.code, 'peer/ts-unacceptable');
  assert.equal(onlyIke(a).children.length, 0);
});

for (const begunBy of ['a', 'b'] as const) {
  test(`rekeyed by the end that ${begunBy === 'a' ? 'began' : 'did not begin'} phase 1, with no packet lost`, () => {
    const { sim, a, b } = connectedV1();
    const gaps = sim.watch(a, b, 'net');
    const ends = { a, b };
    for (let round = 0; round < 3; round++) {
      const before = onlyChild(a).id;
      ends[begunBy].rekey({ child: 'net' });
      sim.quiet();
      sim.run(MINUTE);
      assertSettled(sim, a, b);
      assert.notEqual(onlyChild(a).id, before);
    }
    assert.deepEqual(gaps, []);
    assertEnds(sim, a);
  });
}

test('lifetimes renew children for a day, with no packet lost', () => {
  const { sim, a, b } = connectedV1({ children: [childV1(SHORT)] });
  const gaps = sim.watch(a, b, 'net');
  sim.run(24 * HOUR);
  assert.deepEqual(gaps, []);
  assert.ok(a.eventsOf('child-rekey').length > 90, `${a.eventsOf('child-rekey').length} rekeys`);
  assert.ok(a.backEnd.sas.size < 6);
  assertEnds(sim, a);
});

test('both ends rekey at once: traffic goes on, and in the end there is one again', () => {
  const { sim, a, b, ab, ba } = connectedV1({ children: [childV1(SHORT)] });
  const gaps = sim.watch(a, b, 'net');
  ab.hold();
  ba.hold();
  a.rekey({ child: 'net' });
  b.rekey({ child: 'net' });
  ab.flow();
  ba.flow();
  sim.quiet();
  sim.run(2 * HOUR);
  sim.check(() => {
    assert.deepEqual(gaps, []);
    for (const host of [a, b]) {
      const carrying = onlyIke(host).children.filter(({ state }) => state === 'INSTALLED');
      assert.equal(carrying.length, 1, `${host.name}: ${carrying.length}`);
    }
  });
  assertEnds(sim, a);
});

for (const end of ['a', 'b'] as const) {
  test(`a child deleted by ${end}: gone at both ends, the ISAKMP SA stays`, () => {
    const { sim, a, b } = connectedV1();
    const ends = { a, b };
    ends[end].terminate({ child: 'net' });
    assertChildless(sim, a, b);
    assert.equal(ends[end === 'a' ? 'b' : 'a'].eventsOf('child-down')[0]?.failure?.code, 'peer/deleted');
  });

  test(`the ISAKMP SA deleted by ${end}: nothing is left anywhere`, () => {
    const { sim, a, b } = connectedV1();
    assertEnds(sim, { a, b }[end]);
  });
}

test('the shorter lifetime holds at both ends, and the initiator is told', () => {
  const { sim, a, b } = pairV1({
    a: { children: [childV1({ rekeyTime: 50 * MINUTE, lifeTime: HOUR })] },
    b: { children: [mirrored(childV1({ rekeyTime: 20 * MINUTE, lifeTime: 30 * MINUTE }))] },
  });
  a.initiate('site', 'net');
  sim.quiet();
  const installed = onlyChild(a).installedAt ?? 0;
  assert.equal((onlyChild(a).expiresAt ?? 0) - installed, 30 * MINUTE);
  assert.equal((onlyChild(a).rekeyAt ?? 0) - installed, 25 * MINUTE);
  sim.run(2 * HOUR);
  assertSettled(sim, a, b);
});

test('where nobody says a lifetime, eight hours are meant', () => {
  const { a } = connectedV1();
  const { installedAt = 0, expiresAt = 0, rekeyAt = 0 } = onlyChild(a);
  assert.equal(expiresAt - installedAt, 8 * HOUR);
  assert.ok(rekeyAt < expiresAt && rekeyAt > installedAt + 7 * HOUR);
});

for (const [name, number] of [
  ['first', 1],
  ['second', 2],
  ['third', 3],
] as const) {
  test(`the ${name} message of quick mode is lost, however often: no half of an SA is left behind`, () => {
    const made = connectedV1({ children: [childV1(SHORT)] });
    const { sim, a, b, ab, ba } = made;
    const gaps = sim.watch(a, b, 'net');
    // Of three the first and third go one way, the second the other.
    let seen = 0;
    const lose = number === 2 ? ba : ab;
    lose.script = packet => {
      if (packet.content.kind !== 'ike' || packet.content.datagram[18] !== 32) return 'pass';
      seen++;
      return number === 3 ? (packet.content.datagram.length < 100 ? 'drop' : 'pass') : 'drop';
    };
    a.rekey({ child: 'net' });
    sim.quiet();
    assert.ok(seen >= 2, `${seen} seen`);
    lose.script = () => 'pass';
    sim.run(5 * MINUTE);
    assert.deepEqual(gaps, [], 'traffic went on');
    sim.run(2 * HOUR);
    sim.check(() => {
      for (const host of [a, b]) {
        assert.deepEqual([...host.backEnd.reserved], []);
        assert.equal(onlyIke(host).children.filter(({ state }) => state === 'INSTALLED').length, 1);
      }
    });
    assertEnds(sim, a);
  });
}

test('each message of quick mode comes twice, or late: one child, nothing else', () => {
  const { sim, a, b, ab, ba } = pairV1();
  ab.weather = { ...CALM, duplicate: 1, jitter: 200 };
  ba.weather = { ...CALM, duplicate: 1, jitter: 200 };
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assertEnds(sim, a);
});

for (let seed = 1; seed <= 12; seed++) {
  test(`a third of all packets is lost, others are doubled and overtaken (seed ${seed})`, () => {
    const options: PairOptions = {
      seed,
      children: [childV1({ rekeyTime: 5 * MINUTE, lifeTime: 8 * MINUTE, randTime: 30 * SECOND })],
    };
    const { sim, a, b, ab, ba } = pairV1(options);
    const bad = { ...CALM, loss: 0.33, duplicate: 0.2, jitter: 400 };
    ab.weather = bad;
    ba.weather = bad;
    a.initiate('site', 'net');
    sim.quiet(20 * MINUTE);
    if (a.status().length === 0 || onlyIke(a).children.length === 0) return;
    sim.run(HOUR);
    ab.weather = CALM;
    ba.weather = CALM;
    sim.run(30 * MINUTE);
    sim.check(() => {
      for (const host of [a, b]) {
        assert.deepEqual([...host.backEnd.reserved], []);
        const carrying = onlyIke(host).children.filter(({ state }) => state === 'INSTALLED');
        assert.ok(carrying.length >= 1, `${host.name}: ${carrying.length}`);
      }
      assert.equal(a.gapTo(b, 'net'), undefined);
      assert.equal(b.gapTo(a, 'net'), undefined);
    });
    sim.run(10 * MINUTE);
    assertEnds(sim, a);
  });
}
