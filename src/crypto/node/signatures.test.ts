import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, type KeyObject, privateEncrypt } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { fromHex, toHex } from '../../lib/bytes.ts';
import { utf8 } from '../../lib/text.ts';
import { CryptoFailure, type PrivateKey, type SignatureScheme } from '../provider.ts';
import { SIGNATURES, schemeByName } from '../sign/registry.ts';
import { nodeProvider } from './provider.ts';

const provider = nodeProvider();
const data = utf8('what AUTH covers');

const pkcs8 = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'pkcs8' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const KEYS: Readonly<Record<string, PrivateKey>> = {
  rsa: provider.importPrivateKey(pkcs8(rsa)),
  ec: provider.importPrivateKey(pkcs8(p256)),
  ed25519: provider.importPrivateKey(pkcs8(generateKeyPairSync('ed25519').privateKey)),
  ed448: provider.importPrivateKey(pkcs8(generateKeyPairSync('ed448').privateKey)),
  dsa: provider.importPrivateKey(
    pkcs8(generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey),
  ),
};

function scheme(name: string): SignatureScheme {
  const found = schemeByName(name);
  assert.ok(found, name);
  return found;
}

function keyOf({ keyType }: SignatureScheme): PrivateKey {
  const key = KEYS[keyType];
  assert.ok(key, keyType);
  return key;
}

test('what a scheme signs it verifies, and nothing else', () => {
  for (const { scheme } of SIGNATURES) {
    // A PSS salt of 64 octets does not fit beside a hash of 64 into 1024 bits
    if (scheme.name === 'rsa/pss-sha512') continue;
    const key = keyOf(scheme);
    const signature = provider.sign(key, scheme, data);
    assert.ok(provider.verify(key.publicKey, scheme, data, signature), scheme.name);
    assert.ok(
      provider.verify({ ...key.publicKey, spki: key.publicKey.spki }, scheme, data, signature),
      'copied key',
    );
    assert.equal(
      provider.verify(key.publicKey, scheme, utf8('something else'), signature),
      false,
      scheme.name,
    );
    for (const at of [0, signature.length >> 1, signature.length - 1]) {
      const forged = signature.slice();
      forged[at] = (forged[at] as number) ^ 1;
      assert.equal(provider.verify(key.publicKey, scheme, data, forged), false, `${scheme.name} at ${at}`);
    }
    for (const malformed of [
      new Uint8Array(0),
      signature.subarray(1),
      new Uint8Array(signature.length),
      new Uint8Array(5000),
    ]) {
      assert.equal(provider.verify(key.publicKey, scheme, data, malformed), false, scheme.name);
    }
  }
});

test('a signature by RSA is as long as the modulus, leading zeros and all', () => {
  for (const name of ['rsa/pss-sha256', 'rsa-sha256']) {
    const scheme = SIGNATURES.find(one => one.scheme.name === name)?.scheme as SignatureScheme;
    const key = keyOf(scheme);
    // One in 256 begins with a zero.
    for (let i = 0; ; i++) {
      const message = utf8(`${i}`);
      const signature = provider.sign(key, scheme, message);
      if (signature[0] !== 0) continue;
      assert.equal(provider.verify(key.publicKey, scheme, message, signature), true, name);
      assert.equal(provider.verify(key.publicKey, scheme, message, signature.subarray(1)), false, name);
      break;
    }
  }
});

test('schemes do not stand in for each other', () => {
  for (const [made, read] of [
    ['rsa-sha256', 'rsa-sha384'],
    ['rsa-sha256', 'rsa/pss-sha256'],
    ['rsa/pss-sha256', 'rsa-sha256'],
    ['rsa/pss-sha256', 'rsa/pss-sha384'],
    ['ecdsa-sha256', 'ecdsa-sha384'],
    ['ecdsa-sha256', 'ecdsa-256'],
    ['ecdsa-256', 'ecdsa-sha256'],
    ['ikev1-rsa', 'rsa-sha1'],
    ['rsa-sha1', 'ikev1-rsa'],
  ] as const) {
    const key = keyOf(scheme(made));
    const signature = provider.sign(key, scheme(made), data);
    assert.equal(provider.verify(key.publicKey, scheme(read), data, signature), false, `${made} as ${read}`);
  }
});

test('raw ECDSA is r and s of the length of the field (RFC 4754 §7)', () => {
  for (let i = 0; i < 8; i++)
    assert.equal(provider.sign(keyOf(scheme('ecdsa-256')), scheme('ecdsa-256'), data).length, 64);
});

test('IKEv1 RSA signatures are the hash in PKCS #1 padding, no DigestInfo (RFC 2409 §5.1)', () => {
  const hash = provider.hash('sha1', data);
  const signature = provider.sign(keyOf(scheme('ikev1-rsa')), scheme('ikev1-rsa'), hash);
  assert.equal(toHex(signature), privateEncrypt(rsa, hash).toString('hex'));
  const { publicKey } = keyOf(scheme('ikev1-rsa'));
  assert.equal(provider.verify(publicKey, scheme('ikev1-rsa'), hash.subarray(1), signature), false);
});

test('ECDSA and DSS of IKEv1 take a digest as it is, and have two numbers of one length (RFC 4754 §8.1)', () => {
  const hex = (text: string): Uint8Array => fromHex(text.replace(/ /g, '')) as Uint8Array;
  const point = `2442A5CC0ECD015FA3CA31DC8E2BBC70BF42D60CBCA20085E0822CB04235E970
    6FC98BD7E50211A4A27102FA3549DF79EBCB4BF246B80945CDDFE7D509BBFD7D`.replace(/\s/g, '');
  const spki = hex(`3059301306072a8648ce3d020106082a8648ce3d030107034200 04${point}`);
  const digest = hex('BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD');
  const [r, s] = [
    'CB28E0999B9C7715FD0A80D8E47A77079716CBBF917DD72E97566EA1C066957C',
    '86FA3BB4E26CAD5BF90B7F81899256CE7594BB1EA0C89212748BFF3B3D5B0315',
  ];
  const publicKey = provider.importPublicKey(spki);
  assert.equal(provider.verify(publicKey, scheme('ikev1-ecdsa'), digest, hex(`${r}${s}`)), true);
  assert.equal(provider.verify(publicKey, scheme('ikev1-ecdsa'), digest, hex(`${s}${r}`)), false);
  assert.equal(provider.verify(publicKey, scheme('ecdsa-256'), utf8('abc'), hex(`${r}${s}`)), true);
  for (const [name, length] of [
    ['ikev1-ecdsa', 64],
    ['ikev1-dss', 40],
  ] as const) {
    const made = provider.sign(keyOf(scheme(name)), scheme(name), digest.subarray(0, 20));
    assert.equal(made.length, length, name);
  }
});

test('a key of another kind signs nothing and verifies nothing', () => {
  const [ec, ed] = [KEYS['ec'], KEYS['ed25519']];
  assert.ok(ec && ed);
  assert.throws(() => provider.sign(ec, scheme('rsa-sha256'), data), CryptoFailure);
  assert.throws(() => provider.sign(ed, scheme('ed448'), data), CryptoFailure);
  const signature = provider.sign(ed, scheme('ed25519'), data);
  assert.equal(provider.verify(ec.publicKey, scheme('ed25519'), data, signature), false);
  assert.equal(
    provider.verify({ ...ec.publicKey, type: 'ed25519' }, scheme('ed25519'), data, signature),
    false,
  );
  const foreign: PrivateKey = { type: 'ec', bits: 256, publicKey: ec.publicKey };
  assert.throws(() => provider.sign(foreign, scheme('ecdsa-sha256'), data), CryptoFailure);
});

test('a key too small for its scheme is refused with the primitive’s words', () => {
  const key = KEYS['rsa'];
  assert.ok(key);
  assert.throws(() => provider.sign(key, scheme('rsa/pss-sha512'), data), CryptoFailure);
});

test('private keys are read from PKCS #8, PKCS #1 and SEC 1', () => {
  for (const [object, type] of [
    [rsa, 'pkcs1'],
    [p256, 'sec1'],
  ] as const) {
    const der = object.export({ format: 'der', type });
    const key = provider.importPrivateKey(der);
    const same = provider.importPrivateKey(pkcs8(object));
    assert.equal(toHex(key.publicKey.spki), toHex(same.publicKey.spki));
  }
  assert.deepEqual([KEYS['rsa']?.type, KEYS['rsa']?.bits, KEYS['rsa']?.curve], ['rsa', 1024, undefined]);
  assert.deepEqual([KEYS['ec']?.type, KEYS['ec']?.bits, KEYS['ec']?.curve], ['ec', 256, 'prime256v1']);
  assert.deepEqual([KEYS['ed448']?.type, KEYS['ed448']?.bits], ['ed448', 448]);
});

test('a public key is read back from its SubjectPublicKeyInfo', () => {
  for (const { publicKey } of Object.values(KEYS)) {
    const again = provider.importPublicKey(publicKey.spki);
    assert.deepEqual(
      [again.type, again.bits, again.curve],
      [publicKey.type, publicKey.bits, publicKey.curve],
    );
    assert.equal(toHex(again.spki), toHex(publicKey.spki));
  }
});

test('octets that are no key, and keys that sign nothing, are refused', () => {
  const encrypted = rsa.export({ format: 'der', type: 'pkcs8', cipher: 'aes-128-cbc', passphrase: 'x' });
  for (const der of [new Uint8Array(0), new Uint8Array(64), data, encrypted, pkcs8(rsa).subarray(0, 200)]) {
    assert.throws(() => provider.importPrivateKey(der), CryptoFailure);
    assert.throws(() => provider.importPublicKey(der), CryptoFailure);
  }
  const x25519 = generateKeyPairSync('x25519');
  const k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  for (const { publicKey, privateKey } of [x25519, k1]) {
    assert.throws(
      () => provider.importPublicKey(publicKey.export({ format: 'der', type: 'spki' })),
      CryptoFailure,
    );
    assert.throws(() => provider.importPrivateKey(pkcs8(privateKey)), CryptoFailure);
  }
});

test('a key that is for PSS alone makes nothing else (RFC 4055 §1.2)', () => {
  const { privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 1024 });
  const key = provider.importPrivateKey(pkcs8(privateKey));
  assert.equal(key.type, 'rsa');
  const signature = provider.sign(key, scheme('rsa/pss-sha256'), data);
  assert.ok(provider.verify(key.publicKey, scheme('rsa/pss-sha256'), data, signature));
  assert.throws(() => provider.sign(key, scheme('rsa-sha256'), data), CryptoFailure);
});

test('a private key does not print what it holds', () => {
  const key = KEYS['ec'];
  assert.ok(key);
  const secret = createPrivateKey({ key: pkcs8(p256), format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  })['d'];
  const scalar = Buffer.from(String(secret), 'base64url').toString('hex');
  for (const text of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key)]) {
    assert.ok(!text.includes(String(secret)) && !text.includes(scalar.slice(0, 16)));
  }
});
