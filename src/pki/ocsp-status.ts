import { equal, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { type Instant, MINUTE } from '../lib/time.ts';
import { formatInstant } from './calendar.ts';
import type { Certificate } from './certificate.ts';
import type { CertificateCache } from './certificate-cache.ts';
import { KeyUsage } from './extensions.ts';
import { hashOfKey, isMeant } from './ocsp-request.ts';
import type { OcspResponse } from './ocsp-response.ts';
import type { RevocationStatus } from './revocation.ts';
import type { SignedOctets } from './signed-octets.ts';

/** By whom a response may be signed besides the issuer, and when it is looked at. */
export interface OcspContext {
  readonly cache: CertificateCache;
  readonly at: Instant;
  /** Certificates of the configuration: a responder that a trusted authority has named may be among them. */
  readonly configured: readonly Certificate[];
  readonly anchors: readonly Certificate[];
}

/**
 * What `response` says of `certificate`, which `issuer` issued (RFC 6960 §3.2): signed by the issuer, or by whom it has
 * delegated that to, about this very certificate, and of these days. Nonces are not looked at: a kept response has one
 * that nobody asked with.
 */
export function ocspStatus(
  certificate: Certificate,
  issuer: Certificate,
  response: OcspResponse,
  context: OcspContext,
): RevocationStatus {
  const { cache, at } = context;
  const fault = response.unusable ?? signatureFault(response, issuer, context);
  if (fault !== undefined) return unknown(`the OCSP response cannot be used: ${fault}`);
  const single = response.statuses.find(
    ({ id }) => id !== undefined && isMeant(id, certificate, issuer, cache.provider),
  );
  if (single === undefined) return unknown('the OCSP response says nothing of this certificate');
  const { status, thisUpdate, nextUpdate } = single;
  if (thisUpdate > at + SKEW)
    return unknown(`the OCSP response is not valid before ${formatInstant(thisUpdate)}`);
  if (typeof status === 'object') return { kind: 'revoked', ...status };
  const until = nextUpdate ?? response.producedAt + SKEW;
  if (until < at) return unknown(`the OCSP response expired on ${formatInstant(until)}`);
  return status === 'good' ? { kind: 'good' } : unknown('the OCSP responder does not know this certificate');
}

/** A responder's clock may be ahead of ours by this, or behind, which matters where a response names no end. */
const SKEW = 5 * MINUTE;

function unknown(why: string): RevocationStatus {
  return { kind: 'unknown', why: [why] };
}

function signatureFault(
  response: OcspResponse,
  issuer: Certificate,
  context: OcspContext,
): string | undefined {
  const { cache, configured } = context;
  if (isWeak(response))
    return `it is signed with ${response.signatureAlgorithm.scheme?.name}, which is forgeable`;
  if (isNamed(response, issuer, cache))
    return cache.verify(response, issuer.publicKey) ? undefined : 'it has no valid signature of the issuer';
  let nearest = 'no certificate of its signer is at hand';
  const sent = response.certificates.flatMap(der => readable(der, cache));
  for (const signer of [...sent, ...configured]) {
    if (!isNamed(response, signer, cache)) continue;
    const fault = delegationFault(signer, issuer, configured.includes(signer), context);
    if (fault !== undefined) nearest = `its signer ${signer.subject.text} ${fault}`;
    else if (cache.verify(response, signer.publicKey)) return undefined;
    else nearest = `it has no valid signature of ${signer.subject.text}`;
  }
  return nearest;
}

function isWeak({ signatureAlgorithm: { scheme } }: SignedOctets): boolean {
  return scheme?.hash === 'md5' || scheme?.hash === 'sha1';
}

/** Whether the response says that this one signed it. */
function isNamed(
  { responder }: OcspResponse,
  { subject, publicKey }: Certificate,
  cache: CertificateCache,
): boolean {
  if ('name' in responder) return responder.name.key === subject.key;
  return equal(responder.keyHash, hashOfKey(publicKey.spki, 'sha1', cache.provider));
}

const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';

/**
 * "MUST include a value of id-kp-OCSPSigning in an extended key usage extension and MUST be issued directly by the CA"
 * that issued the certificate in question (RFC 6960 §4.2.2.2); the configuration may name one of another authority.
 */
function delegationFault(
  signer: Certificate,
  issuer: Certificate,
  isConfigured: boolean,
  { cache, at, anchors }: OcspContext,
): string | undefined {
  if (signer.extendedKeyUsage?.includes(OCSP_SIGNING) !== true)
    return 'is not entitled to sign OCSP responses';
  if (signer.keyUsage !== undefined && (signer.keyUsage & KeyUsage.digitalSignature) === 0)
    return 'has a key that is not for signatures';
  if (at < signer.notBefore || at > signer.notAfter) return 'has a certificate that is out of date';
  if (isWeak(signer)) return 'has a certificate with a signature that is forgeable';
  if (signer.unknownCritical.length > 0) return 'has critical extensions that are not known here';
  const authorities = isConfigured ? [issuer, ...anchors] : [issuer];
  const isIssued = authorities.some(
    authority => authority.subject.key === signer.issuer.key && cache.verify(signer, authority.publicKey),
  );
  return isIssued ? undefined : `(key ${keyText(signer)}) was not issued by ${issuer.subject.text}`;
}

function keyText({ subjectKeyIdentifier = new Uint8Array() }: Certificate): string {
  return toHex(subjectKeyIdentifier.subarray(0, 8));
}

function readable(der: Uint8Array, cache: CertificateCache): readonly Certificate[] {
  try {
    return [cache.certificate(der)];
  } catch (error) {
    if (error instanceof Malformed) return [];
    throw error;
  }
}
