import { Malformed } from '../../lib/reader.ts';
import { attributeText, attributeU32, type NetlinkMessage, readAttributes } from '../netlink/message.ts';
import { NetlinkWriter } from '../netlink/writer.ts';

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly mtu: number;
}

export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
}

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;

const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
/** struct ifinfomsg: family, padding, type (2), index (4), flags (4), mask of flags to change (4) */
const IFINFOMSG = 16;

export function encodeLink(index: number, change: LinkChange = {}): Uint8Array {
  const writer = new NetlinkWriter().u32(0).u32(index);
  writer.u32(change.up === true ? IFF_UP : 0).u32(change.up === undefined ? 0 : IFF_UP);
  if (change.mtu !== undefined) writer.attributeU32(IFLA_MTU, change.mtu);
  return writer.finish();
}

/** Throws Malformed. */
export function readLink({ body }: NetlinkMessage): Link {
  if (body.length < IFINFOMSG) throw new Malformed('ifinfomsg cut short', 0);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const flags = view.getUint32(8, true);
  const attributes = readAttributes(body, IFINFOMSG);
  return {
    index: view.getUint32(4, true),
    name: attributeText(attributes, IFLA_IFNAME) ?? '',
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    mtu: attributeU32(attributes, IFLA_MTU) ?? 0,
  };
}
