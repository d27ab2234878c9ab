import { readU32, writeU32 } from '../../lib/bytes.ts';
import type { IpAddress } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import {
  type Attributes,
  attributeText,
  attributeU32,
  type NetlinkMessage,
  readAttributes,
} from '../netlink/message.ts';
import { NetlinkWriter } from '../netlink/writer.ts';

/** A network interface. */
export interface Link {
  readonly index: number;
  /** Its driver's name, such as `veth` or `xfrm`; undefined where it has none. */
  readonly kind: string | undefined;
  /** What somebody wrote on it. */
  readonly alias: string | undefined;
  /** What its driver was told, where it is one of IPsec's. */
  readonly tunnel: TunnelLink | undefined;
  readonly name: string;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly mtu: number;
}

/** An interface of IPsec's. Addresses of all zero are any; keys are the marks of packets. */
export type TunnelLink =
  | { readonly kind: 'xfrm'; readonly id: number }
  | {
      readonly kind: 'vti' | 'vti6';
      readonly keyIn: number;
      readonly keyOut: number;
      readonly local: IpAddress;
      readonly remote: IpAddress;
    };

export interface LinkChange {
  readonly up?: boolean;
  readonly alias?: string;
  readonly mtu?: number;
}

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;

const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_XFRM_IF_ID = 2;
const IFLA_VTI_IKEY = 2;
const IFLA_VTI_OKEY = 3;
const IFLA_VTI_LOCAL = 4;
const IFLA_VTI_REMOTE = 5;
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
/** struct ifinfomsg: family, padding, type (2), index (4), flags (4), mask of flags to change (4) */
const IFINFOMSG = 16;

export function encodeLink(index: number, change: LinkChange = {}): Uint8Array {
  const writer = new NetlinkWriter().u32(0).u32(index);
  writer.u32(change.up === true ? IFF_UP : 0).u32(change.up === undefined ? 0 : IFF_UP);
  if (change.mtu !== undefined) writer.attributeU32(IFLA_MTU, change.mtu);
  if (change.alias !== undefined) writer.attribute(IFLA_IFALIAS, new TextEncoder().encode(change.alias));
  return writer.finish();
}

/** For RTM_NEWLINK, as iproute2 has it; the kernel takes no alias along with that. */
export function encodeTunnelLink(name: string, tunnel: TunnelLink): Uint8Array {
  const writer = new NetlinkWriter().zeros(IFINFOMSG).attributeText(IFLA_IFNAME, name);
  return writer
    .nested(IFLA_LINKINFO, info =>
      info
        .attribute(IFLA_INFO_KIND, new TextEncoder().encode(tunnel.kind))
        .nested(IFLA_INFO_DATA, data => writeTunnel(data, tunnel)),
    )
    .finish();
}

function writeTunnel(writer: NetlinkWriter, tunnel: TunnelLink): void {
  if (tunnel.kind === 'xfrm') {
    writer.attributeU32(IFLA_XFRM_IF_ID, tunnel.id);
    return;
  }
  writer
    .attribute(IFLA_VTI_IKEY, bigEndian(tunnel.keyIn))
    .attribute(IFLA_VTI_OKEY, bigEndian(tunnel.keyOut))
    .attribute(IFLA_VTI_LOCAL, tunnel.local)
    .attribute(IFLA_VTI_REMOTE, tunnel.remote);
}

function bigEndian(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  writeU32(octets, 0, value);
  return octets;
}

/** Throws Malformed. */
export function readLink({ body }: NetlinkMessage): Link {
  if (body.length < IFINFOMSG) throw new Malformed('ifinfomsg cut short', 0);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const flags = view.getUint32(8, true);
  const attributes = readAttributes(body, IFINFOMSG);
  const info = readAttributes(attributes.get(IFLA_LINKINFO) ?? NOTHING);
  return {
    index: view.getUint32(4, true),
    kind: attributeText(info, IFLA_INFO_KIND),
    alias: attributeText(attributes, IFLA_IFALIAS),
    tunnel: readTunnel(
      attributeText(info, IFLA_INFO_KIND),
      readAttributes(info.get(IFLA_INFO_DATA) ?? NOTHING),
    ),
    name: attributeText(attributes, IFLA_IFNAME) ?? '',
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    mtu: attributeU32(attributes, IFLA_MTU) ?? 0,
  };
}

const NOTHING = new Uint8Array(0);

function readTunnel(kind: string | undefined, data: Attributes): TunnelLink | undefined {
  if (kind === 'xfrm') return { kind, id: attributeU32(data, IFLA_XFRM_IF_ID) ?? 0 };
  if (kind !== 'vti' && kind !== 'vti6') return undefined;
  const key = (type: number): number => {
    const octets = data.get(type);
    return octets === undefined || octets.length < 4 ? 0 : readU32(octets, 0);
  };
  const end = (type: number): IpAddress => data.get(type) ?? new Uint8Array(kind === 'vti' ? 4 : 16);
  return {
    kind,
    keyIn: key(IFLA_VTI_IKEY),
    keyOut: key(IFLA_VTI_OKEY),
    local: end(IFLA_VTI_LOCAL),
    remote: end(IFLA_VTI_REMOTE),
  };
}
