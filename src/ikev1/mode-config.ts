import { ModeCfgAttribute } from '../iana/ikev1.ts';
import { concat, EMPTY, writeU16 } from '../lib/bytes.ts';
import { type IpAddress, isUnspecified, isV4, netmask, prefixOfMask } from '../lib/ip.ts';
import { fromUtf8, utf8 } from '../lib/text.ts';
import type { ConfigurationAttribute } from '../policy/pool.ts';
import type { V1Attribute } from '../wire/v1/payload.ts';

/*
 * What one side tells the other in mode config (draft-dukes-ike-mode-cfg §3.3), and what Cisco's clients and gateways
 * have made up besides (Unity). Values that make no sense are left out: the rest still holds.
 */

type Addressed = Exclude<
  Extract<ConfigurationAttribute, { address: IpAddress; prefix?: never }>['kind'],
  'p-cscf'
>;
type Network = Extract<ConfigurationAttribute, { prefix: number }>['kind'];
type Text = Extract<ConfigurationAttribute, { text: string }>['kind'];

/** Numbers by the family of the address: IPv4, IPv6. */
const ADDRESSES: Readonly<Record<Addressed, readonly [number, number]>> = {
  address: [ModeCfgAttribute.INTERNAL_IP4_ADDRESS, ModeCfgAttribute.INTERNAL_IP6_ADDRESS],
  netmask: [ModeCfgAttribute.INTERNAL_IP4_NETMASK, ModeCfgAttribute.INTERNAL_IP6_NETMASK],
  dns: [ModeCfgAttribute.INTERNAL_IP4_DNS, ModeCfgAttribute.INTERNAL_IP6_DNS],
  nbns: [ModeCfgAttribute.INTERNAL_IP4_NBNS, ModeCfgAttribute.INTERNAL_IP6_NBNS],
  dhcp: [ModeCfgAttribute.INTERNAL_IP4_DHCP, ModeCfgAttribute.INTERNAL_IP6_DHCP],
  server: [ModeCfgAttribute.INTERNAL_IP4_SERVER, ModeCfgAttribute.INTERNAL_IP6_SERVER],
};

/** Lists of networks, all in one attribute; IPv4 alone. */
const LISTS: Readonly<Partial<Record<Network, number>>> = {
  'split-include': ModeCfgAttribute.UNITY_SPLIT_INCLUDE,
  'split-exclude': ModeCfgAttribute.UNITY_LOCAL_LAN,
};

const TEXTS: Readonly<Record<Text, number>> = {
  banner: ModeCfgAttribute.UNITY_BANNER,
  domain: ModeCfgAttribute.UNITY_DEF_DOMAIN,
  'split-dns': ModeCfgAttribute.UNITY_SPLITDNS_NAME,
};

/** Numbers of two octets, which Unity has in the short form. */
const NUMBERS: readonly number[] = [
  ModeCfgAttribute.UNITY_SAVE_PASSWD,
  ModeCfgAttribute.UNITY_PFS,
  ModeCfgAttribute.UNITY_NATT_PORT,
];

/** Network, mask, protocol and two ports. */
const ENTRY = 14;
const ENTRY_WITHOUT_PORTS = 8;
const MOST_ENTRIES = 1024;
/** Of a text that is shown to people. */
const LONGEST_TEXT = 4096;
/** Addresses that a peer may ask for at once. */
const MOST_WANTED = 4;

/** What a client asks for, besides addresses: for each family of these, and what has none. */
const ASKED: readonly Addressed[] = ['netmask', 'dns', 'nbns'];
const ASKED_OF_ANY: readonly number[] = [
  ModeCfgAttribute.APPLICATION_VERSION,
  ModeCfgAttribute.UNITY_BANNER,
  ModeCfgAttribute.UNITY_DEF_DOMAIN,
  ModeCfgAttribute.UNITY_SPLITDNS_NAME,
  ModeCfgAttribute.UNITY_SPLIT_INCLUDE,
  ModeCfgAttribute.UNITY_LOCAL_LAN,
];

/** The REQUEST of a client: all that is there to be had along with `wanted`, where all zero is any address. */
export function requestOf(wanted: readonly IpAddress[]): readonly V1Attribute[] {
  const families = [4, 16].filter(length => wanted.some(address => address.length === length));
  const types = [
    ...families.flatMap(length => ASKED.map(kind => numberOf(kind, length))),
    ...families.map(length => (length === 4 ? SUBNETS[0] : SUBNETS[1])),
    ...ASKED_OF_ANY,
  ];
  return [
    ...wanted.map(address => ({
      type: numberOf('address', address.length),
      value: isUnspecified(address) ? EMPTY : addressOctets(address),
    })),
    ...types.map(type => ({ type, value: EMPTY })),
  ];
}

/** The addresses that a REQUEST asks for; all zero is any of its family. */
export function wantedIn(attributes: readonly V1Attribute[]): readonly IpAddress[] {
  return attributes
    .flatMap(({ type, value }) => {
      const family = ADDRESSES.address.indexOf(type);
      if (family < 0) return [];
      const length = family === 0 ? 4 : 16;
      if (typeof value === 'number' || value.length === 0) return [new Uint8Array(length)];
      return value.length >= length ? [value.slice(0, length)] : [];
    })
    .slice(0, MOST_WANTED);
}

/** As they travel. */
export function toWire(configured: readonly ConfigurationAttribute[]): readonly V1Attribute[] {
  return [
    ...configured.flatMap(one => single(one)),
    ...(['split-include', 'split-exclude'] as const).flatMap(kind => listOf(kind, configured)),
  ];
}

/** As they came; what is not understood keeps its number. Octets are copied. */
export function fromWire(attributes: readonly V1Attribute[]): readonly ConfigurationAttribute[] {
  return attributes.flatMap(attribute => read(attribute));
}

/** Whether an attribute is one of Unity's: those are for clients that know them. */
export function isUnity({ type }: V1Attribute): boolean {
  return type >= ModeCfgAttribute.UNITY_BANNER && type <= ModeCfgAttribute.UNITY_DDNS_HOSTNAME;
}

/** All that `toWire` and `fromWire` have a word for, and what is answered besides, for SUPPORTED_ATTRIBUTES. */
export function supportedAttributes(): Uint8Array {
  const types = [
    ...Object.values(ADDRESSES).flat(),
    ...SUBNETS,
    ModeCfgAttribute.APPLICATION_VERSION,
    ModeCfgAttribute.SUPPORTED_ATTRIBUTES,
    ...Object.values(LISTS),
    ...Object.values(TEXTS),
  ];
  return concat(...types.sort((a, b) => a - b).map(u16));
}

const SUBNETS = [ModeCfgAttribute.INTERNAL_IP4_SUBNET, ModeCfgAttribute.INTERNAL_IP6_SUBNET] as const;

function single(one: ConfigurationAttribute): readonly V1Attribute[] {
  switch (one.kind) {
    case 'address':
      return [{ type: numberOf('address', one.address.length), value: addressOctets(one.address) }];
    case 'netmask':
    case 'dns':
    case 'nbns':
    case 'dhcp':
    case 'server':
      return [{ type: numberOf(one.kind, one.address.length), value: one.address }];
    case 'subnet':
      return isV4(one.address)
        ? [{ type: SUBNETS[0], value: concat(one.address, netmask(4, one.prefix)) }]
        : [{ type: SUBNETS[1], value: concat(one.address, Uint8Array.of(one.prefix)) }];
    case 'split-include':
    case 'split-exclude':
    // Version 1 has no word for it.
    case 'p-cscf':
      return [];
    case 'banner':
    case 'domain':
    case 'split-dns':
      return [{ type: TEXTS[one.kind], value: utf8(one.text) }];
    case 'numbered':
      return [
        {
          type: one.type,
          value: NUMBERS.includes(one.type) ? (shortValue(one.value) ?? one.value) : one.value,
        },
      ];
  }
}

function listOf(kind: Network, configured: readonly ConfigurationAttribute[]): readonly V1Attribute[] {
  const entries = configured
    .filter(one => one.kind === kind)
    .flatMap(one => ('prefix' in one && isV4(one.address) ? [entryOf(one.address, one.prefix)] : []));
  const type = LISTS[kind];
  return type === undefined || entries.length === 0
    ? []
    : [{ type, value: concat(...entries.slice(0, MOST_ENTRIES)) }];
}

function entryOf(address: IpAddress, prefix: number): Uint8Array {
  return concat(address, netmask(4, prefix), new Uint8Array(ENTRY - ENTRY_WITHOUT_PORTS));
}

function read(attribute: V1Attribute): readonly ConfigurationAttribute[] {
  const { type } = attribute;
  const value = octetsOf(attribute);
  if (value.length === 0) return [];
  for (const [kind, numbers] of Object.entries(ADDRESSES) as [Addressed, readonly [number, number]][]) {
    const family = numbers.indexOf(type);
    if (family < 0) continue;
    const length = family === 0 ? 4 : 16;
    // An IPv6 address may have its prefix behind it, as in IKEv2; several servers may stand in one attribute.
    if (kind === 'address' || kind === 'netmask')
      return value.length === length || (length === 16 && value.length === 17)
        ? [{ kind, address: value.slice(0, length) }]
        : [];
    return pieces(value, length).map(address => ({ kind, address }));
  }
  for (const [kind, number] of Object.entries(LISTS) as [Network, number][])
    if (number === type) return networks(value).map(network => ({ kind, ...network }));
  for (const [kind, number] of Object.entries(TEXTS) as [Text, number][])
    if (number === type) return [{ kind, text: legible(value) }];
  if (type === SUBNETS[0])
    return networks(value.length === 8 ? value : EMPTY).map(one => ({ kind: 'subnet', ...one }));
  if (type === SUBNETS[1])
    return value.length === 17 && (value[16] as number) <= 128
      ? [{ kind: 'subnet', address: value.slice(0, 16), prefix: value[16] as number }]
      : [];
  return [{ kind: 'numbered', type, value: value.slice() }];
}

/** Entries of 14 octets; some leave protocol and ports out. */
function networks(value: Uint8Array): readonly { readonly address: IpAddress; readonly prefix: number }[] {
  const length = value.length % ENTRY === 0 ? ENTRY : ENTRY_WITHOUT_PORTS;
  return pieces(value, length).flatMap(entry => {
    const prefix = prefixOfMask(entry.subarray(4, 8));
    return prefix === undefined ? [] : [{ address: entry.slice(0, 4), prefix }];
  });
}

/** All of `length` octets; none where something is left over. */
function pieces(value: Uint8Array, length: number): readonly Uint8Array[] {
  if (value.length % length !== 0) return [];
  return Array.from({ length: Math.min(value.length / length, MOST_ENTRIES) }, (_, i) =>
    value.slice(i * length, (i + 1) * length),
  );
}

/** A peer's text ends in logs and on terminals: control characters become blanks, and a zero at the end goes. */
function legible(value: Uint8Array): string {
  return fromUtf8(value.subarray(0, LONGEST_TEXT))
    .replace(/\0+$/, '')
    .replace(/[^\P{Cc}\n]/gu, ' ');
}

function shortValue(value: Uint8Array): number | undefined {
  if (value.length === 1 && (value[0] as number) >= 0x30) return (value[0] as number) - 0x30;
  return value.length <= 2 ? value.reduce((number, octet) => number * 256 + octet, 0) : undefined;
}

function octetsOf({ value }: V1Attribute): Uint8Array {
  return typeof value === 'number' ? u16(value) : value;
}

/** charon reads an IPv6 address with its prefix behind it alone, as IKEv2 has it; others take both. */
function addressOctets(address: IpAddress): Uint8Array {
  return isV4(address) ? address : concat(address, Uint8Array.of(128));
}

function u16(value: number): Uint8Array {
  const octets = new Uint8Array(2);
  writeU16(octets, 0, value);
  return octets;
}

function numberOf(kind: Addressed, length: number): number {
  return ADDRESSES[kind][length === 4 ? 0 : 1];
}
