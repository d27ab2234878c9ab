import { toHex } from '../lib/bytes.ts';
import { HOUR, type Instant, SECOND } from '../lib/time.ts';
import type { Certificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import { scopeText } from './crl-status.ts';
import type { OcspResponse } from './ocsp-response.ts';
import { Recent } from './recent.ts';

/** Lists that are kept, by number and by octets; what was used longest ago goes first. */
const MOST_CRLS = 64;
const MOST_CRL_OCTETS = 32 * 1024 * 1024;
const MOST_CERTIFICATES = 1024;
/** Where a response or a list names no end, it is kept for this. */
const RESPONSE_LIFE = 30 * SECOND;
const CRL_LIFE = HOUR;
/** What could not be had is not asked for again for this. */
const REST = 5 * SECOND;

/** What was fetched of the status of certificates, or came from peers, and was found good; bounded. */
export class StatusMemory {
  readonly #crls = new Recent<{ readonly crl: Crl; readonly until: Instant }>(MOST_CRLS);
  readonly #ocsp = new Recent<{ readonly response: OcspResponse; readonly until: Instant }>(
    MOST_CERTIFICATES,
  );
  readonly #sought = new Recent<{ readonly why: readonly string[]; readonly until: Instant }>(
    MOST_CERTIFICATES,
  );

  /** Lists, old ones too: what they revoke stays revoked. */
  crls(at: Instant): readonly Crl[] {
    return [...this.#crls.values()].flatMap(({ crl, until }) => (at <= until ? [crl] : []));
  }

  /** Responses that have not run out. */
  responses(at: Instant): readonly OcspResponse[] {
    return [...this.#ocsp.values()].flatMap(({ response, until }) => (at <= until ? [response] : []));
  }

  response(certificate: Certificate, at: Instant): OcspResponse | undefined {
    const kept = this.#ocsp.get(certificate.fingerprint);
    return kept === undefined || at > kept.until ? undefined : kept.response;
  }

  /** A newer list takes the place of the one that spoke of the same certificates, and an older one does not: false. */
  keepCrl(crl: Crl, at: Instant): boolean {
    const { issuer, authorityKeyIdentifier = new Uint8Array(), deltaOf, scope } = crl;
    const key = [issuer.key, toHex(authorityKeyIdentifier), deltaOf === undefined, scopeText(scope)].join(
      ' ',
    );
    const before = this.#crls.get(key);
    if (before !== undefined && before.crl.thisUpdate > crl.thisUpdate) return false;
    const until = crl.nextUpdate === undefined ? at + CRL_LIFE : Number.POSITIVE_INFINITY;
    this.#crls.put(key, { crl, until });
    let octets = 0;
    for (const one of this.#crls.values()) octets += one.crl.der.length;
    while (octets > MOST_CRL_OCTETS) octets -= this.#crls.dropOldest()?.crl.der.length ?? octets;
    return true;
  }

  keepResponse(certificate: Certificate, response: OcspResponse, at: Instant): void {
    const ends = response.statuses.map(({ nextUpdate }) => nextUpdate ?? at + RESPONSE_LIFE);
    this.#ocsp.put(certificate.fingerprint, { response, until: Math.min(...ends) });
  }

  /** That all places were asked, and why that told nothing. */
  keepSought(certificate: Certificate, why: readonly string[], at: Instant): void {
    this.#sought.put(certificate.fingerprint, { why, until: at + REST });
  }

  /** Why nothing was learnt of it lately; undefined where nobody asked, or that is a while ago. */
  sought(certificate: Certificate, at: Instant): readonly string[] | undefined {
    const kept = this.#sought.get(certificate.fingerprint);
    return kept === undefined || at > kept.until ? undefined : kept.why;
  }

  flushCrls(): void {
    this.#crls.clear();
    this.#sought.clear();
  }

  flushResponses(): void {
    this.#ocsp.clear();
    this.#sought.clear();
  }
}
