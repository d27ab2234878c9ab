import { compare, equal } from '../lib/bytes.ts';
import { type IpAddress, ipToBigInt, parseIp } from '../lib/ip.ts';
import { selectorForPrefix } from './traffic-selector.ts';

/** How closely an entry of an address list fits: 0 not at all, 1 for `%any`, up to 130 for the very address. */
export type AddressQuality = number;

/** Addresses that names in address lists stand for at the moment, as the shell resolved them. */
export type ResolvedNames = ReadonlyMap<string, readonly IpAddress[]>;

/**
 * The best fit of `address` in a list of addresses, prefixes, ranges, names and `%any`, where an empty list is
 * `%any`. A name that is not resolved fits nothing.
 */
export function matchAddress(
  list: readonly string[],
  address: IpAddress,
  names: ResolvedNames = NO_NAMES,
): AddressQuality {
  if (list.length === 0) return ANY;
  let best = NONE;
  for (const entry of readEntries(list)) best = Math.max(best, qualityOf(entry, address, names));
  return best;
}

/** Whether a list names an end that can be called: one address, or a name. */
export function namesHost(list: readonly string[]): boolean {
  return readEntries(list).some(({ kind }) => kind === 'host' || kind === 'name');
}

/**
 * Whether an end whose addresses `list` names may go on at `address`: hosts say where it is called, prefixes and ranges
 * where it may be.
 */
export function mayMoveTo(list: readonly string[], address: IpAddress): boolean {
  const confines = list.some(entry => /[/-]/.test(entry) && isAddressText(entry));
  return !confines || matchAddress(list, address) > NONE;
}

/** Other than a name, which may have a dash in it. */
function isAddressText(entry: string): boolean {
  return parseIp(entry.split(/[/-]/)[0]?.trim() ?? '') !== undefined;
}

const NO_NAMES: ResolvedNames = new Map();

const NONE = 0;
const ANY = 1;
const EXACT = 130;

const ANY_FORMS = new Set(['%any', '%any4', '%any6', '%defaultroute', '0.0.0.0', '::', '0::0', '']);

type Entry =
  | { readonly kind: 'any'; readonly family: number | undefined }
  | { readonly kind: 'host'; readonly address: IpAddress }
  | { readonly kind: 'range'; readonly first: IpAddress; readonly last: IpAddress }
  | { readonly kind: 'name'; readonly name: string };

/** A stranger's first message is held against the lists of all connections: each is read once. */
const entriesOf = new WeakMap<readonly string[], readonly Entry[]>();

function readEntries(list: readonly string[]): readonly Entry[] {
  let entries = entriesOf.get(list);
  if (entries === undefined) {
    entries = list.map(entry => readEntry(entry.trim()));
    entriesOf.set(list, entries);
  }
  return entries;
}

function readEntry(text: string): Entry {
  if (ANY_FORMS.has(text))
    return {
      kind: 'any',
      family: text === '%any4' || text === '0.0.0.0' ? 4 : text === '%any6' ? 16 : undefined,
    };
  const slash = text.indexOf('/');
  if (slash > 0)
    return readPrefix(text.slice(0, slash), text.slice(slash + 1)) ?? { kind: 'name', name: text };
  const address = parseIp(text);
  if (address !== undefined) return { kind: 'host', address };
  const [first, last] = text.split('-').map(part => parseIp(part.trim()));
  return first !== undefined && last !== undefined
    ? { kind: 'range', first, last }
    : { kind: 'name', name: text };
}

function readPrefix(host: string, prefix: string): Entry | undefined {
  const network = parseIp(host);
  const length = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (network === undefined || !(length <= 8 * network.length)) return undefined;
  const { start, end } = selectorForPrefix(network, length);
  return { kind: 'range', first: start, last: end };
}

function qualityOf(entry: Entry, address: IpAddress, names: ResolvedNames): AddressQuality {
  switch (entry.kind) {
    case 'any':
      return entry.family === undefined || entry.family === address.length ? ANY : NONE;
    case 'host':
      return equal(entry.address, address) ? EXACT : NONE;
    case 'range':
      return matchRange(entry.first, entry.last, address);
    case 'name':
      return names.get(entry.name)?.some(resolved => equal(resolved, address)) === true ? EXACT : NONE;
  }
}

/** A range counts as the longest prefix that has at most as many addresses. */
function matchRange(first: IpAddress, last: IpAddress, address: IpAddress): AddressQuality {
  if (first.length !== address.length || last.length !== address.length) return NONE;
  if (compare(first, address) > 0 || compare(address, last) > 0) return NONE;
  const others = ipToBigInt(last) - ipToBigInt(first);
  const free = others === 0n ? 0 : others.toString(2).length;
  return ANY + 8 * address.length - free;
}
