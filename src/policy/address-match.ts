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
  names: ResolvedNames = new Map(),
): AddressQuality {
  if (list.length === 0) return ANY;
  return list.reduce((best, entry) => Math.max(best, matchEntry(entry.trim(), address, names)), NONE);
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

const NONE = 0;
const ANY = 1;
const EXACT = 130;

const ANY_FORMS = new Set(['%any', '%any4', '%any6', '%defaultroute', '0.0.0.0', '::', '0::0', '']);

function matchEntry(entry: string, address: IpAddress, names: ResolvedNames): AddressQuality {
  if (ANY_FORMS.has(entry)) return anyOf(entry, address);
  const slash = entry.indexOf('/');
  if (slash > 0) return matchPrefix(entry.slice(0, slash), entry.slice(slash + 1), address);
  const host = parseIp(entry);
  if (host !== undefined) return equal(host, address) ? EXACT : NONE;
  const [first, last] = entry.split('-').map(part => parseIp(part.trim()));
  if (first !== undefined && last !== undefined) return matchRange(first, last, address);
  return names.get(entry)?.some(resolved => equal(resolved, address)) === true ? EXACT : NONE;
}

function anyOf(entry: string, address: IpAddress): AddressQuality {
  const family = entry === '%any4' || entry === '0.0.0.0' ? 4 : entry === '%any6' ? 16 : address.length;
  return address.length === family ? ANY : NONE;
}

function matchPrefix(host: string, prefix: string, address: IpAddress): AddressQuality {
  const network = parseIp(host);
  const length = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (network === undefined || network.length !== address.length || !(length <= 8 * network.length))
    return NONE;
  const { start, end } = selectorForPrefix(network, length);
  return matchRange(start, end, address);
}

/** A range counts as the longest prefix that has at most as many addresses. */
function matchRange(first: IpAddress, last: IpAddress, address: IpAddress): AddressQuality {
  if (first.length !== address.length || last.length !== address.length) return NONE;
  if (compare(first, address) > 0 || compare(address, last) > 0) return NONE;
  const others = ipToBigInt(last) - ipToBigInt(first);
  const free = others === 0n ? 0 : others.toString(2).length;
  return ANY + 8 * address.length - free;
}
