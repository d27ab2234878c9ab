import { toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { fromUtf8 } from '../lib/text.ts';
import { ATTRIBUTES } from './attributes.ts';
import { type DerReader, encodeDer, readDer, Tag } from './der.ts';

/** One attribute of a distinguished name as it was encoded. */
export interface NameAttribute {
  readonly oid: string;
  /** Identifier octet of the value. */
  readonly tag: number;
  /** Content octets of the value. */
  readonly value: Uint8Array;
}

/** A relative distinguished name: nearly always a single attribute. */
export type Rdn = readonly NameAttribute[];

/** Longest encoding of a name that is looked at: names come from strangers before they are authenticated. */
const MAX_NAME = 8192;
const MAX_RDNS = 64;
const MAX_ATTRIBUTES = 16;

/** The RDNs of a Name in DER (RFC 5280 §4.1.2.4). Throws Malformed. */
export function decodeName(der: Uint8Array): readonly Rdn[] {
  if (der.length > MAX_NAME)
    throw new Malformed(`name: ${der.length} octets, at most ${MAX_NAME} are read`, 0);
  const sequence = readDer(der, Tag.SEQUENCE, 'name');
  const rdns: Rdn[] = [];
  while (!sequence.done) {
    if (rdns.length === MAX_RDNS) throw new Malformed(`name: more than ${MAX_RDNS} parts`, sequence.offset);
    rdns.push(decodeRdn(sequence.enter(Tag.SET, 'name: RDN')));
  }
  return rdns;
}

/** `C=CH, O=Lab, CN=moon`, in the order of the encoding; what could mislead is escaped as in RFC 4514. Throws Malformed. */
export function formatName(der: Uint8Array): string {
  return decodeName(der).map(formatRdn).join(', ');
}

/** One RDN as `formatName` prints it. */
function formatRdn(rdn: Rdn): string {
  return rdn.map(attribute => `${keyword(attribute.oid)}=${formatValue(attribute)}`).join('+');
}

/**
 * Equal for names that RFC 5280 §7.1 calls equal and for no others: string types, case and runs of spaces do not
 * count. Usable as a key of a map. Throws Malformed.
 */
export function nameKey(der: Uint8Array): string {
  return decodeName(der).map(rdnKey).join('');
}

/** Whether both are the same name (RFC 5280 §7.1). A name that is malformed equals nothing. */
export function sameName(a: Uint8Array, b: Uint8Array): boolean {
  try {
    return nameKey(a) === nameKey(b);
  } catch {
    return false;
  }
}

/** Of one RDN what `nameKey` is of a whole name. A name lies in the subtree of another when its first RDNs have equal keys. */
export function rdnKey(rdn: Rdn): string {
  const parts = rdn.map(attribute => {
    const value = valueKey(attribute);
    return `${attribute.oid}=${value.length}:${value}`;
  });
  return `{${(parts.length > 1 ? parts.sort() : parts).join('+')}}`;
}

/** The value as text, or undefined where its type or its octets are none. */
export function attributeText({ tag, value }: NameAttribute): string | undefined {
  switch (tag) {
    case Tag.UTF8String: {
      const text = fromUtf8(value);
      return text.includes('\uFFFD') ? undefined : text;
    }
    case Tag.PrintableString:
    case Tag.NumericString:
    case Tag.IA5String:
    case Tag.VisibleString:
      return value.every(octet => octet < 0x80) ? fromLatin1(value) : undefined;
    case Tag.TeletexString:
      return fromLatin1(value);
    case Tag.BMPString:
      return fromBmp(value);
    case Tag.UniversalString:
      return fromUcs4(value);
    default:
      return undefined;
  }
}

function decodeRdn(set: DerReader): Rdn {
  const rdn: NameAttribute[] = [];
  do {
    if (rdn.length === MAX_ATTRIBUTES)
      throw new Malformed('name: too many attributes in one part', set.offset);
    const pair = set.enter(Tag.SEQUENCE, 'name: attribute');
    const oid = pair.oid('name: attribute type');
    const tag = pair.tag;
    rdn.push({ oid, tag, value: pair.content(tag, 'name: attribute value') });
    pair.end('name: attribute');
  } while (!set.done);
  return rdn;
}

function valueKey(attribute: NameAttribute): string {
  const text = attributeText(attribute);
  // Other types, and octets that are no text of their type, are compared as they are: no two of them become equal by repair.
  if (text === undefined) return `#${attribute.tag}:${toHex(attribute.value)}`;
  return `~${PLAIN.test(text) ? text.toLowerCase() : prepare(text)}`;
}

const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/** What RFC 4518 asks of case-insensitive text, with the language's own tables. */
function prepare(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}

function keyword(oid: string): string {
  return ATTRIBUTES.find(row => row.oid === oid)?.names[0] ?? oid;
}

const UNSAFE = /[\p{C}\u2028\u2029]/u;

function formatValue(attribute: NameAttribute): string {
  const text = attributeText(attribute);
  if (text === undefined) return `#${toHex(encodeDer(attribute.tag, attribute.value))}`;
  let out = '';
  const characters = [...text];
  for (const [i, character] of characters.entries()) {
    const edge = i === 0 || i === characters.length - 1;
    if (',+"\\'.includes(character) || (character === ' ' && edge) || (character === '#' && i === 0)) {
      out += `\\${character}`;
    } else out += UNSAFE.test(character) ? escapeOctets(character) : character;
  }
  return out;
}

function escapeOctets(character: string): string {
  return encodeURIComponent(character).replace(/%/g, '\\');
}

function fromLatin1(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

function fromBmp(octets: Uint8Array): string | undefined {
  if (octets.length % 2 !== 0) return undefined;
  let text = '';
  for (let i = 0; i < octets.length; i += 2) {
    const unit = ((octets[i] as number) << 8) | (octets[i + 1] as number);
    if (unit >= 0xd800 && unit < 0xe000) return undefined;
    text += String.fromCharCode(unit);
  }
  return text;
}

function fromUcs4(octets: Uint8Array): string | undefined {
  if (octets.length % 4 !== 0) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let text = '';
  for (let i = 0; i < octets.length; i += 4) {
    const point = view.getUint32(i);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}
