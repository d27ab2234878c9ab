import { equal, toHex } from '../lib/bytes.ts';
import type { Instant } from '../lib/time.ts';
import { formatInstant } from './calendar.ts';
import { type Certificate, isSelfIssued } from './certificate.ts';
import type { CertificateCache } from './certificate-cache.ts';
import type { ChainFailure, ChainFailureReason } from './chain-failure.ts';
import { type ChainDemands, unmetDemand } from './demands.ts';
import {
  type CertificateFault,
  endEntityFault,
  issuerFault,
  type KeyPurpose,
  leniencies,
  ownFault,
} from './fitness.ts';
import { violatedConstraint } from './name-constraints.ts';
import { passesRevocation, type RevocationPolicy } from './revocation.ts';
import type { StatusJudge } from './status-judge.ts';

/** What is to be validated, against what, and when. */
export interface ChainRequest {
  readonly leaf: Certificate;
  /** What may stand between: from the peer, and from the configuration. Never trusted by themselves. */
  readonly intermediates: readonly Certificate[];
  /** Where a chain may end. */
  readonly anchors: readonly Certificate[];
  /** End-entity certificates that are trusted by themselves, because the configuration holds them. */
  readonly trusted?: readonly Certificate[];
  /** When not empty, the chain must contain one of these authorities, or one that `named` fits. */
  readonly through?: readonly Certificate[];
  readonly named?: { readonly text: string; fits(authority: Certificate): boolean };
  /** What is asked beyond that. */
  readonly demands?: ChainDemands;
  /** What is known of the revocation of certificates. */
  readonly statuses: StatusJudge;
  readonly revocation: RevocationPolicy;
  /** Where all holds but for the status of certificates, and that can be asked for: say so first. */
  readonly maySeek?: boolean;
  readonly at: Instant;
  /** What the key of the leaf is wanted for; to sign, where it is not said. */
  readonly purpose?: KeyPurpose;
  /** Accept signatures over SHA-1 and RSA keys below 2048 bits. */
  readonly allowWeak?: boolean;
}

const receipt: unique symbol = Symbol('TrustedChain');

/** The receipt of a validation: `validateChain` alone can make one. */
export interface TrustedChain {
  readonly [receipt]: true;
  readonly kind: 'trusted';
  readonly leaf: Certificate;
  /** From the leaf to the anchor, both included; one certificate where the leaf is trusted by itself. */
  readonly path: readonly Certificate[];
  /** What was let pass although it is not as it should be, for the log. */
  readonly notes: readonly string[];
}

/** All of the path holds, and word on the status of its certificates can be had: to be asked for, and the chain judged again. */
export interface StatusWanted {
  readonly kind: 'status-wanted';
  /** From the leaf to the anchor, both included. */
  readonly path: readonly Certificate[];
}

/** Certificates between leaf and anchor, at most. */
const MAX_INTERMEDIATES = 7;
/** Bounds on the work that a peer's certificates can cause. */
const MAX_VERIFICATIONS = 48;
const MAX_STEPS = 512;

/**
 * Finds a path from the leaf to an anchor and validates it (RFC 5280 §6.1, with RFC 4945 §5.1 for what IKE asks of
 * the leaf): signatures, validity at `at`, authority and path length, key usages, name constraints, critical
 * extensions, policies, revocation. Returns the receipt, or the failure of the path that came furthest.
 */
export function validateChain(
  request: ChainRequest,
  cache: CertificateCache,
): TrustedChain | StatusWanted | ChainFailure {
  const search = new Search(request, cache);
  return search.extend([request.leaf]) ?? search.failure;
}

class Search {
  readonly #request: ChainRequest;
  readonly #cache: CertificateCache;
  readonly #anchors: ReadonlySet<string>;
  #verifications = 0;
  #steps = 0;
  #failure: ChainFailure | undefined;
  #progress = -1;

  constructor(request: ChainRequest, cache: CertificateCache) {
    this.#request = request;
    this.#cache = cache;
    this.#anchors = new Set(request.anchors.map(({ fingerprint }) => fingerprint));
  }

  get failure(): ChainFailure {
    return this.#failure ?? this.#fault('too-much-work', [this.#request.leaf], 'no path was tried');
  }

  /** Depth first, anchors before intermediates, so that an honest chain is found at once. */
  extend(path: readonly Certificate[]): TrustedChain | StatusWanted | undefined {
    const current = path[path.length - 1] as Certificate;
    const fault = this.#judge(path, current);
    if (fault !== undefined) return this.#fail(fault.reason, path, fault.detail);
    if (this.#isTrusted(path, current)) return this.#finish(path);
    if (path.length > MAX_INTERMEDIATES + 1) {
      return this.#fail(
        'path-too-long',
        path,
        `more than ${MAX_INTERMEDIATES} authorities below a trusted one`,
      );
    }
    const issuers = this.#issuersOf(current, path);
    if (issuers.length === 0) return this.#failWithoutIssuer(path, current);
    for (const issuer of issuers) {
      if (++this.#steps > MAX_STEPS) return this.#fail('too-much-work', path, 'too many possible paths');
      const obstacle = this.#verify(current, issuer);
      if (obstacle !== undefined) this.#fail(obstacle.reason, path, obstacle.detail);
      else {
        const chain = this.extend([...path, issuer]);
        if (chain !== undefined) return chain;
      }
    }
    return undefined;
  }

  #judge(path: readonly Certificate[], current: Certificate): CertificateFault | undefined {
    const { at, allowWeak = false, purpose } = this.#request;
    const own = ownFault(current, at, allowWeak);
    if (own !== undefined) return own;
    return path.length === 1
      ? endEntityFault(current, purpose)
      : issuerFault(current, path, this.#anchors.has(current.fingerprint));
  }

  #isTrusted(path: readonly Certificate[], current: Certificate): boolean {
    if (this.#anchors.has(current.fingerprint)) return true;
    const { trusted = [] } = this.#request;
    return path.length === 1 && trusted.some(({ fingerprint }) => fingerprint === current.fingerprint);
  }

  /** All that bear the issuer's name and are not in the path yet, those with the wanted key identifier first. */
  #issuersOf(current: Certificate, path: readonly Certificate[]): readonly Certificate[] {
    const wanted = current.authorityKeyIdentifier;
    const rank = ({ subjectKeyIdentifier: own }: Certificate): number =>
      wanted === undefined || own === undefined || toHex(own) === toHex(wanted) ? 0 : 1;
    const seen = new Set<string>();
    return [...this.#request.anchors, ...this.#request.intermediates]
      .filter(candidate => {
        if (candidate.subject.key !== current.issuer.key || seen.has(candidate.fingerprint)) return false;
        seen.add(candidate.fingerprint);
        return !path.some(member => sameEntity(member, candidate));
      })
      .sort((a, b) => rank(a) - rank(b));
  }

  #verify(current: Certificate, issuer: Certificate): CertificateFault | undefined {
    const { oid, scheme } = current.signatureAlgorithm;
    if (scheme === undefined) {
      return {
        reason: 'unsupported-signature',
        detail: `it is signed with algorithm ${oid}, which is not known here`,
      };
    }
    if ((scheme.hash === 'sha1' && this.#request.allowWeak !== true) || scheme.hash === 'md5') {
      return { reason: 'weak-signature', detail: `it is signed with ${scheme.name}, which is forgeable` };
    }
    if (++this.#verifications > MAX_VERIFICATIONS) {
      return {
        reason: 'too-much-work',
        detail: `more than ${MAX_VERIFICATIONS} signatures would have to be verified`,
      };
    }
    if (this.#cache.verify(current, issuer.publicKey)) return undefined;
    return {
      reason: 'bad-signature',
      detail: `its signature was not made with the key of ${issuer.subject.text} (${issuer.fingerprint.slice(0, 16)}…)`,
    };
  }

  /** What concerns the path as a whole, once it has reached its anchor. */
  #finish(path: readonly Certificate[]): TrustedChain | StatusWanted | undefined {
    const { leaf } = this.#request;
    const violation = constraintFault(path);
    if (violation !== undefined) return this.#failWhole('name-constraints', path, violation);
    const elsewhere = this.#elsewhere(path);
    if (elsewhere !== undefined) return this.#failWhole('wrong-authority', path, elsewhere);
    const unmet = unmetDemand(path, this.#request.demands ?? {});
    if (unmet !== undefined) return this.#failWhole(unmet.reason, path, unmet);
    if (this.#isPending(path)) return { kind: 'status-wanted', path };
    const notes = [...leniencies(leaf)];
    const revoked = this.#checkRevocation(path, notes);
    if (revoked !== undefined) return this.#failWhole(revoked.reason, path, revoked);
    return { [receipt]: true, kind: 'trusted', leaf, path, notes };
  }

  /** That the chain leads through none of the authorities that are asked for, by certificate or by name. */
  #elsewhere(
    path: readonly Certificate[],
  ): (Omit<CertificateFault, 'reason'> & { readonly certificate: Certificate }) | undefined {
    const { through = [], named, leaf } = this.#request;
    if (through.length === 0 && named === undefined) return undefined;
    if (through.some(wanted => path.some(member => sameEntity(member, wanted)))) return undefined;
    if (named !== undefined && path.slice(1).some(authority => named.fits(authority))) return undefined;
    const texts = [
      ...through.map(({ subject }) => subject.text),
      ...(named === undefined ? [] : [named.text]),
    ];
    return { certificate: leaf, detail: `the chain does not contain ${texts.join('; ')}` };
  }

  #isPending(path: readonly Certificate[]): boolean {
    const { at, maySeek = false, statuses } = this.#request;
    return (
      maySeek && pairs(path).some(([certificate, issuer]) => statuses.isPending(certificate, issuer, at))
    );
  }

  #checkRevocation(
    path: readonly Certificate[],
    notes: string[],
  ): (CertificateFault & { readonly certificate: Certificate }) | undefined {
    const { at, revocation, statuses } = this.#request;
    let missing: (CertificateFault & { readonly certificate: Certificate }) | undefined;
    for (const [certificate, issuer] of pairs(path)) {
      const status = statuses.status(certificate, issuer, at);
      const named = statuses.isNamed(certificate, issuer);
      if (passesRevocation(status, revocation, named)) {
        if (status.kind === 'unknown' && (named || statuses.hasLists)) {
          notes.push(`revocation of ${certificate.subject.text} is not known: ${status.why.join('; ')}`);
        }
        continue;
      }
      if (status.kind === 'revoked') {
        const why = status.reason === undefined ? '' : ` (${status.reason})`;
        return {
          certificate,
          reason: 'revoked',
          detail: `it was revoked on ${formatInstant(status.at)}${why}`,
        };
      }
      const why = status.kind === 'unknown' ? status.why.join('; ') : '';
      missing ??= {
        certificate,
        reason: 'revocation-unknown',
        detail: `whether it is revoked is not known: ${why}`,
      };
    }
    return missing;
  }

  #failWithoutIssuer(path: readonly Certificate[], current: Certificate): undefined {
    if (!isSelfIssued(current)) {
      return this.#fail('no-issuer', path, `there is no certificate of its issuer ${current.issuer.text}`);
    }
    return path.length === 1
      ? this.#fail('self-signed', path, 'it is self-signed and not itself trusted here')
      : this.#fail(
          'untrusted-root',
          path,
          'the chain ends at it, and it is not among the trusted authorities',
        );
  }

  #failWhole(
    reason: ChainFailureReason,
    path: readonly Certificate[],
    fault: { readonly certificate: Certificate; readonly detail: string },
  ): undefined {
    this.#keep(1000, {
      kind: 'untrusted',
      reason,
      certificate: fault.certificate,
      path,
      detail: fault.detail,
    });
  }

  #fail(reason: ChainFailureReason, path: readonly Certificate[], detail: string): undefined {
    this.#keep(2 * path.length + (reason === 'no-issuer' ? 0 : 1), this.#fault(reason, path, detail));
  }

  #fault(reason: ChainFailureReason, path: readonly Certificate[], detail: string): ChainFailure {
    return { kind: 'untrusted', reason, certificate: path[path.length - 1] as Certificate, path, detail };
  }

  /** Of several paths that failed, the one that came furthest tells most. */
  #keep(progress: number, failure: ChainFailure): void {
    if (progress <= this.#progress) return;
    this.#progress = progress;
    this.#failure = failure;
  }
}

/** Each certificate of a path but the anchor, with its issuer. */
export function pairs(path: readonly Certificate[]): readonly (readonly [Certificate, Certificate])[] {
  return path.flatMap((certificate, i) => {
    const issuer = path[i + 1];
    return issuer === undefined ? [] : [[certificate, issuer] as const];
  });
}

/** A certificate, or another one for the same name and key: a path through both would be a loop (RFC 5280 §6.1). */
function sameEntity(a: Certificate, b: Certificate): boolean {
  return (
    a.fingerprint === b.fingerprint ||
    (a.subject.key === b.subject.key && equal(a.publicKey.spki, b.publicKey.spki))
  );
}

/** Each authority's constraints bind all below it, but not its own certificates of change (RFC 5280 §6.1.3 b, c). */
function constraintFault(
  path: readonly Certificate[],
): { readonly certificate: Certificate; readonly detail: string } | undefined {
  for (const [depth, authority] of path.entries()) {
    if (authority.nameConstraints === undefined) continue;
    for (const [i, certificate] of path.slice(0, depth).entries()) {
      if (i > 0 && isSelfIssued(certificate)) continue;
      const violation = violatedConstraint(certificate, authority.nameConstraints);
      if (violation !== undefined) {
        const detail = `${violation.name} is ${violation.rule} by the name constraints of ${authority.subject.text}`;
        return { certificate, detail };
      }
    }
  }
  return undefined;
}
