import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import { composedCcm } from '../../src/crypto/node/ccm.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { PacketCipher } from '../../src/crypto/provider.ts';
import { Encr, Integ } from '../../src/iana/transforms.ts';
import { concat, toHex } from '../../src/lib/bytes.ts';
import { Secret } from '../../src/lib/secret.ts';
import { withoutData } from '../data.ts';
import { type Case, groupsOf, hexOf, nameOf, wycheproofFile } from './wycheproof.ts';

const provider = nodeProvider();

function aead(encryption: number, key: Uint8Array, salt: Uint8Array): PacketCipher {
  const keyLength = 8 * key.length;
  const encryptionKey = new Secret(concat(key, salt));
  const spec = {
    encryption,
    keyLength,
    integrity: 0,
    encryptionKey,
    integrityKey: new Secret(new Uint8Array()),
  };
  const cipher = provider.packetCipher(spec);
  assert.ok(cipher);
  return cipher;
}

/** The case as a packet of a header (the AAD), the IV's last eight octets, text and tag; the IV's first are the salt. */
function packetCase(file: string, encryption: number, test: Case): void {
  const [key, nonce, aad] = [hexOf(test, 'key'), hexOf(test, 'iv'), hexOf(test, 'aad')];
  const [text, sealed, tag] = [hexOf(test, 'msg'), hexOf(test, 'ct'), hexOf(test, 'tag')];
  const cipher = aead(encryption, key, nonce.subarray(0, -8));
  const iv = nonce.subarray(-8);
  const packet = concat(aad, iv, sealed, tag);
  const opened = packet.slice();
  const accepted = cipher.open(opened, aad.length);
  assert.equal(accepted, test.result === 'valid', nameOf(file, test));
  if (!accepted) {
    assert.equal(toHex(opened), toHex(packet), `${nameOf(file, test)}: changed though refused`);
    return;
  }
  const plain = concat(aad, iv, text, new Uint8Array(tag.length));
  assert.equal(toHex(opened.subarray(0, -tag.length)), toHex(plain.subarray(0, -tag.length)));
  cipher.seal(plain, aad.length, { iv });
  assert.equal(toHex(plain), toHex(packet), nameOf(file, test));
}

for (const { file, encryption, saltAndIv, cases } of [
  // Nonces of other lengths than 12 octets do not occur in IPsec
  { file: 'aes_gcm', encryption: Encr.ENCR_AES_GCM_16, saltAndIv: 96, cases: 197 },
  { file: 'chacha20_poly1305', encryption: Encr.ENCR_CHACHA20_POLY1305, saltAndIv: 96, cases: 316 },
]) {
  test(`packets of ${file}`, { skip: withoutData(wycheproofFile(file)) }, () => {
    const tests = groupsOf(file)
      .filter(({ ivSize, tagSize }) => ivSize === saltAndIv && tagSize === 128)
      .flatMap(group => group.tests);
    for (const test of tests) packetCase(file, encryption, test);
    assert.equal(tests.length, cases);
  });
}

const CAMELLIA_CCM: Readonly<Record<string, number>> = {
  64: Encr.ENCR_CAMELLIA_CCM_8,
  96: Encr.ENCR_CAMELLIA_CCM_12,
  128: Encr.ENCR_CAMELLIA_CCM_16,
};

const TAGS = [32, 48, 64, 80, 96, 112, 128];

test('Camellia-CCM, composed of CTR and CBC', { skip: withoutData(wycheproofFile('camellia_ccm')) }, () => {
  let packets = 0;
  let direct = 0;
  for (const group of groupsOf('camellia_ccm')) {
    const encryption = group['ivSize'] === 88 ? CAMELLIA_CCM[String(group['tagSize'])] : undefined;
    for (const test of group.tests) {
      if (encryption !== undefined) {
        packetCase('camellia_ccm', encryption, test);
        packets++;
      }
      // CCM takes nonces of 7 to 13 octets and tags of 4, 6 … 16; the other cases try what no caller here can say
      const nonce = hexOf(test, 'iv');
      if (nonce.length < 7 || nonce.length > 13 || !TAGS.includes(Number(group['tagSize']))) continue;
      const key = hexOf(test, 'key');
      const [aad, text, tag] = [hexOf(test, 'aad'), hexOf(test, 'msg'), hexOf(test, 'tag')];
      const ccm = composedCcm(
        `camellia-${8 * key.length}`,
        createSecretKey(key),
        Number(group['tagSize']) / 8,
      );
      const opened = ccm.open(nonce, aad, hexOf(test, 'ct'), tag);
      assert.equal(opened !== undefined, test.result === 'valid', nameOf('camellia_ccm', test));
      if (opened === undefined) continue;
      assert.equal(toHex(opened), toHex(text));
      const sealed = ccm.seal(nonce, aad, text);
      assert.equal(toHex(concat(sealed.text, sealed.tag)), toHex(concat(hexOf(test, 'ct'), tag)));
      direct++;
    }
  }
  assert.deepEqual({ packets, direct }, { packets: 18, direct: 405 });
});

for (const { file, encryption } of [
  { file: 'aes_cbc_pkcs5', encryption: Encr.ENCR_AES_CBC },
  { file: 'camellia_cbc_pkcs5', encryption: Encr.ENCR_CAMELLIA_CBC },
]) {
  test(`${file}, padding aside`, { skip: withoutData(wycheproofFile(file)) }, () => {
    // The invalid cases are of padding that IKE and ESP do not use
    const tests = groupsOf(file).flatMap(group => group.tests.filter(({ result }) => result === 'valid'));
    for (const test of tests) {
      const cipher = provider.cbcCipher(encryption, hexOf(test, 'key'));
      assert.ok(cipher);
      const text = hexOf(test, 'msg');
      const pad = 16 - (text.length % 16);
      const padded = concat(text, new Uint8Array(pad).fill(pad));
      const iv = hexOf(test, 'iv');
      assert.equal(toHex(cipher.encrypt(iv, padded)), test['ct'], nameOf(file, test));
      assert.equal(toHex(cipher.decrypt(iv, hexOf(test, 'ct'))), toHex(padded), nameOf(file, test));
    }
    assert.equal(tests.length, 72);
  });
}

test('aes_gmac as integrity of AH', { skip: withoutData(wycheproofFile('aes_gmac')) }, () => {
  const ids: Readonly<Record<number, number>> = {
    16: Integ.AUTH_AES_128_GMAC,
    24: Integ.AUTH_AES_192_GMAC,
    32: Integ.AUTH_AES_256_GMAC,
  };
  let cases = 0;
  for (const group of groupsOf('aes_gmac')) {
    if (group['ivSize'] !== 96) continue;
    for (const test of group.tests) {
      const [key, nonce] = [hexOf(test, 'key'), hexOf(test, 'iv')];
      const message = hexOf(test, 'msg');
      const cipher = provider.packetCipher({
        encryption: 0,
        keyLength: 0,
        integrity: ids[key.length] as number,
        encryptionKey: new Secret(new Uint8Array()),
        integrityKey: new Secret(concat(key, nonce.subarray(0, 4))),
      });
      assert.ok(cipher);
      const packet = concat(message, nonce.subarray(4), hexOf(test, 'tag'));
      assert.equal(cipher.open(packet, message.length), test.result === 'valid', nameOf('aes_gmac', test));
      cases++;
    }
  }
  assert.equal(cases, 207);
});
