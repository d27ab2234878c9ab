import { compare, EMPTY, fromHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { fromUtf8, utf8 } from '../lib/text.ts';
import { ATTRIBUTES } from './attributes.ts';
import { DerReader, encodeDer, encodeOid, Tag } from './der.ts';
import { decodeName } from './name.ts';

/**
 * A distinguished name from its text: `C=CH, O=Lab, CN=moon` or `/C=CH/O=Lab/CN=moon`, attributes by keyword or
 * dotted OID, escapes and `#hex` values as in RFC 4514, `+` between the attributes of one part, double quotes
 * around a value. The order of the text is the order of the encoding. Throws Malformed.
 */
export function encodeName(text: string): Uint8Array {
  const slashes = text.trimStart().startsWith('/');
  const scanner = new Scanner(slashes ? text.trimStart().slice(1) : text, slashes ? '/' : ',');
  const rdns: Uint8Array[] = [];
  if (text.trim() !== '') {
    do rdns.push(encodeRdn(scanner));
    while (scanner.next());
  }
  const der = encodeDer(Tag.SEQUENCE, ...rdns);
  decodeName(der);
  return der;
}

function encodeRdn(scanner: Scanner): Uint8Array {
  const attributes = [encodeAttribute(scanner)];
  while (scanner.plus()) attributes.push(encodeAttribute(scanner));
  // DER orders the elements of a SET OF by their octets (X.690 §11.6).
  if (attributes.length > 1) attributes.sort(compare);
  return encodeDer(Tag.SET, ...attributes);
}

function encodeAttribute(scanner: Scanner): Uint8Array {
  const name = scanner.type();
  const wanted = name.toLowerCase();
  const row = ATTRIBUTES.find(
    ({ names, oid }) => oid === name || names.some(n => n.toLowerCase() === wanted),
  );
  const oid = encodeOid(row?.oid ?? name);
  if (oid === undefined) throw new Malformed(`name: "${name}" is no attribute type`, scanner.at);
  const value = scanner.value();
  return encodeDer(Tag.SEQUENCE, encodeDer(Tag.OID, oid), value.raw ?? encodeText(value.octets, row?.tag));
}

const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;

function encodeText(octets: Uint8Array, tag?: number): Uint8Array {
  const ascii = octets.every(octet => octet < 0x80);
  const printable = ascii && PRINTABLE.test(fromUtf8(octets));
  if (tag === Tag.IA5String && ascii) return encodeDer(tag, octets);
  return encodeDer(printable ? Tag.PrintableString : Tag.UTF8String, octets);
}

class Scanner {
  readonly #text: string;
  readonly #separator: string;
  at = 0;

  constructor(text: string, separator: string) {
    this.#text = text;
    this.#separator = separator;
  }

  /** Moves past a separator; false at the end. */
  next(): boolean {
    if (this.at >= this.#text.length) return false;
    this.at++;
    return true;
  }

  /** Moves past a `+` that begins a further attribute of the same part. */
  plus(): boolean {
    if (!this.#isPlus()) return false;
    this.at++;
    return true;
  }

  type(): string {
    const equals = this.#text.indexOf('=', this.at);
    const name = this.#text.slice(this.at, equals < 0 ? undefined : equals).trim();
    if (equals < 0 || !/^[A-Za-z0-9.]+$/.test(name)) {
      throw new Malformed(
        `name: no attribute type before "${this.#text.slice(this.at, this.at + 32)}"`,
        this.at,
      );
    }
    this.at = equals + 1;
    return name;
  }

  /** Up to the next separator: a whole encoding written `#hex`, or the octets of a text in UTF-8. */
  value(): { readonly raw?: Uint8Array; readonly octets: Uint8Array } {
    while (this.#text[this.at] === ' ') this.at++;
    if (this.#text[this.at] === '#') return this.#hex();
    if (this.#text[this.at] === '"') return { octets: utf8(this.#quoted()) };
    const octets: number[] = [];
    let kept = 0;
    while (this.at < this.#text.length && this.#text[this.at] !== this.#separator && !this.#isPlus()) {
      const escaped = this.#text[this.at] === '\\';
      const piece = escaped ? this.#escape() : utf8(this.#take());
      octets.push(...piece);
      // Spaces at the end count only when they are escaped.
      if (escaped || piece.length > 1 || piece[0] !== 0x20) kept = octets.length;
    }
    return { octets: Uint8Array.from(octets.slice(0, kept)) };
  }

  /** One character, surrogate pairs whole. */
  #take(): string {
    const character = String.fromCodePoint(this.#text.codePointAt(this.at) ?? 0);
    this.at += character.length;
    return character;
  }

  #escape(): Uint8Array {
    this.at++;
    const octet = fromHex(this.#text.slice(this.at, this.at + 2));
    if (octet?.length === 1) {
      this.at += 2;
      return octet;
    }
    if (this.at >= this.#text.length) throw new Malformed('name: nothing after a backslash', this.at);
    return utf8(this.#take());
  }

  #quoted(): string {
    const end = this.#text.indexOf('"', this.at + 1);
    if (end < 0) throw new Malformed('name: a quotation mark without its partner', this.at);
    const text = this.#text.slice(this.at + 1, end);
    this.at = end + 1;
    this.#blanks();
    return text;
  }

  #hex(): { readonly raw: Uint8Array; readonly octets: Uint8Array } {
    const digits = /^[0-9a-fA-F]*/.exec(this.#text.slice(this.at + 1))?.[0] ?? '';
    const raw = fromHex(digits);
    if (raw === undefined) throw new Malformed('name: an odd number of hex digits', this.at);
    const reader = new DerReader(raw);
    reader.element('name: attribute value');
    reader.end('name: attribute value');
    this.at += 1 + digits.length;
    this.#blanks();
    return { raw, octets: EMPTY };
  }

  #blanks(): void {
    while (this.#text[this.at] === ' ') this.at++;
    const next = this.#text[this.at];
    if (next !== undefined && next !== this.#separator && !this.#isPlus()) {
      throw new Malformed(`name: "${this.#text.slice(this.at, this.at + 32)}" after a value`, this.at);
    }
  }

  /** `+` stands in values as well (`CN=a+b`): it separates only where an attribute type follows. */
  #isPlus(): boolean {
    return (
      this.#text[this.at] === '+' &&
      /^\+ *[A-Za-z0-9.]{1,64} *=/.test(this.#text.slice(this.at, this.at + 80))
    );
  }
}
