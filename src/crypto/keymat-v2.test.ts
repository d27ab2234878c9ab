import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Encr, Integ, PrfId } from '../iana/transforms.ts';
import { concat, toHex, u64 } from '../lib/bytes.ts';
import { Secret } from '../lib/secret.ts';
import { utf8 } from '../lib/text.ts';
import { childKeys, ikeSaKeys, pskAuth, rekeyedIkeSaKeys, signedOctets } from './keymat-v2.ts';
import { nodeProvider } from './node/provider.ts';
import { type Prf, prfOf, prfPlus } from './prf/prf.ts';

const provider = nodeProvider();

function prf(id: number): Prf {
  const found = prfOf(provider, id);
  assert.ok(found);
  return found;
}

const octets = (length: number, first: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => first + i);
const nonces = { initiator: octets(32, 1), responder: octets(24, 101) };
const spis = { initiator: 0x0102030405060708n, responder: 0xf1f2f3f4f5f6f7f8n };
const sharedSecret = octets(32, 50);
const AEAD = { encryption: Encr.ENCR_AES_GCM_16, keyLength: 256, integrity: 0 };
const CBC = { encryption: Encr.ENCR_AES_CBC, keyLength: 192, integrity: Integ.AUTH_HMAC_SHA2_384_192 };
const hex = (secret: Secret): string => toHex(secret.reveal());

test('the seven keys are cut from one stream, in order (RFC 7296 §2.14)', () => {
  const sha384 = prf(PrfId.PRF_HMAC_SHA2_384);
  const keys = ikeSaKeys({ prf: sha384, suite: CBC, spis, nonces, sharedSecret });
  const skeyseed = sha384.mac(concat(nonces.initiator, nonces.responder), sharedSecret);
  const seed = concat(nonces.initiator, nonces.responder, u64(spis.initiator), u64(spis.responder));
  const stream = toHex(prfPlus(sha384, skeyseed, seed, 48 * 3 + 48 * 2 + 24 * 2));
  const { skD, skAi, skAr, skEi, skEr, skPi, skPr } = keys;
  assert.equal([skD, skAi, skAr, skEi, skEr, skPi, skPr].map(hex).join(''), stream);
  assert.deepEqual([skAi.length, skEr.length, skPr.length], [48, 24, 48]);
});

test('with an AEAD there is no integrity key, and the salt belongs to the cipher key', () => {
  const keys = ikeSaKeys({ prf: prf(PrfId.PRF_HMAC_SHA2_256), suite: AEAD, spis, nonces, sharedSecret });
  assert.deepEqual([keys.skAi.length, keys.skAr.length, keys.skEi.length, keys.skEr.length], [0, 0, 36, 36]);
});

test('the two AES functions are keyed with 64 bits of each nonce, and expand with all of both', () => {
  for (const id of [PrfId.PRF_AES128_XCBC, PrfId.PRF_AES128_CMAC]) {
    const aes = prf(id);
    const keys = ikeSaKeys({ prf: aes, suite: AEAD, spis, nonces, sharedSecret });
    const key = concat(nonces.initiator.subarray(0, 8), nonces.responder.subarray(0, 8));
    const seed = concat(nonces.initiator, nonces.responder, u64(spis.initiator), u64(spis.responder));
    const stream = prfPlus(aes, aes.mac(key, sharedSecret), seed, 16);
    assert.equal(hex(keys.skD), toHex(stream), aes.keyword);
  }
});

test('a rekey uses the old function for the seed and the new one for the keys (RFC 7296 §2.18)', () => {
  const [oldPrf, newPrf] = [prf(PrfId.PRF_HMAC_SHA1), prf(PrfId.PRF_HMAC_SHA2_512)];
  const oldSkD = new Secret(octets(20, 7));
  const inputs = { prf: newPrf, oldPrf, oldSkD, suite: AEAD, spis, nonces, sharedSecret };
  const skeyseed = oldPrf.mac(octets(20, 7), sharedSecret, nonces.initiator, nonces.responder);
  const seed = concat(nonces.initiator, nonces.responder, u64(spis.initiator), u64(spis.responder));
  const keys = rekeyedIkeSaKeys(inputs);
  assert.equal(hex(keys.skD), toHex(prfPlus(newPrf, skeyseed, seed, 64)));
  assert.equal(hex(oldSkD), toHex(octets(20, 7)));

  const further = rekeyedIkeSaKeys({ ...inputs, additionalSecrets: [octets(32, 1), octets(32, 2)] });
  const tail = concat(nonces.initiator, nonces.responder, octets(32, 1), octets(32, 2));
  const mixed = oldPrf.mac(octets(20, 7), sharedSecret, tail);
  assert.equal(hex(further.skD), toHex(prfPlus(newPrf, mixed, seed, 64)));
});

test('child keys: cipher before integrity, the initiator of the exchange first (RFC 7296 §2.17)', () => {
  const sha256 = prf(PrfId.PRF_HMAC_SHA2_256);
  const skD = new Secret(octets(32, 3));
  const { initiatorToResponder, responderToInitiator } = childKeys({
    prf: sha256,
    skD,
    nonces,
    algorithms: CBC,
  });
  const stream = toHex(
    prfPlus(sha256, skD.reveal(), concat(nonces.initiator, nonces.responder), 2 * (24 + 48)),
  );
  const keys = [initiatorToResponder, responderToInitiator].flatMap(({ encryption, integrity }) => [
    encryption,
    integrity,
  ]);
  assert.equal(keys.map(hex).join(''), stream);
  assert.deepEqual(
    keys.map(({ length }) => length),
    [24, 48, 24, 48],
  );
});

test('child keys with their own exchange, and with further ones', () => {
  const sha256 = prf(PrfId.PRF_HMAC_SHA2_256);
  const skD = new Secret(octets(32, 3));
  const both = concat(nonces.initiator, nonces.responder);
  for (const [given, seed] of [
    [{}, both],
    [{ sharedSecret }, concat(sharedSecret, both)],
    [{ sharedSecret, additionalSecrets: [octets(32, 9)] }, concat(sharedSecret, both, octets(32, 9))],
  ] as const) {
    const { initiatorToResponder } = childKeys({ prf: sha256, skD, nonces, ...given, algorithms: AEAD });
    assert.equal(hex(initiatorToResponder.encryption), toHex(prfPlus(sha256, skD.reveal(), seed, 36)));
  }
  assert.equal(toHex(sharedSecret), toHex(octets(32, 50)), 'the caller still owns its secret');
});

test('AH takes integrity keys alone', () => {
  const algorithms = { encryption: 0, keyLength: 0, integrity: Integ.AUTH_HMAC_SHA1_96 };
  const skD = new Secret(octets(32, 3));
  const keys = childKeys({ prf: prf(PrfId.PRF_HMAC_SHA2_256), skD, nonces, algorithms });
  assert.deepEqual(
    [keys.initiatorToResponder.encryption.length, keys.responderToInitiator.integrity.length],
    [0, 20],
  );
});

test('suites that cannot be make no keys', () => {
  const sha256 = prf(PrfId.PRF_HMAC_SHA2_256);
  const wrong = { encryption: Encr.ENCR_AES_GCM_16, keyLength: 128, integrity: Integ.AUTH_HMAC_SHA1_96 };
  const skD = new Secret(octets(32, 3));
  assert.throws(() => ikeSaKeys({ prf: sha256, suite: wrong, spis, nonces, sharedSecret }), RangeError);
  assert.throws(() => childKeys({ prf: sha256, skD, nonces, algorithms: wrong }), RangeError);
});

test('what AUTH covers, and AUTH of a shared secret (RFC 7296 §2.15)', () => {
  const sha256 = prf(PrfId.PRF_HMAC_SHA2_256);
  const skP = new Secret(octets(32, 11));
  const message = octets(40, 0);
  const idBody = octets(8, 2);
  const hmac = (key: Uint8Array, data: Uint8Array): Uint8Array =>
    createHmac('sha256', key).update(data).digest();
  const plain = signedOctets({ prf: sha256, message, nonce: nonces.responder, skP, idBody });
  assert.equal(toHex(plain), toHex(concat(message, nonces.responder, hmac(octets(32, 11), idBody))));
  const intAuth = octets(68, 5);
  const longer = signedOctets({ prf: sha256, message, nonce: nonces.responder, skP, idBody, intAuth });
  assert.equal(toHex(longer), toHex(concat(plain, intAuth)));

  const secret = utf8('correct horse');
  const expected = hmac(hmac(secret, utf8('Key Pad for IKEv2')), plain);
  assert.equal(toHex(pskAuth({ prf: sha256, secret, signedOctets: plain })), toHex(expected));
  assert.equal(toHex(secret), toHex(utf8('correct horse')));
});

test('keys never print', () => {
  const keys = ikeSaKeys({ prf: prf(PrfId.PRF_HMAC_SHA2_256), suite: AEAD, spis, nonces, sharedSecret });
  for (const text of [inspect(keys), JSON.stringify(keys), `${keys.skD}`]) {
    assert.ok(text.includes('[secret]') && !text.includes(hex(keys.skD).slice(0, 8)), text);
  }
});
