import { toHex } from '../lib/bytes.ts';
import type { Instant } from '../lib/time.ts';
import { formatInstant } from './calendar.ts';
import type { Certificate } from './certificate.ts';
import type { CertificateCache } from './certificate-cache.ts';
import type { Crl } from './crl.ts';
import { KeyUsage } from './extensions.ts';
import { formatGeneralName, type GeneralName } from './general-name.ts';
import type { RevocationStatus } from './revocation.ts';

/**
 * Looks for `certificate` in those of `crls` that its issuer signed (RFC 5280 §6.3), with the changes that deltas among
 * them tell. A list that is out of date still revokes what it lists, but vouches for nothing.
 */
export function crlStatus(
  certificate: Certificate,
  issuer: Certificate,
  crls: readonly Crl[],
  at: Instant,
  cache: CertificateCache,
): RevocationStatus {
  const why: string[] = [];
  let good = false;
  const candidates = crls.filter(
    crl => crl.issuer.key === certificate.issuer.key && concerns(crl, certificate),
  );
  for (const crl of candidates) {
    const obstacle = crlFault(crl, issuer, cache);
    if (obstacle !== undefined) {
      why.push(obstacle);
      continue;
    }
    if (crl.deltaOf !== undefined) continue;
    const [delta] = candidates
      .filter(one => isDeltaOf(one, crl) && crlFault(one, issuer, cache) === undefined)
      .sort((a, b) => b.thisUpdate - a.thisUpdate);
    const entry = delta?.find(certificate.serial) ?? crl.find(certificate.serial);
    if (entry !== undefined && entry.reason !== 'removeFromCRL') return { kind: 'revoked', ...entry };
    const staleness =
      delta === undefined || outOfDate(delta, at) !== undefined ? outOfDate(crl, at) : undefined;
    if (staleness !== undefined) why.push(staleness);
    else if (!crl.scope.someReasons) good = true;
  }
  if (good) return { kind: 'good' };
  return { kind: 'unknown', why: why.length > 0 ? why : [`no CRL of ${certificate.issuer.text} is at hand`] };
}

/** Where changes to those of `crls` that `issuer` signed can be had, and none that are current are at hand. */
export function wantedDeltas(
  certificate: Certificate,
  issuer: Certificate,
  crls: readonly Crl[],
  at: Instant,
  cache: CertificateCache,
): readonly string[] {
  const own = crls.filter(
    crl => crl.issuer.key === certificate.issuer.key && crlFault(crl, issuer, cache) === undefined,
  );
  return own
    .filter(crl => crl.deltaOf === undefined && concerns(crl, certificate))
    .filter(crl => !own.some(delta => isDeltaOf(delta, crl) && outOfDate(delta, at) === undefined))
    .flatMap(({ deltaUris }) => deltaUris);
}

/** Why a list is none of `issuer`'s that can be used; when it was made does not matter. */
export function crlFault(crl: Crl, issuer: Certificate, cache: CertificateCache): string | undefined {
  const name = `the CRL of ${formatInstant(crl.thisUpdate)}`;
  if (crl.unusable !== undefined) return `${name} cannot be used: ${crl.unusable}`;
  if (issuer.keyUsage !== undefined && (issuer.keyUsage & KeyUsage.cRLSign) === 0) {
    return `${name} cannot be used: its issuer's key usage does not include cRLSign`;
  }
  return cache.verifyList(crl, issuer.publicKey) ? undefined : `${name} has no valid signature of its issuer`;
}

/** What keeps a list from vouching for anything at the time. */
function outOfDate(crl: Crl, at: Instant): string | undefined {
  if (crl.thisUpdate > at) return `the CRL is not valid before ${formatInstant(crl.thisUpdate)}`;
  if (crl.nextUpdate !== undefined && crl.nextUpdate < at) {
    return `the CRL expired on ${formatInstant(crl.nextUpdate)}`;
  }
  return undefined;
}

/** Whether the two can be combined (RFC 5280 §5.2.4): of one scope, begun at or before the list, and newer than it. */
function isDeltaOf(delta: Crl, { number, scope, authorityKeyIdentifier: key }: Crl): boolean {
  return (
    delta.deltaOf !== undefined &&
    number !== undefined &&
    delta.number !== undefined &&
    delta.deltaOf <= number &&
    delta.number >= number &&
    toHex(delta.authorityKeyIdentifier ?? NO_KEY) === toHex(key ?? NO_KEY) &&
    scopeText(delta.scope) === scopeText(scope)
  );
}

const NO_KEY = new Uint8Array();

/** Equal for lists that speak of the same certificates. */
export function scopeText({ only, someReasons, points = [] }: Crl['scope']): string {
  return [only ?? '', someReasons, ...points.map(formatGeneralName)].join(' ');
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
