import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { SignatureScheme } from '../../src/crypto/provider.ts';
import { schemeByName } from '../../src/crypto/sign/registry.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { withoutData } from '../data.ts';
import { groupsOf, hexOf, nameOf, wycheproofFile } from './wycheproof.ts';

const provider = nodeProvider();

function scheme(name: string): SignatureScheme {
  const found = schemeByName(name);
  assert.ok(found, name);
  return found;
}

for (const [file, name, cases] of [
  ['ecdsa_secp256r1_sha256', 'ecdsa-sha256', 484],
  ['ecdsa_secp384r1_sha384', 'ecdsa-sha384', 504],
  ['ecdsa_secp521r1_sha512', 'ecdsa-sha512', 542],
  ['ecdsa_secp256r1_sha256_p1363', 'ecdsa-256', 262],
  ['ecdsa_secp384r1_sha384_p1363', 'ecdsa-384', 280],
  ['ed25519', 'ed25519', 151],
  ['ed448', 'ed448', 87],
  ['rsa_signature_2048_sha256', 'rsa-sha256', 259],
  ['rsa_signature_2048_sha384', 'rsa-sha384', 258],
  ['rsa_signature_2048_sha512', 'rsa-sha512', 259],
  ['rsa_signature_4096_sha512', 'rsa-sha512', 259],
  ['rsa_pss_2048_sha256_mgf1_32', 'rsa/pss-sha256', 108],
  ['rsa_pss_2048_sha256_mgf1_32_params', 'rsa/pss-sha256', 108],
  ['rsa_pss_2048_sha384_mgf1_48', 'rsa/pss-sha384', 141],
  ['rsa_pss_4096_sha512_mgf1_64', 'rsa/pss-sha512', 179],
] as const) {
  test(`${file} as ${name}`, { skip: withoutData(wycheproofFile(file)) }, () => {
    let tried = 0;
    for (const group of groupsOf(file)) {
      const key = provider.importPublicKey(hexOf(group, 'publicKeyDer'));
      for (const test of group.tests) {
        const verified = provider.verify(key, scheme(name), hexOf(test, 'msg'), hexOf(test, 'sig'));
        // The acceptable ones, a DigestInfo without its NULL, are refused: RFC 8017 §9.2 has no such encoding
        assert.equal(verified, test.result === 'valid', nameOf(file, test));
        tried++;
      }
    }
    assert.equal(tried, cases);
  });
}

for (const [file, saltLength, verifies] of [
  ['rsa_pss_2048_sha256_mgf1_0', 0, true],
  // A mask of another hash than the message: RFC 7427 could name it, no scheme here does
  ['rsa_pss_2048_sha256_mgf1sha1_20', 20, false],
] as const) {
  test(`${file}: PSS with other parameters`, { skip: withoutData(wycheproofFile(file)) }, () => {
    for (const group of groupsOf(file)) {
      const key = provider.importPublicKey(hexOf(group, 'publicKeyDer'));
      for (const test of group.tests) {
        const pss = { ...scheme('rsa/pss-sha256'), saltLength };
        const verified = provider.verify(key, pss, hexOf(test, 'msg'), hexOf(test, 'sig'));
        assert.equal(verified, verifies && test.result === 'valid', nameOf(file, test));
      }
    }
  });
}

test('rsa_pkcs1_2048_sig_gen', { skip: withoutData(wycheproofFile('rsa_pkcs1_2048_sig_gen')) }, () => {
  let made = 0;
  for (const group of groupsOf('rsa_pkcs1_2048_sig_gen')) {
    const pkcs1 = schemeByName(`rsa-${String(group['sha']).toLowerCase().replace('-', '')}`);
    if (pkcs1 === undefined) continue;
    const key = provider.importPrivateKey(hexOf(group, 'privateKeyPkcs8'));
    for (const test of group.tests) {
      const signature = provider.sign(key, pkcs1, hexOf(test, 'msg'));
      assert.equal(toHex(signature), test['sig'], nameOf('rsa_pkcs1_2048_sig_gen', test));
      assert.ok(provider.verify(key.publicKey, pkcs1, hexOf(test, 'msg'), signature));
      made++;
    }
  }
  assert.equal(made, 35);
});
