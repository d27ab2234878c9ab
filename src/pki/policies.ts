import { type Certificate, isSelfIssued } from './certificate.ts';

/** What keeps the policies of a path from being valid. */
export interface PolicyFault {
  readonly certificate: Certificate;
  readonly detail: string;
}

const ANY_POLICY = '2.5.29.32.0';

/**
 * The policies of the leaf that all authorities above it allow (RFC 5280 §6.1), as the leaf names them; a fault where an authority
 * demands that there be one and there is none. The set of valid policies is kept level by level in place of a tree, whose size a
 * peer could blow up. What the anchor's own certificate says holds too (RFC 5937).
 *
 * @param path from the leaf to the anchor, both included
 */
export function validPolicies(path: readonly Certificate[]): readonly string[] | PolicyFault {
  const [leaf] = path as readonly [Certificate, ...Certificate[]];
  const state = new PolicyState(path.length);
  for (const certificate of path.toReversed()) {
    const isLeaf = certificate === leaf;
    // An anchor that names no policy allows all.
    if (path.length === 1 || certificate !== path.at(-1) || certificate.policies.length > 0)
      state.restrict(certificate, isLeaf);
    if (isLeaf) state.conclude(certificate);
    if (state.isUnmet) {
      const detail = `an authority above it demands a certificate policy that all of them allow, and ${certificate.policies.filter(policy => policy !== ANY_POLICY).join(', ') || 'it names none'} is not one`;
      return { certificate, detail };
    }
    if (isLeaf) break;
    if (certificate.policyMappings.some(mapping => mapping.includes(ANY_POLICY)))
      return { certificate, detail: 'it maps anyPolicy, which must not be (RFC 5280 §6.1.4 a)' };
    state.descend(certificate, certificate === path.at(-1));
  }
  return leaf.policies.filter(policy => policy !== ANY_POLICY && state.allows(policy));
}

class PolicyState {
  /** Valid policies of the level, each with those that it is called below. */
  #valid: ReadonlyMap<string, ReadonlySet<string>> = new Map([[ANY_POLICY, new Set([ANY_POLICY])]]);
  /** How many more certificates may do without; how many more may map, and say anyPolicy. */
  #explicit: number;
  #mapping: number;
  #any: number;

  constructor(length: number) {
    this.#explicit = length + 1;
    this.#mapping = length + 1;
    this.#any = length + 1;
  }

  get isUnmet(): boolean {
    return this.#explicit === 0 && this.#valid.size === 0;
  }

  allows(policy: string): boolean {
    return this.#valid.has(policy);
  }

  /** RFC 5280 §6.1.3 d, e. */
  restrict(certificate: Certificate, isLeaf: boolean): void {
    const { policies } = certificate;
    const above = new Set([...this.#valid.values()].flatMap(names => [...names]));
    const anyAbove = this.#valid.has(ANY_POLICY);
    const below = new Map<string, ReadonlySet<string>>();
    for (const policy of policies)
      if (policy !== ANY_POLICY && (anyAbove || above.has(policy))) below.set(policy, new Set([policy]));
    const anyCounts = this.#any > 0 || (!isLeaf && isSelfIssued(certificate));
    if (policies.includes(ANY_POLICY) && anyCounts)
      for (const policy of above) if (!below.has(policy)) below.set(policy, new Set([policy]));
    this.#valid = below;
  }

  /** RFC 5280 §6.1.4 b, h, i, j: what the certificate says of those below it. */
  descend(certificate: Certificate, isAnchor: boolean): void {
    this.#map(certificate.policyMappings);
    if (!isAnchor && !isSelfIssued(certificate)) {
      this.#explicit = Math.max(0, this.#explicit - 1);
      this.#mapping = Math.max(0, this.#mapping - 1);
      this.#any = Math.max(0, this.#any - 1);
    }
    const { requireExplicitPolicy, inhibitPolicyMapping } = certificate.policyConstraints ?? {};
    this.#explicit = Math.min(this.#explicit, requireExplicitPolicy ?? this.#explicit);
    this.#mapping = Math.min(this.#mapping, inhibitPolicyMapping ?? this.#mapping);
    this.#any = Math.min(this.#any, certificate.inhibitAnyPolicy ?? this.#any);
  }

  /** RFC 5280 §6.1.5 a, b. */
  conclude({ policyConstraints }: Certificate): void {
    this.#explicit = Math.max(0, this.#explicit - 1);
    if (policyConstraints?.requireExplicitPolicy === 0) this.#explicit = 0;
  }

  #map(mappings: Certificate['policyMappings']): void {
    if (mappings.length === 0) return;
    const valid = new Map(this.#valid);
    const called = new Map<string, Set<string>>();
    for (const [issuerPolicy, subjectPolicy] of mappings) {
      const names = called.get(issuerPolicy) ?? new Set();
      called.set(issuerPolicy, names.add(subjectPolicy));
    }
    for (const [policy, names] of called) {
      if (this.#mapping === 0) valid.delete(policy);
      else if (valid.has(policy) || valid.has(ANY_POLICY)) valid.set(policy, names);
    }
    this.#valid = valid;
  }
}
