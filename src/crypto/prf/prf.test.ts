import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrfId } from '../../iana/transforms.ts';
import { concat, fromHex, toHex } from '../../lib/bytes.ts';
import { nodeProvider } from '../node/provider.ts';
import { type Prf, prfOf, prfPlus } from './prf.ts';
import { PRFS } from './registry.ts';

const provider = nodeProvider();

function prf(id: number): Prf {
  const found = prfOf(provider, id);
  assert.ok(found);
  return found;
}

function hex(text: string): Uint8Array {
  return fromHex(text) as Uint8Array;
}

test('AES-XCBC-PRF-128 and AES-CMAC-PRF-128 with keys of every length: RFC 4434 §2.1, RFC 4615 §4', () => {
  const message = hex('000102030405060708090a0b0c0d0e0f10111213');
  for (const [id, key, expected] of [
    [PrfId.PRF_AES128_XCBC, '000102030405060708090a0b0c0d0e0f', '47f51b4564966215b8985c63055ed308'],
    [PrfId.PRF_AES128_XCBC, '00010203040506070809', '0fa087af7d866e7653434e602fdde835'],
    [PrfId.PRF_AES128_XCBC, '000102030405060708090a0b0c0d0e0fedcb', '8cd3c93ae598a9803006ffb67c40e9e4'],
    [PrfId.PRF_AES128_CMAC, '000102030405060708090a0b0c0d0e0fedcb', '84a348a4a45d235babfffc0d2b4da09a'],
    [PrfId.PRF_AES128_CMAC, '000102030405060708090a0b0c0d0e0f', '980ae87b5f4c9c5214f5b6a8455e4c2d'],
    [PrfId.PRF_AES128_CMAC, '00010203040506070809', '290d9e112edb09ee141fcf64c0b72f3d'],
  ] as const) {
    assert.equal(toHex(prf(id).mac(hex(key), message)), expected);
    assert.equal(toHex(prf(id).mac(hex(key), message.subarray(0, 3), message.subarray(3))), expected);
  }
});

test('every function yields octets of its own length, and parts are one message', () => {
  for (const row of PRFS) {
    const { mac, outputLength, keyword } = prf(row.id);
    const key = new Uint8Array(row.preferredKey).fill(7);
    const parts = [hex('01'), hex(''), hex('0203')];
    assert.equal(mac(key, ...parts).length, outputLength, keyword);
    assert.equal(toHex(mac(key, ...parts)), toHex(mac(key, hex('010203'))), keyword);
    assert.notEqual(toHex(mac(key)), toHex(mac(key, hex('00'))), keyword);
    assert.equal(mac(new Uint8Array(0), hex('00')).length, outputLength, `${keyword} with an empty key`);
  }
});

test('an unknown transform ID is no function', () => {
  assert.equal(prfOf(provider, 3), undefined);
  assert.equal(prfOf(provider, 65_000), undefined);
});

test('prf+ feeds each block into the next (RFC 7296 §2.13)', () => {
  const hmac = prf(PrfId.PRF_HMAC_SHA1);
  const [key, seed] = [hex('aa'), hex('bbcc')];
  const first = hmac.mac(key, seed, hex('01'));
  const second = hmac.mac(key, first, seed, hex('02'));
  const third = hmac.mac(key, second, seed, hex('03'));
  const whole = toHex(concat(first, second, third));
  for (const length of [0, 1, 19, 20, 21, 41, 60]) {
    assert.equal(toHex(prfPlus(hmac, key, seed, length)), whole.slice(0, 2 * length));
  }
});

test('prf+ ends where its counter does', () => {
  const hmac = prf(PrfId.PRF_HMAC_MD5);
  const key = new Uint8Array(16);
  assert.equal(prfPlus(hmac, key, key, 255 * 16).length, 255 * 16);
  assert.throws(() => prfPlus(hmac, key, key, 255 * 16 + 1), RangeError);
});
