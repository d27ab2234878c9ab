import type { CryptoProvider } from '../crypto/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { readDer, Tag } from './der.ts';
import { parseSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';

/** What certificates, revocation lists and OCSP responses have in common: something, and a signature over it. */
export interface SignedOctets {
  /** The signed part as it stood. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** What is short enough to be known again by its hash: that of a list takes as long as verifying it. */
export interface Fingerprinted extends SignedOctets {
  /** SHA-256 of the whole, in hex. */
  readonly fingerprint: string;
}

/**
 * The outside of SEQUENCE { signed part, AlgorithmIdentifier, BIT STRING }, so that the signature can be looked at before
 * anything inside is. `algorithm` is the identifier as it stood. Throws Malformed.
 */
export function readSigned(der: Uint8Array, what: string): SignedOctets & { readonly algorithm: Uint8Array } {
  const whole = readDer(der, Tag.SEQUENCE, what);
  const tbs = whole.element(`${what}: signed part`);
  const algorithm = whole.element(`${what}: signature algorithm`);
  const signature = whole.bitOctets(`${what}: signature`);
  whole.end(what);
  return { tbs, algorithm, signatureAlgorithm: parseSignatureAlgorithm(algorithm), signature };
}

/** As `readSigned`, with the hash of all. Throws Malformed. */
export function readFingerprinted(
  der: Uint8Array,
  what: string,
  provider: CryptoProvider,
): Fingerprinted & { readonly algorithm: Uint8Array } {
  return { fingerprint: toHex(provider.hash('sha256', der)), ...readSigned(der, what) };
}
