import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { Recent } from './recent.ts';
import type { Fingerprinted, SignedOctets } from './signed-octets.ts';

/**
 * Certificates that were read, and signatures that were found good, by their hashes: what is used for most peers is read
 * and verified once. Holds a bounded number; what was used longest ago goes first. What was found of the signatures of lists
 * is known for as long as the lists are.
 */
export class CertificateCache {
  readonly provider: CryptoProvider;
  readonly #certificates: Recent<Certificate>;
  readonly #verified: Recent<true>;
  #lists = new WeakMap<Uint8Array, WeakMap<PublicKey, boolean>>();
  readonly #keyNames = new WeakMap<PublicKey, string>();

  constructor(provider: CryptoProvider, capacity = 256) {
    this.provider = provider;
    this.#certificates = new Recent(capacity);
    this.#verified = new Recent(4 * capacity);
  }

  /** As `parseCertificate`. Throws Malformed. */
  certificate(der: Uint8Array): Certificate {
    // A flood of large certificates must not push the useful ones out, nor fill memory.
    if (der.length > MAX_KEPT) return parseCertificate(der, this.provider);
    const key = toHex(this.provider.hash('sha256', der));
    return this.#certificates.get(key) ?? this.#certificates.put(key, parseCertificate(der, this.provider));
  }

  /** Whether `signed` was signed with `key`. Only good signatures are remembered. */
  verify(signed: Fingerprinted, key: PublicKey): boolean {
    const name = signed.fingerprint + this.#nameOf(key);
    if (this.#verified.get(name) === true) return true;
    if (!this.#isSigned(signed, key)) return false;
    this.#verified.put(name, true);
    return true;
  }

  /** As `verify`, for a list in memory: its octets are gone through once for each key, whatever comes of it. */
  verifyList(list: SignedOctets, key: PublicKey): boolean {
    // The view of the signature is this list's own: nobody else's signed part stands beside it.
    const known = this.#lists.get(list.signature) ?? new WeakMap<PublicKey, boolean>();
    this.#lists.set(list.signature, known);
    const isGood = known.get(key) ?? this.#isSigned(list, key);
    known.set(key, isGood);
    return isGood;
  }

  #isSigned({ signatureAlgorithm: { scheme }, tbs, signature }: SignedOctets, key: PublicKey): boolean {
    return (
      scheme !== undefined && scheme.keyType === key.type && this.provider.verify(key, scheme, tbs, signature)
    );
  }

  #nameOf(key: PublicKey): string {
    const known = this.#keyNames.get(key);
    if (known !== undefined) return known;
    const name = toHex(this.provider.hash('sha256', key.spki));
    this.#keyNames.set(key, name);
    return name;
  }

  /** Forgets everything. */
  clear(): void {
    this.#certificates.clear();
    this.#verified.clear();
    this.#lists = new WeakMap();
  }
}

const MAX_KEPT = 8192;
