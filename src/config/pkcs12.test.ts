import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Secret } from '../lib/secret.ts';
import { utf8 } from '../lib/text.ts';
import { Pkcs12Failure, readPkcs12 } from './pkcs12.ts';

// One key and its certificate, as `openssl pkcs12 -export` writes them. The key protects nothing.

/** PBES2 with AES-256 and SHA-256, passphrase "grün". */
const MODERN =
  'MIIECQIBAzCCA8AGCSqGSIb3DQEHAaCCA7EEggOtMIIDqTCCAmEGCSqGSIb3DQEHBqCCAlIwggJOAgEAMIICRwYJKoZIhvcNAQcBMFYG' +
  'CSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAjHVn3U6+gFaAIBAzAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ2OwbS5hVPzAz' +
  'MBelnVa+0YCCAeD2/tqVdqiJ4nj7wpGbR4ko2ZzwgJQguJ08HFZDXAzhGjxhWSQ7ahV0mzHO+len8L2grqfWZR+nylhlIqZefzR4lWyC' +
  '4EFPpPIi2W/NsdyRFr5RlvTBuecmVP2C1MMGLOmdRsdvq+ZF//QWWEjPeKNp9hopKGXd+oy2MsOZavT7LvufUVhebBZQ6UjD3xrx+nDi' +
  'qSDGq90tC53Z8kxdGIxCAB3tOt7s1XVdiCDnHxEomA1bXpceSSxJH3OJhSEbf0g5GHrFBeqkxYX8Q2OzkX+9ohoaRNdyeXbJtPuc9+TY' +
  'VH5NoxbottvhWzinAqmAjZ9XM9fnlKFMGZQ2+4b3MPvHOqCcB7sGew4xa7OiXDTjr5s4+mVBfAUtHAu978wFfonLFruW9vGIkhSFyOn9' +
  'zSzF4IP8DACTszoletZqDD4nglHE6PUUi28eAFYKRYp0CKGrCTnesD051lTpxqdIpsSNHtiQiPJd06SgX9FLnUe6msftGIyb2JIatgzy' +
  'HiP4EXEqRV+zvozeIO3iPJ7a/9B2Ps1yo1sg3kU24raM7hN0Qb/vFWpgvgHMQu+XAs2hHtLt0acqNdgdwFOkyrI7IGCKBZwsK0qGhVVZ' +
  'dB25wKEsSlkPDtblcfeiW/i5EXwUgagwggFABgkqhkiG9w0BBwGgggExBIIBLTCCASkwggElBgsqhkiG9w0BDAoBAqCB7jCB6zBWBgkq' +
  'hkiG9w0BBQ0wSTAoBgkqhkiG9w0BBQwwGwQIgOgYO7PSug4CAQMwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEO+IXvjzEf9bGaet' +
  'wuGPjXQEgZAjVPdSjtscAQ8pXs4mLsnJGDR68mtf+93sEr2YDXY5zZUBs58caPcUIU5vdZl4UT5N8f1KYY2eGuHrhAu4LI+5KsnCCNkP' +
  'XuyhSJOU61ypNtRQYN/6pjb6xn3zZzJX6XwfUdhHuSDK4r0IMEFUeegTSJ60nmDfaB8BLXARcsBL1y5vBhLvOhLbSGd5zVB70DsxJTAj' +
  'BgkqhkiG9w0BCRUxFgQUYobqUeNll+ezOdeaz4jyu0iHRQwwQDAxMA0GCWCGSAFlAwQCAQUABCA1WKfGCCCFO92ZzgjfYRQcUIWiDotJ' +
  '8bLQdQssYTKNjgQImhcHRqWKlOICAQM=';

/** Triple DES and SHA-1, as programs wrote it for twenty years, passphrase "grün". */
const LEGACY =
  'MIIDdwIBAzCCAz4GCSqGSIb3DQEHAaCCAy8EggMrMIIDJzCCAh4GCSqGSIb3DQEHBqCCAg8wggILAgEAMIICBAYJKoZIhvcNAQcBMBsG' +
  'CiqGSIb3DQEMAQMwDQQI6GxRjOVPUn0CAQOAggHYYd0XUU0oDq9WQjIp2+9Q6yHQKUII+aTXLquM2wafXTUo1q6jU3JpP4Zn+/7PHeR9' +
  'H7fhQ2S14nBhfiKp0XSjbr7aq3JrURR/vo3zTlvYH5C26SzxNuv0th3YHZ+66F3dyqDc49+i4Dqakb3/F2FvCeBmbsUsZe06r8++4NgL' +
  'xgQuOXdxGhnlv3UD2Dk0fKF9iMuSf5TAzRbGI0VrIu5blTLd57cJDDzi9abBB/c9yJmUMUyV2fQ1MAOXKDCGe30jm06hLexY8oLmU+f3' +
  'WgUHqQ9wSi3GkmE6ONix0b4LYS00X3PlYytLiH2yAteXnPFEym5ir+xcee8WtbUvowndM41/Q9m3skimakibu9GHuAB+SPxn8WU57kXf' +
  'jICf2Rmm4Chn6jsMledaQPT3XdfcxQIE4EZdmfWjrpSX2zvKpuWnlpQY3XCSeaHrXqjyGfO/RSyIQQBmzicL9nYiHTeVGNDIOzEgP6QZ' +
  'WDK8D+I2QqG3WZGKM62e0FzL19WQbBIlqzsCM50wVcX7ynM5tp+fdZVIqPfVNh90djbt2U2P91Sbc7Pf6Ts++Tn8CjqdFEgyDUNJBiH0' +
  '9+ww4h2z71e+Xm7YviR7NseiF4m4nQSCDknYdU5no/HOhDCCAQEGCSqGSIb3DQEHAaCB8wSB8DCB7TCB6gYLKoZIhvcNAQwKAQKggbMw' +
  'gbAwGwYKKoZIhvcNAQwBAzANBAjMWvW6eNWs3gIBAwSBkPpd0BnApvG738TDmGRb0rNttpyHHm3XWAA0CC94ZI+FKC7UfE9ZYjzD++qb' +
  'YbomyUQCTZt2Bv5aOaM7ciV48DbHql2TxQgML6W2jG+56h1do7hV34Z3bD6NkOAH7rlJH2JDhvXweJ1VFfORHV05pMLM53f9NVJ57ta1' +
  'xQn+ZhZOrdqKdECk/WAIcALjIsBUBDElMCMGCSqGSIb3DQEJFTEWBBRihupR42WX57M515rPiPK7SIdFDDAwMCEwCQYFKw4DAhoFAAQU' +
  'T3bpG/KU64HflJL1w84uNesRARMECMLm15J6R1F5AgED';

/** AES-128 and AES-192, SHA-512, passphrase "x". */
const MIXED =
  'MIIEKQIBAzCCA8AGCSqGSIb3DQEHAaCCA7EEggOtMIIDqTCCAmEGCSqGSIb3DQEHBqCCAlIwggJOAgEAMIICRwYJKoZIhvcNAQcBMFYG' +
  'CSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAgUpB/HYzrX2wIBBTAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBFgQQ7rp7WLYyHSPM' +
  '9Vy+jaGWj4CCAeBTO1uJbSJmmYgWuCzB8laYXod19V2Y1TqbapzBx6VTy8c/d4RLU1g6zRMjT2Q3j9nypNVo9dlvsBD7/bIndcKXEolg' +
  'cFX5/bW7WXaVkA3O4XouRyC560FiOX3VbGCR/Xc6tT0uuUcznBRyjbDF3ufRcKptQzq/+d0yrWEZpmCZAZ81ndAu1wCRSAywRvQR2iJO' +
  '/yjr8Au76Fn6/jJpgXg1MjJH5kSbv6tD3rgW1u3zX38i0pdUKXFwGxGjGU4hjTimvjANuyIlwYemsETbbhSR8urVVE3qfTUm5jAaY6Ar' +
  '8KnxBVFuF/7Pq+bbaNqnSNRXsdLIVvcmy6iptH8krunDaRcjZmWlNajTytAwMb55J+lyckvh2v7Qew/592JJ/D+BVbMbPQtpTgJr6SDu' +
  '+XthdRygyVGvBlWwEW7NmXE4/WHF53l5mpKabq9wQfoIOfvK7HZq1BsXV0kfHakBZfaqN7iKqsIDHE+ycfG/u0veE81Iq15mJLXoBAxz' +
  'f5aIoPZ/+8e1dK9yIhKKLl2+AK5s+isusT8hWDk9nzT+c0fQyEXvyxxvtc1tRU/KNV9TX1gU/fmk+MT6Hp2zbfyisdEb2TGqEqOqB28x' +
  '8ec2D8muyiuLlD48/DSY/SzwwopJjX8wggFABgkqhkiG9w0BBwGgggExBIIBLTCCASkwggElBgsqhkiG9w0BDAoBAqCB7jCB6zBWBgkq' +
  'hkiG9w0BBQ0wSTAoBgkqhkiG9w0BBQwwGwQI6ZxLrwKxaTkCAQUwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEGBqV8v/0bapZBT+' +
  '5TrXO04EgZD4FNleAD5E0u8mt/AeyCNGhzJwukrl19u/EAHybjkmzxraINwce3tvtmiz9v+zPZo4Hz/JapEQ3iVCdxsLw6tbjyV20zbr' +
  '0WkpcjiWteMHwP/hujM34G2dfeBIfr2hu2AfAKIkjQU/GiwjZ/aG///pFihohc7VcQuTfjnc2Af5iFCogA15qzSpS4EzrzQfElwxJTAj' +
  'BgkqhkiG9w0BCRUxFgQUYobqUeNll+ezOdeaz4jyu0iHRQwwYDBRMA0GCWCGSAFlAwQCAwUABEA7uXJUDlj2CkVizeEUTvd28UpF53TV' +
  'xZQR8JD2J9lXv5V5827+VDYvp9EaKm+uuJa6C7s/YGDpMMyBrlb/Wq+4BAielHosi42kpAIBBQ==';

/** RC2 with 40 bits. */
const RC2 =
  'MIIDdwIBAzCCAz4GCSqGSIb3DQEHAaCCAy8EggMrMIIDJzCCAh4GCSqGSIb3DQEHBqCCAg8wggILAgEAMIICBAYJKoZIhvcNAQcBMBsG' +
  'CiqGSIb3DQEMAQYwDQQIit9aLeqGXtMCAQOAggHY3ebonhgeOphXJuhc2JMgu/g+xFI5I7rIFy/rI7M9ASt8SsMEFqpQTvs8ulSFrLax' +
  'k03dybb6gBl/mxExF8fbhbX1cEdHUeuZQFrLbC3BsqCEmJrtBy/ivsgaycSnzT3i6ePTJa68o/5nglVJ6TswfR9iWlkwAL+wcIAAwXLc' +
  'C/HAnrBx7vxONM1euVgYcMVb2Re25Y940N4+BolWluy2NdQ3Jno2tmLoKTV1VKQxfNGtHX0063pZKPbCkQPWmMPwTLET9gugacsD2Gy1' +
  'S5YJGu4PzZJnYXSoH+CJJtAKL36yxZgHbbM5nhRKosMQa7yGRfnJWxDUA4aRMtR8mMVjXITkRRPJN+VvUkwGYNa6D7/eVMjrUeJ0bzXl' +
  'WWNz7dV59GOQyRy7XTkF6/0XM9pXsGg1m4eRSjUs5UaAJxAE4iienlr4SmCA9/VCvshm6bKMOSX4j9326L4DaRDwi+GTBwCyswGyTuwj' +
  'iRaTQkJYEQzXUDDUtZJ3krkxQPYDQ6jV9NzV605rgcTpr35iZIgMtjDNLLGzisueHbcJGiwLealmG+/D9wEGX4SGmMUJbJ6ZobWAgpS2' +
  'qGBHEEonTTEchTyj/uM2L7S9hbl5e1Y5OcJhzv5IaI65ljCCAQEGCSqGSIb3DQEHAaCB8wSB8DCB7TCB6gYLKoZIhvcNAQwKAQKggbMw' +
  'gbAwGwYKKoZIhvcNAQwBAzANBAjSc9hw/XT3vQIBAwSBkEz3SofoGxhjuJbO34ra2UpTTuhQa2UFTrt/HIOs2ozyRyyk8e/WENaCPiph' +
  'YuwnTlvB+9JerquCNxbdZ2lAsv/J4Ge5dk+lcUUlkJ6xcW7bJGwlf+/2eaZcYrv3rSjrFXjI70r1mzWg2GUlVuq6lvpnD4SmVS9+icrI' +
  'vZ6Vs0YyJ9xENIIqWH6RGdLR3NWcKzElMCMGCSqGSIb3DQEJFTEWBBRihupR42WX57M515rPiPK7SIdFDDAwMCEwCQYFKw4DAhoFAAQU' +
  'msi1zLadJFBHR7NwVvFVsQ0wRpMECF0THI0fUlxiAgED';

/** Nothing protects its integrity. */
const WITHOUT_MAC =
  'MIIDTAIBAzCCA0UGCSqGSIb3DQEHAaCCAzYEggMyMIIDLjCCAeUGCSqGSIb3DQEHAaCCAdYEggHSMIIBzjCCAcoGCyqGSIb3DQEMCgED' +
  'oIIBkjCCAY4GCiqGSIb3DQEJFgGgggF+BIIBejCCAXYwggEboAMCAQICFFco87M453zebefYOMS1mDHf+Yr4MAoGCCqGSM49BAMCMA8x' +
  'DTALBgNVBAMMBG1vb24wIBcNMjYxMTIyMDEzOTIyWhgPMjEyNjEwMjkwMTM5MjJaMA8xDTALBgNVBAMMBG1vb24wWTATBgcqhkjOPQIB' +
  'BggqhkjOPQMBBwNCAARhxGOce/JI+EVKheZBXQL7ladhHbn76T+5tWH1C784BhU3rD4yg7LOGejJa8+nH/BGJ50ksX6FZsMiVaP3SasP' +
  'o1MwUTAdBgNVHQ4EFgQUMFM3A2IQg93aY3XO6iFtLWfPPCswHwYDVR0jBBgwFoAUMFM3A2IQg93aY3XO6iFtLWfPPCswDwYDVR0TAQH/' +
  'BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA1M5tpJcgQQo6xzJ8LDHqX6rPQOw9LAMyVwEzt5nd8asCIQD3zpa+DoAD+UAoo+xS26sW' +
  '5FMzvRQ1zUGKCKtoTTNj+TElMCMGCSqGSIb3DQEJFTEWBBRihupR42WX57M515rPiPK7SIdFDDCCAUEGCSqGSIb3DQEHAaCCATIEggEu' +
  'MIIBKjCCASYGCyqGSIb3DQEMCgECoIHvMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgD7Dcz/MWMGQICCAAwDAYIKoZI' +
  'hvcNAgkFADAdBglghkgBZQMEASoEECmgVExIkktvD9u4EthhdXQEgZAX5KwBfKGi3jjEm+oHetf5FScBoavOi+4WG+U4MiTPaVTbwD84' +
  'LrZqmU8JVGt1pS0U0hV4Qj3K0y+QWDsmNoox6sbRNnWVJwude7Q3mNL652t2TZlvDDMLEMNJVdUwVXxaqPX2/FCB9Uih1Kpw1e+2cxL5' +
  '1REGxR+pRAJfFx2gABceMO1A8FV0b9If8HkKUWgxJTAjBgkqhkiG9w0BCRUxFgQUYobqUeNll+ezOdeaz4jyu0iHRQw=';

const KEY_DIGEST = '4ace8affc8dccf3c1c51f371936609be1e0ae54bf5f75d265a2ff879f1d56361';
const CERTIFICATE_DIGEST = '3c068e356344709d686d67758dca0856f3c969e848d522504ec7d5229bdf8b53';

function octets(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function digest(part: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(part ?? '')
    .digest('hex');
}

for (const [what, file, passphrase] of [
  ['PBES2', MODERN, 'grün'],
  ['triple DES', LEGACY, 'grün'],
  ['other sizes', MIXED, 'x'],
] as const) {
  test(`a file with ${what} gives its key and certificate`, () => {
    const { privateKeys, certificates } = readPkcs12(octets(file), new Secret(utf8(passphrase)));
    assert.deepEqual([privateKeys.length, certificates.length], [1, 1]);
    assert.equal(digest(certificates[0]), CERTIFICATE_DIGEST);
    assert.equal(digest(privateKeys[0]?.slice(0, privateKeys[0].length)), KEY_DIGEST);
  });
}

test('another passphrase does not open it', () => {
  for (const passphrase of ['', 'gruen', 'grün ']) {
    assert.throws(
      () => readPkcs12(octets(MODERN), new Secret(utf8(passphrase))),
      /the passphrase does not open it/,
    );
  }
});

test('what cannot be decrypted here, and what nothing protects, is told as such', () => {
  assert.throws(
    () => readPkcs12(octets(RC2), new Secret(utf8('grün'))),
    (error: unknown) => error instanceof Pkcs12Failure && /openssl pkcs12 -legacy/.test(error.remedy ?? ''),
  );
  assert.throws(
    () => readPkcs12(octets(WITHOUT_MAC), new Secret(utf8('x'))),
    /nothing protects its integrity/,
  );
});

test('whatever is changed in a file, it is refused with a typed failure or gives the same', () => {
  const file = octets(LEGACY);
  for (let i = 0; i < file.length; i++) {
    const changed = file.slice();
    changed[i] = (changed[i] as number) ^ 0x41;
    try {
      const { certificates } = readPkcs12(changed, new Secret(utf8('grün')));
      assert.equal(digest(certificates[0]), CERTIFICATE_DIGEST);
    } catch (error) {
      assert.ok(error instanceof Pkcs12Failure, `octet ${i}: ${String(error)}`);
    }
  }
});

test('a file cut short is refused', () => {
  const file = octets(MIXED);
  for (let length = 0; length < file.length; length += 7) {
    assert.throws(() => readPkcs12(file.slice(0, length), new Secret(utf8('x'))), Pkcs12Failure);
  }
});
