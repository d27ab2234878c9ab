import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { CryptoFailure, type KeyType, type PrivateKey, type PublicKey } from '../provider.ts';
import { octets } from './octets.ts';

/** A public key with its key object beside what the port asks for. */
class NodePublicKey implements PublicKey {
  readonly type: KeyType;
  readonly bits: number;
  declare readonly curve?: string;
  readonly spki: Uint8Array;
  readonly #key: KeyObject;

  constructor(key: KeyObject, spki: Uint8Array) {
    const { type, bits, curve } = kindOf(key);
    this.type = type;
    this.bits = bits;
    if (curve !== undefined) this.curve = curve;
    this.spki = spki;
    this.#key = key;
  }

  get keyObject(): KeyObject {
    return this.#key;
  }
}

/** A private key; its octets stay inside OpenSSL. */
class NodePrivateKey implements PrivateKey {
  readonly type: KeyType;
  readonly bits: number;
  declare readonly curve?: string;
  readonly publicKey: PublicKey;
  readonly #key: KeyObject;

  constructor(key: KeyObject) {
    const publicKey = createPublicKey(key);
    const { type, bits, curve } = kindOf(publicKey);
    this.type = type;
    this.bits = bits;
    if (curve !== undefined) this.curve = curve;
    this.publicKey = new NodePublicKey(publicKey, octets(publicKey.export({ format: 'der', type: 'spki' })));
    this.#key = key;
  }

  get keyObject(): KeyObject {
    return this.#key;
  }
}

/** SubjectPublicKeyInfo, DER. Throws CryptoFailure when it is none, or of a kind that signs nothing here. */
export function readPublicKey(spki: Uint8Array): PublicKey {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    throw new CryptoFailure('the octets are no public key');
  }
  return new NodePublicKey(key, new Uint8Array(spki));
}

/** PKCS #8, PKCS #1 or SEC 1, DER, unencrypted. Throws CryptoFailure. */
export function readPrivateKey(der: Uint8Array): PrivateKey {
  const copy = Buffer.from(der);
  try {
    for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
      let key: KeyObject;
      try {
        key = createPrivateKey({ key: copy, format: 'der', type });
      } catch {
        continue;
      }
      return new NodePrivateKey(key);
    }
  } finally {
    copy.fill(0);
  }
  throw new CryptoFailure('the octets are no unencrypted private key');
}

/** The key object of a public key, also of one that another provider made. Throws CryptoFailure. */
export function publicKeyObject(key: PublicKey): KeyObject {
  return key instanceof NodePublicKey ? key.keyObject : publicKeyObject(readPublicKey(key.spki));
}

/** The key object of a private key of this provider. Throws CryptoFailure on any other. */
export function privateKeyObject(key: PrivateKey): KeyObject {
  if (key instanceof NodePrivateKey) return key.keyObject;
  throw new CryptoFailure('a private key of another provider');
}

/** Bits of the field, by OpenSSL's name. */
const CURVES: ReadonlyMap<string, number> = new Map([
  ['prime192v1', 192],
  ['secp224r1', 224],
  ['prime256v1', 256],
  ['secp384r1', 384],
  ['secp521r1', 521],
  ['brainpoolP224r1', 224],
  ['brainpoolP256r1', 256],
  ['brainpoolP384r1', 384],
  ['brainpoolP512r1', 512],
]);

function kindOf(key: KeyObject): { type: KeyType; bits: number; curve?: string } {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'rsa':
    // A key whose AlgorithmIdentifier restricts it to PSS: OpenSSL then refuses everything else (RFC 4055 §1.2)
    case 'rsa-pss':
      return { type: 'rsa', bits: details?.modulusLength ?? 0 };
    case 'dsa':
      return { type: 'dsa', bits: details?.modulusLength ?? 0 };
    case 'ec': {
      const curve = details?.namedCurve ?? 'with explicit parameters';
      const bits = CURVES.get(curve);
      if (bits === undefined) throw new CryptoFailure(`the curve ${curve} is not known here`);
      return { type: 'ec', bits, curve };
    }
    case 'ed25519':
      return { type: 'ed25519', bits: 256 };
    case 'ed448':
      return { type: 'ed448', bits: 448 };
    default:
      throw new CryptoFailure(`a key of type ${key.asymmetricKeyType} makes no signatures here`);
  }
}
