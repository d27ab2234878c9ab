import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { encrypted, METHODS } from '../sim/encryption-v1.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import { pairV1, V1 } from '../sim/pair-v1.ts';

/* Phase 1 by public key encryption (RFC 2409 §5.2, §5.3), between two of us. */

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
