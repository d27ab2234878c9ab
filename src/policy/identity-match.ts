import { V1IdType } from '../iana/ikev1.ts';
import { IdType } from '../iana/ikev2.ts';
import { compare, equal } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { fromUtf8 } from '../lib/text.ts';
import { decodeName, formatName, type Rdn, rdnKey } from '../pki/name.ts';
import {
  addressRange,
  formatIdentity,
  type Identity,
  type IdentityPattern,
  parseIdentity,
  sameIdentity,
} from './identity.ts';
import { RegularExpression } from './regular-expression.ts';

/** How well an identity fits: 0 not at all, 1 where anything would, 20 exactly, and between them fewer wildcards fit better. */
export type MatchQuality = number;

export const NO_MATCH: MatchQuality = 0;
export const ANY_MATCH: MatchQuality = 1;
const EXACT_MATCH: MatchQuality = 20;

/** The worst that something more telling than `%any` gets: regular expressions, subnets, many wildcards. */
const LOOSE_MATCH: MatchQuality = 2;

/**
 * What a `remote.id` of swanctl.conf asks: `%any`, an identity, an identity with `*` in it (`*.example.org`,
 * `C=CH, CN=*`), or a regular expression `^…$` on the text, with a type's prefix or without. Throws Malformed.
 */
export function parseIdentityPattern(text: string): IdentityPattern {
  const trimmed = text.trim();
  const pattern: IdentityPattern = { kind: 'pattern', text: trimmed };
  if (asExpression(trimmed) !== undefined) {
    compiled(pattern);
    return pattern;
  }
  const identity = parseIdentity(trimmed);
  if (identity.type === 0) return { kind: 'any' };
  return hasWildcard(identity) ? pattern : { kind: 'exact', identity };
}

/** How well `identity` fits `pattern`. A malformed identity fits `%any` alone. */
export function matchesIdentity(pattern: IdentityPattern, identity: Identity): MatchQuality {
  switch (pattern.kind) {
    case 'any':
      return ANY_MATCH;
    case 'exact':
      return matchIdentities(pattern.identity, identity);
    case 'pattern':
      return compiled(pattern)(identity);
  }
}

/** The identity that `pattern` names where it is that one octet by octet, so that the SAs of one peer share it and its text. */
export function asConfigured(pattern: IdentityPattern, identity: Identity): Identity {
  if (pattern.kind !== 'exact') return identity;
  const { type, data } = pattern.identity;
  return type === identity.type && equal(data, identity.data) ? pattern.identity : identity;
}

/** As `matchesIdentity`, where what is asked is itself an identity: `%any`, a subnet, one with `*` in it, or exact. */
export function matchIdentities(wanted: Identity, identity: Identity): MatchQuality {
  if (wanted.type === 0) return ANY_MATCH;
  if (sameIdentity(wanted, identity)) return EXACT_MATCH;
  const range = addressRange(wanted);
  if (range !== undefined) return inRange(range, identity) ? LOOSE_MATCH : NO_MATCH;
  return wanted.type === identity.type && hasWildcard(wanted) ? matchWildcards(wanted, identity) : NO_MATCH;
}

/** The pattern as it would be written in a configuration. */
export function formatIdentityPattern(pattern: IdentityPattern): string {
  if (pattern.kind === 'any') return '%any';
  return pattern.kind === 'exact' ? formatIdentity(pattern.identity) : pattern.text;
}

type Matcher = (identity: Identity) => MatchQuality;

const matchers = new WeakMap<IdentityPattern, Matcher>();

function compiled(pattern: IdentityPattern & { readonly kind: 'pattern' }): Matcher {
  let matcher = matchers.get(pattern);
  if (matcher === undefined) {
    matcher = compile(pattern.text);
    matchers.set(pattern, matcher);
  }
  return matcher;
}

function compile(text: string): Matcher {
  const expression = asExpression(text);
  if (expression === undefined) {
    const wanted = parseIdentity(text);
    return identity => matchIdentities(wanted, identity);
  }
  const { type, source } = expression;
  const regular = new RegularExpression(source);
  return identity =>
    (type === undefined || type === identity.type) && regular.matches(expressionText(identity))
      ? LOOSE_MATCH
      : NO_MATCH;
}

/** `^…$`, or the same after the prefix of a type. */
function asExpression(text: string): { readonly type?: number; readonly source: string } | undefined {
  const match = /^(?:([a-z0-9]+|\{\d{1,3}\}):)?(\^.*\$)$/is.exec(text);
  if (match === null) return undefined;
  const source = match[2] as string;
  if (match[1] === undefined) return { source };
  const type =
    TYPES_WITH_TEXT[match[1].toLowerCase()] ?? Number(/^\{(\d+)\}$/.exec(match[1])?.[1] ?? Number.NaN);
  if (Number.isNaN(type))
    throw new Malformed(`identity "${text}": "${match[1]}" is no type of identities`, 0);
  return { type, source };
}

const TYPES_WITH_TEXT: Readonly<Record<string, number>> = {
  ipv4: IdType.ID_IPV4_ADDR,
  ipv6: IdType.ID_IPV6_ADDR,
  rfc822: IdType.ID_RFC822_ADDR,
  email: IdType.ID_RFC822_ADDR,
  userfqdn: V1IdType.ID_USER_FQDN,
  fqdn: IdType.ID_FQDN,
  dns: IdType.ID_FQDN,
  asn1dn: IdType.ID_DER_ASN1_DN,
  keyid: IdType.ID_KEY_ID,
};

/** What a regular expression sees: the text without any prefix. */
function expressionText(identity: Identity): string {
  switch (identity.type) {
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
    case IdType.ID_KEY_ID:
      return fromUtf8(identity.data);
    case IdType.ID_DER_ASN1_DN:
      try {
        return formatName(identity.data);
      } catch {
        return '';
      }
    default:
      return formatIdentity(identity);
  }
}

const STAR = 0x2a;

function hasWildcard(identity: Identity): boolean {
  switch (identity.type) {
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
    case IdType.ID_KEY_ID:
      return identity.data.includes(STAR);
    case IdType.ID_DER_ASN1_DN:
      return identity.data.includes(STAR) && decodeName(identity.data).some(isWildcard);
    default:
      return false;
  }
}

function matchWildcards(wanted: Identity, identity: Identity): MatchQuality {
  if (wanted.type === IdType.ID_DER_ASN1_DN) return matchNames(wanted.data, identity.data);
  const stars = wanted.data.reduce((count, octet) => (octet === STAR ? count + 1 : count), 0);
  const binary = wanted.type === IdType.ID_KEY_ID;
  return matchStars(wanted.data, identity.data, binary) ? graded(stars) : NO_MATCH;
}

/** RDN by RDN, in order; an RDN whose value is `*` fits any value of its attribute type. */
function matchNames(wanted: Uint8Array, name: Uint8Array): MatchQuality {
  let theirs: readonly Rdn[];
  try {
    theirs = decodeName(name);
  } catch {
    return NO_MATCH;
  }
  const ours = decodeName(wanted);
  if (ours.length !== theirs.length) return NO_MATCH;
  let wildcards = 0;
  for (const [i, rdn] of ours.entries()) {
    const their = theirs[i] as Rdn;
    if (isWildcard(rdn)) {
      if (their.length !== 1 || their[0]?.oid !== rdn[0]?.oid) return NO_MATCH;
      wildcards++;
    } else if (rdnKey(rdn) !== rdnKey(their)) return NO_MATCH;
  }
  return graded(wildcards);
}

function isWildcard(rdn: Rdn): boolean {
  const value = rdn.length === 1 ? rdn[0]?.value : undefined;
  return value?.length === 1 && value[0] === STAR;
}

function graded(wildcards: number): MatchQuality {
  return Math.max(EXACT_MATCH - wildcards, LOOSE_MATCH);
}

/** `*` fits any octets, also none. Each star takes as little as it can and is only ever stretched: time is the product of the lengths at worst. */
function matchStars(pattern: Uint8Array, text: Uint8Array, binary: boolean): boolean {
  const fold = (octet: number | undefined): number | undefined =>
    !binary && octet !== undefined && octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
  let p = 0;
  let star = -1;
  let resume = 0;
  for (let t = 0; t < text.length; ) {
    if (pattern[p] === STAR) {
      star = p++;
      resume = t;
    } else if (p < pattern.length && fold(pattern[p]) === fold(text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (pattern[p] === STAR) p++;
  return p === pattern.length;
}

function inRange([first, last]: readonly [Uint8Array, Uint8Array], identity: Identity): boolean {
  const { type, data } = identity;
  if (type !== IdType.ID_IPV4_ADDR && type !== IdType.ID_IPV6_ADDR) return false;
  return data.length === first.length && compare(first, data) <= 0 && compare(data, last) <= 0;
}
