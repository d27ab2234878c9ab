import assert from 'node:assert/strict';
import { test } from 'node:test';
import { algorithmNames, proposalNames } from './algorithm-names.ts';

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

test('proposals are told with all that they leave to choose from', () => {
  assert.equal(
    proposalNames(['aes128-aes256-sha1-modp2048', 'aes128gcm16-prfsha256-x25519'], 'ike'),
    'IKE:AES_CBC_128/AES_CBC_256/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_2048, IKE:AES_GCM_16_128/PRF_HMAC_SHA2_256/CURVE_25519',
  );
  assert.equal(
    proposalNames(['aes256gcm16-prfsha384-x25519-ke1_mlkem768-ke3_ecp384'], 'ike'),
    'IKE:AES_GCM_16_256/PRF_HMAC_SHA2_384/CURVE_25519/KE1_ML_KEM_768/KE3_ECP_384',
  );
  assert.equal(proposalNames(['aes128gcm16-ecp256-esn'], 'esp'), 'ESP:AES_GCM_16_128/ECP_256/EXT_SEQ');
  assert.equal(proposalNames(['aes128gcm16-esn'], 'esp'), 'ESP:AES_GCM_16_128/EXT_SEQ');
  assert.equal(proposalNames(['aes128-sha256'], 'esp'), 'ESP:AES_CBC_128/HMAC_SHA2_256_128/NO_EXT_SEQ');
});

test('what has no name is told as it is; what a stranger sends does not fill the log', () => {
  assert.equal(proposalNames(['encr:77-sha256'], 'esp'), 'ESP:encr:77/sha256');
  const told = proposalNames(Array(1000).fill(`aes128${'-encr:9999'.repeat(1000)}`), 'ike');
  assert.ok(told.length < 200, told);
  assert.match(told, /^IKE:…, .*…$/);
});
