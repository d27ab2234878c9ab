import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { concat, fromHex } from '../../lib/bytes.ts';
import { Secret } from '../../lib/secret.ts';
import type { KePrimitive, KeyExchangePrimitive } from '../provider.ts';
import { octets } from './octets.ts';
import { refusing } from './refusal.ts';

/**
 * X25519 and X448 (RFC 7748). `random` is given where keys shall come of it; OpenSSL makes them from its own in a
 * third less time. Secrets of nothing but zeros, which OpenSSL refuses too, are checked for above this.
 */
export function montgomeryExchange(
  { curve }: Extract<KePrimitive, { kind: 'montgomery' }>,
  random: ((length: number) => Uint8Array) | undefined,
): KeyExchangePrimitive {
  const { length, info, key } = PREFIXES[curve];

  const half = (): { privateKey: KeyObject; publicValue: Uint8Array } => {
    if (random === undefined) {
      const pair = curve === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('x448');
      return { privateKey: pair.privateKey, publicValue: rawOf(pair.publicKey, length) };
    }
    const der = Buffer.from(concat(key, random(length)));
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    der.fill(0);
    return { privateKey, publicValue: rawOf(createPublicKey(privateKey), length) };
  };

  const agree = (privateKey: KeyObject, peer: Uint8Array): Secret =>
    refusing(() => {
      const publicKey = createPublicKey({
        key: Buffer.from(concat(info, peer)),
        format: 'der',
        type: 'spki',
      });
      return new Secret(octets(diffieHellman({ privateKey, publicKey })));
    });

  return {
    initiate() {
      const { privateKey, publicValue } = half();
      return { publicValue, finish: peer => agree(privateKey, peer) };
    },
    respond(peer) {
      const { privateKey, publicValue } = half();
      return { publicValue, sharedSecret: agree(privateKey, peer) };
    },
  };
}

/** What stands before the raw key in SubjectPublicKeyInfo and in PKCS #8 (RFC 8410). */
const PREFIXES = {
  x25519: {
    length: 32,
    info: fromHex('302a300506032b656e032100') as Uint8Array,
    key: fromHex('302e020100300506032b656e04220420') as Uint8Array,
  },
  x448: {
    length: 56,
    info: fromHex('3042300506032b656f033900') as Uint8Array,
    key: fromHex('3046020100300506032b656f043a0438') as Uint8Array,
  },
};

function rawOf(key: KeyObject, length: number): Uint8Array {
  return octets(key.export({ format: 'der', type: 'spki' }).subarray(-length));
}
