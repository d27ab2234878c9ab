import type { CryptoProvider } from '../crypto/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { readDer, Tag } from './der.ts';
import { parseSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';

/** What certificates, revocation lists and OCSP responses have in common: something, and a signature over it. */
export interface SignedOctets {
  /** SHA-256 of the whole, in hex. */
  readonly fingerprint: string;
  /** The signed part as it stood. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/**
 * The outside of SEQUENCE { signed part, AlgorithmIdentifier, BIT STRING }, so that the signature can be looked at before
 * anything inside is. `algorithm` is the identifier as it stood. Throws Malformed.
 */
export function readSigned(
  der: Uint8Array,
  what: string,
  provider: CryptoProvider,
): SignedOctets & { readonly algorithm: Uint8Array } {
  const whole = readDer(der, Tag.SEQUENCE, what);
  const tbs = whole.element(`${what}: signed part`);
  const algorithm = whole.element(`${what}: signature algorithm`);
  const signature = whole.bitOctets(`${what}: signature`);
  whole.end(what);
  return {
    fingerprint: toHex(provider.hash('sha256', der)),
    tbs,
    algorithm,
    signatureAlgorithm: parseSignatureAlgorithm(algorithm),
    signature,
  };
}
