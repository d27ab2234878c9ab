import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../lib/bytes.ts';
import { cbcMacOf, cmac, cmacPrfKey, xcbc, xcbcPrfKey } from './aes-mac.ts';
import { aesCbcMac } from './node/integrity.ts';
import { nodeProvider } from './node/provider.ts';

function hex(text: string): Uint8Array {
  return fromHex(text.replaceAll(' ', '')) as Uint8Array;
}

const provider = nodeProvider();
const CHAINS = {
  'block by block': (key: Uint8Array) => cbcMacOf(provider.aesBlock(key)),
  'in one call': aesCbcMac,
};

for (const [how, chain] of Object.entries(CHAINS)) {
  test(`AES-XCBC-MAC ${how}: RFC 3566 §4.6`, () => {
    const mac = xcbc(chain, hex('000102030405060708090a0b0c0d0e0f'));
    const counted = (length: number) => Uint8Array.from({ length }, (_, i) => i);
    for (const [message, expected] of [
      [counted(0), '75f0251d528ac01c4573dfd584d79f29'],
      [counted(3), '5b376580ae2f19afe7219ceef172756f'],
      [counted(16), 'd2a246fa349b68a79998a4394ff7a263'],
      [counted(20), '47f51b4564966215b8985c63055ed308'],
      [counted(32), 'f54f0ec8d2b9f3d36807734bd5283fd4'],
      [counted(34), 'becbb3bccdb518a30677d5481fb6b4d8'],
      [new Uint8Array(1000), 'f0dafee895db30253761103b5d84528f'],
    ] as const) {
      assert.equal(toHex(mac(message)), expected);
    }
  });

  test(`AES-CMAC ${how}: RFC 4493 §4`, () => {
    const mac = cmac(chain, hex('2b7e151628aed2a6abf7158809cf4f3c'));
    const message = hex(
      `6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51
       30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710`.replaceAll('\n', ''),
    );
    for (const [length, expected] of [
      [0, 'bb1d6929e95937287fa37d129b756746'],
      [16, '070a16b46b4d4144f79bdd9dd04a287c'],
      [40, 'dfa66747de9ae63030ca32611497c827'],
      [64, '51f0bebf7e3b9d92fc49741779363cfe'],
    ] as const) {
      assert.equal(toHex(mac(message.subarray(0, length))), expected);
    }
  });
}

test('keys of 128 bits are taken as they are, others are made to fit', () => {
  const whole = hex('000102030405060708090a0b0c0d0e0f');
  assert.equal(xcbcPrfKey(aesCbcMac, whole), whole);
  assert.equal(cmacPrfKey(aesCbcMac, whole), whole);
  assert.equal(toHex(xcbcPrfKey(aesCbcMac, hex('0001'))), '00010000000000000000000000000000');
  assert.equal(xcbcPrfKey(aesCbcMac, new Uint8Array(17)).length, 16);
  assert.equal(cmacPrfKey(aesCbcMac, new Uint8Array(0)).length, 16);
});
