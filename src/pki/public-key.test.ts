import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { keyPair } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { fromHex, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { encodeDer, Tag } from './der.ts';
import {
  authorityHashes,
  readAuthorityHashes,
  readPublicKey,
  spkiOfRsaKey,
  trustedRawKey,
} from './public-key.ts';

const provider = nodeProvider();
const spki = (type: Parameters<typeof keyPair>[0]): Uint8Array =>
  new Uint8Array(keyPair(type).publicKey.export({ format: 'der', type: 'spki' }));

test('raw public keys of every kind are read', () => {
  for (const type of ['p256', 'p521', 'brainpoolP256r1', 'ed25519', 'ed448', 'rsa2048'] as const) {
    const der = spki(type);
    assert.equal(toHex(readPublicKey(der, provider).spki), toHex(der));
  }
});

test('an RSA key in the older encoding becomes the same key', () => {
  const { publicKey } = keyPair('rsa2048');
  const made = spkiOfRsaKey(new Uint8Array(publicKey.export({ format: 'der', type: 'pkcs1' })));
  assert.equal(toHex(made), toHex(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))));
});

/** A DSA key with parameters of so many octets, none of which is prime. */
function dsaKey(p: number, q: number, g: number = p): Uint8Array {
  const integer = (octets: number): Uint8Array =>
    encodeDer(Tag.INTEGER, Uint8Array.of(0), new Uint8Array(octets).fill(0xc1));
  const identifier = fromHex('06072a8648ce380401') as Uint8Array;
  const parameters = encodeDer(Tag.SEQUENCE, integer(p), integer(q), integer(g));
  const value = encodeDer(Tag.BIT_STRING, Uint8Array.of(0), integer(p));
  return encodeDer(Tag.SEQUENCE, encodeDer(Tag.SEQUENCE, identifier, parameters), value);
}

test('DSA keys are read in the sizes of FIPS 186', () => {
  const { publicKey } = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 });
  const der = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  assert.deepEqual(readPublicKey(der, provider).type, 'dsa');
  for (const [p, q, g] of [
    [64, 20],
    [2000, 20],
    [128, 19],
    [128, 128],
    [128, 20, 129],
  ] as const)
    assert.throws(() => readPublicKey(dsaKey(p, q, g), provider), Malformed);
});

/** An RSAPublicKey with the content octets of its two integers. */
function rsaKey(modulus: string, exponent: string): Uint8Array {
  const integer = (hex: string): Uint8Array => encodeDer(Tag.INTEGER, fromHex(hex) as Uint8Array);
  return encodeDer(Tag.SEQUENCE, integer(modulus), integer(exponent));
}

const modulus = `00c1${'5b'.repeat(126)}01`;

for (const [why, key] of [
  ['exponent 0', rsaKey(modulus, '00')],
  ['exponent 1', rsaKey(modulus, '01')],
  ['an even exponent', rsaKey(modulus, '010000')],
  ['a negative exponent', rsaKey(modulus, '81')],
  ['an exponent of 257 bits', rsaKey(modulus, `01${'00'.repeat(31)}01`)],
  ['an even modulus', rsaKey(`00c1${'5b'.repeat(126)}02`, '010001')],
  ['a modulus of 504 bits', rsaKey(`00c1${'5b'.repeat(62)}`, '010001')],
  ['a modulus of 16392 bits', rsaKey(`00c1${'5b'.repeat(2048)}`, '010001')],
  ['a negative modulus', rsaKey(`c1${'5b'.repeat(127)}`, '010001')],
  [
    'three integers',
    encodeDer(Tag.SEQUENCE, ...[1, 2, 3].map(n => encodeDer(Tag.INTEGER, Uint8Array.of(n)))),
  ],
] as const) {
  test(`an RSA key with ${why} is refused before it is used`, () => {
    assert.throws(() => spkiOfRsaKey(key), Malformed);
    const identifier = fromHex('300d06092a864886f70d0101010500') as Uint8Array;
    const whole = encodeDer(Tag.SEQUENCE, identifier, encodeDer(Tag.BIT_STRING, Uint8Array.of(0), key));
    assert.throws(() => readPublicKey(whole, provider), Malformed);
  });
}

test('a key of no kind that signs is refused', () => {
  // X25519
  const x25519 = fromHex(`302a300506032b656e032100${'09'.repeat(32)}`) as Uint8Array;
  assert.throws(() => readPublicKey(x25519, provider), Malformed);
  assert.throws(() => readPublicKey(new Uint8Array(), provider), Malformed);
});

test('a raw key is trusted when it is configured, and only then', () => {
  const [a, b] = [spki('p256'), spki('p256')];
  assert.equal(trustedRawKey(a.slice(), [b, a]), a);
  assert.equal(trustedRawKey(a, [b]), undefined);
  assert.equal(trustedRawKey(a.subarray(1), [a]), undefined);
});

test('authorities are named in a CERTREQ by the SHA-1 of their keys, each once', () => {
  const [a, b] = [spki('p256'), spki('ed25519')];
  const body = authorityHashes([a, b, a], provider);
  const sha1 = (octets: Uint8Array): string => createHash('sha1').update(octets).digest('hex');
  assert.deepEqual(readAuthorityHashes(body).map(toHex), [sha1(a), sha1(b)]);
  assert.throws(() => readAuthorityHashes(new Uint8Array(21)), Malformed);
});
