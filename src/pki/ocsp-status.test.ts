import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issue, makeAuthority, TEST_TIME } from '../../test/certificate-builder.ts';
import { type OcspOptions, ocspResponse } from '../../test/ocsp-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { CertificateCache } from './certificate-cache.ts';
import { parseOcspResponse } from './ocsp-response.ts';
import { ocspStatus } from './ocsp-status.ts';
import type { RevocationStatus } from './revocation.ts';

const MINUTE = 60_000;
const SIGNING = ['1.3.6.1.5.5.7.3.9'];
const provider = nodeProvider();
const cache = new CertificateCache(provider);
const root = makeAuthority();
const other = makeAuthority({ subject: 'CN=Other' });
const moon = issue(root, { subject: 'CN=moon' });
const responder = issue(root, { subject: 'CN=ocsp', extendedKeyUsage: SIGNING });

function status(options: OcspOptions, configured: Uint8Array[] = [], anchors = [root]): RevocationStatus {
  const response = parseOcspResponse(ocspResponse(root, moon, options), provider);
  return ocspStatus(cache.certificate(moon.der), cache.certificate(root.der), response, {
    cache,
    at: TEST_TIME,
    configured: configured.map(der => cache.certificate(der)),
    anchors: anchors.map(({ der }) => cache.certificate(der)),
  });
}

function why(...given: Parameters<typeof status>): string {
  const found = status(...given);
  assert.equal(found.kind, 'unknown');
  return found.kind === 'unknown' ? found.why.join() : '';
}

test('the issuer itself says that a certificate is good, by its name or its key', () => {
  assert.deepEqual(status({}), { kind: 'good' });
  assert.deepEqual(status({ byKey: false }), { kind: 'good' });
  assert.deepEqual(status({ hash: 'sha256' }), { kind: 'good' });
});

test('who is entitled by the issuer says so, with its certificate or known here', () => {
  assert.deepEqual(status({ signer: responder }), { kind: 'good' });
  assert.deepEqual(status({ signer: responder, byKey: false }), { kind: 'good' });
  assert.match(why({ signer: responder, alone: true }), /no certificate of its signer is at hand/);
  assert.deepEqual(status({ signer: responder, alone: true }, [responder.der]), { kind: 'good' });
});

test('a responder of another trusted authority counts where the configuration names it', () => {
  const foreign = issue(other, { subject: 'CN=ocsp', extendedKeyUsage: SIGNING });
  assert.match(why({ signer: foreign }, [], [root, other]), /was not issued by .*CN=Root/);
  assert.deepEqual(status({ signer: foreign }, [foreign.der], [root, other]), { kind: 'good' });
  assert.match(why({ signer: foreign }, [foreign.der]), /was not issued by/);
});

for (const [what, signer, says] of [
  ['has no such usage', issue(root, { subject: 'CN=ocsp' }), /is not entitled to sign OCSP responses/],
  [
    'has run out',
    issue(root, { subject: 'CN=ocsp', extendedKeyUsage: SIGNING, notAfter: TEST_TIME - 1000 }),
    /out of date/,
  ],
  [
    'has a key for other things',
    issue(root, { subject: 'CN=ocsp', extendedKeyUsage: SIGNING, keyUsage: 4 }),
    /not for signatures/,
  ],
  [
    'has signed for itself',
    issue(undefined, { subject: 'CN=ocsp', extendedKeyUsage: SIGNING }),
    /was not issued by/,
  ],
  ['is the peer itself', moon, /is not entitled/],
] as const)
  test(`a signer that ${what} says nothing`, () => assert.match(why({ signer }), says));

test('a signature that is not the issuer’s is none', () => {
  const forger = makeAuthority();
  assert.match(why({ signer: forger, byKey: false, alone: true }), /no valid signature of the issuer/);
});

test('a revocation holds, with its date and reason, however old the response is', () => {
  const at = TEST_TIME - 100 * MINUTE;
  assert.deepEqual(status({ status: { at, reason: 1 } }), { kind: 'revoked', at, reason: 'keyCompromise' });
  assert.deepEqual(status({ status: { at }, nextUpdate: TEST_TIME - 1000 }), { kind: 'revoked', at });
});

test('what it says of another certificate, of other days, or not at all, is no word', () => {
  assert.match(why({ serial: Uint8Array.of(9) }), /says nothing of this certificate/);
  assert.match(why({ nextUpdate: TEST_TIME - 1000 }), /expired on 2029-12-31 23:59:59Z/);
  assert.match(why({ thisUpdate: TEST_TIME + 6 * MINUTE }), /not valid before 2030-01-01 00:06:00Z/);
  assert.match(why({ status: 'unknown' }), /does not know this certificate/);
});

test('clocks may differ by minutes', () => {
  assert.equal(status({ thisUpdate: TEST_TIME + 4 * MINUTE }).kind, 'good');
  assert.equal(status({ nextUpdate: null, producedAt: TEST_TIME - 4 * MINUTE }).kind, 'good');
  assert.match(why({ nextUpdate: null, producedAt: TEST_TIME - 6 * MINUTE }), /expired/);
});
