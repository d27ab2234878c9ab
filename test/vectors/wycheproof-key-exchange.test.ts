import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyExchangeOf } from '../../src/crypto/ke/key-exchange.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { CryptoFailure } from '../../src/crypto/provider.ts';
import { KeMethod } from '../../src/iana/transforms.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { withoutData } from '../data.ts';
import { type Case, groupsOf, hexOf, nameOf, wycheproofFile } from './wycheproof.ts';

/** All cases of the slow curves, too: they take ten seconds. Without it every eighth of their valid ones. */
const ALL = process.env['CYGNET_VECTORS'] === 'all';

/** A method whose private keys are the given octets. */
function withPrivate(method: number, key: Uint8Array) {
  const exchange = keyExchangeOf(nodeProvider({ random: () => key.slice() }), method);
  assert.ok(exchange);
  return exchange;
}

/** Private keys as numbers, filled up to the length of the field. */
function scalarOf(test: Case, length: number): Uint8Array {
  const digits = String(test['private']).replace(/^(00)+/, '');
  return fromHex(digits.padStart(2 * length, '0')) as Uint8Array;
}

const POINT_PREFIX: Readonly<Record<string, string>> = {
  secp256r1: '3059301306072a8648ce3d020106082a8648ce3d030107034200',
  secp521r1: '30819b301006072a8648ce3d020106052b8104002303818600',
  brainpoolP256r1: '305a301406072a8648ce3d020106092b2403030208010107034200',
  brainpoolP512r1: '30819b301406072a8648ce3d020106092b240303020801010d03818200',
};

for (const { file, method, field, step, inPayload, refused } of [
  {
    file: 'ecdh_secp256r1_ecpoint',
    method: KeMethod.ECP256,
    field: 32,
    step: 1,
    inPayload: 346,
    refused: 16,
  },
  {
    file: 'ecdh_secp384r1_ecpoint',
    method: KeMethod.ECP384,
    field: 48,
    step: 8,
    inPayload: 787,
    refused: 16,
  },
  { file: 'ecdh_secp256r1', method: KeMethod.ECP256, field: 32, step: 1, inPayload: 350, refused: 20 },
  { file: 'ecdh_secp521r1', method: KeMethod.ECP521, field: 66, step: 8, inPayload: 652, refused: 20 },
  {
    file: 'ecdh_brainpoolP256r1',
    method: KeMethod.BRAINPOOL256,
    field: 32,
    step: 8,
    inPayload: 537,
    refused: 20,
  },
  {
    file: 'ecdh_brainpoolP512r1',
    method: KeMethod.BRAINPOOL512,
    field: 64,
    step: 8,
    inPayload: 531,
    refused: 20,
  },
]) {
  test(`${file}: x‖y in a KE payload`, { skip: withoutData(wycheproofFile(file)) }, () => {
    let carried = 0;
    let failed = 0;
    for (const group of groupsOf(file)) {
      const prefix = POINT_PREFIX[String(group['curve'])] ?? '';
      for (const test of group.tests) {
        // A KE payload has no room for compressed points, other curves or encodings: those cases cannot be said
        const text = String(test['public']);
        const point =
          group['encoding'] === 'ecpoint' ? text : text.startsWith(prefix) ? text.slice(prefix.length) : '';
        if (!point.startsWith('04')) continue;
        carried++;
        if (test.result === 'valid' && carried % step !== 0 && !ALL) continue;
        const exchange = withPrivate(method, scalarOf(test, field));
        const agree = () =>
          toHex(
            exchange
              .initiate()
              .finish(fromHex(point.slice(2)) as Uint8Array)
              .reveal(),
          );
        // Acceptable to the vectors, and refused here: values of a wrong length in ASN.1 that says so (a KE payload
        // has one length), and damage to what they take for encoding and is the point itself
        const damaged = test.comment === 'modifying last byte of bit string';
        if (test.result === 'invalid' || point.length !== 2 + 4 * field || damaged) {
          assert.throws(agree, CryptoFailure, nameOf(file, test));
          failed++;
        } else assert.equal(agree(), test['shared'], nameOf(file, test));
      }
    }
    assert.deepEqual({ carried, failed }, { carried: inPayload, failed: refused });
  });
}

test('x25519', { skip: withoutData(wycheproofFile('x25519')) }, () => {
  const tests = groupsOf('x25519').flatMap(group => group.tests);
  let zero = 0;
  for (const test of tests) {
    const half = withPrivate(KeMethod.CURVE25519, hexOf(test, 'private')).initiate();
    const agree = () => toHex(half.finish(hexOf(test, 'public')).reveal());
    // Of the acceptable cases those with a secret of zeros are refused (RFC 8031 §5); points on the twist and
    // numbers beyond the prime are taken, as RFC 7748 §5 demands
    if (test.flags?.includes('ZeroSharedSecret')) {
      assert.throws(agree, CryptoFailure, nameOf('x25519', test));
      zero++;
    } else assert.equal(agree(), test['shared'], nameOf('x25519', test));
  }
  assert.deepEqual({ all: tests.length, zero }, { all: 518, zero: 31 });
});

for (const [size, method] of [
  [512, KeMethod.ML_KEM_512],
  [768, KeMethod.ML_KEM_768],
] as const) {
  test(`mlkem_${size}: key pairs from seeds`, {
    skip: withoutData(wycheproofFile(`mlkem_${size}_keygen_seed`)),
  }, () => {
    const tests = groupsOf(`mlkem_${size}_keygen_seed`).flatMap(group => group.tests);
    for (const test of tests) {
      const { publicValue } = withPrivate(method, hexOf(test, 'seed')).initiate();
      assert.equal(toHex(publicValue), test['ek'], nameOf('mlkem', test));
    }
    assert.equal(tests.length, 100);
  });

  test(`mlkem_${size}: the initiator's half`, { skip: withoutData(wycheproofFile(`mlkem_${size}`)) }, () => {
    let invalid = 0;
    for (const test of groupsOf(`mlkem_${size}`).flatMap(group => group.tests)) {
      // Seeds of other lengths are a matter of who imports keys: here they are made and never read
      if (hexOf(test, 'seed').length !== 64) continue;
      const agree = () => {
        const half = withPrivate(method, hexOf(test, 'seed')).initiate();
        if (test.result === 'valid') assert.equal(toHex(half.publicValue), test['ek']);
        return toHex(half.finish(hexOf(test, 'c')).reveal());
      };
      if (test.result === 'valid') assert.equal(agree(), test['K'], nameOf('mlkem', test));
      else {
        assert.throws(agree, CryptoFailure, nameOf('mlkem', test));
        invalid++;
      }
    }
    assert.equal(invalid, 20);
  });

  test(`mlkem_${size}: the responder's half`, {
    skip: withoutData(wycheproofFile(`mlkem_${size}_encaps`)),
  }, () => {
    // Encapsulation draws on OpenSSL's randomness, so of the valid cases the acceptance is what is tried
    let invalid = 0;
    for (const test of groupsOf(`mlkem_${size}_encaps`).flatMap(group => group.tests)) {
      const exchange = keyExchangeOf(nodeProvider(), method);
      assert.ok(exchange);
      if (test.result === 'valid') {
        const { publicValue, sharedSecret } = exchange.respond(hexOf(test, 'ek'));
        assert.equal(publicValue.length, exchange.responseLength);
        assert.equal(sharedSecret.length, 32);
      } else {
        assert.throws(() => exchange.respond(hexOf(test, 'ek')), CryptoFailure, nameOf('mlkem', test));
        invalid++;
      }
    }
    assert.equal(invalid, size === 512 ? 128 : 132);
  });
}

test('curves have the parameters of their names', {
  skip: withoutData(wycheproofFile('ec_prime_order_curves')),
}, () => {
  const methods: Readonly<Record<string, number>> = {
    secp224r1: KeMethod.ECP224,
    secp256r1: KeMethod.ECP256,
    secp384r1: KeMethod.ECP384,
    secp521r1: KeMethod.ECP521,
    brainpoolP224r1: KeMethod.BRAINPOOL224,
    brainpoolP256r1: KeMethod.BRAINPOOL256,
    brainpoolP384r1: KeMethod.BRAINPOOL384,
    brainpoolP512r1: KeMethod.BRAINPOOL512,
  };
  let cases = 0;
  for (const test of groupsOf('ec_prime_order_curves').flatMap(group => group.tests)) {
    const method = methods[String(test['name'])];
    if (method === undefined) continue;
    const number = (field: string) => BigInt(`0x${test[field]}`);
    const exchange = keyExchangeOf(nodeProvider(), method);
    assert.ok(exchange);
    const { publicValue } = exchange.initiate();
    const half = publicValue.length / 2;
    const x = BigInt(`0x${toHex(publicValue.subarray(0, half))}`);
    const y = BigInt(`0x${toHex(publicValue.subarray(half))}`);
    assert.equal((y * y - x ** 3n - number('a') * x - number('b')) % number('p'), 0n, String(test['name']));
    cases++;
  }
  assert.equal(cases, 8);
});
