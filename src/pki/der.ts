import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import { decodeTime, isTime } from './calendar.ts';

/** Identifier octets of the universal types that X.509 uses. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  ENUMERATED: 0x0a,
  UTF8String: 0x0c,
  NumericString: 0x12,
  PrintableString: 0x13,
  TeletexString: 0x14,
  IA5String: 0x16,
  UTCTime: 0x17,
  GeneralizedTime: 0x18,
  VisibleString: 0x1a,
  UniversalString: 0x1c,
  BMPString: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** The identifier octet of context-specific tag `number`, constructed or primitive. */
export function context(number: number, constructed = true): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/**
 * Strict DER (X.690 §10): definite and shortest lengths, low tag numbers only. It descends only where a caller
 * says `enter`, so its work and depth are bounded by the caller's own code. Everything it hands out is a view.
 */
export class DerReader {
  /** All that it was made over: offsets count from the first of them. */
  readonly bytes: Uint8Array;
  #end: number;
  #at: number;
  /** Where the content of the element under the cursor begins and ends, once `#header` looked. */
  #from = 0;
  #to = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  get offset(): number {
    return this.#at;
  }

  /** Octets that were not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** The identifier octet of the next element; −1 at the end. */
  get tag(): number {
    return this.#at < this.#end ? (this.bytes[this.#at] as number) : -1;
  }

  /** The next element whole, header and content, whatever its tag. */
  element(what: string): Uint8Array {
    const start = this.#at;
    this.#header(what);
    this.#at = this.#to;
    return this.bytes.subarray(start, this.#to);
  }

  /** The content of the next element, which must have `tag`. */
  content(tag: number, what: string): Uint8Array {
    this.pass(tag, what);
    return this.bytes.subarray(this.#from, this.#to);
  }

  /** Passes over the next element, which must have `tag`: `from` and `to` tell then where its content stands. */
  pass(tag: number, what: string): void {
    this.#expect(tag, what);
    this.#at = this.#to;
  }

  /** Where the content of the element that was read last begins. */
  get from(): number {
    return this.#from;
  }

  /** Where the content of the element that was read last ends. */
  get to(): number {
    return this.#to;
  }

  /**
   * Goes on inside the next element, which must have `tag`: as `enter`, for lists so long that a reader for each of their
   * elements is too much. Returns what `leave` is to be given.
   */
  descend(tag: number, what: string): number {
    this.#expect(tag, what);
    const end = this.#end;
    this.#at = this.#from;
    this.#end = this.#to;
    return end;
  }

  /** Goes on behind the element that was descended into. Fails unless everything in it was read. */
  leave(end: number, what: string): void {
    this.end(what);
    this.#end = end;
  }

  /** A reader over the content of the next element, which must have `tag`. */
  enter(tag: number, what: string): DerReader {
    this.#expect(tag, what);
    this.#at = this.#to;
    return new DerReader(this.bytes, this.#from, this.#to);
  }

  /** As `enter`, when the next element has `tag`; otherwise undefined and nothing is read. */
  enterIf(tag: number, what: string): DerReader | undefined {
    return this.tag === tag ? this.enter(tag, what) : undefined;
  }

  /** As `content`, when the next element has `tag`; otherwise undefined and nothing is read. */
  contentIf(tag: number, what: string): Uint8Array | undefined {
    return this.tag === tag ? this.content(tag, what) : undefined;
  }

  /** An object identifier in dotted decimals. */
  oid(what: string): string {
    return oidAt(this.bytes, this.passOid(what));
  }

  /** Passes over an object identifier. Returns where it stands, for `oidAt` and `isSameOid`. */
  passOid(what: string): number {
    const at = this.#at;
    this.pass(Tag.OID, what);
    checkOid(this.bytes, this.#from, this.#to, what);
    return at;
  }

  /** The content octets of an INTEGER in its shortest form. */
  integer(what: string, tag: number = Tag.INTEGER): Uint8Array {
    this.passInteger(what, tag);
    return this.bytes.subarray(this.#from, this.#to);
  }

  /** As `pass`, over an INTEGER in its shortest form. */
  passInteger(what: string, tag: number = Tag.INTEGER): void {
    const at = this.#at;
    this.pass(tag, what);
    const length = this.#to - this.#from;
    if (length === 0) throw new Malformed(`${what}: an integer of no octets`, at);
    if (length === 1) return;
    const first = this.bytes[this.#from] as number;
    const second = this.bytes[this.#from + 1] as number;
    if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) {
      throw new Malformed(`${what}: an integer longer than it needs to be`, at);
    }
  }

  /** A non-negative INTEGER below 2^31. */
  small(what: string, tag: number = Tag.INTEGER): number {
    const at = this.#at;
    this.passInteger(what, tag);
    if (this.#to - this.#from > 4 || (this.bytes[this.#from] as number) >= 0x80) {
      throw new Malformed(`${what}: out of range`, at);
    }
    let value = 0;
    for (let i = this.#from; i < this.#to; i++) value = value * 256 + (this.bytes[i] as number);
    return value;
  }

  boolean(what: string, tag: number = Tag.BOOLEAN): boolean {
    const at = this.#at;
    this.pass(tag, what);
    const octet = this.bytes[this.#from];
    if (this.#to - this.#from !== 1 || (octet !== 0 && octet !== 0xff)) {
      throw new Malformed(`${what}: no boolean of DER`, at);
    }
    return octet === 0xff;
  }

  /** The octets of a BIT STRING and how many bits at its end are unused. */
  bits(what: string, tag: number = Tag.BIT_STRING): { readonly octets: Uint8Array; readonly unused: number } {
    const at = this.#at;
    const content = this.content(tag, what);
    const unused = content[0];
    const last = content[content.length - 1] as number;
    if (
      unused === undefined ||
      unused > 7 ||
      (unused > 0 && (content.length === 1 || (last & ((1 << unused) - 1)) !== 0))
    ) {
      throw new Malformed(`${what}: no bit string of DER`, at);
    }
    return { octets: content.subarray(1), unused };
  }

  /** A BIT STRING of whole octets. */
  bitOctets(what: string): Uint8Array {
    const at = this.#at;
    const { octets, unused } = this.bits(what);
    if (unused !== 0) throw new Malformed(`${what}: a bit string of no whole octets`, at);
    return octets;
  }

  /** UTCTime or GeneralizedTime in the forms that RFC 5280 §4.1.2.5 allows: with seconds, without fraction, in Zulu. */
  time(what: string): Instant {
    const general = this.tag === Tag.GeneralizedTime;
    this.passTime(what);
    return decodeTime(this.bytes, general, this.#from);
  }

  /** As `pass`, over a time in one of these forms. */
  passTime(what: string): void {
    const at = this.#at;
    const general = this.tag === Tag.GeneralizedTime;
    this.pass(general ? Tag.GeneralizedTime : Tag.UTCTime, what);
    if (!isTime(this.bytes, general, this.#from, this.#to))
      throw new Malformed(`${what}: no time in the form of RFC 5280`, at);
  }

  /** Fails unless everything was read. */
  end(what: string): void {
    if (!this.done) throw new Malformed(`${what}: ${this.#end - this.#at} octets too many`, this.#at);
  }

  #expect(tag: number, what: string): void {
    this.#header(what);
    const found = this.bytes[this.#at] as number;
    if (found !== tag) {
      throw new Malformed(
        `${what}: tag 0x${tag.toString(16)} wanted, 0x${found.toString(16)} found`,
        this.#at,
      );
    }
  }

  #header(what: string): void {
    const at = this.#at;
    const left = this.#end - at;
    if (left < 2) throw new Malformed(`${what}: the data ends`, at);
    if (((this.bytes[at] as number) & 0x1f) === 0x1f) throw new Malformed(`${what}: a tag above 30`, at);
    let length = this.bytes[at + 1] as number;
    let from = at + 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > 4) throw new Malformed(`${what}: a length of no definite form`, at);
      if (octets > left - 2) throw new Malformed(`${what}: the data ends`, at);
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + (this.bytes[from++] as number);
      if (length < 0x80 || length < 256 ** (octets - 1)) {
        throw new Malformed(`${what}: a length longer than it needs to be`, at);
      }
    }
    if (length > this.#end - from) {
      throw new Malformed(`${what}: ${length} octets wanted, ${this.#end - from} left`, at);
    }
    this.#from = from;
    this.#to = from + length;
  }
}

/** A reader over the one element of `tag` that `bytes` must consist of. Throws Malformed. */
export function readDer(bytes: Uint8Array, tag: number, what: string): DerReader {
  const outer = new DerReader(bytes);
  const inner = outer.enter(tag, what);
  outer.end(what);
  return inner;
}

/** One element: identifier octet, shortest length, and `parts` as its content. */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const header = [tag];
  if (length < 0x80) header.push(length);
  else {
    const octets: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
    header.push(0x80 | octets.length, ...octets);
  }
  const whole = new Uint8Array(header.length + length);
  whole.set(header);
  let at = header.length;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The content octets of the object identifier `dotted`; undefined when it is none. */
export function encodeOid(dotted: string): Uint8Array | undefined {
  if (!/^[0-2](\.(0|[1-9]\d{0,8})){1,30}$/.test(dotted)) return undefined;
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  if (first < 2 && second > 39) return undefined;
  const octets: number[] = [];
  for (const arc of [40 * first + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift(0x80 | (left % 128));
    octets.push(...digits);
  }
  return Uint8Array.from(octets);
}

/** The object identifier that stands at `at`, which `passOid` has passed over, in dotted decimals. */
export function oidAt(bytes: Uint8Array, at: number): string {
  let text = '';
  let arc = 0;
  const end = oidEnd(bytes, at);
  for (let i = at + 2; i < end; i++) {
    const octet = bytes[i] as number;
    arc = arc * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    if (text !== '') text += `.${arc}`;
    else text = arc < 80 ? `${arc < 40 ? 0 : 1}.${arc % 40}` : `2.${arc - 80}`;
    arc = 0;
  }
  return text;
}

/** Whether the same object identifier stands at `a` and at `b`, both of which `passOid` has passed over. */
export function isSameOid(bytes: Uint8Array, a: number, b: number): boolean {
  const end = oidEnd(bytes, a);
  for (let i = a + 1, j = b + 1; i < end; i++, j++) if (bytes[i] !== bytes[j]) return false;
  return true;
}

/** Their length fits into one octet. */
function oidEnd(bytes: Uint8Array, at: number): number {
  return at + 2 + (bytes[at + 1] as number);
}

const MAX_OID = 64;

function checkOid(bytes: Uint8Array, from: number, to: number, what: string): void {
  if (to === from || to - from > MAX_OID || (bytes[to - 1] as number) >= 0x80) {
    throw new Malformed(`${what}: no object identifier`, from);
  }
  let arc = 0;
  let fresh = true;
  for (let i = from; i < to; i++) {
    const octet = bytes[i] as number;
    if (fresh && octet === 0x80)
      throw new Malformed(`${what}: an identifier's arc longer than it needs to be`, from);
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128)
      throw new Malformed(`${what}: an identifier's arc out of range`, from);
    fresh = octet < 0x80;
    if (fresh) arc = 0;
  }
}
