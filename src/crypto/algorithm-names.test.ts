import assert from 'node:assert/strict';
import { test } from 'node:test';
import { algorithmNames } from './algorithm-names.ts';

test('algorithms have the names that swanctl prints', () => {
  assert.deepEqual(algorithmNames('aes256-sha256-prfsha256-ecp256', 'ike'), {
    encr: 'AES_CBC',
    keySize: 256,
    integ: 'HMAC_SHA2_256_128',
    prf: 'PRF_HMAC_SHA2_256',
    ke: 'ECP_256',
  });
  assert.deepEqual(algorithmNames('aes128gcm16-prfsha256-x25519', 'ike'), {
    encr: 'AES_GCM_16',
    keySize: 128,
    prf: 'PRF_HMAC_SHA2_256',
    ke: 'CURVE_25519',
  });
  assert.deepEqual(algorithmNames('chacha20poly1305-modp3072', 'esp'), {
    encr: 'CHACHA20_POLY1305',
    ke: 'MODP_3072',
  });
  assert.deepEqual(algorithmNames('aes256-sha384-ecp384bp', 'esp').ke, 'ECP_384_BP');
});
