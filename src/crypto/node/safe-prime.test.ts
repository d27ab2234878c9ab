import assert from 'node:assert/strict';
import { generatePrimeSync, getDiffieHellman } from 'node:crypto';
import { test } from 'node:test';
import { isSafePrime } from './safe-prime.ts';

const known = new Uint8Array(getDiffieHellman('modp14').getPrime());

function octets(number: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(number.toString(16).padStart(512, '0'), 'hex'));
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

/** A prime of so many bits that is 3 modulo 4. */
function prime(bits: number): bigint {
  return generatePrimeSync(bits, { bigint: true, add: 4n, rem: 3n });
}

test('a safe prime is one', async () => {
  assert.equal(await isSafePrime(known), true);
});

test('what is no safe prime is none', async () => {
  const p = number(known);
  // The next that nobody made, products of two primes, a prime that is not safe.
  assert.equal(await isSafePrime(octets(p + 4n)), false);
  assert.equal(
    await isSafePrime(octets(prime(1024) * generatePrimeSync(1024, { bigint: true, add: 4n, rem: 1n }))),
    false,
  );
  assert.equal(await isSafePrime(octets(prime(2048))), false);
  assert.equal(await isSafePrime(octets((1n << 2048n) - 1n)), false);
  assert.equal(await isSafePrime(octets((1n << 2047n) + 3n)), false);
});

test('twice a product plus one, prime itself, is no safe prime', async () => {
  // q is a product of two primes without small factors, and p = 2q + 1 passes what is asked of p alone.
  const half = generatePrimeSync(272, { bigint: true });
  for (let other = generatePrimeSync(272, { bigint: true }); ; other += 2n) {
    const p = 2n * half * other + 1n;
    if (p % 4n !== 3n || p % 3n === 0n || power(2n, p - 1n, p) !== 1n) continue;
    assert.equal(
      await isSafePrime(new Uint8Array(Buffer.from(p.toString(16).padStart(138, '0'), 'hex'))),
      false,
    );
    return;
  }
});

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}
