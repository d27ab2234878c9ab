import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import { parseIdentityPattern } from '../../src/policy/identity-match.ts';
import { connection, sharedKey } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import { CALM } from '../sim/network.ts';
import type { Packet } from '../sim/packet.ts';
import type { Pair } from '../sim/pair.ts';
import { childV1, pairV1, V1 } from '../sim/pair-v1.ts';
import { asked, secrets, user, withUser } from '../sim/user-v1.ts';

/* XAUTH after a phase 1 with a shared key: a user proves itself, or nothing comes of it. */

const TRANSACTION = 6;
const QUICK_MODE = 32;

/** A password that belongs to nobody in particular. */
function nobodys(password: string): Credentials {
  const base = sharedKey();
  const xauth = { name: 'xauth', use: 'xauth', secret: new Secret(utf8(password)), owners: [] } as const;
  return { ...base, shared: [...base.shared, xauth] };
}

function exchangeOf({ content }: Packet): number | undefined {
  return content.kind === 'ike' ? content.datagram[18] : undefined;
}

function codes(host: Pair['a']): readonly string[] {
  return host.eventsOf('failed').map(({ failure }) => failure.code);
}

/** Neither has anything, and neither ever was up. */
function assertNothing({ sim, a, b }: Pair): void {
  sim.quiet();
  sim.run(10 * SECOND);
  sim.assertEmpty();
  for (const host of [a, b]) {
    assert.deepEqual(host.eventsOf('ike-up'), [], host.name);
    assert.deepEqual(host.eventsOf('child-up'), [], host.name);
  }
}

for (const client of ['a', 'b'] as const) {
  const part = client === 'a' ? 'initiator' : 'responder';
  test(`the ${part} is the user: its password opens the SA`, () => {
    const { sim, a, b } = withUser({ client });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assertEnds(sim, a);
  });

  test(`the ${part} is the user, and has another password: the SA goes, and both say why`, () => {
    const pair = withUser({ client, password: 'tangp' });
    pair.a.initiate('site', 'net');
    assertNothing(pair);
    const server = pair[client === 'a' ? 'b' : 'a'];
    assert.ok(codes(server).includes('auth/wrong-key'), codes(server).join());
    assert.ok(codes(pair[client]).includes('auth/refused-by-peer'), codes(pair[client]).join());
  });
}

test('a wrong password twice in a row: refused each time, and the right one is taken afterwards', () => {
  const { sim, a, b, ab, ba } = withUser({ password: 'wrong' });
  for (let time = 1; time <= 2; time++) {
    a.initiate('site', 'net');
    assertNothing({ sim, a, b, ab, ba });
    assert.equal(
      b.eventsOf('failed').filter(({ failure }) => failure.code === 'auth/wrong-key').length,
      time,
    );
  }
  const known = connection('a', 'b', { ...V1, children: [childV1()], local: user('a') });
  a.engine.configure([known], secrets('tango'), sim.now);
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

test('another user with the password of this one stays outside', () => {
  const local = user('a').map(round => (round.method === 'xauth' ? { ...round, xauthId: 'erin' } : round));
  const pair = pairV1({
    a: { local },
    b: { remote: asked('a') },
    credentials: { a: nobodys('tango'), b: secrets('tango') },
  });
  pair.a.initiate('site', 'net');
  assertNothing(pair);
  assert.ok(codes(pair.b).includes('auth/wrong-key'), codes(pair.b).join());
});

test('a user whose password is right, and who is not the one asked for, stays outside: twice', () => {
  for (const [xauthId, isLetIn] of [
    ['carol', true],
    ['c*', true],
    ['erin', false],
  ] as const) {
    const remote = asked('a').map(round =>
      round.method === 'xauth' ? { ...round, xauthId: parseIdentityPattern(xauthId) } : round,
    );
    const { sim, a, b, ab, ba } = withUser({ b: { remote } });
    for (let time = 1; time <= (isLetIn ? 1 : 2); time++) {
      a.initiate('site', 'net');
      if (isLetIn) assertSettles(sim, a, b);
      else {
        assertNothing({ sim, a, b, ab, ba });
        const told = b.eventsOf('failed').filter(({ failure }) => failure.code === 'auth/wrong-identity');
        assert.equal(told.length, time);
        assert.match(told[0]?.failure.summary ?? '', /the user is carol, and the connection asks for erin/);
      }
    }
  }
});

test('a secret that is nobody’s lets nobody in', () => {
  const pair = pairV1({
    a: { local: user('a') },
    b: { remote: asked('a') },
    credentials: { a: secrets('tango'), b: nobodys('tango') },
  });
  pair.a.initiate('site', 'net');
  assertNothing(pair);
});

test('who has no secret for its user begins nothing', () => {
  const pair = pairV1({ a: { local: user('a') }, b: { remote: asked('a') } });
  pair.a.initiate('site', 'net');
  assertNothing(pair);
  assert.deepEqual(codes(pair.a).slice(0, 1), ['auth/no-key']);
});

test('one end wants a user, the other knows of none: they have no method in common', () => {
  for (const pair of [
    pairV1({ b: { remote: asked('a') } }),
    withUser({ b: { remote: asked('a').slice(0, 1) } }),
  ]) {
    pair.a.initiate('site', 'net');
    assertNothing(pair);
    assert.ok(codes(pair.b).includes('auth/method'), codes(pair.b).join());
  }
});

test('the server’s request is never answered: no SA, and quick mode never began', () => {
  const pair = withUser();
  let quick = 0;
  pair.ab.script = packet => {
    if (exchangeOf(packet) === QUICK_MODE) quick++;
    return exchangeOf(packet) === TRANSACTION ? 'drop' : 'pass';
  };
  pair.a.initiate('site', 'net');
  pair.sim.quiet();
  pair.sim.run(6 * MINUTE);
  assertNothing(pair);
  assert.equal(quick, 0);
  assert.ok(codes(pair.b).includes('peer/silent'), codes(pair.b).join());
});

test('a client that leaves without a word after a wrong password: that is what is told', () => {
  const pair = withUser({ password: 'wrong' });
  let transactions = 0;
  pair.ab.script = packet => (exchangeOf(packet) === TRANSACTION && ++transactions > 1 ? 'drop' : 'pass');
  pair.a.initiate('site', 'net');
  pair.sim.run(10 * MINUTE);
  assertNothing(pair);
  assert.deepEqual(codes(pair.b), ['auth/wrong-key']);
});

test('a server that never asks is given up', () => {
  const pair = withUser();
  pair.ba.script = packet => (exchangeOf(packet) === TRANSACTION ? 'drop' : 'pass');
  pair.a.initiate('site', 'net');
  pair.sim.run(10 * MINUTE);
  assertNothing(pair);
  assert.ok(codes(pair.a).length > 0);
});

test('quick mode before the server knows that XAUTH is done is dropped, and served afterwards', () => {
  const pair = withUser();
  const { sim, a, b, ab } = pair;
  let transactions = 0;
  let quick = 0;
  // The user's second message acknowledges the status.
  ab.script = packet => {
    if (exchangeOf(packet) === QUICK_MODE) quick++;
    return exchangeOf(packet) === TRANSACTION && ++transactions >= 2 ? 'drop' : 'pass';
  };
  a.initiate('site', 'net');
  sim.until(() => quick > 0);
  sim.run(SECOND);
  assert.deepEqual(
    b.status().map(({ state, children }) => [state, children.length]),
    [['CONNECTING', 0]],
  );
  assert.deepEqual(b.eventsOf('child-up'), []);
  ab.script = () => 'pass';
  assertSettles(sim, a, b);
});

for (const [from, number] of [
  ['ba', 1],
  ['ab', 1],
  ['ba', 2],
  ['ab', 2],
] as const) {
  test(`transaction message ${number} of ${from} is lost: it is sent again`, () => {
    const pair = withUser();
    let seen = 0;
    pair[from].script = packet => (exchangeOf(packet) === TRANSACTION && ++seen === number ? 'drop' : 'pass');
    pair.a.initiate('site', 'net');
    assertSettles(pair.sim, pair.a, pair.b);
    assert.ok(seen > number);
    assertEnds(pair.sim, pair.a);
  });
}

test('each message comes twice, or late: one SA', () => {
  const { sim, a, b, ab, ba } = withUser();
  ab.weather = { ...CALM, duplicate: 1, jitter: 300 };
  ba.weather = { ...CALM, duplicate: 1, jitter: 300 };
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assertEnds(sim, a);
});

for (let seed = 1; seed <= 12; seed++) {
  test(`a quarter of all packets is lost: all or nothing (seed ${seed})`, () => {
    const { sim, a, b, ab, ba } = withUser({ seed, client: seed % 2 === 0 ? 'a' : 'b' });
    const bad = { ...CALM, loss: 0.25, duplicate: 0.2, jitter: 400 };
    ab.weather = bad;
    ba.weather = bad;
    a.initiate('site', 'net');
    sim.quiet(20 * MINUTE);
    ab.weather = CALM;
    ba.weather = CALM;
    sim.run(10 * MINUTE);
    for (const host of [a, b]) assert.deepEqual([...host.backEnd.reserved], []);
    for (const host of [a, b])
      assert.ok(
        host.status().every(({ state }) => state === 'ESTABLISHED'),
        host.name,
      );
  });
}

test('terminated while the user is awaited: the peer is told, nothing is left', () => {
  const pair = withUser();
  pair.ab.script = packet => (exchangeOf(packet) === TRANSACTION ? 'drop' : 'pass');
  pair.a.initiate('site', 'net');
  pair.sim.run(2 * SECOND);
  assert.deepEqual(
    pair.a.status().map(({ state }) => state),
    ['CONNECTING'],
  );
  pair.b.terminate({ connection: 'site' });
  assertNothing(pair);
});

for (const unique of ['no', 'replace', 'keep', 'never'] as const)
  test(`the SA is made anew with the user, without a gap (unique = ${unique})`, () => {
    const { sim, a, b } = withUser({ both: { reauthTime: 10 * MINUTE, overTime: MINUTE, unique } });
    a.initiate('site', 'net');
    sim.quiet();
    const { id } = onlyIke(a);
    const gaps = sim.watch(a, b, 'net');
    sim.run(15 * MINUTE);
    sim.unwatch();
    assert.deepEqual(gaps, []);
    assert.notEqual(onlyIke(a).id, id);
  });

test('the passwords stand in no log', () => {
  for (const password of ['tango', 'wrong-password']) {
    const { sim, a, b } = withUser({ password, settings: { traceMessages: true } });
    a.initiate('site', 'net');
    sim.quiet();
    for (const host of [a, b])
      for (const event of host.events)
        assert.ok(
          !JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? `${value}` : value)).includes(
            password,
          ),
        );
  }
});
