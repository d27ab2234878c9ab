import { CryptoFailure, type CryptoProvider, type PublicKey } from '../crypto/provider.ts';
import { concat, equal } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { DerReader, encodeDer, readDer, Tag } from './der.ts';

/** Bits of p and of q in DSA keys that are looked at (FIPS 186-4 §4.2). */
const DSA_SIZES = { p: [1024, 2048, 3072], q: [160, 224, 256] } as const;

/** Sizes of RSA keys that are looked at: a verification takes time with the square of the modulus and the length of the exponent. */
const MIN_MODULUS = 512;
const MAX_MODULUS = 16_384;
const MAX_EXPONENT = 256;

/**
 * A public key from its SubjectPublicKeyInfo, DER: of a certificate, or alone as a raw public key (RFC 7670).
 * Throws Malformed where it is none, or one that this provider or bounded work cannot use.
 */
export function readPublicKey(spki: Uint8Array, provider: CryptoProvider): PublicKey {
  const what = 'public key';
  const sequence = readDer(spki, Tag.SEQUENCE, what);
  const algorithm = sequence.enter(Tag.SEQUENCE, what);
  const oid = algorithm.oid(what);
  if (oid === DSA) checkDsa(algorithm);
  const key = sequence.bitOctets(what);
  sequence.end(what);
  if (RSA.has(oid)) checkRsa(key);
  try {
    return provider.importPublicKey(spki);
  } catch (error) {
    if (error instanceof CryptoFailure) throw new Malformed(`${what}: ${error.message}`, 0);
    throw error;
  }
}

/** SubjectPublicKeyInfo from an RSAPublicKey, DER: the older encoding of raw keys (RFC 7296 §3.6, Raw RSA Key). Throws Malformed. */
export function spkiOfRsaKey(pkcs1: Uint8Array): Uint8Array {
  checkRsa(pkcs1);
  return encodeDer(Tag.SEQUENCE, RSA_IDENTIFIER, encodeDer(Tag.BIT_STRING, Uint8Array.of(0), pkcs1));
}

/** A raw public key that stands among the configured ones, which is all the trust that such a key can have; otherwise undefined. */
export function trustedRawKey(spki: Uint8Array, configured: readonly Uint8Array[]): Uint8Array | undefined {
  return configured.find(known => equal(known, spki));
}

/** SHA-1 of a SubjectPublicKeyInfo: how CERTREQ names an authority (RFC 7296 §3.7). */
function authorityHash(spki: Uint8Array, provider: CryptoProvider): Uint8Array {
  return provider.hash('sha1', spki);
}

/** The body of a CERTREQ for these authorities' keys (SubjectPublicKeyInfo), each named once. */
export function authorityHashes(spkis: readonly Uint8Array[], provider: CryptoProvider): Uint8Array {
  const hashes: Uint8Array[] = [];
  for (const spki of spkis) {
    const hash = authorityHash(spki, provider);
    if (!hashes.some(known => equal(known, hash))) hashes.push(hash);
  }
  return concat(...hashes);
}

/** The hashes of a CERTREQ body, 20 octets each. Throws Malformed on another length. */
export function readAuthorityHashes(body: Uint8Array): readonly Uint8Array[] {
  if (body.length % 20 !== 0)
    throw new Malformed(`certificate request: ${body.length} octets, no multiple of 20`, 0);
  return Array.from({ length: body.length / 20 }, (_, i) => body.subarray(20 * i, 20 * i + 20));
}

/** rsaEncryption and id-RSASSA-PSS */
const RSA = new Set(['1.2.840.113549.1.1.1', '1.2.840.113549.1.1.10']);
/** id-dsa (RFC 3279 §2.3.2) */
const DSA = '1.2.840.10040.4.1';
const RSA_IDENTIFIER = Uint8Array.of(0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0);

function checkRsa(key: Uint8Array): void {
  const outer = new DerReader(key);
  const sequence = outer.enter(Tag.SEQUENCE, 'RSA key');
  outer.end('RSA key');
  const modulus = sequence.integer('RSA modulus');
  const exponent = sequence.integer('RSA exponent');
  sequence.end('RSA key');
  const size = bitLength(modulus);
  if (size < MIN_MODULUS || size > MAX_MODULUS) throw new Malformed(`RSA key: a modulus of ${size} bits`, 0);
  const least = bitLength(exponent);
  if (least < 2 || least > MAX_EXPONENT || !isOdd(exponent) || !isOdd(modulus)) {
    throw new Malformed('RSA key: modulus or exponent cannot be', 0);
  }
}

/** Dss-Parms ::= SEQUENCE { p, q, g }; those of the issuer do not stand in for missing ones. */
function checkDsa(algorithm: DerReader): void {
  const parameters = algorithm.enter(Tag.SEQUENCE, 'DSA parameters');
  const [p, q, g] = ['p', 'q', 'g'].map(name => bitLength(parameters.integer(`DSA ${name}`)));
  parameters.end('DSA parameters');
  algorithm.end('DSA parameters');
  const sizes: readonly (readonly number[])[] = [DSA_SIZES.p, DSA_SIZES.q];
  if (![p, q].every((size, i) => sizes[i]?.includes(size ?? 0)) || (g ?? 0) < 2 || (g ?? 0) > (p ?? 0))
    throw new Malformed(`DSA key: p of ${p} bits and q of ${q} cannot be`, 0);
}

/** Bits of a positive INTEGER; 0 for zero and negative ones. */
function bitLength(integer: Uint8Array): number {
  const first = integer[0] as number;
  if (first >= 0x80) return 0;
  const lead = first === 0 ? (integer[1] ?? 0) : first;
  const octets = first === 0 ? integer.length - 1 : integer.length;
  return octets === 0 ? 0 : 8 * (octets - 1) + (32 - Math.clz32(lead));
}

function isOdd(integer: Uint8Array): boolean {
  return ((integer[integer.length - 1] as number) & 1) === 1;
}
