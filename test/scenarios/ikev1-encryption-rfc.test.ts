import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { converse, encrypting, withRfcPeer } from '../sim/encryption-v1.ts';
import { onlyIke } from '../sim/ends.ts';
import { PAYLOAD } from '../sim/rfc2409-peer.ts';

/* Public key encryption against a peer that was written from RFC 2409 alone (test/sim/rfc2409-peer.ts). */

const SUITES = [
  { cipher: 'aes-128-cbc', hash: 'sha256', group: 19 },
  { cipher: 'des-ede3-cbc', hash: 'md5', group: 2 },
  { cipher: 'aes-256-cbc', hash: 'sha1', group: 14 },
  { cipher: 'aes-256-cbc', hash: 'sha512', group: 19 },
] as const;

const MOON = Buffer.from(encrypting('moon').der);

for (const method of [4, 5] as const)
  for (const mode of ['main', 'aggressive'] as const)
    for (const suite of SUITES) {
      const { cipher, hash, group } = suite;
      const what = `method ${method}, ${mode} mode, ${cipher} ${hash} group ${group}`;

      test(`${what}: the peer begins`, () => {
        for (const theirCertificate of [undefined, MOON]) {
          const named = theirCertificate === undefined ? {} : { theirCertificate };
          const { sim, a, peer } = withRfcPeer({ method, mode, ...suite, ...named });
          peer.begin();
          converse(sim);
          assert.ok(peer.established);
          assert.equal(peer.theirId?.toString('latin1'), '\x02\0\0\0moon.example.org');
          assert.equal(onlyIke(a).remoteId, 'sun.example.org');
          peer.deleteSa();
          converse(sim);
          assert.deepEqual(a.status(), []);
        }
      });

      test(`${what}: the peer answers`, () => {
        const { sim, a, peer } = withRfcPeer({ method, mode, ...suite });
        a.initiate('site');
        converse(sim);
        assert.ok(peer.established);
        assert.equal(peer.theirId?.toString('latin1'), '\x02\0\0\0moon.example.org');
        assert.equal(onlyIke(a).remoteId, 'sun.example.org');
        const share = peer.clear.at(mode === 'main' ? 1 : 0) ?? [];
        const [named] = share.flatMap(([type, body]) => (type === PAYLOAD.HASH ? [body] : []));
        const expected = createHash(hash).update(encrypting('sun').der).digest();
        assert.ok(named?.equals(expected), 'HASH(1) names the certificate that is encrypted to');
        peer.deleteSa();
        converse(sim);
        assert.deepEqual(a.status(), []);
      });
    }
