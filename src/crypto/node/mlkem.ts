import {
  createPrivateKey,
  createPublicKey,
  decapsulate,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { concat, fromHex } from '../../lib/bytes.ts';
import { Secret } from '../../lib/secret.ts';
import type { KePrimitive, KeyExchangePrimitive } from '../provider.ts';
import { octets } from './octets.ts';
import { refusing } from './refusal.ts';

/**
 * ML-KEM (FIPS 203): the initiator's value is an encapsulation key, the responder's a ciphertext. A ciphertext that
 * was tampered with gives another secret, not an error (implicit rejection). `random` as in `montgomeryExchange`;
 * encapsulation draws on OpenSSL's own in either case.
 */
export function mlkemExchange(
  { size }: Extract<KePrimitive, { kind: 'mlkem' }>,
  random: ((length: number) => Uint8Array) | undefined,
): KeyExchangePrimitive {
  const { info, seed, keyLength } = PREFIXES[size];

  const half = (): { privateKey: KeyObject; publicKey: KeyObject } => {
    if (random === undefined) return GENERATORS[size]();
    const der = Buffer.from(concat(seed, random(64)));
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    der.fill(0);
    return { privateKey, publicKey: createPublicKey(privateKey) };
  };

  return {
    initiate() {
      const { privateKey, publicKey } = half();
      return {
        publicValue: octets(publicKey.export({ format: 'der', type: 'spki' }).subarray(-keyLength)),
        finish: peer => refusing(() => new Secret(octets(decapsulate(privateKey, peer)))),
      };
    },
    respond(peer) {
      return refusing(() => {
        const key = createPublicKey({ key: Buffer.from(concat(info, peer)), format: 'der', type: 'spki' });
        const { sharedKey, ciphertext } = encapsulate(key);
        return { publicValue: octets(ciphertext), sharedSecret: new Secret(octets(sharedKey)) };
      });
    },
  };
}

const GENERATORS = {
  512: () => generateKeyPairSync('ml-kem-512'),
  768: () => generateKeyPairSync('ml-kem-768'),
  1024: () => generateKeyPairSync('ml-kem-1024'),
};

/** What stands before the raw key in SubjectPublicKeyInfo, and before a seed in PKCS #8 (RFC 9935). */
const PREFIXES = {
  512: prefixes('01', '30820332', '03820321', 800),
  768: prefixes('02', '308204b2', '038204a1', 1184),
  1024: prefixes('03', '30820632', '03820621', 1568),
};

function prefixes(arc: string, outer: string, bits: string, keyLength: number) {
  const algorithm = `300b06096086480165030404${arc}`;
  return {
    info: fromHex(`${outer}${algorithm}${bits}00`) as Uint8Array,
    seed: fromHex(`3054020100${algorithm}04428040`) as Uint8Array,
    keyLength,
  };
}
