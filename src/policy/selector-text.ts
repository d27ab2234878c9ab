import { compare } from '../lib/bytes.ts';
import { formatIp, parseIp } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import type { ConfiguredSelector } from './connection.ts';
import {
  ANY_PORT,
  isAnyPort,
  isOpaquePort,
  OPAQUE_PORT,
  prefixLength,
  selectorForPrefix,
  type TrafficSelector,
} from './traffic-selector.ts';

/**
 * A selector of swanctl.conf: `dynamic`, a prefix, an address or a range (`a-b`, `a..b`), then if wanted
 * `[protocol]` or `[protocol/port]` with a number or name, a range of ports, an ICMP type, type(code) or
 * type/code, `any` or `opaque`. Throws Malformed.
 */
export function parseSelector(text: string): ConfiguredSelector {
  const match = /^([^[\]]*)(?:\[([^[\]]*)\])?$/.exec(text.trim());
  if (match === null) throw wrong(text, 'brackets that do not match');
  const [protocol, ports] = parseUpper(match[2] ?? '', text);
  const where = (match[1] as string).trim();
  if (where === 'dynamic' || where === '') return { dynamic: true, protocol, ...ports };
  return { ...parseAddresses(where, text), protocol, ...ports };
}

/** The text of a selector, which `parseSelector` reads back as the same: `10.1.0.0/16[tcp/80]`, `10.0.0.1..10.0.0.9`. */
export function formatSelector(selector: ConfiguredSelector): string {
  const known = formatted.get(selector);
  if (known !== undefined) return known;
  const text = `${'dynamic' in selector ? 'dynamic' : formatAddresses(selector)}${formatUpper(selector)}`;
  formatted.set(selector, text);
  return text;
}

/** Status and events tell of the same selectors again and again. */
const formatted = new WeakMap<ConfiguredSelector, string>();

/** The number of an IP protocol from its name or number (0 … 255); undefined when it is none. */
export function protocolNumber(text: string): number | undefined {
  const name = text.toLowerCase();
  if (/^\d{1,3}$/.test(name)) return Number(name) <= 255 ? Number(name) : undefined;
  return Object.hasOwn(PROTOCOLS, name) ? PROTOCOLS[name] : undefined;
}

interface Ports {
  readonly startPort: number;
  readonly endPort: number;
}

/** The protocols that selectors are written with (IANA "Assigned Internet Protocol Numbers"); the first of several names is printed. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  any: 0,
  icmp: 1,
  igmp: 2,
  ipip: 4,
  ipencap: 4,
  tcp: 6,
  egp: 8,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  icmpv6: 58,
  icmp6: 58,
  ospf: 89,
  pim: 103,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  mh: 135,
  'mobility-header': 135,
  udplite: 136,
};

/** The services that selectors are written with; all others by number. */
const SERVICES: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  http: 80,
  kerberos: 88,
  ntp: 123,
  imap: 143,
  snmp: 161,
  bgp: 179,
  ldap: 389,
  https: 443,
  isakmp: 500,
  syslog: 514,
  ldaps: 636,
  imaps: 993,
  l2tp: 1701,
  radius: 1812,
  nfs: 2049,
  'ipsec-nat-t': 4500,
};

const ICMP = new Set([1, 58]);

function parseAddresses(
  where: string,
  text: string,
): { readonly start: Uint8Array; readonly end: Uint8Array } {
  const [first, last, ...more] = where.split(/-|\.\./).map(part => part.trim());
  if (last !== undefined) {
    const [start, end] = [parseIp(first as string), parseIp(last)];
    if (start === undefined || end === undefined || more.length > 0)
      throw wrong(text, 'no range of addresses');
    if (start.length !== end.length || compare(start, end) > 0) {
      throw wrong(text, 'a range whose end comes before its start');
    }
    return { start, end };
  }
  const [host, prefix, ...rest] = where.split('/');
  const address = parseIp((host as string).trim());
  if (address === undefined || rest.length > 0)
    throw wrong(text, `"${where}" is no address, prefix or range`);
  const bits = 8 * address.length;
  if (prefix !== undefined && !/^ *\d{1,3} *$/.test(prefix))
    throw wrong(text, `"/${prefix}" is no prefix length`);
  const length = prefix === undefined ? bits : Number(prefix);
  if (length > bits) throw wrong(text, `a prefix of ${length} bits, the address has ${bits}`);
  const { start, end } = selectorForPrefix(address, length);
  return { start, end };
}

function parseUpper(inside: string, text: string): readonly [number, Ports] {
  if (inside.trim() === '') return [0, ANY_PORT];
  const slash = inside.indexOf('/');
  const name = (slash < 0 ? inside : inside.slice(0, slash)).trim();
  const protocol = name === '' ? 0 : protocolNumber(name);
  if (protocol === undefined) throw wrong(text, `"${name}" is no IP protocol`);
  return [protocol, slash < 0 ? ANY_PORT : parsePorts(inside.slice(slash + 1).trim(), protocol, text)];
}

function parsePorts(text: string, protocol: number, whole: string): Ports {
  switch (text.toLowerCase()) {
    case '':
    case 'any':
      return ANY_PORT;
    case 'opaque':
      return OPAQUE_PORT;
  }
  if (ICMP.has(protocol)) return parseIcmp(text, whole);
  const service = text.toLowerCase();
  const named = Object.hasOwn(SERVICES, service) ? SERVICES[service] : undefined;
  if (named !== undefined) return { startPort: named, endPort: named };
  const match = /^(\d{1,5})(?: *- *(\d{1,5}))?$/.exec(text);
  const startPort = Number(match?.[1]);
  const endPort = match?.[2] === undefined ? startPort : Number(match[2]);
  if (match === null || endPort > 65_535 || startPort > endPort)
    throw wrong(whole, `"${text}" is no port or range of ports`);
  return { startPort, endPort };
}

/** Type, or type and code, each a number or a range; a number from 256 on holds both (RFC 4301 §4.4.1.1). */
function parseIcmp(text: string, whole: string): Ports {
  const ends = text.split('-').map(end => {
    const match = /^ *(\d{1,5})(?: *(?:\( *(\d{1,3}) *\)|\/ *(\d{1,3})))? *$/.exec(end);
    if (match === null) throw wrong(whole, `"${text}" is no ICMP type`);
    const type = Number(match[1]);
    const code = match[2] ?? match[3];
    if (code === undefined)
      return type < 256 ? ([type << 8, (type << 8) | 255] as const) : ([type, type] as const);
    const both = (type << 8) | Number(code);
    if (type > 255 || Number(code) > 255) throw wrong(whole, `"${text}" is no ICMP type and code`);
    return [both, both] as const;
  });
  const startPort = ends[0]?.[0] as number;
  const endPort = ends.at(-1)?.[1] as number;
  if (ends.length > 2 || startPort > endPort || endPort > 65_535)
    throw wrong(whole, `"${text}" is no range of ICMP types`);
  return { startPort, endPort };
}

function formatAddresses(selector: TrafficSelector): string {
  const prefix = prefixLength(selector);
  return prefix === undefined
    ? `${formatIp(selector.start)}..${formatIp(selector.end)}`
    : `${formatIp(selector.start)}/${prefix}`;
}

function formatUpper({ protocol, startPort, endPort }: Ports & { readonly protocol: number }): string {
  const anyPort = isAnyPort({ startPort, endPort });
  if (protocol === 0 && anyPort) return '';
  const name = Object.keys(PROTOCOLS).find(key => PROTOCOLS[key] === protocol) ?? String(protocol);
  if (anyPort) return `[${name}]`;
  if (isOpaquePort({ startPort, endPort })) return `[${name}/OPAQUE]`;
  if (ICMP.has(protocol)) return `[${name}/${formatIcmp(startPort, endPort)}]`;
  return `[${name}/${startPort === endPort ? startPort : `${startPort}-${endPort}`}]`;
}

function formatIcmp(start: number, end: number): string {
  const one = (value: number): string => `${value >> 8}(${value & 255})`;
  if (start === end) return one(start);
  const wholeTypes = (start & 255) === 0 && (end & 255) === 255;
  if (!wholeTypes) return `${one(start)}-${one(end)}`;
  return start >> 8 === end >> 8 ? String(start >> 8) : `${start >> 8}-${end >> 8}`;
}

function wrong(text: string, what: string): Malformed {
  return new Malformed(`traffic selector "${text.slice(0, 128)}": ${what}`, 0);
}
