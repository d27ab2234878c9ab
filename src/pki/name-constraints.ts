import type { Certificate } from './certificate.ts';
import { encodeDer, Tag } from './der.ts';
import type { NameConstraints } from './extensions.ts';
import { formatGeneralName, type GeneralName } from './general-name.ts';
import { attributeText, decodeName, rdnKey } from './name.ts';

/** A name of a certificate that an authority above it may not certify. */
export interface ConstraintViolation {
  readonly name: string;
  /** Which subtree excludes it, or `outside …` with the permitted ones of its kind. */
  readonly rule: string;
}

/**
 * The first name in `certificate` that `constraints` do not allow (RFC 5280 §4.2.1.10, §6.1.4): its subject, its
 * subjectAltNames, and e-mail addresses in the subject, always and not only where there are no alternative names. A constraint or name of a
 * form that cannot be compared refuses.
 */
export function violatedConstraint(
  certificate: Certificate,
  constraints: NameConstraints,
): ConstraintViolation | undefined {
  for (const name of constrainedNames(certificate)) {
    const excluding = constraints.excluded.find(
      base => sameForm(base, name) && within(name, base) !== 'outside',
    );
    if (excluding !== undefined) {
      return { name: formatGeneralName(name), rule: `excluded by ${formatGeneralName(excluding)}` };
    }
    const permitted = constraints.permitted.filter(base => sameForm(base, name));
    if (permitted.length > 0 && !permitted.some(base => within(name, base) === 'inside')) {
      return {
        name: formatGeneralName(name),
        rule: `outside ${permitted.map(formatGeneralName).join(', ')}`,
      };
    }
  }
  return undefined;
}

const EMAIL = '1.2.840.113549.1.9.1';

function constrainedNames(certificate: Certificate): readonly GeneralName[] {
  const names = [...certificate.subjectAltNames];
  const rdns = decodeName(certificate.subject.der);
  if (rdns.length > 0)
    names.push({ kind: 'dn', name: certificate.subject.der, der: certificate.subject.der });
  for (const attribute of rdns.flat()) {
    if (attribute.oid !== EMAIL) continue;
    const text = attributeText(attribute) ?? '';
    names.push({ kind: 'email', text, der: encodeDer(Tag.IA5String, attribute.value) });
  }
  return names;
}

function sameForm(base: GeneralName, name: GeneralName): boolean {
  if (base.kind === 'other' && name.kind === 'other') return base.tag === name.tag;
  return base.kind === name.kind;
}

type Relation = 'inside' | 'outside' | 'unclear';

/** Whether `name` lies in the subtree of `base`, a name of the same form. */
function within(name: GeneralName, base: GeneralName): Relation {
  if (name.kind === 'dns' && base.kind === 'dns') return relation(hostWithin(name.text, base.text, true));
  if (name.kind === 'email' && base.kind === 'email') return emailWithin(name.text, base.text);
  if (name.kind === 'uri' && base.kind === 'uri') return uriWithin(name.text, base.text);
  if (name.kind === 'ip' && base.kind === 'ip') return relation(addressWithin(name.octets, base.octets));
  if (name.kind === 'dn' && base.kind === 'dn') return relation(nameWithin(name.name, base.name));
  return 'unclear';
}

function relation(inside: boolean): Relation {
  return inside ? 'inside' : 'outside';
}

/**
 * Host names: with `subdomains` the base stands for itself and all below it, as for dNSName; without, as in URIs
 * and mail, for itself alone. A base with a leading dot stands for all that is below it, and not for itself.
 */
function hostWithin(host: string, base: string, subdomains: boolean): boolean {
  const [name, root] = [host.toLowerCase().replace(/\.$/, ''), base.toLowerCase().replace(/\.$/, '')];
  if (root === '') return true;
  if (root.startsWith('.')) return name.endsWith(root) && name.length > root.length;
  return name === root || (subdomains && name.endsWith(`.${root}`));
}

/** A base with `@` is one mailbox, of which only the host is without case. */
function emailWithin(email: string, base: string): Relation {
  const at = email.lastIndexOf('@');
  if (at < 1 || at === email.length - 1) return 'unclear';
  const [user, host] = [email.slice(0, at), email.slice(at + 1)];
  const baseAt = base.lastIndexOf('@');
  if (baseAt < 0) return relation(hostWithin(host, base, false));
  return relation(
    user === base.slice(0, baseAt) && host.toLowerCase() === base.slice(baseAt + 1).toLowerCase(),
  );
}

/** Only the host counts; a URI without a host name cannot be judged and is refused (RFC 5280 §4.2.1.10). */
function uriWithin(uri: string, base: string): Relation {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(uri)?.[1] ?? '';
  const host = authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, '');
  if (host === '' || host.includes('[') || /^[\d.]+$/.test(host)) return 'unclear';
  return relation(hostWithin(host, base, false));
}

function addressWithin(address: Uint8Array, base: Uint8Array): boolean {
  return (
    base.length === 2 * address.length &&
    address.every((octet, i) => ((octet ^ (base[i] as number)) & (base[address.length + i] as number)) === 0)
  );
}

function nameWithin(name: Uint8Array, base: Uint8Array): boolean {
  const [rdns, root] = [decodeName(name), decodeName(base)];
  return (
    root.length <= rdns.length &&
    root.every((rdn, i) => rdnKey(rdn) === rdnKey(rdns[i] as (typeof rdns)[number]))
  );
}
