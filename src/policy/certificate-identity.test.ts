import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issue, makeAuthority } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { certificateIdentities, certificateMatches } from './certificate-identity.ts';
import { formatIdentity, parseIdentity } from './identity.ts';

const authority = makeAuthority();
const certificate = parseCertificate(
  issue(authority, {
    subject: 'C=CH, O=Lab, CN=common.lab',
    names: [
      'dns:moon.lab',
      'dns:*.wild.lab',
      'email:joe@lab',
      'ip:192.0.2.1',
      'ip:2001:db8::1',
      'dn:CN=alias',
      'uri:https://lab/',
    ],
  }).der,
  nodeProvider(),
);
const keyId = toHex(certificate.subjectKeyIdentifier ?? new Uint8Array());

for (const text of [
  'moon.lab',
  'MOON.lab',
  'joe@lab',
  '192.0.2.1',
  '2001:db8::1',
  'c=ch, o=lab, cn=COMMON.lab',
  'CN=alias',
  `keyid:#${keyId}`,
  'fqdn:*.wild.lab',
  'asn1gn:#82086d6f6f6e2e6c6162',
]) {
  test(`the certificate speaks for ${text}`, () =>
    assert.equal(certificateMatches(parseIdentity(text), certificate), true));
}

for (const text of [
  'common.lab',
  'x.wild.lab',
  'fqdn:*',
  'fqdn:*.lab',
  'sun.moon.lab',
  'email:moon.lab',
  'keyid:moon.lab',
  'fqdn:192.0.2.1',
  '192.0.2.0/24',
  'CN=common.lab',
  'C=CH, O=Lab',
  'CN=*',
  '%any',
  `fqdn:${keyId}`,
  'asn1gn:#82036d6f6f',
]) {
  test(`the certificate does not speak for ${text}`, () =>
    assert.equal(certificateMatches(parseIdentity(text), certificate), false));
}

test('a malformed name is no one’s', () => {
  const nameless = parseCertificate(issue(authority, { subject: '' }).der, nodeProvider());
  assert.equal(certificateMatches({ type: 9, data: Uint8Array.of(1) }, certificate), false);
  assert.equal(certificateMatches({ type: 9, data: new Uint8Array() }, nameless), false);
  assert.equal(certificateMatches(parseIdentity('asn1dn:#3000'), nameless), false);
});

test('all identities are told', () => {
  assert.deepEqual(certificateIdentities(certificate).map(formatIdentity), [
    'C=CH, O=Lab, CN=common.lab',
    'moon.lab',
    '*.wild.lab',
    'joe@lab',
    '192.0.2.1',
    '2001:db8::1',
    'CN=alias',
    `keyid:#${keyId}`,
  ]);
});
