import type { CryptoProvider } from '../crypto/provider.ts';
import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import type { Certificate } from '../pki/certificate.ts';
import { CertificateCache } from '../pki/certificate-cache.ts';
import { type TrustedChain, validateChain } from '../pki/chain.ts';
import type { ChainFailure } from '../pki/chain-failure.ts';
import type { Crl } from '../pki/crl.ts';
import { authorityHashes } from '../pki/public-key.ts';
import { isEncryption, type RemoteAuth } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';

/**
 * The configured authorities, read once; and what was read and verified of peers' certificates, bounded: most of the
 * cost of a certificate is paid for its first use alone.
 */
export class Trust {
  readonly #cache: CertificateCache;
  readonly #credentials: Credentials;
  readonly #configured = new WeakMap<Uint8Array, readonly Certificate[]>();
  #anchors: readonly Certificate[] | undefined;
  #intermediates: readonly Certificate[] | undefined;
  #crls: readonly Crl[] | undefined;
  #anchorHashes: Uint8Array | undefined;

  constructor(provider: CryptoProvider, credentials: Credentials, earlier?: Trust) {
    this.#cache = earlier === undefined ? new CertificateCache(provider) : earlier.#cache;
    this.#credentials = credentials;
  }

  /** Throws Malformed. */
  certificate(der: Uint8Array): Certificate {
    return this.#cache.certificate(der);
  }

  get anchors(): readonly Certificate[] {
    this.#anchors ??= this.configured(this.#credentials.authorities);
    return this.#anchors;
  }

  /** As `readable`, for arrays of the configuration, which never change: each is read, and hashed, once. */
  configured(ders: readonly Uint8Array[]): readonly Certificate[] {
    return ders.flatMap(der => {
      const known = this.#configured.get(der);
      if (known !== undefined) return known;
      const read = this.readable([der]);
      this.#configured.set(der, read);
      return read;
    });
  }

  /** The certificates among `ders` that can be read. */
  readable(ders: readonly Uint8Array[]): readonly Certificate[] {
    return ders.flatMap(der => tryRead(() => this.#cache.certificate(der)));
  }

  /** Our own certificates and those that may stand between them and an authority. */
  get intermediates(): readonly Certificate[] {
    this.#intermediates ??= this.configured(this.#credentials.certificates);
    return this.#intermediates;
  }

  /** Whether `leaf` may be trusted as `remote` asks, with what the peer sent along. */
  validate(
    leaf: Certificate,
    sent: readonly Certificate[],
    remote: RemoteAuth,
    at: Instant,
  ): TrustedChain | ChainFailure {
    this.#crls ??= this.#credentials.crls.flatMap(der => tryRead(() => this.#cache.crl(der)));
    return validateChain(
      {
        leaf,
        intermediates: [...sent, ...this.intermediates],
        anchors: this.anchors,
        trusted: this.configured(remote.certificates),
        through: this.configured(remote.authorities),
        crls: this.#crls,
        revocation: remote.revocation,
        at,
        purpose: isEncryption(remote.method) ? 'encipherment' : 'signature',
      },
      this.#cache,
    );
  }

  /** The body of a CERTREQ: the authorities that `remote` allows (RFC 7296 §3.7). */
  authorityHashes(remote: readonly RemoteAuth[]): Uint8Array {
    const named = remote.flatMap(({ authorities }) => this.configured(authorities));
    if (named.length > 0) return this.#hashesOf(named);
    this.#anchorHashes ??= this.#hashesOf(this.anchors);
    return this.#anchorHashes;
  }

  #hashesOf(authorities: readonly Certificate[]): Uint8Array {
    const keys = authorities.map(({ publicKey }) => publicKey.spki);
    return authorityHashes(keys, this.#cache.provider);
  }
}

function tryRead<T>(read: () => T): readonly T[] {
  try {
    return [read()];
  } catch (error) {
    if (error instanceof Malformed) return [];
    throw error;
  }
}
