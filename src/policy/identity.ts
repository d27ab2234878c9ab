import { V1IdType } from '../iana/ikev1.ts';
import { IdType } from '../iana/ikev2.ts';
import { concat, EMPTY, equal, fromHex, toHex } from '../lib/bytes.ts';
import { formatIp, type IpAddress, ipFromBigInt, ipToBigInt, parseIp } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import { fromUtf8, utf8 } from '../lib/text.ts';
import { decodeName, formatName, sameName } from '../pki/name.ts';
import { encodeName } from '../pki/name-text.ts';

/** An identity as IKE carries it: the ID type of IKEv2 (IKEv1 uses the same numbers where both have them) and its octets. */
export interface Identity {
  readonly type: number;
  readonly data: Uint8Array;
}

/** What a configuration asks of a peer's identity. */
export type IdentityPattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact'; readonly identity: Identity }
  /** `*@example.org`, `*.example.org`, DNs with `*` values, and `^…$` regular expressions, on the text form. */
  | { readonly kind: 'pattern'; readonly text: string };

/** `%any`: as an owner of a secret it stands for everybody. Its type is reserved and never goes on the wire. */
export const ANY_IDENTITY: Identity = { type: 0, data: EMPTY };

/** Longest identity taken from a peer, octets. */
const MAX_IDENTITY = 4096;

/**
 * An identity from its text in swanctl.conf: the type is named by a prefix (`fqdn:`, `keyid:#0a0b`, `{11}:text`)
 * or guessed from the form (address, `CN=…`, `@name`, `name@domain`, name). `%any` gives ANY_IDENTITY. Throws
 * Malformed where a prefix is followed by what its type does not allow.
 */
export function parseIdentity(text: string): Identity {
  const trimmed = text.trim();
  const prefix = /^(?:([a-z0-9]+)|\{(\d{1,3})\}):/i.exec(trimmed);
  if (prefix === null) return guess(trimmed);
  const type = prefix[2] === undefined ? PREFIXES[(prefix[1] as string).toLowerCase()] : Number(prefix[2]);
  if (type === undefined || type > 255) return guess(trimmed);
  const rest = trimmed.slice(prefix[0].length).trim();
  const data = rest.startsWith('#') ? fromHex(rest.slice(1).replace(/[\s:]/g, '')) : fromText(type, rest);
  if (data === undefined)
    throw new Malformed(`identity "${trimmed.slice(0, 128)}": ${wanted(type)}`, prefix[0].length);
  return checkIdentity(type, data);
}

/**
 * An identity from the wire, its octets checked against its type: lengths of addresses, the DER of names, no
 * control characters in host and user names. Throws Malformed, so that what is no identity is refused and never compared.
 */
export function checkIdentity(type: number, data: Uint8Array): Identity {
  if (data.length > MAX_IDENTITY) throw new Malformed(`identity: ${data.length} octets`, 0);
  switch (type) {
    case IdType.ID_DER_ASN1_DN:
      decodeName(data);
      break;
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
      if (data.length === 0 || data.some(octet => octet < 0x20 || octet === 0x7f)) {
        throw new Malformed('identity: a name that is empty or has control characters in it', 0);
      }
      break;
    default: {
      const length = LENGTHS[type];
      if (length !== undefined && data.length !== length) {
        throw new Malformed(`identity: ${data.length} octets where the type has ${length}`, 0);
      }
    }
  }
  return { type, data };
}

/** The text of an identity, which `parseIdentity` reads back as the same: with a prefix where the form alone would mislead. */
export function formatIdentity(identity: Identity): string {
  const known = formatted.get(identity);
  if (known !== undefined) return known;
  const text = unmistakable(identity);
  formatted.set(identity, text);
  return text;
}

/** Status and events tell of the same identities again and again. */
const formatted = new WeakMap<Identity, string>();

function unmistakable(identity: Identity): string {
  if (identity.type === 0) return '%any';
  if (identity.type === IdType.ID_FQDN) {
    const name = String.fromCharCode(...identity.data);
    if (HOST_NAME.test(name)) return name;
  }
  const text = plainText(identity);
  const prefix = PRINTED[identity.type] ?? `{${identity.type}}`;
  const forms = text === undefined ? [] : [text, `${prefix}:${text}`];
  return forms.find(form => readsAs(form, identity)) ?? `${prefix}:#${toHex(identity.data)}`;
}

/**
 * The text of `formatIdentity` without what makes it unmistakable: `keyid:group` is `group`, as charon prints it. For
 * people and scripts that know what to expect; it may read back as another. Without an identity `%any`.
 */
export function plainIdentity(text: string | undefined): string {
  return text === undefined ? '%any' : (plainText(parseIdentity(text)) ?? text);
}

/** Whether both are the same identity: names by RFC 5280 §7.1, host and user names without regard to case. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  if (a.type !== b.type) return false;
  if (equal(a.data, b.data)) return true;
  switch (a.type) {
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
      return a.data.length === b.data.length && equal(lowerAscii(a.data), lowerAscii(b.data));
    case IdType.ID_DER_ASN1_DN:
      return sameName(a.data, b.data);
    default:
      return false;
  }
}

/** The identity of an address, for a side that has no other. */
export function addressIdentity(address: IpAddress): Identity {
  return { type: address.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR, data: address };
}

/** First and last address of a subnet or range identity of IKEv1, which configurations also match addresses with. */
export function addressRange(identity: Identity): readonly [IpAddress, IpAddress] | undefined {
  const { type, data } = identity;
  if (data.length !== LENGTHS[type]) return undefined;
  const half = data.length / 2;
  switch (type) {
    case V1IdType.ID_IPV4_ADDR_SUBNET:
    case V1IdType.ID_IPV6_ADDR_SUBNET: {
      const [address, mask] = [data.subarray(0, half), data.subarray(half)];
      return [
        address.map((octet, i) => octet & (mask[i] as number)),
        address.map((octet, i) => octet | (~(mask[i] as number) & 0xff)),
      ];
    }
    case V1IdType.ID_IPV4_ADDR_RANGE:
    case V1IdType.ID_IPV6_ADDR_RANGE:
      return [data.subarray(0, half), data.subarray(half)];
    default:
      return undefined;
  }
}

/** ASCII letters in lower case; other octets as they are. */
function lowerAscii(octets: Uint8Array): Uint8Array {
  return octets.map(octet => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet));
}

const PREFIXES: Readonly<Record<string, number>> = {
  ipv4: IdType.ID_IPV4_ADDR,
  ipv6: IdType.ID_IPV6_ADDR,
  ipv4net: V1IdType.ID_IPV4_ADDR_SUBNET,
  ipv6net: V1IdType.ID_IPV6_ADDR_SUBNET,
  ipv4range: V1IdType.ID_IPV4_ADDR_RANGE,
  ipv6range: V1IdType.ID_IPV6_ADDR_RANGE,
  rfc822: IdType.ID_RFC822_ADDR,
  email: IdType.ID_RFC822_ADDR,
  userfqdn: IdType.ID_RFC822_ADDR,
  fqdn: IdType.ID_FQDN,
  dns: IdType.ID_FQDN,
  asn1dn: IdType.ID_DER_ASN1_DN,
  asn1gn: IdType.ID_DER_ASN1_GN,
  keyid: IdType.ID_KEY_ID,
};

/** The prefix that a type is printed with: the first of its prefixes. */
const PRINTED: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(PREFIXES)
    .reverse()
    .map(([prefix, type]) => [type, prefix]),
);

const LENGTHS: Readonly<Record<number, number>> = {
  [IdType.ID_IPV4_ADDR]: 4,
  [IdType.ID_IPV6_ADDR]: 16,
  [V1IdType.ID_IPV4_ADDR_SUBNET]: 8,
  [V1IdType.ID_IPV6_ADDR_SUBNET]: 32,
  [V1IdType.ID_IPV4_ADDR_RANGE]: 8,
  [V1IdType.ID_IPV6_ADDR_RANGE]: 32,
};

/** A name and nothing else: with a letter before any sign that another form is known by. Most identities are one. */
const HOST_NAME = /^[\d.-]*[a-z_][\w.-]*$/i;

const ANY_FORMS = new Set(['', '%any', '%any6', '*', '0.0.0.0', '::', '0::0']);

/** The rules of charon, in its order, so that a configuration means the same here. */
function guess(text: string): Identity {
  if (HOST_NAME.test(text)) return { type: IdType.ID_FQDN, data: utf8(text) };
  if (ANY_FORMS.has(text)) return ANY_IDENTITY;
  if (text.includes('=')) {
    try {
      return { type: IdType.ID_DER_ASN1_DN, data: encodeName(text) };
    } catch {
      return { type: IdType.ID_KEY_ID, data: utf8(text) };
    }
  }
  if (text.startsWith('@#')) {
    const octets = fromHex(text.slice(2));
    if (octets !== undefined) return { type: IdType.ID_KEY_ID, data: octets };
  }
  if (text.startsWith('@@')) return { type: IdType.ID_RFC822_ADDR, data: utf8(text.slice(2)) };
  if (text.startsWith('@')) return { type: IdType.ID_FQDN, data: utf8(text.slice(1)) };
  if (text.includes('@')) return { type: IdType.ID_RFC822_ADDR, data: utf8(text) };
  const address = parseIp(text);
  if (address !== undefined) return addressIdentity(address);
  const subnet = subnetData(text);
  if (subnet !== undefined) return { type: subnet.length === 8 ? 4 : 6, data: subnet };
  const range = rangeData(text);
  if (range !== undefined) return { type: range.length === 8 ? 7 : 8, data: range };
  return { type: text.includes(':') ? IdType.ID_KEY_ID : IdType.ID_FQDN, data: utf8(text) };
}

function fromText(type: number, text: string): Uint8Array | undefined {
  switch (type) {
    case IdType.ID_IPV4_ADDR:
    case IdType.ID_IPV6_ADDR:
      return parseIp(text);
    case V1IdType.ID_IPV4_ADDR_SUBNET:
    case V1IdType.ID_IPV6_ADDR_SUBNET:
      return subnetData(text);
    case V1IdType.ID_IPV4_ADDR_RANGE:
    case V1IdType.ID_IPV6_ADDR_RANGE:
      return rangeData(text);
    case IdType.ID_DER_ASN1_DN:
      return encodeName(text);
    case IdType.ID_DER_ASN1_GN:
      return undefined;
    default:
      return utf8(text);
  }
}

function readsAs(text: string, identity: Identity): boolean {
  try {
    return sameIdentity(parseIdentity(text), identity);
  } catch {
    return false;
  }
}

function wanted(type: number): string {
  if (LENGTHS[type] !== undefined) return 'this is no address of that kind';
  return type === IdType.ID_DER_ASN1_GN
    ? 'a general name is written as # and hex digits'
    : 'no hex digits after #';
}

function subnetData(text: string): Uint8Array | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = match === null ? undefined : parseIp(match[1] as string);
  if (match === null || address === undefined) return undefined;
  const bits = 8 * address.length;
  const prefix = Number(match[2]);
  if (prefix > bits) return undefined;
  const mask = ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix);
  const length = address.length as 4 | 16;
  return concat(ipFromBigInt(ipToBigInt(address) & mask, length), ipFromBigInt(mask, length));
}

function rangeData(text: string): Uint8Array | undefined {
  if (!text.includes('-')) return undefined;
  const [first, last, ...more] = text.split('-').map(parseIp);
  if (first === undefined || last === undefined || more.length > 0 || first.length !== last.length)
    return undefined;
  return ipToBigInt(first) <= ipToBigInt(last) ? concat(first, last) : undefined;
}

function plainText({ type, data }: Identity): string | undefined {
  switch (type) {
    case IdType.ID_IPV4_ADDR:
    case IdType.ID_IPV6_ADDR:
      return data.length === LENGTHS[type] ? formatIp(data) : undefined;
    case V1IdType.ID_IPV4_ADDR_SUBNET:
    case V1IdType.ID_IPV6_ADDR_SUBNET:
      return formatSubnet(data);
    case V1IdType.ID_IPV4_ADDR_RANGE:
    case V1IdType.ID_IPV6_ADDR_RANGE: {
      const half = data.length / 2;
      return data.length === LENGTHS[type]
        ? `${formatIp(data.subarray(0, half))}-${formatIp(data.subarray(half))}`
        : undefined;
    }
    case IdType.ID_DER_ASN1_DN:
      try {
        return formatName(data);
      } catch {
        return undefined;
      }
    case IdType.ID_DER_ASN1_GN:
      return undefined;
    default: {
      const text = fromUtf8(data);
      return text === '' || /[\p{C}\uFFFD\u2028\u2029]/u.test(text) ? undefined : text;
    }
  }
}

function formatSubnet(data: Uint8Array): string | undefined {
  if (data.length !== 8 && data.length !== 32) return undefined;
  const half = data.length / 2;
  const bits = BigInt(8 * half);
  const hosts = (1n << bits) - 1n - ipToBigInt(data.subarray(half));
  // A mask with holes has no prefix length.
  if ((hosts & (hosts + 1n)) !== 0n) return undefined;
  const prefix = hosts === 0n ? Number(bits) : Number(bits) - hosts.toString(2).length;
  return `${formatIp(data.subarray(0, half))}/${prefix}`;
}
