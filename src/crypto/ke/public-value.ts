import { compare, toHex } from '../../lib/bytes.ts';
import { CryptoFailure, type KePrimitive } from '../provider.ts';

/**
 * The checks of a peer's public value that need nothing but arithmetic, for the half that an initiator sends
 * (a KEM's ciphertext has only a length). Values on elliptic curves are the provider's to check. Throws CryptoFailure.
 */
export function checkPublicValue(primitive: KePrimitive, value: Uint8Array): void {
  switch (primitive.kind) {
    case 'modp':
      checkModp(primitive.prime, primitive.order, value);
      break;
    case 'mlkem':
      checkEncapsulationKey(value);
      break;
    case 'ecp':
    case 'montgomery':
      break;
  }
}

/** A secret of nothing but zeros comes of a point of small order (RFC 8031 §5, RFC 7748 §6). Throws CryptoFailure. */
export function checkNotZero(secret: Uint8Array): void {
  let any = 0;
  for (const octet of secret) any |= octet;
  if (any === 0) throw new CryptoFailure('public value is a point of small order');
}

/** 1 < y < p − 1, and y^q = 1 mod p where the group has a subgroup of known order (RFC 6989 §2.1, §2.2). */
function checkModp(prime: Uint8Array, order: Uint8Array | undefined, value: Uint8Array): void {
  const one = new Uint8Array(prime.length);
  one[prime.length - 1] = 1;
  // Every prime is odd, so p − 1 differs from p in its last bit alone
  const last = prime.slice();
  last[prime.length - 1] = (prime[prime.length - 1] as number) ^ 1;
  if (compare(value, one) <= 0 || compare(value, last) >= 0) {
    throw new CryptoFailure('public value is not between 1 and p − 1');
  }
  if (order !== undefined && power(number(value), number(order), number(prime)) !== 1n) {
    throw new CryptoFailure('public value is outside the subgroup');
  }
}

/** Every coefficient is below the modulus 3329: two of them in three octets, then a seed of 32 (FIPS 203 §7.2). */
function checkEncapsulationKey(key: Uint8Array): void {
  for (let at = 0; at + 2 < key.length - 32; at += 3) {
    const middle = key[at + 1] as number;
    const first = (key[at] as number) | ((middle & 0x0f) << 8);
    const second = (middle >> 4) | ((key[at + 2] as number) << 4);
    if (first >= 3329 || second >= 3329) throw new CryptoFailure('encapsulation key is not reduced');
  }
}

/** base^exponent mod modulus, of public numbers only: the time it takes tells the exponent. */
function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}

function number(octets: Uint8Array): bigint {
  return BigInt(`0x${toHex(octets)}`);
}
