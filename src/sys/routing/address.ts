import type { IpAddress } from '../../lib/ip.ts';
import { isV4 } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { attributeU32, type NetlinkMessage, readAttributes } from '../netlink/message.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import { domainOf, familyOf } from '../socket-address.ts';

/** An address of one of this host's interfaces. */
export interface InterfaceAddress {
  readonly index: number;
  readonly address: IpAddress;
  readonly prefix: number;
  /** `link` addresses are no use beyond their wire, `host` ones beyond this host. */
  readonly scope: 'global' | 'link' | 'host';
  /** Not, or no longer, to be chosen for new conversations: being checked for duplicates, or past its preferred life. */
  readonly unusable: boolean;
  /** Who put it there, as far as that was said and the kernel keeps it (since 5.18). */
  readonly origin?: number;
}

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_PROTO = 11;
const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_NOPREFIXROUTE = 0x200;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_HOST = 254;
/** struct ifaddrmsg: family, prefix length, flags, scope, index (4) */
const IFADDRMSG = 8;

/**
 * For RTM_NEWADDR and RTM_DELADDR. A virtual IP is ours alone and needs neither a check for duplicates, which would
 * hold it back for a second, nor a route to its neighbours.
 */
export function encodeAddress(
  index: number,
  address: IpAddress,
  prefix: number,
  origin?: number,
): Uint8Array {
  const writer = new NetlinkWriter()
    .u8(domainOf(familyOf(address)))
    .u8(prefix)
    .u16(0)
    .u32(index)
    .attribute(IFA_LOCAL, address)
    .attribute(IFA_ADDRESS, address)
    .attributeU32(IFA_FLAGS, IFA_F_NOPREFIXROUTE | (isV4(address) ? 0 : IFA_F_NODAD));
  if (origin !== undefined) writer.attribute(IFA_PROTO, Uint8Array.of(origin));
  return writer.finish();
}

/** The body that asks for all addresses. */
export function encodeAddressQuery(): Uint8Array {
  return new Uint8Array(IFADDRMSG);
}

/** Undefined for families other than IP. Throws Malformed. */
export function readAddress({ body }: NetlinkMessage): InterfaceAddress | undefined {
  if (body.length < IFADDRMSG) throw new Malformed('ifaddrmsg cut short', 0);
  const attributes = readAttributes(body, IFADDRMSG);
  // On point-to-point links IFA_ADDRESS is the far end; IPv6 often has IFA_ADDRESS alone.
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (address === undefined || (address.length !== 4 && address.length !== 16)) return undefined;
  const flags = attributeU32(attributes, IFA_FLAGS) ?? (body[2] as number);
  const scope = body[3] as number;
  const origin = attributes.get(IFA_PROTO)?.[0];
  return {
    index: new DataView(body.buffer, body.byteOffset).getUint32(4, true),
    address,
    prefix: body[1] as number,
    scope: scope >= RT_SCOPE_HOST ? 'host' : scope >= RT_SCOPE_LINK ? 'link' : 'global',
    unusable: (flags & (IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TENTATIVE)) !== 0,
    ...(origin !== undefined && { origin }),
  };
}
