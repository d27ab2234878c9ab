import type { CryptoProvider } from '../crypto/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import type { Certificate } from '../pki/certificate.ts';
import { CertificateCache } from '../pki/certificate-cache.ts';
import { type ChainRequest, type StatusWanted, type TrustedChain, validateChain } from '../pki/chain.ts';
import type { ChainFailure } from '../pki/chain-failure.ts';
import { parseCrl } from '../pki/crl.ts';
import type { ChainDemands } from '../pki/demands.ts';
import type { OcspResponse } from '../pki/ocsp-response.ts';
import { authorityHashes } from '../pki/public-key.ts';
import { StatusJudge } from '../pki/status-judge.ts';
import { StatusMemory } from '../pki/status-memory.ts';
import { certificateIdentities } from '../policy/certificate-identity.ts';
import { isEncryption, type RemoteAuth } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';
import { formatIdentityPattern, matchesIdentity, NO_MATCH } from '../policy/identity-match.ts';
import type { EngineSettings } from './output.ts';

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
  #statuses: StatusJudge | undefined;
  readonly #memory: StatusMemory;
  readonly #settings: StatusSettings;
  #anchorHashes: Uint8Array | undefined;
  #authorityNames: ReadonlyMap<string, string> | undefined;

  constructor(provider: CryptoProvider, credentials: Credentials, settings: StatusSettings, earlier?: Trust) {
    this.#cache = earlier === undefined ? new CertificateCache(provider) : earlier.#cache;
    this.#memory = earlier === undefined ? new StatusMemory() : earlier.#memory;
    this.#settings = settings;
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
    maySeek = false,
  ): TrustedChain | StatusWanted | ChainFailure {
    return validateChain(
      {
        leaf,
        intermediates: [...sent, ...this.intermediates],
        anchors: this.anchors,
        trusted: this.configured(remote.certificates),
        through: this.configured(remote.authorities),
        ...named(remote),
        demands: demandsOf(remote),
        statuses: this.statuses,
        revocation: remote.revocation,
        maySeek: maySeek && this.#settings.fetchStatus,
        at,
        purpose: isEncryption(remote.method) ? 'encipherment' : 'signature',
      },
      this.#cache,
    );
  }

  /** What is known of the status of certificates: from the configuration, and of what was fetched. */
  get statuses(): StatusJudge {
    const { crls, authorityUris = [], certificates } = this.#credentials;
    const { useCrl, useOcsp } = this.#settings;
    this.#statuses ??= new StatusJudge({
      cache: this.#cache,
      memory: this.#memory,
      crls: crls.flatMap(der => tryRead(() => parseCrl(der))),
      uris: authorityUris.flatMap(({ authority, ...uris }) =>
        this.configured([authority]).map(certificate => ({ certificate, ...uris })),
      ),
      configured: this.configured(certificates),
      anchors: this.anchors,
      useCrl,
      useOcsp,
    });
    return this.#statuses;
  }

  /** The OCSP response for a certificate that is kept. */
  response(certificate: Certificate, at: Instant): OcspResponse | undefined {
    return this.#memory.response(certificate, at);
  }

  /** Whether the signature of `certificate` was made with the key of `issuer`. */
  isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
    return this.#cache.verify(certificate, issuer.publicKey);
  }

  /** What was fetched and is kept, DER: lists, and responses that have not run out. */
  fetched(at: Instant): { readonly crls: readonly Uint8Array[]; readonly ocsp: readonly Uint8Array[] } {
    return {
      crls: this.#memory.crls(at).map(({ der }) => der),
      ocsp: this.#memory.responses(at).map(({ der }) => der),
    };
  }

  /** Forgets what was fetched of one kind, or of both. */
  forgetFetched(kind?: 'crls' | 'ocsp'): void {
    if (kind !== 'ocsp') this.#memory.flushCrls();
    if (kind !== 'crls') this.#memory.flushResponses();
  }

  /** The body of a CERTREQ: the authorities that `remote` allows (RFC 7296 §3.7). */
  authorityHashes(remote: readonly RemoteAuth[]): Uint8Array {
    const isNamed = remote.every(({ authorities }) => authorities.length > 0);
    const named = isNamed ? remote.flatMap(({ authorities }) => this.configured(authorities)) : [];
    if (named.length > 0) return this.#hashesOf(named);
    this.#anchorHashes ??= this.#hashesOf(this.anchors);
    return this.#anchorHashes;
  }

  /** The subject of the authority that a hash in a CERTREQ means, where it is one of those known here. */
  nameOfAuthority(hash: Uint8Array): string | undefined {
    this.#authorityNames ??= new Map(
      [...this.intermediates.filter(isAuthority), ...this.anchors].map(authority => [
        toHex(this.#hashesOf([authority])),
        authority.subject.text,
      ]),
    );
    return this.#authorityNames.get(toHex(hash));
  }

  #hashesOf(authorities: readonly Certificate[]): Uint8Array {
    const keys = authorities.map(({ publicKey }) => publicKey.spki);
    return authorityHashes(keys, this.#cache.provider);
  }
}

type StatusSettings = Pick<EngineSettings, 'useCrl' | 'useOcsp' | 'fetchStatus'>;

function isAuthority({ basicConstraints }: Certificate): boolean {
  return basicConstraints?.authority === true;
}

/** An authority that is asked for by its identity. */
function named({ authorityId }: RemoteAuth): Pick<ChainRequest, 'named'> {
  if (authorityId === undefined) return {};
  const fits = (authority: Certificate): boolean =>
    certificateIdentities(authority).some(identity => matchesIdentity(authorityId, identity) !== NO_MATCH);
  return { named: { text: formatIdentityPattern(authorityId), fits } };
}

function demandsOf({ policies, strength }: RemoteAuth): ChainDemands {
  return { ...strength, ...(policies === undefined ? {} : { policies }) };
}

function tryRead<T>(read: () => T): readonly T[] {
  try {
    return [read()];
  } catch (error) {
    if (error instanceof Malformed) return [];
    throw error;
  }
}
