import { toHex } from '../lib/bytes.ts';
import { formatIp } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import { context, DerReader } from './der.ts';
import { decodeName, formatName } from './name.ts';

/** One name of a subjectAltName, a constraint or a distribution point (RFC 5280 §4.2.1.6). */
export type GeneralName = (
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly text: string }
  /** 4 or 16 octets; in a name constraint twice that, address and mask. */
  | { readonly kind: 'ip'; readonly octets: Uint8Array }
  | { readonly kind: 'dn'; readonly name: Uint8Array }
  /** otherName, x400Address, ediPartyName, registeredID: told apart by their tag only. */
  | { readonly kind: 'other'; readonly tag: number }
) & {
  /** The name as it was encoded, header and all. */
  readonly der: Uint8Array;
};

const MAX_NAMES = 256;
const MAX_TEXT = 1024;

/** A SEQUENCE OF GeneralName whose header was already read. `constraint` allows what only name constraints may hold. Throws Malformed. */
export function readGeneralNames(names: DerReader, what: string, constraint = false): readonly GeneralName[] {
  const found: GeneralName[] = [];
  while (!names.done) {
    if (found.length === MAX_NAMES)
      throw new Malformed(`${what}: more than ${MAX_NAMES} names`, names.offset);
    found.push(readGeneralName(names, what, constraint));
  }
  return found;
}

/** The next GeneralName. Throws Malformed. */
export function readGeneralName(reader: DerReader, what: string, constraint = false): GeneralName {
  const at = reader.offset;
  const tag = reader.tag;
  const der = reader.element(what);
  const itself = new DerReader(der);
  switch (tag) {
    case context(1, false):
      return { kind: 'email', text: ascii(itself.content(tag, what), what, at), der };
    case context(2, false):
      return { kind: 'dns', text: ascii(itself.content(tag, what), what, at), der };
    case context(6, false):
      return { kind: 'uri', text: printableUri(itself.content(tag, what), what, at), der };
    case context(7, false): {
      const octets = itself.content(tag, what);
      const length = constraint ? octets.length / 2 : octets.length;
      if (length !== 4 && length !== 16)
        throw new Malformed(`${what}: an address of ${octets.length} octets`, at);
      return { kind: 'ip', octets, der };
    }
    case context(4): {
      const inner = itself.enter(tag, what);
      const name = inner.element(what);
      inner.end(what);
      decodeName(name);
      return { kind: 'dn', name, der };
    }
    case context(0):
    case context(3):
    case context(5):
    case context(8, false):
      return { kind: 'other', tag, der };
    default:
      throw new Malformed(`${what}: tag 0x${tag.toString(16)} is no general name`, at);
  }
}

/** `dns:moon.example.org`, for people to read. */
export function formatGeneralName(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
    case 'email':
    case 'uri':
      return `${name.kind}:${name.text}`;
    case 'ip':
      return `ip:${name.octets.length === 4 || name.octets.length === 16 ? formatIp(name.octets) : formatIpSubtree(name.octets)}`;
    case 'dn':
      return `dn:${formatName(name.name)}`;
    case 'other':
      return `other:#${toHex(name.der.subarray(0, 64))}`;
  }
}

function formatIpSubtree(octets: Uint8Array): string {
  const half = octets.length / 2;
  return `${formatIp(octets.subarray(0, half))}/${formatIp(octets.subarray(half))}`;
}

/** IA5String of printable characters: a NUL or line end in a host name has only ever been an attack. */
function ascii(octets: Uint8Array, what: string, at: number): string {
  const bad = octets.find(octet => octet < 0x20 || octet > 0x7e);
  if (bad !== undefined) throw new Malformed(`${what}: a name with octet 0x${bad.toString(16)} in it`, at);
  return latin1(octets, what, at);
}

/** URIs prove nobody's identity: what has no place in one is escaped (RFC 3986 §2.1), as authorities do not always. */
function printableUri(octets: Uint8Array, what: string, at: number): string {
  return latin1(octets, what, at).replace(
    /[^!-~]/g,
    c => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function latin1(octets: Uint8Array, what: string, at: number): string {
  if (octets.length > MAX_TEXT) throw new Malformed(`${what}: a name of ${octets.length} octets`, at);
  let text = '';
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}
