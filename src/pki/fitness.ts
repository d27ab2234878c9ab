import type { Instant } from '../lib/time.ts';
import { formatInstant } from './calendar.ts';
import { type Certificate, isSelfIssued } from './certificate.ts';
import type { ChainFailureReason } from './chain-failure.ts';
import { KeyUsage } from './extensions.ts';

/** What keeps one certificate from its place in a chain. */
export interface CertificateFault {
  readonly reason: ChainFailureReason;
  readonly detail: string;
}

/** RSA keys below this are refused unless weak ones are allowed (RFC 8247 §3.1.1: SHOULD NOT). */
export const MIN_RSA_BITS = 2048;

/** What is asked of every certificate of a chain: time, extensions, size of the key. */
export function ownFault(
  certificate: Certificate,
  at: Instant,
  allowWeak: boolean,
): CertificateFault | undefined {
  const { notBefore, notAfter, publicKey, unknownCritical } = certificate;
  if (at < notBefore) return fault('not-yet-valid', `it is not valid before ${formatInstant(notBefore)}`);
  if (at > notAfter) return fault('expired', `it expired on ${formatInstant(notAfter)}`);
  if (unknownCritical.length > 0) {
    return fault(
      'critical-extension',
      `it has critical extensions that are not known here: ${unknownCritical.join(', ')}`,
    );
  }
  if (publicKey.type === 'rsa' && publicKey.bits < MIN_RSA_BITS && !allowWeak) {
    return fault('weak-key', `its RSA key has ${publicKey.bits} bits, at least ${MIN_RSA_BITS} are wanted`);
  }
  return undefined;
}

/** What the key of a leaf is for: to sign, or, in IKEv1 alone, to be encrypted to (RFC 2409 §5.2). */
export type KeyPurpose = 'signature' | 'encipherment';

const PURPOSES: Readonly<Record<KeyPurpose, { readonly bits: number; readonly lacking: string }>> = {
  signature: {
    bits: KeyUsage.digitalSignature | KeyUsage.nonRepudiation,
    lacking: 'its key usage allows neither digitalSignature nor nonRepudiation',
  },
  encipherment: { bits: KeyUsage.keyEncipherment, lacking: 'its key usage does not allow keyEncipherment' },
};

/** What IKE asks of the leaf (RFC 4945 §5.1.3.2, §5.1.3.12). */
export function endEntityFault(
  certificate: Certificate,
  purpose: KeyPurpose = 'signature',
): CertificateFault | undefined {
  const { keyUsage, extendedKeyUsage } = certificate;
  const { bits, lacking } = PURPOSES[purpose];
  if (keyUsage !== undefined && (keyUsage & bits) === 0) return fault('key-usage', lacking);
  if (
    extendedKeyUsage !== undefined &&
    !extendedKeyUsage.some(oid => IKE_USAGES.has(oid) || LENIENT_USAGES.has(oid))
  ) {
    return fault(
      'extended-key-usage',
      `its extended key usages are for other purposes: ${extendedKeyUsage.join(', ')}`,
    );
  }
  return undefined;
}

/** What is asked of the last certificate of `path` as an authority (RFC 5280 §6.1.4 k to n). */
export function issuerFault(
  certificate: Certificate,
  path: readonly Certificate[],
  anchor: boolean,
): CertificateFault | undefined {
  const { basicConstraints, keyUsage, version } = certificate;
  // A root of the first version has no way to say that it is an authority: the configuration says it.
  const authority = basicConstraints?.authority ?? (anchor && version < 3);
  if (!authority) return fault('not-authority', 'it is not marked as an authority (basicConstraints)');
  if (keyUsage !== undefined && (keyUsage & KeyUsage.keyCertSign) === 0) {
    return fault('key-usage', 'its key usage does not include keyCertSign');
  }
  const below = path.slice(1, -1).filter(member => !isSelfIssued(member)).length;
  const allowed = basicConstraints?.pathLength;
  if (allowed !== undefined && below > allowed) {
    return fault('path-length', `it allows ${allowed} authorities below it, there are ${below}`);
  }
  return undefined;
}

/** What of a leaf is accepted although it is not as RFC 4945 has it. */
export function leniencies({ extendedKeyUsage, subject }: Certificate): readonly string[] {
  if (extendedKeyUsage === undefined || extendedKeyUsage.some(oid => IKE_USAGES.has(oid))) return [];
  return [`${subject.text}: its extended key usages are for TLS or older uses of IPsec, not ipsecIKE`];
}

/** ipsecIKE and anyExtendedKeyUsage */
const IKE_USAGES = new Set(['1.3.6.1.5.5.7.3.17', '2.5.29.37.0']);

/** serverAuth, clientAuth, ipsecEndSystem, ipsecTunnel, ipsecUser, iKEIntermediate: the field's certificates have these. */
const LENIENT_USAGES = new Set([
  '1.3.6.1.5.5.7.3.1',
  '1.3.6.1.5.5.7.3.2',
  '1.3.6.1.5.5.7.3.5',
  '1.3.6.1.5.5.7.3.6',
  '1.3.6.1.5.5.7.3.7',
  '1.3.6.1.5.5.8.2.2',
]);

function fault(reason: ChainFailureReason, detail: string): CertificateFault {
  return { reason, detail };
}
