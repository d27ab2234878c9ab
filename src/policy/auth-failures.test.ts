import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issue, makeAuthority, TEST_TIME } from '../../test/certificate-builder.ts';
import { statusJudge } from '../../test/status-judge.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { Secret } from '../lib/secret.ts';
import { CertificateCache } from '../pki/certificate-cache.ts';
import { validateChain } from '../pki/chain.ts';
import {
  identityNotInCertificate,
  methodNotAllowed,
  noPrivateKey,
  noSharedKey,
  proofRefused,
  untrustedChain,
  wrongIdentity,
  wrongKey,
} from './auth-failures.ts';
import type { Credentials } from './credentials.ts';
import type { Failure } from './failure.ts';
import { parseIdentity } from './identity.ts';
import { parseIdentityPattern } from './identity-match.ts';

const cache = new CertificateCache(nodeProvider());
const root = makeAuthority({ subject: 'CN=Root' });
const leaf = cache.certificate(issue(root, { subject: 'CN=moon', names: ['dns:moon.lab'] }).der);
const [moon, sun] = [parseIdentity('moon.lab'), parseIdentity('sun.lab')];

test('another identity than asked for', () => {
  assert.deepEqual(wrongIdentity(parseIdentityPattern('sun.lab'), moon), {
    code: 'auth/wrong-identity',
    summary: 'the peer is moon.lab, and the connection asks for sun.lab',
    ours: ['sun.lab'],
    theirs: ['moon.lab'],
    remedy: 'set remote.id = moon.lab here, or local.id = sun.lab at the peer',
    notify: 'AUTHENTICATION_FAILED',
  } satisfies Failure);
});

test('the same letters in another type are pointed out', () => {
  const { summary } = wrongIdentity(parseIdentityPattern('moon.lab'), parseIdentity('keyid:moon.lab'));
  assert.match(summary, /types ID_KEY_ID and ID_FQDN/);
});

test('an identity that the certificate does not carry, with those that it does', () => {
  const failure = identityNotInCertificate(sun, leaf);
  assert.equal(failure.nearest, 'moon.lab');
  assert.deepEqual(failure.theirs?.slice(0, 2), ['CN=moon', 'moon.lab']);
  assert.match(
    failure.remedy ?? '',
    /subjectAltName DNS:sun\.lab, or set local\.id at the peer to .* CN=moon or moon\.lab/,
  );
  assert.doesNotMatch(identityNotInCertificate(parseIdentity('CN=x'), leaf).remedy ?? '', /subjectAltName/);
});

test('a chain that leads nowhere, with the authorities that it might have led to', () => {
  const other = cache.certificate(makeAuthority({ subject: 'CN=Other' }).der);
  const statuses = statusJudge(cache);
  const result = validateChain(
    { leaf, intermediates: [], anchors: [other], statuses, revocation: 'relaxed', at: TEST_TIME },
    cache,
  );
  assert.ok(result.kind === 'untrusted');
  const failure = untrustedChain(result, [other]);
  assert.equal(failure.code, 'auth/untrusted-chain');
  assert.match(
    failure.summary,
    /^the certificate CN=moon \(serial [0-9a-f]+\) cannot be trusted: there is no certificate of its issuer CN=Root$/,
  );
  assert.deepEqual([failure.ours, failure.theirs], [['CN=Other'], ['CN=moon, issued by CN=Root']]);
  assert.match(failure.remedy ?? '', /put the certificate of CN=Root among the trusted authorities/);
});

test('no shared key, with the names of those there are and never a secret', () => {
  const credentials = {
    shared: [
      {
        name: 'ike-a',
        use: 'ike',
        secret: new Secret(Uint8Array.of(0x41, 0x42)),
        owners: [parseIdentity('mars.lab')],
      },
      { name: 'eap-b', use: 'eap', secret: new Secret(Uint8Array.of(0x41)), owners: [] },
    ],
  } as unknown as Credentials;
  const failure = noSharedKey(moon, sun, credentials);
  assert.equal(failure.summary, 'there is no ike secret for moon.lab and sun.lab');
  assert.deepEqual(failure.ours, ['ike-a: mars.lab']);
  assert.match(failure.remedy ?? '', /id = sun\.lab/);
  assert.doesNotMatch(JSON.stringify(failure), /AB|4142/);
});

test('no private key, or no certificate', () => {
  assert.match(noPrivateKey(moon, [leaf]).summary, /no private key for the certificate of CN=moon/);
  assert.match(noPrivateKey(moon, []).summary, /no certificate for moon\.lab/);
  assert.match(noPrivateKey(undefined, []).summary, /no certificate for this connection/);
});

test('a method that is not allowed, a wrong key, a refusal', () => {
  assert.match(
    methodNotAllowed(['pubkey'], 'psk').remedy ?? '',
    /remote\.auth = psk here, or local\.auth = pubkey/,
  );
  assert.match(wrongKey(moon, 'psk').summary, /pre-shared key of moon\.lab/);
  assert.match(wrongKey(moon, 'signature').summary, /signature of moon\.lab/);
  const refused = proofRefused(moon, sun);
  assert.deepEqual(
    [refused.code, refused.ours, refused.theirs],
    ['auth/refused-by-peer', ['moon.lab'], ['sun.lab']],
  );
});
