import assert from 'node:assert/strict';
import { createDiffieHellman, getDiffieHellman } from 'node:crypto';
import { test } from 'node:test';
import { Encr, Integ, KeMethod, PrfId } from '../iana/transforms.ts';
import { toHex } from '../lib/bytes.ts';
import { ENCRYPTION, encryptionOf, isAead } from './encr/registry.ts';
import { AUTH_HMAC_SHA2_256_96, INTEGRITY, integrityOf } from './integ/registry.ts';
import { KEY_EXCHANGES, keyExchangeRow } from './ke/registry.ts';
import { PRFS, prfRow } from './prf/registry.ts';
import { cipherKeyLength, cipherSizes } from './sizes.ts';

test('every row has the number of its IANA name', () => {
  for (const [rows, names] of [
    [ENCRYPTION, Encr],
    [INTEGRITY, Integ],
    [PRFS, PrfId],
    [KEY_EXCHANGES, KeMethod],
  ] as const) {
    for (const { id, name } of rows) {
      if (id === AUTH_HMAC_SHA2_256_96) continue;
      assert.equal((names as Readonly<Record<string, number>>)[name], id, name);
    }
  }
});

test('a row is found by its number, and nothing by any other', () => {
  assert.equal(encryptionOf(20)?.name, 'ENCR_AES_GCM_16');
  assert.equal(integrityOf(12)?.name, 'AUTH_HMAC_SHA2_256_128');
  assert.equal(prfRow(5)?.name, 'PRF_HMAC_SHA2_256');
  assert.equal(keyExchangeRow(31)?.name, 'CURVE25519');
  for (const find of [encryptionOf, integrityOf, prfRow, keyExchangeRow]) {
    assert.equal(find(0), undefined);
    assert.equal(find(65_535), undefined);
  }
});

test('nothing weak stands in a default, and what RFC 8247 and RFC 8221 forbid is weak', () => {
  const status = new Map(
    [...ENCRYPTION, ...INTEGRITY, ...PRFS, ...KEY_EXCHANGES].map(row => [row.name, row.status]),
  );
  for (const name of [
    'ENCR_DES',
    'ENCR_3DES',
    'AUTH_HMAC_MD5_96',
    'PRF_HMAC_MD5',
    'MODP768',
    'MODP1024',
    'MODP1536',
    'MODP1024_160',
    'MODP2048_224',
    'MODP2048_256',
  ]) {
    assert.equal(status.get(name), 'weak', name);
  }
  for (const row of [...ENCRYPTION, ...PRFS, ...KEY_EXCHANGES]) {
    if (row.status === 'default') assert.ok(row.strength >= 112, row.name);
  }
});

test('the MODP primes are those of the RFCs, the subgroups have the orders they say', () => {
  const named: Readonly<Record<string, string>> = {
    MODP1024: 'modp2',
    MODP1536: 'modp5',
    MODP2048: 'modp14',
    MODP3072: 'modp15',
    MODP4096: 'modp16',
    MODP6144: 'modp17',
    MODP8192: 'modp18',
  };
  const number = (octets: Uint8Array): bigint => BigInt(`0x${toHex(octets)}`);
  let compared = 0;
  for (const { name, primitive } of KEY_EXCHANGES) {
    if (primitive.kind !== 'modp') continue;
    const p = number(primitive.prime);
    const group = named[name];
    if (group !== undefined) {
      assert.equal(toHex(primitive.prime), getDiffieHellman(group).getPrime('hex'), name);
      compared++;
    }
    if (primitive.order !== undefined) {
      const q = number(primitive.order);
      assert.equal((p - 1n) % q, 0n, name);
      let power = 1n;
      for (const bit of q.toString(2)) {
        power = (power * power * (bit === '1' ? number(primitive.generator) : 1n)) % p;
      }
      assert.equal(power, 1n, name);
      compared++;
    }
  }
  assert.equal(compared, 10);
});

test('MODP768 is a safe prime of the first Oakley group', () => {
  const row = keyExchangeRow(KeMethod.MODP768);
  assert.ok(row?.primitive.kind === 'modp');
  assert.match(toHex(row.primitive.prime), /^f{16}c90fdaa22168c234c4c6628b80dc1cd1.*a63a3620f{16}$/);
  assert.equal(createDiffieHellman(row.primitive.prime, Uint8Array.of(2)).verifyError, 0);
});

test('sizes of suites', () => {
  const sizes = (...suite: readonly [number, number, number]): readonly number[] | undefined => {
    const found = cipherSizes(...suite);
    return found && [found.encryptionKey, found.integrityKey, found.iv, found.icv, found.block];
  };
  const sha256 = Integ.AUTH_HMAC_SHA2_256_128;
  assert.deepEqual(sizes(Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96), [16, 20, 16, 12, 16]);
  assert.deepEqual(sizes(Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_512_256), [32, 64, 16, 32, 16]);
  assert.deepEqual(sizes(Encr.ENCR_AES_CTR, 192, sha256), [28, 32, 8, 16, 1]);
  assert.deepEqual(sizes(Encr.ENCR_AES_GCM_16, 256, 0), [36, 0, 8, 16, 1]);
  assert.deepEqual(sizes(Encr.ENCR_AES_GCM_8, 128, 0), [20, 0, 8, 8, 1]);
  assert.deepEqual(sizes(Encr.ENCR_AES_CCM_12, 128, 0), [19, 0, 8, 12, 1]);
  assert.deepEqual(sizes(Encr.ENCR_CHACHA20_POLY1305, 0, 0), [36, 0, 8, 16, 1]);
  assert.deepEqual(sizes(Encr.ENCR_CHACHA20_POLY1305, 256, 0), [36, 0, 8, 16, 1]);
  assert.deepEqual(sizes(Encr.ENCR_NULL_AUTH_AES_GMAC, 128, 0), [20, 0, 8, 16, 1]);
  assert.deepEqual(sizes(Encr.ENCR_3DES, 0, Integ.AUTH_HMAC_MD5_96), [24, 16, 8, 12, 8]);
  assert.deepEqual(sizes(Encr.ENCR_DES, 0, Integ.AUTH_HMAC_MD5_96), [8, 16, 8, 12, 8]);
  assert.deepEqual(sizes(Encr.ENCR_NULL, 0, sha256), [0, 32, 0, 16, 1]);
  assert.deepEqual(sizes(0, 0, sha256), [0, 32, 0, 16, 1]);
  assert.deepEqual(sizes(0, 0, Integ.AUTH_AES_256_GMAC), [0, 36, 8, 16, 1]);
});

test('suites that cannot be have no sizes', () => {
  for (const [encryption, keyLength, integrity] of [
    // No integrity, or some beside an AEAD
    [Encr.ENCR_AES_CBC, 128, 0],
    [Encr.ENCR_NULL, 0, 0],
    [0, 0, 0],
    [Encr.ENCR_AES_GCM_16, 128, Integ.AUTH_HMAC_SHA1_96],
    [Encr.ENCR_AES_CBC, 128, Integ.AUTH_AES_128_GMAC],
    // Key lengths that the cipher does not have
    [Encr.ENCR_AES_CBC, 0, Integ.AUTH_HMAC_SHA1_96],
    [Encr.ENCR_AES_CBC, 129, Integ.AUTH_HMAC_SHA1_96],
    [Encr.ENCR_AES_GCM_16, 512, 0],
    [Encr.ENCR_3DES, 128, Integ.AUTH_HMAC_SHA1_96],
    [Encr.ENCR_NULL, 128, Integ.AUTH_HMAC_SHA1_96],
    // Unknown
    [Encr.ENCR_BLOWFISH, 128, Integ.AUTH_HMAC_SHA1_96],
    [Encr.ENCR_AES_CBC, 128, Integ.AUTH_KPDK_MD5],
  ] as const) {
    assert.equal(
      cipherSizes(encryption, keyLength, integrity),
      undefined,
      `${encryption} ${keyLength} ${integrity}`,
    );
  }
  assert.equal(cipherKeyLength(Encr.ENCR_AES_CBC, 192), 24);
  assert.equal(cipherKeyLength(Encr.ENCR_AES_CBC, 0), undefined);
  assert.equal(isAead(Encr.ENCR_AES_CBC), false);
  assert.equal(isAead(Encr.ENCR_CHACHA20_POLY1305), true);
  assert.equal(isAead(0), false);
});
