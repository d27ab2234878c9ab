import type { CryptoProvider } from '../crypto/provider.ts';
import { equal } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import { type Certificate, crlUris } from './certificate.ts';
import type { CertificateCache } from './certificate-cache.ts';
import { type Crl, openCrl, readCrl } from './crl.ts';
import { crlFault, crlStatus, wantedDeltas } from './crl-status.ts';
import { MAX_OCSP_RESPONSE, OcspRefusal, parseOcspResponse } from './ocsp-response.ts';
import { ocspStatus } from './ocsp-status.ts';
import type { RevocationStatus } from './revocation.ts';
import type { StatusMemory } from './status-memory.ts';

/** Where word on a certificate may be had. */
export interface StatusSource {
  readonly kind: 'ocsp' | 'crl' | 'delta';
  readonly uri: string;
  /** The configuration names it; otherwise a certificate or list does, that a trusted authority has signed. */
  readonly configured: boolean;
  /** Most octets that are of use. */
  readonly limit: number;
}

/** What the configuration says of an authority besides its certificate. */
export interface AuthorityUris {
  readonly certificate: Certificate;
  readonly crlUris: readonly string[];
  readonly ocspUris: readonly string[];
}

/** All that a certificate's status is judged by. */
export interface StatusGrounds {
  readonly cache: CertificateCache;
  readonly memory: StatusMemory;
  /** Lists of the configuration. */
  readonly crls: readonly Crl[];
  readonly uris: readonly AuthorityUris[];
  /** Certificates that may have signed OCSP responses, and the authorities that may have said so. */
  readonly configured: readonly Certificate[];
  readonly anchors: readonly Certificate[];
  /** Which of the two kinds of word are heeded. */
  readonly useCrl: boolean;
  readonly useOcsp: boolean;
}

/** What came of octets that were fetched. */
export interface Learnt {
  /** That is kept now. */
  readonly list?: Crl;
  /** Why they are of no use. */
  readonly obstacle?: string;
}

/** Most places that are asked about one certificate, and the longest list that is fetched, octets. */
const MOST_SOURCES = 8;
const LONGEST_FETCHED_CRL = 8 * 1024 * 1024;

/** Judges the status of certificates by what is at hand, and knows where more can be had. It fetches nothing. */
export class StatusJudge {
  readonly #grounds: StatusGrounds;

  constructor(grounds: StatusGrounds) {
    this.#grounds = grounds;
  }

  /** Whether the configuration has lists, so that word is expected. */
  get hasLists(): boolean {
    return this.#grounds.crls.length > 0;
  }

  /** OCSP first; where that knows nothing, the lists. */
  status(certificate: Certificate, issuer: Certificate, at: Instant): RevocationStatus {
    const ocsp = this.#byOcsp(certificate, issuer, at);
    if (ocsp !== undefined && ocsp.kind !== 'unknown') return ocsp;
    if (!this.#grounds.useCrl)
      return ocsp ?? { kind: 'unknown', why: ['CRLs are not heeded (enable_crl = no)'] };
    const { cache } = this.#grounds;
    const status = crlStatus(certificate, issuer, this.#lists(at), at, cache);
    if (status.kind !== 'unknown') return status;
    const why = [
      ...(ocsp?.why ?? []),
      ...status.why,
      ...(this.#grounds.memory.sought(certificate, at) ?? []),
    ];
    return { kind: 'unknown', why: [...new Set(why)] };
  }

  /** Whether there is a place where the status of `certificate` can be had. */
  isNamed(certificate: Certificate, issuer: Certificate): boolean {
    return this.#ocspSources(certificate, issuer).length + this.#crlSources(certificate, issuer).length > 0;
  }

  /** Whether something is to be asked for before the status is judged, which was not in vain just now. */
  isPending(certificate: Certificate, issuer: Certificate, at: Instant): boolean {
    return (
      this.#grounds.memory.sought(certificate, at) === undefined &&
      this.next(certificate, issuer, new Set(), at) !== undefined
    );
  }

  /** The next place to ask that is not among those `tried`; undefined once enough is known, or there is none left. */
  next(
    certificate: Certificate,
    issuer: Certificate,
    tried: ReadonlySet<string>,
    at: Instant,
  ): StatusSource | undefined {
    if (tried.size >= MOST_SOURCES) return undefined;
    const { cache, useCrl } = this.#grounds;
    const untried = (sources: readonly StatusSource[]): StatusSource | undefined =>
      sources.find(({ kind, uri }) => !tried.has(`${kind} ${uri}`));
    const ocsp = this.#byOcsp(certificate, issuer, at);
    if (ocsp !== undefined && ocsp.kind !== 'unknown') return undefined;
    const responder = untried(this.#ocspSources(certificate, issuer));
    if (responder !== undefined || !useCrl) return responder;
    const lists = this.#lists(at);
    const { kind } = crlStatus(certificate, issuer, lists, at, cache);
    if (kind === 'revoked') return undefined;
    const list = kind === 'unknown' ? untried(this.#crlSources(certificate, issuer)) : undefined;
    if (list !== undefined) return list;
    return untried(
      wantedDeltas(certificate, issuer, lists, at, cache).map(uri => source('delta', uri, false)),
    );
  }

  /** The next responder to ask for a response that is not at hand. */
  nextResponder(
    certificate: Certificate,
    issuer: Certificate,
    tried: ReadonlySet<string>,
    at: Instant,
  ): StatusSource | undefined {
    const { memory } = this.#grounds;
    if (memory.response(certificate, at) !== undefined || memory.sought(certificate, at) !== undefined)
      return undefined;
    return this.#ocspSources(certificate, issuer)
      .slice(0, MOST_SOURCES)
      .find(({ uri }) => !tried.has(`ocsp ${uri}`));
  }

  /**
   * Keeps what came from `source`, if it is of use: signed as it must be, before anything in it is believed or much of it
   * is read. Answers a list that is kept, or why it is of no use.
   *
   * @param nonce what was asked with: a response that has another is of no use; one that has none is.
   */
  learn(
    source: Pick<StatusSource, 'kind'>,
    octets: Uint8Array,
    certificate: Certificate,
    issuer: Certificate,
    at: Instant,
    nonce?: Uint8Array,
  ): Learnt {
    try {
      return source.kind === 'ocsp'
        ? this.#learnResponse(octets, certificate, issuer, at, nonce)
        : this.#learnCrl(octets, issuer, at);
    } catch (error) {
      if (error instanceof Malformed || error instanceof OcspRefusal) return { obstacle: error.message };
      throw error;
    }
  }

  /** All places were asked, or enough is known: what is missing still is not asked for again at once. */
  conclude(certificate: Certificate, issuer: Certificate, why: readonly string[], at: Instant): void {
    if (this.isPending(certificate, issuer, at)) this.#grounds.memory.keepSought(certificate, why, at);
  }

  get #provider(): CryptoProvider {
    return this.#grounds.cache.provider;
  }

  #lists(at: Instant): readonly Crl[] {
    return [...this.#grounds.crls, ...this.#grounds.memory.crls(at)];
  }

  #byOcsp(certificate: Certificate, issuer: Certificate, at: Instant): RevocationStatus | undefined {
    const { useOcsp, memory } = this.#grounds;
    const response = useOcsp ? memory.response(certificate, at) : undefined;
    return response === undefined
      ? undefined
      : ocspStatus(certificate, issuer, response, { ...this.#grounds, at });
  }

  #ocspSources(certificate: Certificate, issuer: Certificate): readonly StatusSource[] {
    if (!this.#grounds.useOcsp) return [];
    return [
      ...this.#configured(issuer).flatMap(({ ocspUris }) => ocspUris.map(uri => source('ocsp', uri, true))),
      ...certificate.ocspUris.map(uri => source('ocsp', uri, false)),
    ];
  }

  #crlSources(certificate: Certificate, issuer: Certificate): readonly StatusSource[] {
    if (!this.#grounds.useCrl) return [];
    return [
      ...this.#configured(issuer).flatMap(one => one.crlUris.map(uri => source('crl', uri, true))),
      ...crlUris(certificate).map(uri => source('crl', uri, false)),
    ];
  }

  #configured({ subject, publicKey }: Certificate): readonly AuthorityUris[] {
    return this.#grounds.uris.filter(
      ({ certificate }) =>
        certificate.subject.key === subject.key && equal(certificate.publicKey.spki, publicKey.spki),
    );
  }

  #learnResponse(
    octets: Uint8Array,
    certificate: Certificate,
    issuer: Certificate,
    at: Instant,
    nonce: Uint8Array | undefined,
  ): Learnt {
    const response = parseOcspResponse(octets, this.#provider);
    if (nonce !== undefined && response.nonce !== undefined && !equal(nonce, response.nonce))
      return { obstacle: 'the nonce in the OCSP response is not the one that was asked with' };
    const status = ocspStatus(certificate, issuer, response, { ...this.#grounds, at });
    if (status.kind === 'unknown') return { obstacle: status.why.join('; ') };
    this.#grounds.memory.keepResponse(certificate, response, at);
    return {};
  }

  /** The signature is looked at first: whoever is on the way could send megabytes of anything. */
  #learnCrl(octets: Uint8Array, issuer: Certificate, at: Instant): Learnt {
    const { cache, memory } = this.#grounds;
    if (octets.length > LONGEST_FETCHED_CRL) return { obstacle: `it has ${octets.length} octets` };
    const sealed = openCrl(octets);
    if (!cache.verifyList(sealed, issuer.publicKey))
      return { obstacle: `it has no valid signature of ${issuer.subject.text}` };
    const crl = readCrl(sealed);
    if (crl.issuer.key !== issuer.subject.key) return { obstacle: `it is a list of ${crl.issuer.text}` };
    const obstacle = crlFault(crl, issuer, cache);
    if (obstacle !== undefined) return { obstacle };
    return memory.keepCrl(crl, at) ? { list: crl } : {};
  }
}

function source(kind: StatusSource['kind'], uri: string, configured: boolean): StatusSource {
  return { kind, uri, configured, limit: kind === 'ocsp' ? MAX_OCSP_RESPONSE : LONGEST_FETCHED_CRL };
}
