import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Encr, Integ } from '../iana/transforms.ts';
import { concat, fromHex, toHex, u64 } from '../lib/bytes.ts';
import { Secret } from '../lib/secret.ts';
import {
  phaseOneCipherKey,
  phaseOneIv,
  phaseOneKeys,
  phaseTwoIv,
  quickModeKeys,
  skeyidPublicKey,
  skeyidSignatures,
  v1Hash,
} from './keymat-v1.ts';
import { nodeProvider } from './node/provider.ts';

const sha1 = v1Hash(nodeProvider(), 'sha1');
const octets = (length: number, first: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => first + i);
const nonces = { initiator: octets(16, 1), responder: octets(20, 101) };
const cookies = { initiator: 0x0102030405060708n, responder: 0xf1f2f3f4f5f6f7f8n };
const gxy = octets(128, 3);
const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Uint8Array =>
  createHmac('sha1', key)
    .update(concat(...parts))
    .digest();
const both = concat(nonces.initiator, nonces.responder);

test('SKEYID of signatures and of public key encryption (RFC 2409 §5)', () => {
  assert.equal(toHex(skeyidSignatures(sha1, nonces, gxy).reveal()), toHex(hmac(both, gxy)));
  const hashed = createHash('sha1').update(both).digest();
  const expected = hmac(hashed, u64(cookies.initiator), u64(cookies.responder));
  assert.equal(toHex(skeyidPublicKey(sha1, nonces, cookies).reveal()), toHex(expected));
});

test('the children of SKEYID are secrets of their own', () => {
  const keys = phaseOneKeys(sha1, new Secret(octets(20, 1)), gxy, cookies);
  const before = toHex(keys.skeyidE.reveal());
  const cipherKey = phaseOneCipherKey(sha1, keys.skeyidE, 16);
  cipherKey.wipe();
  keys.skeyid.wipe();
  assert.equal(toHex(keys.skeyidE.reveal()), before);
  assert.equal(toHex(gxy), toHex(octets(128, 3)));
});

test('a cipher key longer than SKEYID_e comes of feedback (RFC 2409 appendix B)', () => {
  const skeyidE = new Secret(octets(20, 9));
  assert.equal(toHex(phaseOneCipherKey(sha1, skeyidE, 16).reveal()), toHex(octets(16, 9)));
  assert.equal(toHex(phaseOneCipherKey(sha1, skeyidE, 20).reveal()), toHex(octets(20, 9)));
  const k1 = hmac(octets(20, 9), Uint8Array.of(0));
  const k2 = hmac(octets(20, 9), k1);
  for (const length of [24, 32, 40]) {
    const key = phaseOneCipherKey(sha1, skeyidE, length);
    assert.equal(toHex(key.reveal()), toHex(concat(k1, k2).subarray(0, length)));
  }
});

test('IVs are cut to the block (RFC 2409 appendix B)', () => {
  const digest = (...parts: Uint8Array[]): string =>
    createHash('sha1')
      .update(concat(...parts))
      .digest('hex');
  const [gx, gy] = [octets(128, 1), octets(128, 2)];
  assert.equal(toHex(phaseOneIv(sha1, gx, gy, 8)), digest(gx, gy).slice(0, 16));
  const last = octets(16, 77);
  const id = fromHex('deadbeef') as Uint8Array;
  assert.equal(toHex(phaseTwoIv(sha1, last, 0xdeadbeef, 16)), digest(last, id).slice(0, 32));
});

test('quick mode keys, with and without PFS (RFC 2409 §5.5)', () => {
  const skeyidD = new Secret(octets(20, 5));
  const inputs = {
    skeyidD,
    protocol: 3,
    spi: 0xf94d660a,
    nonces,
    algorithms: { encryption: Encr.ENCR_AES_CBC, keyLength: 256, integrity: Integ.AUTH_HMAC_SHA1_96 },
  };
  for (const sharedSecret of [undefined, octets(96, 4)]) {
    const given = sharedSecret === undefined ? inputs : { ...inputs, sharedSecret };
    const seed = concat(
      ...(sharedSecret === undefined ? [] : [sharedSecret]),
      Uint8Array.of(3),
      fromHex('f94d660a') as Uint8Array,
      both,
    );
    const k1 = hmac(octets(20, 5), seed);
    const k2 = hmac(octets(20, 5), k1, seed);
    const k3 = hmac(octets(20, 5), k2, seed);
    const { encryption, integrity } = quickModeKeys(sha1, given);
    assert.equal(
      toHex(concat(encryption.reveal(), integrity.reveal())),
      toHex(concat(k1, k2, k3).subarray(0, 52)),
    );
    assert.deepEqual([encryption.length, integrity.length], [32, 20]);
  }
  assert.throws(
    () => quickModeKeys(sha1, { ...inputs, algorithms: { ...inputs.algorithms, keyLength: 100 } }),
    RangeError,
  );
});
