import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import { toHex } from '../../lib/bytes.ts';
import { opensslAead } from './aead.ts';
import { composedCcm } from './ccm.ts';

test('CCM composed of CTR and CBC is the CCM of OpenSSL', () => {
  const octets = (length: number, first: number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => first + 7 * i);
  for (const keyLength of [16, 24, 32]) {
    const key = createSecretKey(octets(keyLength, 3));
    const prefix = `aes-${8 * keyLength}`;
    for (const tagLength of [8, 12, 16]) {
      const [ours, theirs] = [
        composedCcm(prefix, key, tagLength),
        opensslAead(`${prefix}-ccm`, key, tagLength),
      ];
      for (const [aadLength, length] of [
        [0, 0],
        [8, 0],
        [0, 1],
        [8, 16],
        [12, 33],
        [14, 64],
        [15, 1400],
        [0xfeff, 5],
        [0xff00, 5],
      ] as const) {
        const [nonce, aad, text] = [octets(11, 9), octets(aadLength, 1), octets(length, 2)];
        const sealed = ours.seal(nonce, aad, text);
        const expected = theirs.seal(nonce, aad, text);
        assert.deepEqual(
          [toHex(sealed.text), toHex(sealed.tag)],
          [toHex(expected.text), toHex(expected.tag)],
        );
        assert.equal(
          toHex(theirs.open(nonce, aad, sealed.text, sealed.tag) ?? Uint8Array.of(0)),
          toHex(text),
        );
        assert.equal(toHex(ours.open(nonce, aad, sealed.text, sealed.tag) ?? Uint8Array.of(0)), toHex(text));
        assert.equal(ours.open(nonce, aad, sealed.text, sealed.tag.subarray(1)), undefined);
      }
    }
  }
});
