import { Encr, Integ } from '../iana/transforms.ts';
import { encryptionOf } from './encr/registry.ts';
import { integrityOf } from './integ/registry.ts';

/** What one direction of an SA takes from the key derivation, and what it adds to a packet. Octets. */
export interface CipherSizes {
  /** Cipher key, and the salt or nonce behind it. */
  readonly encryptionKey: number;
  readonly integrityKey: number;
  readonly iv: number;
  readonly icv: number;
  /** The text must be a multiple of this. */
  readonly block: number;
}

/**
 * The sizes of an encryption algorithm with an integrity algorithm, by transform ID. `encryptionId` 0 is AH,
 * `integrityId` 0 an AEAD; `keyLengthBits` may be 0 for algorithms of one key length. Undefined for algorithms
 * that are not known, key lengths they do not have, and pairs that cannot be: an AEAD with an integrity algorithm,
 * a cipher without one. A GMAC of AH has its IV in the ICV field (RFC 4543 §4): the two are told apart here.
 */
export function cipherSizes(
  encryptionId: number,
  keyLengthBits: number,
  integrityId: number,
): CipherSizes | undefined {
  const integrity = integrityOf(integrityId);
  if (integrity === undefined && integrityId !== Integ.NONE) return undefined;
  if (encryptionId === 0) {
    if (integrity === undefined) return undefined;
    const iv = integrity.primitive.kind === 'gmac' ? integrity.primitive.iv : 0;
    return { encryptionKey: 0, integrityKey: integrity.key, iv, icv: integrity.icv, block: 1 };
  }
  const encryption = encryptionOf(encryptionId);
  const cipherKey = cipherKeyLength(encryptionId, keyLengthBits);
  if (encryption === undefined || cipherKey === undefined) return undefined;
  if (integrity?.primitive.kind === 'gmac' || encryption.icv > 0 === (integrity !== undefined))
    return undefined;
  return {
    encryptionKey: cipherKey + encryption.salt,
    integrityKey: integrity?.key ?? 0,
    iv: encryption.iv,
    icv: encryption.icv + (integrity?.icv ?? 0),
    block: encryption.block,
  };
}

/** Octets of the cipher key alone; undefined when the algorithm is not known or has no key of that length. */
export function cipherKeyLength(encryptionId: number, keyLengthBits: number): number | undefined {
  const lengths = encryptionOf(encryptionId)?.keywords.map(({ keyLength }) => keyLength) ?? [];
  if (keyLengthBits === 0 && lengths.length === 1) return (lengths[0] as number) / 8;
  return lengths.includes(keyLengthBits) && encryptionId !== Encr.ENCR_NULL ? keyLengthBits / 8 : undefined;
}
