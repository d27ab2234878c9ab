import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cmac } from '../../src/crypto/aes-mac.ts';
import { aesCbcMac } from '../../src/crypto/node/integrity.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { prfOf, prfPlus } from '../../src/crypto/prf/prf.ts';
import { PrfId } from '../../src/iana/transforms.ts';
import { equal, toHex } from '../../src/lib/bytes.ts';
import { withoutData } from '../data.ts';
import { groupsOf, hexOf, nameOf, wycheproofFile } from './wycheproof.ts';

const provider = nodeProvider();

for (const [file, hash, cases] of [
  ['hmac_sha1', 'sha1', 170],
  ['hmac_sha256', 'sha256', 174],
  ['hmac_sha512', 'sha512', 174],
] as const) {
  test(`${file}`, { skip: withoutData(wycheproofFile(file)) }, () => {
    const tests = groupsOf(file).flatMap(group => group.tests);
    for (const test of tests) {
      const tag = hexOf(test, 'tag');
      const mac = provider.hmac(hash, hexOf(test, 'key'), hexOf(test, 'msg')).subarray(0, tag.length);
      assert.equal(equal(mac, tag), test.result === 'valid', nameOf(file, test));
    }
    assert.equal(tests.length, cases);
  });
}

test('aes_cmac', { skip: withoutData(wycheproofFile('aes_cmac')) }, () => {
  let cases = 0;
  for (const group of groupsOf('aes_cmac')) {
    for (const test of group.tests) {
      const key = hexOf(test, 'key');
      // AES has keys of three lengths; the port's callers make no others
      if (![16, 24, 32].includes(key.length)) continue;
      const tag = hexOf(test, 'tag');
      const mac = cmac(aesCbcMac, key)(hexOf(test, 'msg')).subarray(0, tag.length);
      assert.equal(equal(mac, tag), test.result === 'valid', nameOf('aes_cmac', test));
      cases++;
    }
  }
  assert.equal(cases, 306);
});

test('prf+ is the expansion step of HKDF', { skip: withoutData(wycheproofFile('hkdf_sha256')) }, () => {
  // RFC 7296 §2.13 and RFC 5869 §2.3 write the same recurrence: T(n) = HMAC(key, T(n−1) | seed | n)
  const prf = prfOf(provider, PrfId.PRF_HMAC_SHA2_256);
  assert.ok(prf);
  const tests = groupsOf('hkdf_sha256').flatMap(group => group.tests);
  for (const test of tests) {
    const key = prf.mac(hexOf(test, 'salt'), hexOf(test, 'ikm'));
    const expand = (): Uint8Array => prfPlus(prf, key, hexOf(test, 'info'), Number(test['size']));
    if (test.result === 'valid') assert.equal(toHex(expand()), test['okm'], nameOf('hkdf', test));
    else assert.throws(expand, RangeError, nameOf('hkdf', test));
  }
  assert.equal(tests.length, 86);
});
