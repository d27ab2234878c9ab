import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { type Crl, parseCrl } from './crl.ts';
import { Recent } from './recent.ts';
import type { SignedOctets } from './signed-octets.ts';

/**
 * Certificates and revocation lists that were read, and signatures that were found good, by their hashes: what is
 * used for most peers is read and verified once. Holds a bounded number; what was used longest ago goes first.
 */
export class CertificateCache {
  readonly provider: CryptoProvider;
  readonly #certificates: Recent<Certificate>;
  readonly #crls: Recent<Crl>;
  readonly #verified: Recent<true>;
  readonly #keyNames = new WeakMap<PublicKey, string>();

  constructor(provider: CryptoProvider, capacity = 256) {
    this.provider = provider;
    this.#certificates = new Recent(capacity);
    this.#crls = new Recent(Math.max(1, capacity >> 3));
    this.#verified = new Recent(4 * capacity);
  }

  /** As `parseCertificate`. Throws Malformed. */
  certificate(der: Uint8Array): Certificate {
    // A flood of large certificates must not push the useful ones out, nor fill memory.
    if (der.length > MAX_KEPT) return parseCertificate(der, this.provider);
    const key = toHex(this.provider.hash('sha256', der));
    return this.#certificates.get(key) ?? this.#certificates.put(key, parseCertificate(der, this.provider));
  }

  /** As `parseCrl`. Throws Malformed. Only for lists that the configuration or a checked fetch brought. */
  crl(der: Uint8Array): Crl {
    const key = toHex(this.provider.hash('sha256', der));
    return this.#crls.get(key) ?? this.#crls.put(key, parseCrl(der, this.provider));
  }

  /** Whether `signed` was signed with `key`. Only good signatures are remembered. */
  verify(signed: SignedOctets, key: PublicKey): boolean {
    const { scheme } = signed.signatureAlgorithm;
    if (scheme === undefined || scheme.keyType !== key.type) return false;
    const name = signed.fingerprint + this.#nameOf(key);
    if (this.#verified.get(name) === true) return true;
    if (!this.provider.verify(key, scheme, signed.tbs, signed.signature)) return false;
    this.#verified.put(name, true);
    return true;
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
    this.#crls.clear();
    this.#verified.clear();
  }
}

const MAX_KEPT = 8192;
