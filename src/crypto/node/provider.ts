import { createCipheriv, createHmac, createSecretKey, hash } from 'node:crypto';
import { concat } from '../../lib/bytes.ts';
import type { CryptoProvider, KePrimitive, KeyExchangePrimitive } from '../provider.ts';
import { ecpExchange } from './ecp.ts';
import { decryptRsa, encryptRsa } from './encryption.ts';
import { readPrivateKey, readPublicKey } from './keys.ts';
import { mlkemExchange } from './mlkem.ts';
import { modpExchange } from './modp.ts';
import { montgomeryExchange } from './montgomery.ts';
import { octets } from './octets.ts';
import { nodeCbcCipher, nodePacketCipher } from './packet-cipher.ts';
import { reservedRandom } from './random.ts';
import { checkSignature, makeSignature } from './signatures.ts';

/**
 * The provider on node:crypto. `random`, for tests and simulations, replaces the source of all randomness that the
 * provider passes on itself: nonces, IVs, private keys of key exchanges. Signatures, RSA encryption and
 * the encapsulations of ML-KEM still draw on OpenSSL's. It must return fresh arrays, which are overwritten after use.
 */
export function nodeProvider(
  options: { readonly random?: (length: number) => Uint8Array } = {},
): CryptoProvider {
  const random = options.random ?? reservedRandom();
  return {
    name: 'node',
    random,
    // In one call: half the time of a hash object
    hash: (name, ...parts) =>
      octets(hash(name, parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts), 'buffer')),
    hmac(name, key, ...parts) {
      // A key object costs 4 µs, a raw key 28
      const hmac = createHmac(name, createSecretKey(key));
      for (const part of parts) hmac.update(part);
      return octets(hmac.digest());
    },
    packetCipher: spec => nodePacketCipher(spec, random),
    cbcCipher: nodeCbcCipher,
    aesBlock(key) {
      const cipher = createCipheriv(`aes-${8 * key.length}-ecb`, createSecretKey(key), null).setAutoPadding(
        false,
      );
      return block => octets(cipher.update(block));
    },
    keyExchange: primitive => keyExchange(primitive, random, options.random),
    importPublicKey: readPublicKey,
    importPrivateKey: readPrivateKey,
    sign: makeSignature,
    verify: checkSignature,
    encrypt: encryptRsa,
    decrypt: decryptRsa,
  };
}

function keyExchange(
  primitive: KePrimitive,
  random: (length: number) => Uint8Array,
  replaced: ((length: number) => Uint8Array) | undefined,
): KeyExchangePrimitive | undefined {
  switch (primitive.kind) {
    case 'modp':
      return modpExchange(primitive, random);
    case 'ecp':
      return ecpExchange(primitive, random);
    case 'montgomery':
      return montgomeryExchange(primitive, replaced);
    case 'mlkem':
      return mlkemExchange(primitive, replaced);
  }
}
