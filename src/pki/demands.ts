import type { Certificate } from './certificate.ts';
import type { ChainFailureReason } from './chain-failure.ts';
import { validPolicies } from './policies.ts';

/** What a configuration asks of a chain beyond that it be sound. Absent and empty: nothing. */
export interface ChainDemands {
  /** Policies under which the leaf must have been issued, object identifiers: all of them. */
  readonly policies?: readonly string[];
  /** Least sizes of the keys of all certificates. */
  readonly rsaBits?: number;
  readonly ecdsaBits?: number;
  /** Names of the schemes that certificates may be signed by. */
  readonly schemes?: readonly string[];
}

/** A demand that is not met, and by which certificate. */
export interface UnmetDemand {
  readonly reason: ChainFailureReason;
  readonly certificate: Certificate;
  readonly detail: string;
}

/**
 * The first demand that a path, which is sound otherwise, does not meet.
 *
 * @param path from the leaf to the anchor, both included
 */
export function unmetDemand(path: readonly Certificate[], demands: ChainDemands): UnmetDemand | undefined {
  return wrongPolicy(path, demands) ?? tooWeak(path, demands);
}

function wrongPolicy(path: readonly Certificate[], { policies = [] }: ChainDemands): UnmetDemand | undefined {
  const valid = validPolicies(path);
  if ('detail' in valid) return { reason: 'policy', ...valid };
  const missing = policies.filter(policy => !valid.includes(policy));
  if (missing.length === 0) return undefined;
  const certificate = leafOf(path);
  const named = missing.filter(policy => certificate.policies.includes(policy));
  return {
    reason: 'policy',
    certificate,
    detail:
      named.length > 0
        ? `the authorities above it do not all allow its policy ${named.join(', ')}`
        : `it was not issued under the policy ${missing.join(', ')}, but ${certificate.policies.join(', ') || 'under none'}`,
  };
}

function tooWeak(path: readonly Certificate[], demands: ChainDemands): UnmetDemand | undefined {
  const { rsaBits = 0, ecdsaBits = 0, schemes = [] } = demands;
  const least: Readonly<Record<string, number>> = { rsa: rsaBits, ec: ecdsaBits };
  for (const [i, certificate] of path.entries()) {
    const { publicKey, signatureAlgorithm } = certificate;
    const wanted = least[publicKey.type] ?? 0;
    if (publicKey.bits < wanted)
      return {
        reason: 'weak-key',
        certificate,
        detail: `its ${publicKey.type === 'ec' ? 'ECDSA' : 'RSA'} key has ${publicKey.bits} bits, at least ${wanted} are asked for`,
      };
    // Nobody relies on the signature of an anchor.
    const { scheme } = signatureAlgorithm;
    if (i === path.length - 1 || schemes.length === 0) continue;
    if (scheme === undefined || !schemes.includes(scheme.name))
      return {
        reason: 'weak-signature',
        certificate,
        detail: `it is signed with ${scheme?.name ?? signatureAlgorithm.oid}, and ${schemes.join(', ')} is asked for`,
      };
  }
  return undefined;
}

function leafOf(path: readonly Certificate[]): Certificate {
  return path[0] as Certificate;
}
