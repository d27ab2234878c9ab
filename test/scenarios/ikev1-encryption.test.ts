import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import type { LocalAuth, RemoteAuth } from '../../src/policy/connection.ts';
import { type Issued, issue, USAGE } from '../certificate-builder.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import type { PairOptions } from '../sim/pair.ts';
import { authority, certified, pairV1, V1 } from '../sim/pair-v1.ts';

/* Phase 1 by public key encryption (RFC 2409 §5.2, §5.3), between two of us. */

const METHODS = ['pubkey-encryption', 'pubkey-encryption-revised'] as const;
type Method = (typeof METHODS)[number];

const made = new Map<string, Issued>();

/** A certificate that may be encrypted to, one for each name. */
function encrypting(name: string): Issued {
  const subject = `C=CH, O=Lab, CN=${name}`;
  const issued =
    made.get(name) ??
    issue(authority(), {
      subject,
      names: [`dns:${name}.example.org`],
      key: 'rsa2048',
      keyUsage: USAGE.keyEncipherment,
    });
  made.set(name, issued);
  return issued;
}

interface Ends {
  readonly local?: Partial<LocalAuth>;
  readonly remote?: Partial<RemoteAuth>;
}

function encrypted(method: Method, a: Ends = {}, b: Ends = {}): PairOptions {
  const [moon, sun] = [encrypting('moon'), encrypting('sun')];
  return certified(
    {
      name: 'moon',
      own: moon,
      local: { method, ...a.local },
      remote: { method, certificates: [sun.der], ...a.remote },
    },
    {
      name: 'sun',
      own: sun,
      local: { method, ...b.local },
      remote: { method, certificates: [moon.der], ...b.remote },
    },
  );
}

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
