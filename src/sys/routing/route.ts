import type { IpAddress } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { attributeU32, type NetlinkMessage, readAttributes } from '../netlink/message.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import { AF_INET, AF_INET6, domainOf, familyOf } from '../socket-address.ts';

/** A row of a routing table. */
export interface Route {
  /** Its family is the route's; all zero with prefix 0 is the default route. */
  readonly destination: IpAddress;
  readonly prefix: number;
  /** Interface. */
  readonly index?: number;
  readonly gateway?: IpAddress;
  /** The source address that packets without one get. */
  readonly source?: IpAddress;
  /** Absent: 254, the main table. */
  readonly table?: number;
  readonly metric?: number;
  readonly mtu?: number;
  /** `throw` ends the look-up in this table, so that the next one decides. Absent: unicast. */
  readonly kind?: RouteKind;
  /** Of IPv4. Absent: what is without a gateway is on the wire. */
  readonly scope?: 'universe';
}

type RouteKind =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'anycast'
  | 'multicast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw';

/** What the kernel would do with a packet. */
export interface RouteLookup {
  readonly source: IpAddress;
  readonly index: number;
  readonly gateway?: IpAddress;
  readonly mtu?: number;
  /** The routing table that decided. */
  readonly table: number;
  /** The destination is this host itself. */
  readonly local: boolean;
}

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const MAIN_TABLE = 254;

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
const RTA_MARK = 16;
const RTAX_MTU = 2;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
/** Tell the table that decided, not the one that was asked; IPv6 does so anyhow. */
const RTM_F_LOOKUP_TABLE = 0x1000;
/** struct rtmsg: family, destination and source prefix, TOS, table, protocol, scope, type, flags (4) */
const RTMSG = 12;

/** rtm_type, from 1. */
const KINDS: readonly RouteKind[] = [
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
];

/** For RTM_NEWROUTE; with `removal` for RTM_DELROUTE, which finds it whatever its scope. */
export function encodeRoute(route: Route, removal = false): Uint8Array {
  const { destination, gateway, source, index, metric, mtu } = route;
  const kind = route.kind ?? 'unicast';
  const scope = removal
    ? RT_SCOPE_NOWHERE
    : gateway === undefined && kind === 'unicast' && destination.length === 4 && route.scope === undefined
      ? RT_SCOPE_LINK
      : RT_SCOPE_UNIVERSE;
  const table = route.table ?? MAIN_TABLE;
  const writer = header(destination, route.prefix, table, RTPROT_STATIC, scope, KINDS.indexOf(kind) + 1);
  if (route.prefix > 0) writer.attribute(RTA_DST, destination);
  if (table > 255) writer.attributeU32(RTA_TABLE, table);
  if (source !== undefined) writer.attribute(RTA_PREFSRC, source);
  if (gateway !== undefined) writer.attribute(RTA_GATEWAY, gateway);
  if (index !== undefined) writer.attributeU32(RTA_OIF, index);
  if (metric !== undefined) writer.attributeU32(RTA_PRIORITY, metric);
  if (mtu !== undefined) writer.nested(RTA_METRICS, metrics => metrics.attributeU32(RTAX_MTU, mtu));
  return writer.finish();
}

/** For the dump of one table, which newer kernels filter themselves. */
export function encodeRouteQuery(family: 4 | 6, table: number): Uint8Array {
  const writer = new NetlinkWriter()
    .u8(domainOf(family))
    .zeros(3)
    .u8(table > 255 ? 0 : table)
    .zeros(7);
  return writer.attributeU32(RTA_TABLE, table).finish();
}

/** For RTM_GETROUTE about one destination. */
export function encodeLookup(
  destination: IpAddress,
  options: { readonly source?: IpAddress; readonly mark?: number } = {},
): Uint8Array {
  const { source, mark } = options;
  const writer = new NetlinkWriter()
    .u8(domainOf(familyOf(destination)))
    .u8(destination.length * 8)
    .u8((source?.length ?? 0) * 8)
    .zeros(5)
    .u32(destination.length === 4 ? RTM_F_LOOKUP_TABLE : 0);
  writer.attribute(RTA_DST, destination);
  if (source !== undefined) writer.attribute(RTA_SRC, source);
  if (mark !== undefined) writer.attributeU32(RTA_MARK, mark);
  return writer.finish();
}

/** Undefined for families other than IP. Throws Malformed. */
export function readRoute({ body }: NetlinkMessage): Route | undefined {
  if (body.length < RTMSG) throw new Malformed('rtmsg cut short', 0);
  const family = body[0];
  const kind = KINDS[(body[7] as number) - 1];
  if ((family !== AF_INET && family !== AF_INET6) || kind === undefined) return undefined;
  const attributes = readAttributes(body, RTMSG);
  const index = attributeU32(attributes, RTA_OIF);
  const metric = attributeU32(attributes, RTA_PRIORITY);
  const gateway = attributes.get(RTA_GATEWAY);
  const source = attributes.get(RTA_PREFSRC);
  const metrics = attributes.get(RTA_METRICS);
  const mtu = metrics === undefined ? undefined : attributeU32(readAttributes(metrics), RTAX_MTU);
  return {
    destination: attributes.get(RTA_DST) ?? new Uint8Array(family === AF_INET ? 4 : 16),
    prefix: body[1] as number,
    table: attributeU32(attributes, RTA_TABLE) ?? (body[4] as number),
    kind,
    ...(index !== undefined && { index }),
    ...(gateway !== undefined && { gateway }),
    ...(source !== undefined && { source }),
    ...(metric !== undefined && { metric }),
    ...(mtu !== undefined && { mtu }),
  };
}

/**
 * The answer to a look-up as what matters of it; undefined where it leads nowhere. `asked` is the source address that
 * was asked about: the kernel does not repeat it. Throws Malformed.
 */
export function readLookup(message: NetlinkMessage, asked?: IpAddress): RouteLookup | undefined {
  const route = readRoute(message);
  if (route?.index === undefined || (route.kind !== 'unicast' && route.kind !== 'local')) return undefined;
  const { index, gateway, mtu } = route;
  // For a local IPv6 destination the kernel names no preferred source: it is the destination.
  const source = asked ?? route.source ?? (route.kind === 'local' ? route.destination : undefined);
  if (source === undefined) return undefined;
  return {
    source,
    index,
    table: route.table ?? 0,
    local: route.kind === 'local',
    ...(gateway !== undefined && { gateway }),
    ...(mtu !== undefined && { mtu }),
  };
}

function header(
  destination: IpAddress,
  prefix: number,
  table: number,
  protocol: number,
  scope: number,
  type: number,
): NetlinkWriter {
  return new NetlinkWriter()
    .u8(domainOf(familyOf(destination)))
    .u8(prefix)
    .u16(0)
    .u8(table > 255 ? 0 : table)
    .u8(protocol)
    .u8(scope)
    .u8(type)
    .u32(0);
}
