import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HashAlgorithm } from '../../iana/ikev2.ts';
import { EMPTY, fromHex, toHex } from '../../lib/bytes.ts';
import type { KeyType, PublicKey } from '../provider.ts';
import {
  announcedHashes,
  identifierOf,
  isWeakScheme,
  SIGNATURES,
  schemeByIdentifier,
  schemeByMethod,
  schemeByName,
  schemesFor,
} from './registry.ts';

function key(type: KeyType, bits: number, curve?: string): PublicKey {
  return { type, bits, spki: EMPTY, ...(curve === undefined ? {} : { curve }) };
}

function hex(text: string): Uint8Array {
  return fromHex(text) as Uint8Array;
}

const ALL = [1, 2, 3, 4, 5];
const names = (...args: Parameters<typeof schemesFor>): string[] =>
  schemesFor(...args).map(({ name }) => name);

test('the identifiers of RFC 7427 appendix A and RFC 8420', () => {
  for (const [name, identifier] of [
    ['rsa-sha1', '300d06092a864886f70d0101050500'],
    ['rsa-sha256', '300d06092a864886f70d01010b0500'],
    ['rsa-sha384', '300d06092a864886f70d01010c0500'],
    ['rsa-sha512', '300d06092a864886f70d01010d0500'],
    ['ecdsa-sha1', '300906072a8648ce3d0401'],
    ['ecdsa-sha256', '300a06082a8648ce3d040302'],
    ['ecdsa-sha384', '300a06082a8648ce3d040303'],
    ['ecdsa-sha512', '300a06082a8648ce3d040304'],
    [
      'rsa/pss-sha256',
      '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
    ],
    [
      'rsa/pss-sha384',
      '304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130',
    ],
    [
      'rsa/pss-sha512',
      '304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108300d06096086480165030402030500a203020140',
    ],
    ['ed25519', '300506032b6570'],
    ['ed448', '300506032b6571'],
  ] as const) {
    const scheme = schemeByName(name);
    assert.ok(scheme, name);
    assert.equal(toHex(identifierOf(scheme) ?? EMPTY), identifier);
    assert.equal(schemeByIdentifier(hex(identifier))?.name, name);
  }
});

test('an identifier of PKCS #1 may leave its NULL out, no other may differ', () => {
  assert.equal(schemeByIdentifier(hex('300b06092a864886f70d01010b'))?.name, 'rsa-sha256');
  for (const identifier of [
    '',
    '30',
    '300d06092a864886f70d01010b050000',
    '300d06092a864886f70d01010b05',
    '300d06092a864886f70d01010e0500',
    '300b06092a864886f70d01010a',
    '300c06082a8648ce3d0403020500',
    '300706032b65700500',
    '300b0609608648016503040311',
  ]) {
    assert.equal(schemeByIdentifier(hex(identifier)), undefined, identifier);
  }
});

test('names are unique, and nothing answers to others', () => {
  assert.equal(new Set(SIGNATURES.map(({ scheme }) => scheme.name)).size, SIGNATURES.length);
  for (const name of ['', 'rsa', 'RSA-SHA256', 'ecdsa-md5', 'constructor'])
    assert.equal(schemeByName(name), undefined);
});

test('RSA: PSS before PKCS #1, the hash that suits the modulus first', () => {
  assert.deepEqual(names(key('rsa', 2048), ALL, []), [
    'rsa/pss-sha256',
    'rsa/pss-sha384',
    'rsa/pss-sha512',
    'rsa-sha256',
    'rsa-sha384',
    'rsa-sha512',
  ]);
  assert.equal(names(key('rsa', 3072), ALL, [])[0], 'rsa/pss-sha256');
  assert.equal(names(key('rsa', 4096), ALL, [])[0], 'rsa/pss-sha384');
  assert.equal(names(key('rsa', 8192), ALL, [])[0], 'rsa/pss-sha512');
});

test('ECDSA: the hash that suits the curve first', () => {
  assert.deepEqual(names(key('ec', 384, 'secp384r1'), ALL, []), [
    'ecdsa-sha384',
    'ecdsa-sha256',
    'ecdsa-sha512',
  ]);
  assert.equal(names(key('ec', 256, 'brainpoolP256r1'), ALL, [])[0], 'ecdsa-sha256');
  assert.equal(names(key('ec', 521, 'secp521r1'), ALL, [])[0], 'ecdsa-sha512');
});

test('EdDSA signs the message itself, which the peer must have said it can (RFC 8420)', () => {
  assert.deepEqual(names(key('ed25519', 256), ALL, []), ['ed25519']);
  assert.deepEqual(names(key('ed448', 448), [HashAlgorithm.IDENTITY], []), ['ed448']);
  assert.deepEqual(names(key('ed25519', 256), [1, 2, 3, 4], []), []);
});

test('only hashes that the peer announced; none is no scheme', () => {
  assert.deepEqual(names(key('rsa', 2048), [HashAlgorithm.SHA2_512], []), ['rsa/pss-sha512', 'rsa-sha512']);
  assert.deepEqual(names(key('rsa', 2048), [], []), []);
  assert.deepEqual(names(key('rsa', 2048), [6, 7, 65_000], []), []);
});

test('SHA-1 only where it is named', () => {
  assert.deepEqual(names(key('rsa', 2048), [HashAlgorithm.SHA1], []), []);
  assert.deepEqual(names(key('rsa', 2048), [HashAlgorithm.SHA1], ['rsa-sha1']), ['rsa-sha1']);
  assert.deepEqual(names(key('ec', 256), ALL, ['ecdsa-sha1', 'rsa-sha256']), ['ecdsa-sha1']);
  const sha1 = schemeByName('ecdsa-sha1');
  assert.ok(sha1 && isWeakScheme(sha1));
  const strong = schemeByName('ecdsa-sha256');
  assert.ok(strong && !isWeakScheme(strong));
});

test('schemes that RFC 7427 cannot name are never chosen for it', () => {
  assert.deepEqual(names(key('ec', 256, 'prime256v1'), ALL, ['ecdsa-256']), []);
  assert.deepEqual(names(key('rsa', 2048), ALL, ['ikev1-rsa']), []);
  assert.deepEqual(names(key('dsa', 2048), ALL, []), []);
  const raw = schemeByName('ecdsa-256');
  assert.ok(raw);
  assert.equal(identifierOf(raw), undefined);
});

test('methods without an identifier: RSA with SHA-1, ECDSA on one curve each (RFC 4754)', () => {
  assert.equal(schemeByMethod(1, key('rsa', 2048))?.name, 'rsa-sha1');
  assert.equal(schemeByMethod(9, key('ec', 256, 'prime256v1'))?.name, 'ecdsa-256');
  assert.equal(schemeByMethod(10, key('ec', 384, 'secp384r1'))?.name, 'ecdsa-384');
  assert.equal(schemeByMethod(11, key('ec', 521, 'secp521r1'))?.name, 'ecdsa-521');
  assert.equal(schemeByMethod(9, key('ec', 384, 'secp384r1')), undefined);
  assert.equal(schemeByMethod(9, key('ec', 256, 'brainpoolP256r1')), undefined);
  assert.equal(schemeByMethod(1, key('ec', 256, 'prime256v1')), undefined);
  for (const method of [0, 2, 12, 13, 14]) assert.equal(schemeByMethod(method, key('rsa', 2048)), undefined);
});

test('the hashes to announce are those of the schemes that are allowed', () => {
  assert.deepEqual(announcedHashes([]).sort(), [2, 3, 4, 5]);
  assert.deepEqual(announcedHashes(['rsa/pss-sha384', 'ecdsa-sha1']).sort(), [1, 3]);
  assert.deepEqual(announcedHashes(['ecdsa-256']), []);
});
