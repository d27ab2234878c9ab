import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { V1ExchangeType, V1Notify } from '../../src/iana/ikev1.ts';
import type { IkeSaStatus } from '../../src/ike/output.ts';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Connection } from '../../src/policy/connection.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import type { Failure } from '../../src/policy/failure.ts';
import { parseIdentity } from '../../src/policy/identity.ts';
import { encodeV1Message } from '../../src/wire/v1/message.ts';
import { issue, makeAuthority } from '../certificate-builder.ts';
import { connection, fqdn, mirrored, sharedKey } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import { bothTimes, failureOf } from '../sim/failures.ts';
import type { Host } from '../sim/host.ts';
import { CALM } from '../sim/network.ts';
import type { Packet } from '../sim/packet.ts';
import { authority, certified, childV1, pairV1, V1 } from '../sim/pair-v1.ts';
import { notifyOf } from '../sim/scripted-peer-v1.ts';

/* Phase 1 by each method, in both modes and roles; and every way in which it comes to nothing. */

const AGGRESSIVE = { both: { aggressive: true }, settings: { allowAggressivePsk: true } } as const;
const MODES = { main: {}, aggressive: AGGRESSIVE } as const;

/** Why an ISAKMP SA went down that `host` took for established: a responder does not know how its last message fares. */
function onlyDown(host: Host): Failure | undefined {
  assert.equal(host.eventsOf('failed').length, 0);
  const [event, ...others] = host.eventsOf('ike-down');
  assert.equal(others.length, 0);
  return event?.failure;
}

function secrets(...entries: readonly (readonly [text: string, ...owners: string[]])[]): Credentials {
  return {
    ...sharedKey(),
    shared: entries.map(([text, ...owners], i) => ({
      name: `ike-${i}`,
      use: 'ike',
      secret: new Secret(utf8(text)),
      owners: owners.map(parseIdentity),
    })),
  };
}

for (const mode of ['main', 'aggressive'] as const) {
  for (const begunBy of ['a', 'b'] as const) {
    test(`${mode} mode with a shared key, begun by ${begunBy}`, () => {
      const made = pairV1(MODES[mode]);
      const { sim, a, b } = made;
      made[begunBy].initiate('site', 'net');
      assertSettles(sim, a, b);
      for (const host of [a, b]) {
        assert.equal(onlyIke(host).version, 1);
        assert.equal(onlyIke(host).proposal, 'aes128-sha256-ecp256');
      }
      assert.deepEqual([onlyIke(a).localId, onlyIke(a).remoteId], ['a', 'b']);
      assert.deepEqual([onlyIke(b).localId, onlyIke(b).remoteId], ['b', 'a']);
      assertEnds(sim, a);
    });
  }

  for (const key of ['rsa2048', 'p256', 'p384', 'p521'] as const) {
    test(`${mode} mode with ${key} signatures`, () => {
      const { sim, a, b } = pairV1({
        ...certified({ name: 'moon', key }, { name: 'sun', key }),
        ...MODES[mode],
      });
      a.initiate('site', 'net');
      assertSettles(sim, a, b);
      assert.equal(onlyIke(a).remoteId, 'sun.example.org');
      assert.equal(onlyIke(b).remoteId, 'moon.example.org');
      assertEnds(sim, b);
    });
  }

  test(`${mode} mode loses each of its messages once`, () => {
    for (let lost = 1; lost <= 7; lost++) {
      const { sim, a, b, ab, ba } = pairV1({ ...MODES[mode] });
      let seen = 0;
      ab.script = ba.script = () => (++seen === lost ? 'drop' : 'pass');
      a.initiate('site', 'net');
      sim.quiet();
      sim.run(MINUTE);
      assertSettles(sim, a, b);
    }
  });

  test(`${mode} mode gets each of its messages twice, and late`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { sim, a, b, ab, ba } = pairV1({ seed, ...MODES[mode] });
      ab.weather = ba.weather = { ...CALM, duplicate: 0.8, jitter: 300 };
      a.initiate('site', 'net');
      sim.quiet();
      sim.run(3 * MINUTE);
      sim.check(() => {
        assert.equal(onlyIke(a).children.length, 1);
        assert.equal(a.gapTo(b, 'net'), undefined);
        assert.equal(b.gapTo(a, 'net'), undefined);
      });
      ab.weather = ba.weather = CALM;
      assertEnds(sim, a);
    }
  });
}

for (const proposal of [
  'aes256-sha512-modp2048',
  'aes192-sha384-ecp384',
  'camellia128-sha256-modp3072',
  '3des-md5-modp1024',
  'des-sha1-modp768',
  'aes128-sha1-x25519',
  'aes128-sha256-ecp256bp',
  'aes256-sha256-modp2048s256',
]) {
  test(`phase 1 with ${proposal}`, () => {
    const { sim, a, b } = pairV1({ both: { ...V1, proposals: parseProposals(proposal, 'ike') } });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.equal(onlyIke(b).proposal, proposal);
    assertEnds(sim, a);
  });
}

test('default proposals agree, and the first message travels in one packet', () => {
  const { sim, a, b, ab } = pairV1({ both: { ...V1, proposals: parseProposals('default', 'ike') } });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(a).proposal, 'aes256-sha256-x25519');
  const [first] = ab.recorded;
  assert.ok(first?.content.kind === 'ike' && first.content.datagram.length < 1200);
});

test('several connections to one place: the identity decides which one it is', () => {
  const { sim, a, b } = pairV1();
  const site: Connection = { ...connection('b', 'a', V1), children: [mirrored(childV1())] };
  const other: Connection = { ...site, name: 'other', remote: [remoteOf('someone.else')] };
  b.act((engine, now) => engine.configure([other, site], sharedKey(), now));
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(b).connection, 'site');
});

test('several peers with a key each: a responder in main mode tries which one is meant', () => {
  const keys = secrets(['for carol', 'carol'], ['for a', 'a'], ['for dave', 'dave']);
  const { sim, a, b } = pairV1({ credentials: { a: secrets(['for a']), b: keys } });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

test('one peer must not pass for another by its own key', () => {
  const keys = secrets(['for carol', 'carol'], ['for a', 'a']);
  bothTimes(pairV1({ credentials: { a: secrets(['for carol']), b: keys } }), (a, b) => {
    assert.equal(failureOf(b).code, 'auth/wrong-key');
    assert.equal(failureOf(a).code, 'auth/refused-by-peer');
  });
});

test('another key at each end: the responder cannot read the identity, and says why', () => {
  bothTimes(pairV1({ credentials: { a: sharedKey('one'), b: sharedKey('another') } }), (a, b) => {
    const failure = failureOf(b);
    assert.equal(failure.code, 'auth/wrong-key');
    assert.match(failure.summary, /cannot be decrypted/);
    assert.match(failureOf(a).summary, /PAYLOAD_MALFORMED/);
  });
});

test('another key in aggressive mode: the initiator sees it', () => {
  bothTimes(
    pairV1({ ...AGGRESSIVE, credentials: { a: sharedKey('one'), b: sharedKey('another') } }),
    (a, b) => {
      assert.equal(failureOf(a).code, 'auth/wrong-key');
      assert.match(failureOf(b).summary, /AUTHENTICATION_FAILED|did not go on/);
    },
  );
});

test('a refusal in the clear ends aggressive mode neither before nor after the answer', () => {
  const { sim, a, b, ab, ba } = pairV1(AGGRESSIVE);
  const malformed = (initiatorSpi: bigint, responderSpi: bigint): void => {
    const header = { initiatorSpi, responderSpi, exchangeType: V1ExchangeType.INFORMATIONAL, flags: 0 };
    const datagram = encodeV1Message({ ...header, messageId: 0x0badcafe }, [
      notifyOf(V1Notify.PAYLOAD_MALFORMED),
    ]);
    const { from, to } = ab.recorded[0] as Packet;
    sim.network.deliver({ number: 0, from: to, to: from, content: { kind: 'ike', datagram } });
  };
  ba.hold();
  a.initiate('site', 'net');
  sim.run(SECOND);
  const { initiatorSpi, responderSpi } = b.status()[0] as IkeSaStatus;
  for (let time = 0; time < 2; time++) malformed(initiatorSpi, 0n);
  assert.match(a.eventsOf('log').at(-1)?.text ?? '', /PAYLOAD_MALFORMED.*nobody vouches for that/);
  ba.flow();
  assertSettles(sim, a, b);
  for (let time = 0; time < 2; time++) malformed(initiatorSpi, responderSpi);
  assertSettles(sim, a, b);
  assert.deepEqual(a.eventsOf('failed'), []);
});

test('no key at all: nothing is sent', () => {
  const none = secrets();
  bothTimes(pairV1({ ...AGGRESSIVE, credentials: { a: none, b: none } }), (a, b) => {
    assert.equal(failureOf(b).code, 'auth/no-key');
    assert.equal(a.eventsOf('failed').length > 0, true);
  });
});

for (const [what, proposals, expected] of [
  ['group', 'aes128-sha256-modp1024', /peer offers modp1024; this connection allows ecp256/],
  ['hash', 'aes128-sha1-ecp256', /peer offers sha1; this connection allows sha256/],
  ['cipher', '3des-sha256-ecp256', /peer offers 3des; this connection allows aes128/],
  ['key length', 'aes256-sha256-ecp256', /peer offers aes256; this connection allows aes128/],
] as const) {
  test(`no common ${what}: explained down to the attribute`, () => {
    bothTimes(
      pairV1({ both: {}, a: { ...V1, proposals: parseProposals(proposals, 'ike') }, b: V1 }),
      (a, b) => {
        const failure = failureOf(b);
        assert.match(failure.code, /peer\/(no-proposal-chosen|invalid-ke)/);
        assert.match(failure.summary, expected);
        assert.deepEqual([failure.ours, failure.theirs], [['aes128-sha256-ecp256'], [proposals]]);
        assert.match(failure.remedy ?? '', /^add /);
        assert.equal(failureOf(a).code, 'peer/no-proposal-chosen');
      },
    );
  });
}

test('proposals that IKEv1 has no numbers for are told before anything is sent', () => {
  bothTimes(
    pairV1({ both: { ...V1, proposals: parseProposals('aes128gcm16-prfsha256-x25519', 'ike') } }),
    a => {
      assert.equal(failureOf(a).code, 'config/invalid-value');
      assert.match(failureOf(a).summary, /IKEv1/);
    },
  );
});

test('one end signs, the other has a shared key', () => {
  const ends = certified({ name: 'moon' }, { name: 'sun' });
  bothTimes(
    pairV1({
      ...(ends.a === undefined ? {} : { a: ends.a }),
      credentials: { ...(ends.credentials?.a === undefined ? {} : { a: ends.credentials.a }) },
    }),
    (a, b) => {
      assert.equal(failureOf(b).code, 'auth/method');
      assert.match(failureOf(b).summary, /ECDSA_256.*PRE_SHARED_KEY/);
      assert.equal(failureOf(a).code, 'peer/no-proposal-chosen');
    },
  );
});

test('a certificate of an authority that is not trusted', () => {
  const elsewhere = makeAuthority({ subject: 'C=CH, O=Elsewhere, CN=Root' });
  const own = issue(elsewhere, {
    subject: 'C=CH, O=Lab, CN=moon',
    names: ['dns:moon.example.org'],
    key: 'p256',
  });
  bothTimes(pairV1(certified({ name: 'moon', own }, { name: 'sun' })), (a, b) => {
    assert.equal(failureOf(b).code, 'auth/untrusted-chain');
    assert.equal(failureOf(a).code, 'auth/refused-by-peer');
  });
});

test('a certificate that does not speak for the identity', () => {
  const own = issue(authority(), {
    subject: 'C=CH, O=Lab, CN=moon',
    names: ['dns:mars.example.org'],
    key: 'p256',
  });
  bothTimes(pairV1(certified({ name: 'sun' }, { name: 'moon', own })), (a, b) => {
    assert.equal(failureOf(a).code, 'auth/wrong-identity');
    assert.equal(onlyDown(b)?.code, 'auth/refused-by-peer');
  });
});

test('the peer is somebody else than was to answer', () => {
  bothTimes(pairV1({ a: { remote: [{ ...remoteOf('c') }] } }), (a, b) => {
    assert.equal(failureOf(a).code, 'auth/wrong-identity');
    assert.equal(onlyDown(b)?.code, 'auth/refused-by-peer');
  });
});

function remoteOf(name: string): Connection['remote'][number] {
  return {
    method: 'psk',
    id: { kind: 'exact', identity: fqdn(name) },
    certificates: [],
    publicKeys: [],
    authorities: [],
    schemes: [],
    revocation: 'relaxed',
  };
}

test('aggressive mode with a shared key is refused unless its option allows it', () => {
  bothTimes(pairV1({ both: { ...V1, aggressive: true } }), (a, b) => {
    assert.equal(failureOf(b).code, 'auth/method');
    assert.match(failureOf(b).summary, /guessed/);
    assert.equal(failureOf(a).code, 'peer/no-proposal-chosen');
  });
});

test('aggressive mode is refused by a connection that has main mode', () => {
  bothTimes(pairV1({ a: { aggressive: true }, settings: { allowAggressivePsk: true } }), (_, b) => {
    assert.match(failureOf(b).summary, /main mode/);
  });
});

test('IKEv1 is not answered where no connection asks for it, and not refused either', () => {
  const { sim, a, ba } = pairV1({ both: {}, a: V1, b: { version: 2 } });
  a.initiate('site', 'net');
  sim.run(30 * SECOND);
  assert.equal(ba.recorded.length, 0);
});

test('a connection for any version answers IKEv1', () => {
  const { sim, a, b } = pairV1({ both: {}, a: V1, b: { ...V1, version: 0 } });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(b).version, 1);
});

test('nobody answers: the initiator says what it tried', () => {
  const { sim, a, ab } = pairV1();
  ab.script = () => 'drop';
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(failureOf(a).code, 'peer/silent');
  assert.match(failureOf(a).summary, /message 1 of MAIN_MODE/);
  sim.assertEmpty();
});

test('a forged refusal does not keep an honest answer from being heard', () => {
  const { sim, a, b, ab } = pairV1();
  ab.hold();
  a.initiate('site', 'net');
  const [first] = ab.held;
  assert.ok(first?.content.kind === 'ike');
  const forged = new Uint8Array(40);
  forged.set(first.content.datagram.subarray(0, 8));
  forged.set([11, 0x10, 5, 0, 0, 0, 0, 7, 0, 0, 0, 40, 0, 0, 0, 12, 0, 0, 0, 1, 1, 0, 0, 14], 16);
  a.act((engine, now) => engine.receive(forged, { local: first.from, remote: first.to }, now));
  assert.equal(onlyState(a), 'CONNECTING');
  ab.flow();
  assertSettles(sim, a, b);
});

function onlyState(host: Host): string | undefined {
  return host.status()[0]?.state;
}
