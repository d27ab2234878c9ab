import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { VENDOR_IDS } from '../../src/iana/vendor-ids.ts';
import { EMPTY, toHex } from '../../src/lib/bytes.ts';
import { MINUTE } from '../../src/lib/time.ts';
import type { Failure } from '../../src/policy/failure.ts';
import { Failed } from '../../src/policy/failure.ts';
import { parseIdentityPattern } from '../../src/policy/identity-match.ts';
import { child, connection, fqdn, sharedKey, subnet } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import { bothTimes } from '../sim/failures.ts';
import type { Host } from '../sim/host.ts';
import { pair } from '../sim/pair.ts';

/** The only failure that `host` told of. */
function failureOf(host: Host): Failure & { readonly child?: string } {
  const failed = host.eventsOf('failed');
  assert.equal(failed.length, 1, `${host.name} told of ${failed.length} failures`);
  const [event] = failed;
  assert.ok(event !== undefined);
  return { ...event.failure, ...(event.child === undefined ? {} : { child: event.child }) };
}

test('a shared key: an IKE SA and its child, both ends the same, and nothing left at the end', () => {
  const { sim, a, b } = pair();
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(a).localId, 'a');
  assert.equal(onlyIke(a).remoteId, 'b');
  assert.equal(onlyIke(b).remoteId, 'a');
  assert.equal(onlyIke(a).proposal, 'aes128gcm16-prfsha256-x25519');
  assert.equal(onlyChild(a).proposal, 'aes128gcm16');
  assertEnds(sim, a);
});

for (const proposal of [
  'aes256-sha512-modp2048',
  'aes128-sha256-ecp256',
  'aes256gcm16-prfsha384-ecp384',
  'chacha20poly1305-prfsha512-x448',
  'aes128ctr-aesxcbc-prfaesxcbc-modp3072',
  'aes192ccm8-prfaescmac-ecp521',
]) {
  test(`IKE with ${proposal}`, () => {
    const { sim, a, b } = pair({ both: { proposals: parseProposals(proposal, 'ike') } });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assertEnds(sim, a);
  });
}

for (const proposal of [
  'aes128-sha256',
  'aes256gcm16-esn',
  'chacha20poly1305',
  'null-sha256',
  'aes128gmac',
]) {
  test(`ESP with ${proposal}, its key exchange left out of IKE_AUTH`, () => {
    const { sim, a, b } = pair({ children: [child({ proposals: parseProposals(proposal, 'esp') })] });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assertEnds(sim, a);
  });
}

test('AH, and transport mode', () => {
  const { sim, a, b } = pair({
    children: [child({ protocol: 'ah', proposals: parseProposals('sha256', 'ah'), mode: 'transport' })],
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyChild(a).mode, 'transport');
  assert.equal(onlyChild(b).protocol, 'ah');
});

test('a peer that does not take transport mode gets tunnel mode', () => {
  const { sim, a, b } = pair({ a: { children: [child({ mode: 'transport' })] } });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyChild(a).mode, 'tunnel');
  assert.equal(onlyChild(b).mode, 'tunnel');
});

test('BEET mode, and the Vendor ID without which charon does not take it: from nobody who has no use of it', () => {
  for (const mode of ['beet', 'tunnel'] as const) {
    const { sim, a, b, ab, ba } = pair({ children: [child({ mode })] });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.deepEqual([onlyChild(a).mode, onlyChild(b).mode], [mode, mode]);
    for (const { recorded } of [ab, ba]) {
      const [first] = recorded.flatMap(({ content }) => (content.kind === 'ike' ? [content.datagram] : []));
      assert.equal(toHex(first ?? EMPTY).includes(VENDOR_IDS.strongSwan), mode === 'beet');
    }
    assertEnds(sim, a);
  }
});

test('another guess at the key exchange is asked for, and given', () => {
  const { sim, a, b } = pair({
    a: { proposals: parseProposals('aes128gcm16-prfsha256-x25519-ecp256', 'ike') },
    b: { proposals: parseProposals('aes128gcm16-prfsha256-ecp256', 'ike') },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(a).proposal, 'aes128gcm16-prfsha256-ecp256');
  assert.equal(b.eventsOf('failed').length, 0);
});

test('selectors are narrowed to what both sides allow', () => {
  const wide = child({ localTs: [subnet('10.0.0.0/8')], remoteTs: [subnet('10.2.0.0/16')] });
  const { sim, a, b } = pair({
    a: { children: [wide] },
    b: { children: [child({ localTs: [subnet('10.2.0.0/16')], remoteTs: [subnet('10.1.0.0/16')] })] },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.deepEqual(onlyChild(a).localTs, ['10.1.0.0/16']);
});

test('of several connections and children the one that fits is taken', () => {
  const { sim, a, b } = pair();
  const decoy = connection('b', 'somebody else', { name: 'decoy' });
  const better = connection('b', 'a', {
    name: 'better',
    children: [
      child({ name: 'none' }),
      child({ localTs: [subnet('10.2.0.0/16')], remoteTs: [subnet('10.1.0.0/16')] }),
    ],
  });
  b.act((engine, now) => engine.configure([decoy, better], sharedKey(), now));
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(b).connection, 'better');
});

test('an identity by pattern', () => {
  const remote = connection('b', 'a').remote.map(round => ({ ...round, id: parseIdentityPattern('*') }));
  const { sim, a, b } = pair({ b: { remote } });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

test('no common algorithms for IKE: both sides know which, twice', () => {
  bothTimes(
    pair({
      a: { proposals: parseProposals('aes256-sha256-modp2048', 'ike') },
      b: { proposals: parseProposals('aes128gcm16-prfsha256-modp2048', 'ike') },
    }),
    (a, b) => {
      const ours = failureOf(a);
      assert.equal(ours.code, 'peer/no-proposal-chosen');
      assert.deepEqual(ours.ours, ['aes256-sha256-modp2048']);
      const theirs = failureOf(b);
      assert.equal(theirs.code, 'peer/no-proposal-chosen');
      assert.deepEqual(theirs.ours, ['aes128gcm16-prfsha256-modp2048']);
      assert.deepEqual(theirs.theirs, ['aes256-sha256-prfsha256-modp2048']);
      assert.match(theirs.nearest ?? '', /differ in encryption, integrity algorithm/);
      assert.match(
        theirs.remedy ?? '',
        /add the proposal aes256-sha256-prfsha256-modp2048 to proposals of site here/,
      );
    },
  );
});

test('no common key exchange: twice', () => {
  bothTimes(
    pair({
      a: { proposals: parseProposals('aes128gcm16-prfsha256-x25519', 'ike') },
      b: { proposals: parseProposals('aes128gcm16-prfsha256-ecp384', 'ike') },
    }),
    (_a, b) => {
      assert.equal(failureOf(b).code, 'peer/invalid-ke');
      assert.deepEqual(failureOf(b).theirs, ['aes128gcm16-prfsha256-x25519']);
      assert.match(
        failureOf(b).remedy ?? '',
        /add x25519 to proposals of site here, or add ecp384 at the peer/,
      );
    },
  );
});

test('another secret: each side is told what it may know, twice', () => {
  bothTimes(pair({ credentials: { b: sharedKey('another secret altogether') } }), (a, b) => {
    assert.equal(failureOf(a).code, 'auth/refused-by-peer');
    assert.equal(failureOf(b).code, 'auth/wrong-key');
    assert.match(failureOf(b).nearest ?? '', /identities fit the secret psk/);
  });
});

test('no secret for the pair: twice, on either side', () => {
  const none = { ...sharedKey(), shared: [] };
  bothTimes(pair({ credentials: { b: none } }), (_a, b) => assert.equal(failureOf(b).code, 'auth/no-key'));
  bothTimes(pair({ credentials: { a: none } }), a => assert.equal(failureOf(a).code, 'auth/no-key'));
});

test('an identity that nobody configured: twice', () => {
  const local = connection('stranger', 'b').local;
  bothTimes(pair({ a: { local } }), (a, b) => {
    assert.equal(failureOf(a).code, 'auth/refused-by-peer');
    const { code, theirs, nearest } = failureOf(b);
    assert.equal(code, 'auth/wrong-identity');
    assert.ok(theirs?.includes('is stranger'));
    assert.match(nearest ?? '', /site, which differs in remote identity/);
  });
});

test('the initiator sees another identity than the one it wants: the responder is told, twice', () => {
  const remote = connection('a', 'b').remote.map(round => ({
    ...round,
    id: { kind: 'pattern', text: 'someone-*' } as const,
  }));
  const local = connection('a', 'b').local;
  bothTimes(pair({ a: { remote, local } }), (a, b) => {
    const { code, ours, theirs } = failureOf(a);
    assert.equal(code, 'auth/wrong-identity');
    assert.deepEqual(ours, ['someone-*']);
    assert.deepEqual(theirs, ['b']);
    assert.deepEqual(
      b.eventsOf('ike-down').map(({ failure }) => failure?.code),
      ['auth/refused-by-peer'],
    );
  });
});

test('another method than the one wanted: twice', () => {
  const remote = connection('b', 'a').remote.map(round => ({ ...round, method: 'pubkey' as const }));
  bothTimes(pair({ b: { remote } }), (_a, b) => {
    const { code, ours, theirs } = failureOf(b);
    assert.equal(code, 'auth/method');
    assert.deepEqual([ours, theirs], [['pubkey'], ['psk']]);
  });
});

test('the connection of an identity does not allow what another agreed to: twice', () => {
  const { sim, a, b } = pair();
  const decoy = connection('b', 'somebody else', { name: 'decoy' });
  const strict = connection('b', 'a', { proposals: parseProposals('aes256-sha512-modp3072', 'ike') });
  b.act((engine, now) => engine.configure([decoy, strict], sharedKey(), now));
  for (let time = 0; time < 2; time++) {
    b.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    const { code, summary } = failureOf(b);
    assert.equal(code, 'peer/no-proposal-chosen');
    assert.match(summary, /site is for a, and does not allow aes128gcm16-prfsha256-x25519/);
  }
});

test('no connection for the address: twice', () => {
  bothTimes(pair({ b: { remoteAddresses: ['203.0.113.9'] } }), (a, b) => {
    assert.equal(failureOf(a).code, 'peer/no-proposal-chosen');
    const { code, nearest } = failureOf(b);
    assert.equal(code, 'config/no-connection');
    assert.equal(nearest, 'site, which differs in remote address');
  });
});

test('a child that fails leaves the IKE SA: no common algorithms', () => {
  const { sim, a, b } = pair({
    a: { children: [child({ proposals: parseProposals('aes256-sha512', 'esp') })] },
    b: { children: [child({ localTs: [subnet('10.2.0.0/16')], remoteTs: [subnet('10.1.0.0/16')] })] },
  });
  for (let time = 0; time < 2; time++) {
    for (const host of [a, b]) host.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    assert.equal(onlyIke(a).children.length, 0);
    assert.equal(onlyIke(b).children.length, 0);
    for (const host of [a, b]) {
      assert.equal(failureOf(host).code, 'peer/no-proposal-chosen');
      assert.equal(failureOf(host).child, 'net');
    }
  }
  assert.deepEqual(failureOf(b).theirs, ['aes256-sha512']);
  assertEnds(sim, a);
});

test('a child that fails leaves the IKE SA: no common traffic', () => {
  const { sim, a, b } = pair({ a: { children: [child({ remoteTs: [subnet('10.77.0.0/16')] })] } });
  for (let time = 0; time < 2; time++) {
    for (const host of [a, b]) host.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    const [ours, theirs] = [failureOf(a), failureOf(b)];
    assert.equal(ours.code, 'peer/ts-unacceptable');
    assert.equal(theirs.code, 'peer/ts-unacceptable');
    assert.deepEqual(theirs.theirs, ['10.77.0.0/16']);
    assert.match(theirs.remedy ?? '', /add 10\.77\.0\.0\/16 to local_ts of net here/);
    assert.equal(onlyIke(b).children.length, 0);
  }
  assertEnds(sim, a);
});

for (const [who, refuser] of [
  ['initiator', 'a'],
  ['responder', 'b'],
] as const) {
  test(`the ${who}'s back end refuses the child: both ends are without it, and it works the next time`, () => {
    const made = pair();
    const { sim, a, b } = made;
    made[refuser].backEnd.refusals.set('install', { code: 'kernel/install', summary: 'ENOMEM' });
    a.initiate('site', 'net');
    sim.quiet();
    assert.equal(onlyIke(a).children.length, 0);
    assert.equal(onlyIke(b).children.length, 0);
    assert.equal(failureOf(made[refuser]).code, 'kernel/install');
    for (const host of [a, b]) assert.equal(host.backEnd.sas.size + host.backEnd.reserved.size, 0);
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assertEnds(sim, a);
  });
}

test('what the responder’s back end never has is refused for good, in either exchange', () => {
  const { sim, a, b } = pair();
  for (const exchange of ['IKE_AUTH', 'CREATE_CHILD_SA']) {
    const refusal = { code: 'local/unsupported', summary: 'no marks here' } as const;
    b.backEnd.refusals.set('install', refusal);
    a.initiate('site', 'net');
    sim.quiet();
    assert.deepEqual(
      [a, b].map(host => host.eventsOf('failed').at(-1)?.failure.code),
      ['peer/no-proposal-chosen', 'local/unsupported'],
      exchange,
    );
    const said = sim.network.ladder.length;
    sim.run(MINUTE);
    assert.equal(sim.network.ladder.length, said, 'it is not asked for again');
    for (const host of [a, b]) assert.equal(host.backEnd.sas.size + host.backEnd.reserved.size, 0);
  }
  assertEnds(sim, a);
});

test('no SPI to be had: the initiator fails, and nothing is left', () => {
  const { sim, a } = pair();
  a.backEnd.refusals.set('allocate-spi', { code: 'kernel/install', summary: 'no SPI' });
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(failureOf(a).code, 'kernel/install');
  sim.run(MINUTE);
  sim.assertEmpty();
});

test('childless: an IKE SA alone, then its child', () => {
  const { sim, a, b } = pair({ a: { childless: 'force' }, b: { childless: 'force' } });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assertEnds(sim, a);
});

test('childless: the initiator insists, the peer does not offer it', () => {
  bothTimes(pair({ a: { childless: 'force' }, b: { childless: 'never' } }), a => {
    assert.equal(failureOf(a).code, 'peer/refused');
    assert.match(failureOf(a).summary, /RFC 6023/);
  });
});

test('childless: the responder insists, the initiator brings a child', () => {
  const { sim, a, b } = pair({ b: { childless: 'force' } });
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(failureOf(a).code, 'peer/no-additional-sas');
  assert.match(failureOf(b).remedy ?? '', /set childless/);
  assert.equal(onlyIke(a).children.length, 0);
});

test('names that are not configured are refused at once', () => {
  const { sim, a } = pair();
  for (const target of [{ connection: 'nowhere' }, { connection: 'site', child: 'nothing' }]) {
    assert.throws(
      () => a.engine.initiate(target, sim.now),
      (error: unknown) => error instanceof Failed && error.failure.code === 'config/unknown-name',
    );
  }
  assert.equal(a.terminate({ connection: 'nowhere' }), 0);
  assert.equal(a.rekey({ child: 'nothing' }), 0);
  sim.assertEmpty();
});

test('the name of the peer does not resolve', () => {
  const { sim, a } = pair();
  a.resolve = () => ({ kind: 'failed', failure: { code: 'local/address', summary: 'no address' } });
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(failureOf(a).code, 'local/address');
  sim.assertEmpty();
});

test('both begin at the same time: two IKE SAs, and both work', () => {
  const { sim, a, b } = pair();
  a.initiate('site', 'net');
  b.initiate('site', 'net');
  sim.quiet();
  for (const host of [a, b]) {
    assert.equal(host.status().filter(({ state }) => state === 'ESTABLISHED').length, 2);
    assert.equal(host.eventsOf('failed').length, 0);
  }
  assertEnds(sim, a);
});

test('an identity is what it is, whatever is in it', () => {
  const odd = 'a"; $(touch x)\n';
  const local = [
    { method: 'psk', id: { type: 11, data: fqdn(odd).data }, certificates: [], publicKeys: [], schemes: [] },
  ] as const;
  const { sim, a, b } = pair({ a: { local } });
  a.initiate('site', 'net');
  sim.quiet();
  assert.doesNotMatch(failureOf(b).summary, /\n/);
});
