import { CfgAttribute, CfgType, PayloadType } from '../iana/ikev2.ts';
import { concat, EMPTY } from '../lib/bytes.ts';
import { type IpAddress, isUnspecified, isV4, netmask, prefixOfMask } from '../lib/ip.ts';
import { fromUtf8 } from '../lib/text.ts';
import type { ConfigurationAttribute } from '../policy/pool.ts';
import type { CfgAttributeValue, CpPayload } from '../wire/v2/payload.ts';

/*
 * What CP payloads say of virtual IPs (RFC 7296 §3.15). Attributes of unknown types, and those whose value cannot be
 * what their type says, are passed over (§3.15.1).
 */

/** One peer asks for no more. */
const MOST_WANTED = 16;

/** Asks for these addresses, all zero for any, and for what goes along with them. */
export function configurationRequest(wanted: readonly IpAddress[]): CpPayload {
  const families = new Set(wanted.map(isV4));
  return payload(CfgType.CFG_REQUEST, [
    ...wanted.map(address => addressAttribute(address, false)),
    ...[...families].flatMap(v4 => (v4 ? BESIDES_V4 : BESIDES_V6)).map(type => ({ type, value: EMPTY })),
  ]);
}

/** The addresses that are asked for, all zero for any. Undefined where the payload is no request. */
export function requestedAddresses({ cfgType, attributes }: CpPayload): readonly IpAddress[] | undefined {
  if (cfgType !== CfgType.CFG_REQUEST) return undefined;
  return attributes.flatMap(attribute => addressIn(attribute) ?? []).slice(0, MOST_WANTED);
}

/** Gives these addresses, and says what goes along with them as far as version 2 has words for it. */
export function configurationReply(
  addresses: readonly IpAddress[],
  attributes: readonly ConfigurationAttribute[],
): CpPayload {
  return payload(CfgType.CFG_REPLY, [
    ...addresses.map(address => addressAttribute(address, true)),
    ...attributes.flatMap(attribute => encoded(attribute) ?? []),
  ]);
}

/** What a reply gives and says; undefined where the payload is none. */
export function configurationIn({ cfgType, attributes }: CpPayload):
  | {
      readonly addresses: readonly IpAddress[];
      readonly received: readonly ConfigurationAttribute[];
    }
  | undefined {
  if (cfgType !== CfgType.CFG_REPLY) return undefined;
  return {
    addresses: attributes.flatMap(attribute => addressIn(attribute) ?? []),
    received: attributes.flatMap(attribute => decoded(attribute) ?? []),
  };
}

const BESIDES_V4 = [
  CfgAttribute.INTERNAL_IP4_DNS,
  CfgAttribute.INTERNAL_IP4_NBNS,
  CfgAttribute.INTERNAL_IP4_SUBNET,
];
const BESIDES_V6 = [CfgAttribute.INTERNAL_IP6_DNS, CfgAttribute.INTERNAL_IP6_SUBNET];

type AddressKind = 'netmask' | 'dns' | 'nbns' | 'dhcp' | 'server' | 'p-cscf';

/** Kinds whose value is an address, with their numbers in IPv4 and IPv6; version 2 has no number for some. */
const ADDRESSES: Readonly<Record<AddressKind, readonly [v4: number, v6: number | undefined]>> = {
  netmask: [CfgAttribute.INTERNAL_IP4_NETMASK, undefined],
  dns: [CfgAttribute.INTERNAL_IP4_DNS, CfgAttribute.INTERNAL_IP6_DNS],
  nbns: [CfgAttribute.INTERNAL_IP4_NBNS, undefined],
  dhcp: [CfgAttribute.INTERNAL_IP4_DHCP, CfgAttribute.INTERNAL_IP6_DHCP],
  server: [CfgAttribute.INTERNAL_IP4_SERVER, CfgAttribute.INTERNAL_IP6_SERVER],
  'p-cscf': [CfgAttribute.P_CSCF_IP4_ADDRESS, CfgAttribute.P_CSCF_IP6_ADDRESS],
};

const KIND_OF: ReadonlyMap<number, { readonly kind: AddressKind; readonly length: number }> = new Map(
  (Object.keys(ADDRESSES) as AddressKind[]).flatMap(kind => {
    const [v4, v6] = ADDRESSES[kind];
    return v6 === undefined
      ? [[v4, { kind, length: 4 }]]
      : [
          [v4, { kind, length: 4 }],
          [v6, { kind, length: 16 }],
        ];
  }),
);

function encoded(attribute: ConfigurationAttribute): CfgAttributeValue | undefined {
  switch (attribute.kind) {
    case 'numbered':
      return { type: attribute.type, value: attribute.value };
    case 'address':
      return addressAttribute(attribute.address, true);
    case 'subnet':
    case 'split-include':
      return subnetAttribute(attribute);
    // Version 2 has no word for what goes past the tunnel, nor for greetings.
    case 'split-exclude':
    case 'domain':
    case 'split-dns':
    case 'banner':
      return undefined;
    default: {
      const [v4, v6] = ADDRESSES[attribute.kind];
      const type = isV4(attribute.address) ? v4 : v6;
      return type === undefined ? undefined : { type, value: attribute.address };
    }
  }
}

function decoded({ type, value }: CfgAttributeValue): ConfigurationAttribute | undefined {
  const address = KIND_OF.get(type);
  if (address !== undefined)
    return value.length === address.length ? { kind: address.kind, address: value.slice() } : undefined;
  if (type === CfgAttribute.INTERNAL_IP4_SUBNET && value.length === 8) {
    const prefix = prefixOfMask(value.subarray(4));
    return prefix === undefined ? undefined : { kind: 'subnet', address: value.slice(0, 4), prefix };
  }
  if (type === CfgAttribute.INTERNAL_IP6_SUBNET && value.length === 17) {
    const prefix = value[16] as number;
    return prefix > 128 ? undefined : { kind: 'subnet', address: value.slice(0, 16), prefix };
  }
  if (type === CfgAttribute.INTERNAL_DNS_DOMAIN) {
    const text = fromUtf8(value.subarray(0, 255));
    return DOMAIN.test(text) ? { kind: 'split-dns', text } : undefined;
  }
  return undefined;
}

/** A name in letters as DNS has them: it goes to resolvers and scripts. */
const DOMAIN = /^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$/;

function addressAttribute(address: IpAddress, given: boolean): CfgAttributeValue {
  const type = isV4(address) ? CfgAttribute.INTERNAL_IP4_ADDRESS : CfgAttribute.INTERNAL_IP6_ADDRESS;
  if (!given && isUnspecified(address)) return { type, value: EMPTY };
  return { type, value: isV4(address) ? address : concat(address, Uint8Array.of(128)) };
}

/** The address in an attribute; all zero where it is left to the other side. */
function addressIn({ type, value }: CfgAttributeValue): IpAddress | undefined {
  if (type === CfgAttribute.INTERNAL_IP4_ADDRESS)
    return value.length === 0 ? new Uint8Array(4) : value.length === 4 ? value.slice() : undefined;
  if (type !== CfgAttribute.INTERNAL_IP6_ADDRESS) return undefined;
  if (value.length === 0) return new Uint8Array(16);
  // Some leave the prefix length away.
  return value.length === 17 || value.length === 16 ? value.slice(0, 16) : undefined;
}

function subnetAttribute({ address, prefix }: { address: IpAddress; prefix: number }): CfgAttributeValue {
  if (!isV4(address))
    return { type: CfgAttribute.INTERNAL_IP6_SUBNET, value: concat(address, Uint8Array.of(prefix)) };
  return { type: CfgAttribute.INTERNAL_IP4_SUBNET, value: concat(address, netmask(4, prefix)) };
}

function payload(cfgType: number, attributes: readonly CfgAttributeValue[]): CpPayload {
  return { type: PayloadType.CP, cfgType, attributes };
}
