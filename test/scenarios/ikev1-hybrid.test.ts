import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE } from '../../src/lib/time.ts';
import { makeAuthority } from '../certificate-builder.ts';
import { sharedKey } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import type { Pair } from '../sim/pair.ts';
import { pairV1 } from '../sim/pair-v1.ts';
import { userEnds, withUser } from '../sim/user-v1.ts';

/* A user after signatures of both ends, and in place of the client's (hybrid authentication). */

const TRANSACTION = 6;
const NOBODY = { a: {}, b: {}, credentials: { a: sharedKey(), b: sharedKey() } };

function codes(host: Pair['a']): readonly string[] {
  return host.eventsOf('failed').map(({ failure }) => failure.code);
}

/** Neither has anything, and neither ever was up. */
function assertNothing({ sim, a, b }: Pair): void {
  sim.quiet();
  sim.run(MINUTE);
  sim.assertEmpty();
  for (const host of [a, b]) assert.deepEqual(host.eventsOf('ike-up'), [], host.name);
}

for (const after of ['pubkey', 'hybrid'] as const) {
  for (const aggressive of [false, true]) {
    for (const client of ['a', 'b'] as const) {
      const what = `${after}, ${aggressive ? 'aggressive' : 'main'} mode, the ${client === 'a' ? 'initiator' : 'responder'} is the user`;

      test(`${what}: its password opens the SA`, () => {
        const { sim, a, b } = withUser({ after, client, both: { aggressive } });
        a.initiate('site', 'net');
        assertSettles(sim, a, b);
        assertEnds(sim, a);
      });

      test(`${what}, with another password: both say why, twice in a row`, () => {
        const pair = withUser({ after, client, password: 'tangp', both: { aggressive } });
        const server = pair[client === 'a' ? 'b' : 'a'];
        for (let time = 1; time <= 2; time++) {
          pair.a.initiate('site', 'net');
          assertNothing(pair);
          assert.equal(codes(server).filter(code => code === 'auth/wrong-key').length, time);
          assert.equal(codes(pair[client]).filter(code => code === 'auth/refused-by-peer').length, time);
        }
      });
    }
  }
}

test('hybrid: made anew with the user, without a gap', () => {
  const { sim, a, b } = withUser({
    after: 'hybrid',
    both: { reauthTime: 10 * MINUTE, overTime: MINUTE },
  });
  a.initiate('site', 'net');
  sim.quiet();
  const { id } = onlyIke(a);
  const gaps = sim.watch(a, b, 'net');
  sim.run(15 * MINUTE);
  sim.unwatch();
  assert.deepEqual(gaps, []);
  assert.notEqual(onlyIke(a).id, id);
});

test('hybrid: a server with an elliptic curve has no number for that, and says so', () => {
  const pair = withUser({ after: 'hybrid', key: 'p256' });
  pair.a.initiate('site', 'net');
  assertNothing(pair);
  const [failed] = pair.b.eventsOf('failed');
  assert.equal(failed?.failure.code, 'auth/method');
  assert.match(failed?.failure.summary ?? '', /RSA keys alone/);
});

test('a user after signatures by an elliptic curve: there is no number for that, and nothing begins', () => {
  const pair = withUser({ after: 'pubkey', key: 'p256' });
  pair.a.initiate('site', 'net');
  assertNothing(pair);
  assert.deepEqual(codes(pair.a), ['auth/method']);
});

test('hybrid: a server that another authority vouches for is not given the password', () => {
  const { credentials } = userEnds({ after: 'hybrid' });
  const others = makeAuthority();
  for (const aggressive of [false, true]) {
    const pair = withUser({
      after: 'hybrid',
      both: { aggressive },
      credentials: { a: { ...credentials.a, authorities: [others.der] } },
    });
    let transactions = 0;
    pair.ab.script = ({ content }) => {
      if (content.kind === 'ike' && content.datagram[18] === TRANSACTION) transactions++;
      return 'pass';
    };
    for (let time = 1; time <= 2; time++) {
      pair.a.initiate('site', 'net');
      assertNothing(pair);
    }
    assert.equal(transactions, 0);
    assert.deepEqual(codes(pair.a), ['auth/untrusted-chain', 'auth/untrusted-chain']);
  }
});

for (const [ours, theirs, remedy] of [
  ['hybrid', 'pubkey', /the user comes alone at the peer, and here after/],
  ['pubkey', 'hybrid', /the user comes alone here, and at the peer after/],
  ['hybrid', 'psk', /the user comes alone at the peer/],
  ['psk', 'pubkey', /name one method/],
  ['nobody', 'psk', /let the peer ask for a user, or bring one/],
  ['psk', 'nobody', /let a user follow here too/],
] as const) {
  test(`${ours} at the client, ${theirs} at the server: they have no method in common, and say so, twice in a row`, () => {
    const [a, b] = [ours, theirs].map(after =>
      after === 'nobody' ? NOBODY : userEnds({ after: after as 'psk' }),
    );
    const pair = pairV1({
      a: a?.a ?? {},
      b: b?.b ?? {},
      credentials: { a: a?.credentials.a ?? sharedKey(), b: b?.credentials.b ?? sharedKey() },
    });
    for (let time = 1; time <= 2; time++) {
      pair.a.initiate('site', 'net');
      assertNothing(pair);
      const told = pair.b.eventsOf('failed').filter(({ failure }) => failure.code === 'auth/method');
      assert.equal(told.length, time);
      assert.match(told.at(-1)?.failure.remedy ?? '', remedy);
      assert.equal(codes(pair.a).length, time);
    }
    const asked = ours === 'hybrid' ? 'HybridInit' : ours === 'nobody' ? 'PRE_SHARED_KEY' : 'XAUTHInit';
    assert.ok(pair.a.eventsOf('failed').every(({ failure }) => failure.summary.includes(asked)));
  });
}
