import type { Instant } from '../lib/time.ts';
import { formatInstant } from './calendar.ts';
import { type Certificate, crlUris } from './certificate.ts';
import type { CertificateCache } from './certificate-cache.ts';
import type { Crl } from './crl.ts';
import { KeyUsage } from './extensions.ts';
import { formatGeneralName, type GeneralName } from './general-name.ts';

/** What the lists at hand say of one certificate. */
export type RevocationStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly at: Instant; readonly reason?: string }
  /** No list that can be used; each that came into question says why not. */
  | { readonly kind: 'unknown'; readonly why: readonly string[] };

/**
 * `strict`: a usable list must vouch for every certificate. `ifuri`: for those that name a place where their status
 * can be had. `relaxed`: a certificate is refused only when a list revokes it.
 */
export type RevocationPolicy = 'strict' | 'ifuri' | 'relaxed';

/** Whether `policy` lets a certificate of this status pass. */
export function passesRevocation(
  certificate: Certificate,
  status: RevocationStatus,
  policy: RevocationPolicy,
): boolean {
  switch (status.kind) {
    case 'good':
      return true;
    case 'revoked':
      return false;
    case 'unknown':
      return policy === 'relaxed' || (policy === 'ifuri' && !namesSource(certificate));
  }
}

/**
 * Looks for `certificate` in those of `crls` that its issuer signed (RFC 5280 §6.3). A list that is out of date
 * still revokes what it lists, but vouches for nothing.
 */
export function revocationStatus(
  certificate: Certificate,
  issuer: Certificate,
  crls: readonly Crl[],
  at: Instant,
  cache: CertificateCache,
): RevocationStatus {
  const why: string[] = [];
  let good = false;
  for (const crl of crls) {
    if (crl.issuer.key !== certificate.issuer.key || !concerns(crl, certificate)) continue;
    const obstacle = unusable(crl, issuer, cache);
    if (obstacle !== undefined) {
      why.push(obstacle);
      continue;
    }
    const entry = crl.find(certificate.serial);
    if (entry !== undefined && entry.reason !== 'removeFromCRL') return { kind: 'revoked', ...entry };
    const staleness = outOfDate(crl, at);
    if (staleness !== undefined) why.push(staleness);
    else if (!crl.scope.someReasons) good = true;
  }
  if (good) return { kind: 'good' };
  return { kind: 'unknown', why: why.length > 0 ? why : [`no CRL of ${certificate.issuer.text} is at hand`] };
}

function namesSource(certificate: Certificate): boolean {
  return crlUris(certificate).length > 0 || certificate.ocspUris.length > 0;
}

function concerns({ scope }: Crl, certificate: Certificate): boolean {
  const authority = certificate.basicConstraints?.authority === true;
  if (scope.only !== undefined && scope.only !== (authority ? 'authorities' : 'users')) return false;
  return (
    scope.points === undefined ||
    scope.points.some(point => certificate.crlDistributionPoints.some(named => samePlace(point, named)))
  );
}

function samePlace(a: GeneralName, b: GeneralName): boolean {
  return a.kind === b.kind && formatGeneralName(a) === formatGeneralName(b);
}

function unusable(crl: Crl, issuer: Certificate, cache: CertificateCache): string | undefined {
  const name = `the CRL of ${formatInstant(crl.thisUpdate)}`;
  if (crl.unusable !== undefined) return `${name} cannot be used: ${crl.unusable}`;
  if (issuer.keyUsage !== undefined && (issuer.keyUsage & KeyUsage.cRLSign) === 0) {
    return `${name} cannot be used: its issuer's key usage does not include cRLSign`;
  }
  return cache.verify(crl, issuer.publicKey) ? undefined : `${name} has no valid signature of its issuer`;
}

function outOfDate(crl: Crl, at: Instant): string | undefined {
  if (crl.thisUpdate > at) return `the CRL is not valid before ${formatInstant(crl.thisUpdate)}`;
  if (crl.nextUpdate !== undefined && crl.nextUpdate < at) {
    return `the CRL expired on ${formatInstant(crl.nextUpdate)}`;
  }
  return undefined;
}
