import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { issue, issueCrl, makeAuthority } from '../../test/certificate-builder.ts';
import { concat, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { isDer, readCertificates, readCrls, readPem, readPublicKeys, writePem } from './pem.ts';

const root = makeAuthority();
const leaf = issue(root);

test('base64 is what the platform makes of it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), octets => {
      const text = toBase64(octets);
      assert.equal(text, Buffer.from(octets).toString('base64'));
      assert.equal(toHex(fromBase64(text.replace(/(.{5})/g, '$1\r\n')) as Uint8Array), toHex(octets));
    }),
    { seed: 1 },
  );
});

for (const text of [
  'A',
  'AA',
  'AAA',
  'AA=A',
  'AAA==',
  'A===',
  '====',
  'AB==',
  'AAB=',
  'AA-_',
  'ÄAAA',
  'AAAA=',
  'AAAA====',
  'AA==AAAA',
  'AAAA\u00a0AAAA',
  'AAAA\u0141AAA',
]) {
  test(`"${text}" is no base64`, () => assert.equal(fromBase64(text), undefined));
}

test('all certificates of a file are read, with whatever stands between them', () => {
  const file = `subject=moon\n${writePem('CERTIFICATE', leaf.der)}\nissuer\r\n${writePem('PRIVATE KEY', leaf.pkcs8)}${writePem('CERTIFICATE', root.der).replaceAll('\n', '\r\n')}`;
  assert.deepEqual(readCertificates(utf8(file)).map(toHex), [toHex(leaf.der), toHex(root.der)]);
  assert.deepEqual(
    readPem(file).map(({ label, encrypted }) => [label, encrypted]),
    [
      ['CERTIFICATE', false],
      ['PRIVATE KEY', false],
      ['CERTIFICATE', false],
    ],
  );
});

test('DER is told from PEM by its octets', () => {
  assert.deepEqual(readCertificates(leaf.der), [leaf.der]);
  assert.deepEqual(readPublicKeys(leaf.spki), [leaf.spki]);
  assert.equal(isDer(utf8('0 is the first octet of a SEQUENCE too')), false);
  assert.equal(isDer(concat(leaf.der, Uint8Array.of(0))), false);
  const crl = issueCrl(root);
  assert.deepEqual(readCrls(utf8(writePem('X509 CRL', crl))).map(toHex), [toHex(crl)]);
});

test('OpenSSL’s trust settings after a certificate are left out', () => {
  const trusted = writePem('TRUSTED CERTIFICATE', concat(leaf.der, Uint8Array.of(0x30, 0)));
  assert.deepEqual(readCertificates(utf8(trusted)).map(toHex), [toHex(leaf.der)]);
});

test('encrypted keys are marked, with what is needed to decrypt them', () => {
  const old =
    '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\nAAAA\n-----END RSA PRIVATE KEY-----\n';
  const [block] = readPem(old);
  assert.equal(block?.encrypted, true);
  assert.equal(block?.headers.get('DEK-Info'), 'AES-128-CBC,0011');
  assert.equal(toHex(block?.der ?? new Uint8Array()), '000000');
  assert.equal(block?.text, old.trim());
  assert.equal(readPem(writePem('ENCRYPTED PRIVATE KEY', Uint8Array.of(1)))[0]?.encrypted, true);
});

for (const [why, text] of [
  ['without an end', '-----BEGIN CERTIFICATE-----\nAAAA\n'],
  ['with the end of another', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n'],
  ['that is no base64', '-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n'],
  ['without a label', '-----BEGIN -----\nAAAA\n-----END -----\n'],
  ['with half a BEGIN line', '-----BEGIN CERTIFICATE\nAAAA'],
] as const) {
  test(`a block ${why} is refused`, () => assert.throws(() => readPem(text), Malformed));
}

test('a file without what is sought is refused', () => {
  assert.throws(() => readCertificates(utf8('hello')), /holds no certificate/);
  assert.throws(() => readCrls(utf8(writePem('CERTIFICATE', leaf.der))), /holds no CRL/);
  assert.throws(() => readCertificates(new Uint8Array()), Malformed);
});
