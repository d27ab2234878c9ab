import assert from 'node:assert/strict';
import {
  constants,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { test } from 'node:test';
import { toHex } from '../../lib/bytes.ts';
import { CryptoFailure, type PrivateKey } from '../provider.ts';
import { nodeProvider } from './provider.ts';

const provider = nodeProvider();
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = imported(privateKey);

function imported(object: KeyObject): PrivateKey {
  return provider.importPrivateKey(new Uint8Array(object.export({ format: 'der', type: 'pkcs8' })));
}

/** The ciphertext of a block with whatever padding. */
function raw(block: Uint8Array): Uint8Array {
  return publicEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, block);
}

test('what is encrypted comes back, and OpenSSL reads it too', () => {
  for (const length of [0, 1, 32, 245]) {
    const message = new Uint8Array(randomBytes(length));
    const ciphertext = provider.encrypt(key.publicKey, message);
    assert.equal(ciphertext.length, 256);
    assert.deepEqual(provider.decrypt(key, ciphertext), message);
    const padding = constants.RSA_PKCS1_PADDING;
    assert.equal(toHex(privateDecrypt({ key: privateKey, padding }, ciphertext)), toHex(message));
  }
});

test('a message that is too long, and keys of other kinds, are refused', () => {
  assert.throws(() => provider.encrypt(key.publicKey, new Uint8Array(246)), CryptoFailure);
  const ec = imported(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  assert.throws(() => provider.encrypt(ec.publicKey, new Uint8Array(8)), CryptoFailure);
  assert.throws(() => provider.decrypt(ec, new Uint8Array(64)), CryptoFailure);
  const pss = imported(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey);
  assert.throws(() => provider.encrypt(pss.publicKey, new Uint8Array(8)), CryptoFailure);
  assert.throws(() => provider.decrypt(pss, new Uint8Array(256)), CryptoFailure);
});

test('wrong padding makes a message, the same each time, and another for another key', () => {
  const block = (...start: readonly number[]): Uint8Array => {
    const octets = new Uint8Array(256).fill(0x5a);
    octets.set(start);
    return octets;
  };
  const early = block(0, 2, 1, 1, 1);
  early[5] = 0;
  const zeroless = block(0, 2);
  for (const wrong of [block(0, 1), block(1, 2), block(0, 0), early, zeroless]) {
    const ciphertext = raw(wrong);
    const message = provider.decrypt(key, ciphertext);
    assert.ok(message.length <= 245);
    assert.deepEqual(provider.decrypt(key, ciphertext), message);
    // Nothing of the block shows in it.
    assert.ok(!toHex(message).includes('5a5a5a'));
  }
  const messages = Array.from({ length: 64 }, (_, i) => provider.decrypt(key, raw(block(0, 3, i))));
  assert.ok(new Set(messages.map(({ length }) => length)).size > 16, 'lengths are spread');
});

test('what no ciphertext can be makes a message too', () => {
  const modulus = Buffer.from(
    createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'jwk' }).n ?? '',
    'base64url',
  );
  const impossible = [
    new Uint8Array(),
    new Uint8Array(1),
    new Uint8Array(255).fill(9),
    new Uint8Array(257).fill(9),
    new Uint8Array(4096).fill(0xff),
    new Uint8Array(256),
    new Uint8Array(256).fill(0xff),
    new Uint8Array(modulus),
  ];
  for (const octets of impossible) {
    const message = provider.decrypt(key, octets);
    assert.ok(message.length <= 245);
    assert.deepEqual(provider.decrypt(key, octets), message);
  }
});
