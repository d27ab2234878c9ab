import type { Instant } from '../lib/time.ts';
import { DerReader, oidAt, Tag } from './der.ts';
import { passExtensions, readExtensions } from './extensions.ts';
import { readReason } from './revocation-reason.ts';

/** That a certificate was revoked, and when. */
export interface Revocation {
  readonly at: Instant;
  /** Of RFC 5280 §5.3.1, in its words; absent when the list gives none. */
  readonly reason?: string;
}

/**
 * The entries of a revocation list (RFC 5280 §5.1.2.6). One pass reads them all, so that a list is either sound or refused; of each
 * it keeps nothing but the place, in a table by serial number. What an entry says is read when it is asked for: lists
 * have hundreds of thousands of entries, of which a host asks for a few.
 */
export class CrlEntries {
  readonly #bytes: Uint8Array;
  /** Where entries stand, those of one bucket together and in their order. */
  readonly #places: Uint32Array;
  /** For each bucket where it begins in `#places`, and behind the last where that ends. */
  readonly #buckets: Uint32Array;
  /** Why the list cannot be used whatever it says: an entry's critical extension that is not known here. */
  readonly unusable: string | undefined;

  /** @param list over the entries; absent where there are none. Throws Malformed. */
  constructor(list = new DerReader(new Uint8Array())) {
    const { places, hashes, critical } = passEntries(list);
    this.#bytes = list.bytes;
    this.unusable =
      critical < 0 ? undefined : `an entry has the critical extension ${oidAt(list.bytes, critical)}`;
    [this.#places, this.#buckets] = intoBuckets(places, hashes);
  }

  /** How many there are; a serial number may have several. */
  get size(): number {
    return this.#places.length;
  }

  /** The last entry for a serial number (content octets). */
  find(serial: Uint8Array): Revocation | undefined {
    const bucket = hashOf(serial, 0, serial.length) & (this.#buckets.length - 2);
    const first = this.#buckets[bucket] as number;
    for (let i = (this.#buckets[bucket + 1] as number) - 1; i >= first; i--) {
      const list = new DerReader(this.#bytes, this.#places[i]);
      list.descend(Tag.SEQUENCE, 'CRL: entry');
      list.passInteger('CRL: serial number');
      if (isSame(list.bytes, list.from, list.to, serial)) return readRest(list);
    }
    return undefined;
  }
}

/** `places`, those of one bucket together and in their order; and where each bucket begins, the last one's end behind. */
function intoBuckets(places: Uint32Array, hashes: Uint32Array): readonly [Uint32Array, Uint32Array] {
  const { length } = places;
  // As many buckets as entries, or up to twice as many: a power of two.
  const buckets = 2 ** Math.ceil(Math.log2(length + 1));
  const mask = buckets - 1;
  const begins = new Uint32Array(buckets + 1);
  const sorted = new Uint32Array(length);
  for (let i = 0; i < length; i++) (begins[(hashes[i] as number) & mask] as number)++;
  let sum = 0;
  for (let i = 0; i <= buckets; i++) begins[i] = sum += begins[i] as number;
  for (let i = length - 1; i >= 0; i--) {
    const place = --(begins[(hashes[i] as number) & mask] as number);
    sorted[place] = places[i] as number;
  }
  return [sorted, begins];
}

/** SEQUENCE { INTEGER of one octet, UTCTime }. */
const SHORTEST_ENTRY = 2 + 3 + 15;

interface Passed {
  /** Where each entry stands, and the hash of its serial number. */
  readonly places: Uint32Array;
  readonly hashes: Uint32Array;
  /** Where the identifier of the last critical extension stands that is not known here; −1 where there is none. */
  readonly critical: number;
}

/** Reads all, without an object or a view for any. Throws Malformed. */
function passEntries(list: DerReader): Passed {
  const { bytes } = list;
  const most = Math.floor(list.left / SHORTEST_ENTRY);
  const places = new Uint32Array(most);
  const hashes = new Uint32Array(most);
  const seen: number[] = [];
  let count = 0;
  let unknown = -1;
  const passExtension = (oid: number, critical: boolean, from: number, to: number): void => {
    if (isSame(bytes, oid, oid + REASON_CODE.length, REASON_CODE)) checkReason(bytes, from, to);
    else if (critical) unknown = oid;
  };
  while (!list.done) {
    const place = list.offset;
    const end = list.descend(Tag.SEQUENCE, 'CRL: entry');
    list.passInteger('CRL: serial number');
    const hash = hashOf(bytes, list.from, list.to);
    list.passTime('CRL: revocation date');
    if (!list.done) {
      const entryEnd = list.descend(Tag.SEQUENCE, 'CRL: entry extensions');
      passExtensions(list, seen, passExtension);
      list.leave(entryEnd, 'CRL: entry extensions');
    }
    list.leave(end, 'CRL: entry');
    places[count] = place;
    hashes[count++] = hash;
  }
  return { places: places.subarray(0, count), hashes: hashes.subarray(0, count), critical: unknown };
}

/** id-ce-cRLReasons, as it is encoded. */
const REASON_CODE = Uint8Array.of(0x06, 3, 0x55, 0x1d, 0x15);

/** Throws Malformed for anything but one CRLReason. */
function checkReason(bytes: Uint8Array, from: number, to: number): void {
  const isUsual =
    to - from === 3 &&
    bytes[from] === Tag.ENUMERATED &&
    bytes[from + 1] === 1 &&
    (bytes[from + 2] as number) < 0x80;
  if (!isUsual) readReason(new DerReader(bytes, from, to));
}

/** What stands in an entry behind its serial number; all of it was found sound. */
function readRest(entry: DerReader): Revocation {
  const at = entry.time('CRL: revocation date');
  let reason: string | undefined;
  if (!entry.done) {
    readExtensions(entry.enter(Tag.SEQUENCE, 'CRL: entry extensions'), (oid, _, value) => {
      if (oid === '2.5.29.21') reason = readReason(new DerReader(value));
    });
  }
  return reason === undefined ? { at } : { at, reason };
}

/** Whether what stands from `from` to `to` is `wanted`. */
function isSame(bytes: Uint8Array, from: number, to: number, wanted: Uint8Array): boolean {
  if (to - from !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[from + i] !== wanted[i]) return false;
  return true;
}

/**
 * FNV-1a, with its high bits brought down. Whoever signs the list may choose serial numbers that all have the same hash: the pass
 * takes no longer for that, and a look-up as long as going through the list.
 */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}
