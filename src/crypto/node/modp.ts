import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { fromHex } from '../../lib/bytes.ts';
import { Secret } from '../../lib/secret.ts';
import type { KePrimitive, KeyExchangePrimitive } from '../provider.ts';
import { bitString, contentOf, integer, octetString, sequence, unsigned } from './der.ts';
import { refusing } from './refusal.ts';

/**
 * Finite field Diffie-Hellman over key objects made from DER: they take exponents of the length that suits the
 * group, and skip the primality test of `createDiffieHellman`, which takes up to a second.
 */
export function modpExchange(
  group: Extract<KePrimitive, { kind: 'modp' }>,
  random: (length: number) => Uint8Array,
): KeyExchangePrimitive {
  const { prime, generator, order } = group;
  const parameters = sequence(DH_KEY_AGREEMENT, sequence(integer(prime), integer(generator)));
  const exponentLength = order?.length ?? exponentLengthOf(prime.length);

  const half = (): { key: KeyObject; publicValue: Uint8Array } => {
    const exponent = random(exponentLength);
    // Below the order where there is one (all begin with a set bit), and never zero, for the price of a bit or two
    if (order !== undefined) exponent[0] = (exponent[0] as number) & 0x7f;
    exponent[exponentLength - 1] = (exponent[exponentLength - 1] as number) | 0x02;
    const der = Buffer.from(sequence(VERSION_0, parameters, octetString(integer(exponent))));
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    exponent.fill(0);
    der.fill(0);
    return { key, publicValue: publicValueOf(key, prime.length) };
  };

  const agree = (key: KeyObject, peer: Uint8Array): Secret =>
    refusing(() => {
      const der = Buffer.from(sequence(parameters, bitString(integer(peer))));
      const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
      return new Secret(unsigned(diffieHellman({ privateKey: key, publicKey }), prime.length));
    });

  return {
    initiate() {
      const { key, publicValue } = half();
      return { publicValue, finish: peer => agree(key, peer) };
    },
    respond(peer) {
      const { key, publicValue } = half();
      return { publicValue, sharedSecret: agree(key, peer) };
    },
  };
}

/** 1.2.840.113549.1.3.1 (PKCS #3) */
export const DH_KEY_AGREEMENT = fromHex('06092a864886f70d010301') as Uint8Array;
export const VERSION_0 = Uint8Array.of(0x02, 1, 0);

/** Octets of twice the group's strength, and 256 bits at least (RFC 3526 §8 estimates the strengths). */
function exponentLengthOf(primeLength: number): number {
  return primeLength <= 384 ? 32 : primeLength <= 512 ? 40 : 52;
}

/** SubjectPublicKeyInfo ::= SEQUENCE { algorithm, BIT STRING { INTEGER } } */
function publicValueOf(key: KeyObject, length: number): Uint8Array {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const info = contentOf(spki, 0);
  const bits = contentOf(spki, contentOf(spki, info.start).end);
  const value = contentOf(spki, bits.start + 1);
  return unsigned(spki.subarray(value.start, value.end), length);
}
