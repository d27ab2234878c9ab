import {
  constants,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  type SignKeyObjectInput,
  sign,
  timingSafeEqual,
  type VerifyKeyObjectInput,
  verify,
} from 'node:crypto';
import { CryptoFailure, type PrivateKey, type PublicKey, type SignatureScheme } from '../provider.ts';
import { signDigest, verifyDigest } from './digest-signature.ts';
import { privateKeyObject, publicKeyObject } from './keys.ts';
import { octets } from './octets.ts';
import { refusing } from './refusal.ts';

/** A signature of `data`. Throws CryptoFailure when the key cannot make one of this scheme. */
export function makeSignature(key: PrivateKey, scheme: SignatureScheme, data: Uint8Array): Uint8Array {
  if (key.type !== scheme.keyType) throw new CryptoFailure(`${scheme.name} with a key of type ${key.type}`);
  const object = privateKeyObject(key);
  if (isOfDigest(scheme)) {
    const order = object.asymmetricKeyDetails?.divisorLength ?? key.bits;
    return signDigest(object, data, Math.ceil(order / 8));
  }
  return refusing(() =>
    octets(
      isBare(scheme)
        ? privateEncrypt({ key: object, padding: constants.RSA_PKCS1_PADDING }, data)
        : sign(scheme.hash, data, withParameters(object, scheme)),
    ),
  );
}

/** Whether `signature` is one of `data`; false for whatever is not, malformed signatures and unfit keys too. */
export function checkSignature(
  key: PublicKey,
  scheme: SignatureScheme,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (key.type !== scheme.keyType) return false;
  // RFC 8017 §8.1.2, §8.2.2: as long as the modulus. OpenSSL takes one of PSS without its leading zeros too.
  if (key.type === 'rsa' && signature.length !== Math.ceil(key.bits / 8)) return false;
  try {
    const object = publicKeyObject(key);
    if (isBare(scheme)) {
      const covered = publicDecrypt({ key: object, padding: constants.RSA_PKCS1_PADDING }, signature);
      return covered.length === data.length && timingSafeEqual(covered, data);
    }
    if (isOfDigest(scheme)) return verifyDigest(object, data, signature);
    return verify(scheme.hash, data, withParameters(object, scheme), signature);
  } catch {
    return false;
  }
}

/** RSA over the data itself in PKCS #1 padding, no DigestInfo around it (RFC 2409 §5.1). */
function isBare(scheme: SignatureScheme): boolean {
  return scheme.keyType === 'rsa' && scheme.hash === undefined;
}

/** ECDSA and DSA of IKEv1, over a digest as it is. */
function isOfDigest(scheme: SignatureScheme): boolean {
  return (scheme.keyType === 'ec' || scheme.keyType === 'dsa') && scheme.hash === undefined;
}

/** The bare key where Node's defaults are what is wanted: it finds out slowly that an object is none. */
function withParameters(
  key: KeyObject,
  { padding, saltLength, encoding }: SignatureScheme,
): KeyObject | (SignKeyObjectInput & VerifyKeyObjectInput) {
  if (padding === 'pss') {
    return {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: saltLength ?? constants.RSA_PSS_SALTLEN_DIGEST,
    };
  }
  // Said, though it is the default: a key for PSS alone would make PSS of it.
  if (padding === 'pkcs1') return { key, padding: constants.RSA_PKCS1_PADDING };
  return encoding === 'raw' ? { key, dsaEncoding: 'ieee-p1363' } : key;
}
