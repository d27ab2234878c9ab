import { constants, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto';
import { compare } from '../../lib/bytes.ts';
import { CryptoFailure, type PrivateKey, type PublicKey } from '../provider.ts';
import { privateKeyObject, publicKeyObject } from './keys.ts';
import { octets } from './octets.ts';
import { refusing } from './refusal.ts';

/*
 * RSA encryption in the padding of PKCS #1 v1.5, for IKEv1 alone (RFC 2409 §5.2). OpenSSL since 3.2 rejects implicitly
 * (draft-irtf-cfrg-rsa-guidance): wrong padding makes a message too, by a function of key and ciphertext that nobody
 * without the key can tell from decryption. Nothing here may undo that.
 */

/** Throws CryptoFailure where the key does not encrypt, or the message is longer than the modulus less 11 octets. */
export function encryptRsa(key: PublicKey, message: Uint8Array): Uint8Array {
  if (key.type !== 'rsa') throw new CryptoFailure(`encryption with a key of type ${key.type}`);
  const object = publicKeyObject(key);
  return refusing(() =>
    octets(publicEncrypt({ key: object, padding: constants.RSA_PKCS1_PADDING }, message)),
  );
}

/**
 * A message for every ciphertext, those of a length or size that cannot be included. Throws CryptoFailure by the key and
 * the platform alone: where the key does not decrypt, or OpenSSL would give wrong padding away.
 */
export function decryptRsa(key: PrivateKey, ciphertext: Uint8Array): Uint8Array {
  if (key.type !== 'rsa') throw new CryptoFailure(`decryption with a key of type ${key.type}`);
  const object = privateKeyObject(key);
  if (!rejectsImplicitly(object, key.publicKey))
    throw new CryptoFailure('the OpenSSL of this platform gives wrong padding away: 3.2 or later is wanted');
  const possible = isPossible(ciphertext, modulusOf(key.publicKey)) ? ciphertext : standIn(key, ciphertext);
  return refusing(() =>
    octets(privateDecrypt({ key: object, padding: constants.RSA_PKCS1_PADDING }, possible)),
  );
}

function isPossible(ciphertext: Uint8Array, modulus: Uint8Array): boolean {
  return ciphertext.length === modulus.length && compare(ciphertext, modulus) < 0;
}

/** The same work for what is no ciphertext, and the same kind of answer: as a number, or what of it fits under a zero. */
function standIn({ publicKey }: PrivateKey, ciphertext: Uint8Array): Uint8Array {
  const length = modulusOf(publicKey).length;
  const block = new Uint8Array(length);
  const rest = ciphertext.subarray(Math.max(0, ciphertext.length - length + 1));
  block.set(rest, length - rest.length);
  return block;
}

const moduli = new WeakMap<PublicKey, Uint8Array>();

function modulusOf(key: PublicKey): Uint8Array {
  let modulus = moduli.get(key);
  if (modulus === undefined) {
    const { n = '' } = publicKeyObject(key).export({ format: 'jwk' });
    modulus = octets(Buffer.from(n, 'base64url'));
    moduli.set(key, modulus);
  }
  return modulus;
}

let verdict: boolean | undefined;

/** Tried once a process, on a block of signature padding: a key of its own kind will say the same. */
function rejectsImplicitly(key: KeyObject, publicKey: PublicKey): boolean {
  if (key.asymmetricKeyType !== 'rsa') throw new CryptoFailure('decryption with a key for PSS alone');
  verdict ??= survives(key, publicKey);
  return verdict;
}

function survives(key: KeyObject, publicKey: PublicKey): boolean {
  const block = new Uint8Array(modulusOf(publicKey).length).fill(0xff);
  block.set([0, 1]);
  const padding = { wrong: constants.RSA_NO_PADDING, right: constants.RSA_PKCS1_PADDING };
  try {
    const wrong = publicEncrypt({ key: publicKeyObject(publicKey), padding: padding.wrong }, block);
    const [one, other] = [0, 1].map(() => privateDecrypt({ key, padding: padding.right }, wrong));
    return one !== undefined && other?.equals(one) === true;
  } catch {
    return false;
  }
}
