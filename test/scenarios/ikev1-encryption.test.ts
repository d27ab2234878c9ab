import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { MINUTE } from '../../src/lib/time.ts';
import { parseIdentity } from '../../src/policy/identity.ts';
import { parseIdentityPattern } from '../../src/policy/identity-match.ts';
import { issue, USAGE } from '../certificate-builder.ts';
import { connection, sharedKey } from '../sim/configuration.ts';
import { converse, encrypted, encrypting, METHODS, withRfcPeer } from '../sim/encryption-v1.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import { bothTimes, failureOf } from '../sim/failures.ts';
import type { Host } from '../sim/host.ts';
import { ADDRESS_A, ADDRESS_B } from '../sim/pair.ts';
import { childV1, pairV1, V1 } from '../sim/pair-v1.ts';
import { PAYLOAD } from '../sim/rfc2409-peer.ts';
import { withUser } from '../sim/user-v1.ts';

/* Phase 1 by public key encryption (RFC 2409 §5.2, §5.3), between two of us; and what it is refused for. */

/** Both say why. In aggressive mode the initiator is the first to know, and all that it may say is that it goes no further. */
function explain(a: Host, b: Host, aggressive: boolean): void {
  const [ours, theirs] = [failureOf(a), failureOf(b)];
  for (const failure of aggressive ? [ours] : [ours, theirs]) {
    assert.equal(failure.code, 'auth/wrong-key');
    assert.match(failure.summary, /encrypts to a key that the other does not decrypt with/);
    assert.match(failure.remedy ?? '', /let certs or pubkeys of each remote side hold the key/);
  }
  if (aggressive) assert.equal(theirs.code, 'peer/silent');
}

const MARS = encrypting('mars');

for (const method of METHODS)
  for (const aggressive of [false, true])
    for (const proposal of [
      'aes128-sha256-ecp256',
      '3des-md5-modp1024',
      'aes256-sha1-modp2048',
      'aes256-sha512-x25519',
    ])
      test(`${method}, ${aggressive ? 'aggressive' : 'main'} mode, ${proposal}`, () => {
        const { sim, a, b } = pairV1({
          ...encrypted(method),
          both: { ...V1, aggressive, proposals: parseProposals(proposal, 'ike') },
        });
        a.initiate('site', 'net');
        assertSettles(sim, a, b);
        assert.equal(onlyIke(a).remoteId, 'sun.example.org');
        assert.equal(onlyIke(b).remoteId, 'moon.example.org');
        assertEnds(sim, b);
      });

/** The Authentication Method that says so, by whose user it is. */
const WITH_USER = {
  'pubkey-encryption': { a: 65007, b: 65008 },
  'pubkey-encryption-revised': { a: 65009, b: 65010 },
} as const;

for (const method of METHODS)
  for (const aggressive of [false, true])
    for (const client of ['a', 'b'] as const) {
      const shape = `${method} and then the user of ${client}, ${aggressive ? 'aggressive' : 'main'} mode`;
      test(shape, () => {
        const { sim, a, b, ab } = withUser({ after: method, client, both: { ...V1, aggressive } });
        a.initiate('site', 'net');
        assertSettles(sim, a, b);
        const [first] = ab.recorded;
        const number = WITH_USER[method][client];
        assert.ok(
          first?.content.kind === 'ike' &&
            toHex(first.content.datagram).includes(`8003${number.toString(16)}`),
        );
        assertEnds(sim, b);
      });

      test(`${shape}: another password, twice`, () => {
        const { sim, a, b } = withUser({
          after: method,
          client,
          password: 'tangp',
          both: { ...V1, aggressive },
        });
        const [user, server] = client === 'a' ? [a, b] : [b, a];
        for (let time = 1; time <= 2; time++) {
          a.initiate('site', 'net');
          sim.quiet();
          sim.run(MINUTE);
          sim.assertEmpty();
          assert.ok(server.eventsOf('failed').some(({ failure }) => failure.code === 'auth/wrong-key'));
          assert.ok(user.eventsOf('failed').some(({ failure }) => failure.code === 'auth/refused-by-peer'));
          for (const host of [a, b]) host.events.length = 0;
        }
      });
    }

for (const method of METHODS) {
  test(`${method} loses each of its messages once`, () => {
    for (const aggressive of [false, true])
      for (let lost = 1; lost <= 6; lost++) {
        const { sim, a, b, ab, ba } = pairV1({ ...encrypted(method), both: { aggressive } });
        let seen = 0;
        ab.script = ba.script = () => (++seen === lost ? 'drop' : 'pass');
        a.initiate('site', 'net');
        sim.quiet();
        sim.run(MINUTE);
        assertSettles(sim, a, b);
      }
  });

  test(`${method} by raw public keys`, () => {
    const [moon, sun] = [encrypting('moon'), encrypting('sun')];
    const raw = { certificates: [] } as const;
    const { sim, a, b } = pairV1(
      encrypted(
        method,
        { local: { ...raw, publicKeys: [moon.spki] }, remote: { ...raw, publicKeys: [sun.spki] } },
        { local: { ...raw, publicKeys: [sun.spki] }, remote: { ...raw, publicKeys: [moon.spki] } },
      ),
    );
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assertEnds(sim, a);
  });

  for (const aggressive of [false, true]) {
    const mode = aggressive ? 'aggressive' : 'main';
    const both = { aggressive };

    test(`${method}, ${mode} mode: the initiator encrypts to a key that is no more the responder's`, () => {
      const ends = encrypted(method, {
        remote: { certificates: [], publicKeys: [MARS.spki], id: parseIdentityPattern('sun.example.org') },
      });
      bothTimes(pairV1({ ...ends, both }), (a, b) => explain(a, b, aggressive), 5 * MINUTE);
    });

    test(`${method}, ${mode} mode: the responder encrypts to a key that is no more the initiator's`, () => {
      const ends = encrypted(method, {}, { remote: { certificates: [], publicKeys: [MARS.spki] } });
      bothTimes(pairV1({ ...ends, both }), (a, b) => explain(a, b, aggressive), 5 * MINUTE);
    });

    test(`${method}, ${mode} mode: the peer is somebody else than is asked for`, () => {
      const ends = encrypted(method, {}, { remote: { id: parseIdentityPattern('mars.example.org') } });
      bothTimes(
        pairV1({ ...ends, both }),
        (_, b) => {
          const theirs = failureOf(b);
          assert.equal(theirs.code, aggressive ? 'auth/wrong-identity' : 'config/no-connection');
          assert.match(theirs.summary, /moon.example.org/);
        },
        5 * MINUTE,
      );
    });

    test(`${method}, ${mode} mode: only one side makes SKEYID without a hash`, () => {
      const ends = encrypted(method, { remote: { unhashedSkeyid: true } });
      bothTimes(pairV1({ ...ends, both }), (a, b) => explain(a, b, aggressive), 5 * MINUTE);
    });
  }

  test(`${method} with a peer that makes SKEYID without a hash, which is said of it`, () => {
    for (const begunBy of ['peer', 'us'] as const) {
      const { sim, a, peer } = withRfcPeer({
        method: method === 'pubkey-encryption' ? 4 : 5,
        unhashed: true,
        a: { remote: { unhashedSkeyid: true } },
      });
      if (begunBy === 'us') a.initiate('site');
      else peer.begin();
      converse(sim);
      assert.ok(peer.established);
      assert.equal(onlyIke(a).remoteId, 'sun.example.org');
    }
  });

  test(`${method}: HASH(1) of a certificate that is not ours is refused before anything is decrypted`, () => {
    for (const mode of ['main', 'aggressive'] as const) {
      const { sim, a, peer } = withRfcPeer({
        method: method === 'pubkey-encryption' ? 4 : 5,
        mode,
        theirCertificate: Buffer.from(MARS.der),
      });
      for (let time = 0; time < 2; time++) {
        a.events.length = 0;
        peer.begin();
        converse(sim);
        assert.equal(failureOf(a).code, 'auth/no-key');
        assert.match(failureOf(a).summary, /encrypts to a certificate that is not ours/);
        const notify = peer.clear.flat().find(([type]) => type === PAYLOAD.NOTIFY)?.[1];
        assert.equal(notify?.readUInt16BE(6), 28, 'CERTIFICATE-UNAVAILABLE');
        assert.ok(a.status().every(({ state }) => state !== 'ESTABLISHED'));
      }
    }
  });

  test(`${method}: a key that signs for another connection does not decrypt`, () => {
    const ends = encrypted(method);
    const { sim, a } = pairV1(ends);
    const signs = { ...(ends.a?.local?.[0] as object), method: 'pubkey' } as const;
    const site = connection('a', 'b', { ...V1, children: [childV1()], ...ends.a });
    const vpn = { ...site, name: 'vpn', local: [signs as (typeof site.local)[number]] };
    for (let time = 0; time < 2; time++) {
      a.events.length = 0;
      a.act((engine, now) => engine.configure([vpn, site], ends.credentials?.a ?? sharedKey(), now));
      a.initiate('site', 'net');
      sim.quiet();
      assert.equal(failureOf(a).code, 'config/invalid-value');
      assert.match(failureOf(a).summary, /site: its key decrypts, and signs for vpn/);
    }
  });
}

test('revised: the initiator sends its certificate to a responder that knows no key of it', () => {
  for (const aggressive of [false, true]) {
    const ends = encrypted('pubkey-encryption-revised', {}, { remote: { certificates: [] } });
    const { sim, a, b } = pairV1({ ...ends, both: { aggressive, sendCert: 'always' } });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.equal(onlyIke(b).remoteId, 'moon.example.org');
    assertEnds(sim, a);
  }
});

test('revised: a certificate that nobody vouches for is answered as any other, and fails at the proof', () => {
  const stranger = issue(undefined, {
    subject: 'CN=moon',
    names: ['dns:moon.example.org'],
    key: MARS.key,
    keyUsage: USAGE.keyEncipherment,
  });
  for (const mode of ['main', 'aggressive'] as const) {
    const { sim, a, peer } = withRfcPeer({
      method: 5,
      mode,
      privateKey: MARS.key.privateKey,
      ownCertificate: Buffer.from(stranger.der),
      a: { remote: { certificates: [] } },
    });
    peer.heeds = mode === 'main' ? 1 : 0;
    for (let time = 0; time < 2; time++) {
      a.events.length = 0;
      peer.begin();
      converse(sim);
      assert.equal(peer.clear.length, mode === 'main' ? 2 : 1);
      peer.guess();
      sim.run(MINUTE);
      const failure = failureOf(a);
      assert.equal(failure.code, 'auth/untrusted-chain', failure.summary);
    }
  }
});

test('revised, main mode: NAT-D goes encrypted behind the rest, both ways', () => {
  const addresses = [ADDRESS_A, ADDRESS_B].map(address =>
    Buffer.concat([address, Buffer.of(500 >> 8, 500 & 0xff)]),
  ) as [Buffer, Buffer];
  const { sim, a, peer } = withRfcPeer({ method: 5, natD: addresses });
  peer.begin();
  converse(sim);
  assert.ok(peer.established);
  assert.deepEqual([onlyIke(a).natLocal, onlyIke(a).natRemote], [false, false]);
  const behind = withRfcPeer({ method: 5, natD: [addresses[0], Buffer.from('10.0.0.1:500')] });
  behind.peer.begin();
  converse(behind.sim);
  assert.ok(behind.peer.established);
  assert.deepEqual([onlyIke(behind.a).natLocal, onlyIke(behind.a).natRemote], [false, true]);
});

for (const method of METHODS)
  test(`${method}: of several connections the one that asks for the peer's identity is taken`, () => {
    for (const aggressive of [false, true]) {
      const ends = encrypted(method);
      const others = encrypted(
        method,
        {},
        { remote: { id: parseIdentityPattern('mars.example.org'), certificates: [MARS.der] } },
      );
      const both = { ...V1, aggressive, children: [childV1()] };
      const { sim, a, b } = pairV1({ ...ends, both: { aggressive } });
      const children = childV1({ localTs: childV1().remoteTs, remoteTs: childV1().localTs });
      const mars = connection('b', 'a', { ...both, ...others.b, name: 'mars', children: [children] });
      const moon = connection('b', 'a', { ...both, ...ends.b, children: [children] });
      b.act((engine, now) => engine.configure([mars, moon], ends.credentials?.b ?? sharedKey(), now));
      a.initiate('site', 'net');
      assertSettles(sim, a, b);
      assert.equal(onlyIke(b).connection, 'site');
    }
  });

test('an identity that does not fit the key is told before anything is sent of it, and fits the revised method', () => {
  const id = parseIdentity(`${'long.'.repeat(49)}example.org`);
  const [plain, revised] = METHODS.map(method =>
    pairV1(
      encrypted(
        method,
        { local: { id, certificates: [], publicKeys: [encrypting('moon').spki] } },
        { remote: { id: { kind: 'any' }, certificates: [], publicKeys: [encrypting('moon').spki] } },
      ),
    ),
  );
  assert.ok(plain !== undefined && revised !== undefined);
  plain.a.initiate('site', 'net');
  plain.sim.quiet();
  const failure = failureOf(plain.a);
  assert.equal(failure.code, 'local/unsupported');
  assert.match(failure.summary, /an identity of 260 octets does not fit an RSA key of 2048 bits/);
  revised.a.initiate('site', 'net');
  assertSettles(revised.sim, revised.a, revised.b);
});
