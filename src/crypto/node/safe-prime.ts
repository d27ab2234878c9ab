import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { bitString, integer, octetString, sequence } from './der.ts';
import { DH_KEY_AGREEMENT, VERSION_0 } from './modp.ts';

/** A composite passes a round by a base that its maker could not foresee once in four times at most: 2^-64 in all. */
const ROUNDS = 32;
/** What is left of q − 1 after its twos is as good as never smaller than this by chance. */
const MOST_TWOS = 64;

/**
 * Whether p and q = (p − 1) / 2 are prime, where p may come from an enemy: Miller-Rabin on q by bases that it cannot
 * foresee, and Pocklington's criterion for p, which needs one power once q is known. The powers are taken on other threads;
 * an enemy's composite costs one or two of them. `prime` is 3 modulo 4, of 2048 bits or more.
 */
export async function isSafePrime(prime: Uint8Array): Promise<boolean> {
  const p = numberOf(prime);
  const q = (p - 1n) / 2n;
  if (SMALL.some(small => p % small === 0n || q % small === 0n)) return false;
  return (await isEulers(p, q)) && (await isProbablePrime(q));
}

/** 2^q = ±1 modulo p. With q prime and above √p, and p no multiple of 3, that proves p. */
async function isEulers(p: bigint, q: bigint): Promise<boolean> {
  const power = await powersOf(p, q)(2n);
  return power === 1n || power === p - 1n;
}

async function isProbablePrime(n: bigint): Promise<boolean> {
  let twos = 1;
  while (((n - 1n) >> BigInt(twos)) % 2n === 0n) twos++;
  if (twos > MOST_TWOS) return false;
  const power = powersOf(n, (n - 1n) >> BigInt(twos));
  for (let round = 0; round < ROUNDS; round++) {
    const base = 2n + (numberOf(randomBytes(octetsOf(n).length + 8)) % (n - 3n));
    if (!passes(await power(base), n, twos)) return false;
  }
  return true;
}

/** x is the base to the odd part of n − 1: it is 1, or −1 comes of it by squaring. */
function passes(x: bigint, n: bigint, twos: number): boolean {
  if (x === 1n) return true;
  let power = x;
  for (let i = 1; i < twos && power !== n - 1n; i++) power = (power * power) % n;
  return power === n - 1n;
}

const exchange = promisify(
  diffieHellman as (
    options: { privateKey: KeyObject; publicKey: KeyObject },
    callback: (error: Error | null, secret: Buffer) => void,
  ) => void,
);

/**
 * Powers of any base by a fixed exponent: a Diffie-Hellman secret is one. OpenSSL gives no secret that is ±1, which is
 * just what a prime makes, so the exponent is one less and the base comes in once more.
 */
function powersOf(modulus: bigint, exponent: bigint): (base: bigint) => Promise<bigint> {
  const parameters = sequence(
    DH_KEY_AGREEMENT,
    sequence(integer(octetsOf(modulus)), integer(Uint8Array.of(2))),
  );
  const secret = sequence(VERSION_0, parameters, octetString(integer(octetsOf(exponent - 1n))));
  const privateKey = createPrivateKey({ key: Buffer.from(secret), format: 'der', type: 'pkcs8' });
  return async base => {
    const der = sequence(parameters, bitString(integer(octetsOf(base))));
    const publicKey = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return (base * numberOf(await exchange({ privateKey, publicKey }))) % modulus;
  };
}

/** Primes below 1000. */
const SMALL: readonly bigint[] = Array.from({ length: 998 }, (_, i) => i + 2)
  .filter(n => Array.from({ length: Math.floor(Math.sqrt(n)) - 1 }, (_, i) => i + 2).every(d => n % d !== 0))
  .map(BigInt);

function numberOf(octets: Uint8Array): bigint {
  return octets.length === 0 ? 0n : BigInt(`0x${Buffer.from(octets).toString('hex')}`);
}

function octetsOf(number: bigint): Uint8Array {
  const text = number.toString(16);
  return new Uint8Array(Buffer.from(text.length % 2 === 0 ? text : `0${text}`, 'hex'));
}
