import { TsType } from '../iana/ikev2.ts';
import { compare, equal } from '../lib/bytes.ts';
import { type IpAddress, ipFromBigInt, ipToBigInt } from '../lib/ip.ts';

/** A range of addresses, one IP protocol or any, and a range of ports (RFC 7296 §3.13.1). */
export interface TrafficSelector {
  /** First and last address, of one family. */
  readonly start: IpAddress;
  readonly end: IpAddress;
  /** 0 is any. */
  readonly protocol: number;
  /** 0 … 65535 is any; 65535 … 0 is OPAQUE. For ICMP: type in the high octet, code in the low one. */
  readonly startPort: number;
  readonly endPort: number;
}

/** What of a packet selectors look at. Ports as in a selector: ICMP type and code; absent where a fragment hides them. */
export interface PacketFlow {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** A selector as the wire has it; the wire room's own type has this shape for the types 7 and 8. */
export interface AddressRangeSelector extends TrafficSelector {
  readonly tsType: 7 | 8;
}

export const ANY_PORT = { startPort: 0, endPort: 65_535 } as const;
export const OPAQUE_PORT = { startPort: 65_535, endPort: 0 } as const;

/** All addresses below `address/prefix`; bits beyond the prefix do not count. */
export function selectorForPrefix(
  address: IpAddress,
  prefix: number,
  protocol = 0,
  ports: Ports = ANY_PORT,
): TrafficSelector {
  const bits = 8 * address.length;
  const length = address.length as 4 | 16;
  const hosts = (1n << BigInt(bits - prefix)) - 1n;
  const value = ipToBigInt(address);
  const start = ipFromBigInt(value & ~hosts, length);
  return {
    start,
    end: ipFromBigInt(value | hosts, length),
    protocol,
    startPort: ports.startPort,
    endPort: ports.endPort,
  };
}

/** One host: what `dynamic` becomes, and the selector of a triggering packet (RFC 7296 §2.9). */
export function selectorForHost(address: IpAddress, protocol = 0, ports: Ports = ANY_PORT): TrafficSelector {
  return { start: address, end: address, protocol, startPort: ports.startPort, endPort: ports.endPort };
}

interface Ports {
  readonly startPort: number;
  readonly endPort: number;
}

/** The prefix length when the range is exactly a prefix; undefined otherwise. */
export function prefixLength({ start, end }: TrafficSelector): number | undefined {
  const bits = 8 * start.length;
  let prefix = 0;
  while (prefix < bits && bitAt(start, prefix) === bitAt(end, prefix)) prefix++;
  for (let bit = prefix; bit < bits; bit++)
    if (bitAt(start, bit) !== 0 || bitAt(end, bit) !== 1) return undefined;
  return prefix;
}

function bitAt(address: IpAddress, bit: number): number {
  return ((address[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
}

export function isAnyPort({ startPort, endPort }: Ports): boolean {
  return startPort === 0 && endPort === 65_535;
}

export function isOpaquePort({ startPort, endPort }: Ports): boolean {
  return startPort === 65_535 && endPort === 0;
}

export function sameSelector(a: TrafficSelector, b: TrafficSelector): boolean {
  return (
    a.protocol === b.protocol &&
    a.startPort === b.startPort &&
    a.endPort === b.endPort &&
    equal(a.start, b.start) &&
    equal(a.end, b.end)
  );
}

/** Whether both lists hold the same selectors, in whatever order and number. */
export function sameSelectors(a: readonly TrafficSelector[], b: readonly TrafficSelector[]): boolean {
  const within = (some: readonly TrafficSelector[], all: readonly TrafficSelector[]): boolean =>
    some.every(one => all.some(other => sameSelector(one, other)));
  return within(a, b) && within(b, a);
}

/** Whether all traffic of `inner` is traffic of `outer`. */
export function contains(outer: TrafficSelector, inner: TrafficSelector): boolean {
  return (
    outer.start.length === inner.start.length &&
    (outer.protocol === 0 || outer.protocol === inner.protocol) &&
    containsPorts(outer, inner) &&
    compare(outer.start, inner.start) <= 0 &&
    compare(inner.end, outer.end) <= 0
  );
}

/** The traffic that both describe; undefined when there is none. */
export function intersect(a: TrafficSelector, b: TrafficSelector): TrafficSelector | undefined {
  if (a.start.length !== b.start.length) return undefined;
  if (a.protocol !== b.protocol && a.protocol !== 0 && b.protocol !== 0) return undefined;
  const ports = intersectPorts(a, b);
  if (ports === undefined) return undefined;
  const start = compare(a.start, b.start) >= 0 ? a.start : b.start;
  const end = compare(a.end, b.end) <= 0 ? a.end : b.end;
  if (compare(start, end) > 0) return undefined;
  return {
    start,
    end,
    protocol: a.protocol || b.protocol,
    startPort: ports.startPort,
    endPort: ports.endPort,
  };
}

/** Whether a packet's flow, seen from the side whose selectors come first, is covered. A hidden port fits selectors for any port and OPAQUE. */
export function coversFlow(
  source: readonly TrafficSelector[],
  destination: readonly TrafficSelector[],
  flow: PacketFlow,
): boolean {
  return (
    source.some(selector => coversEnd(selector, flow.source, flow.protocol, flow.sourcePort)) &&
    destination.some(selector => coversEnd(selector, flow.destination, flow.protocol, flow.destinationPort))
  );
}

/** Whether one end of a packet lies in a selector. */
function coversEnd(selector: TrafficSelector, address: IpAddress, protocol: number, port?: number): boolean {
  return (
    address.length === selector.start.length &&
    (selector.protocol === 0 || selector.protocol === protocol) &&
    (isAnyPort(selector) ||
      (port === undefined
        ? isOpaquePort(selector)
        : selector.startPort <= port && port <= selector.endPort)) &&
    compare(selector.start, address) <= 0 &&
    compare(address, selector.end) <= 0
  );
}

/** The selector with the number of its wire type (RFC 7296 §3.13.1). */
export function toWireSelector(selector: TrafficSelector): AddressRangeSelector {
  const { start, end, protocol, startPort, endPort } = selector;
  const tsType = start.length === 4 ? TsType.TS_IPV4_ADDR_RANGE : TsType.TS_IPV6_ADDR_RANGE;
  return { tsType, protocol, startPort, endPort, start, end };
}

/** A selector from the wire; undefined for types that are no address range, and for ranges that hold nothing. */
export function fromWireSelector(
  wire: { readonly tsType: number } & Partial<TrafficSelector>,
): TrafficSelector | undefined {
  const { start, end, protocol, startPort, endPort } = wire;
  if (wire.tsType !== TsType.TS_IPV4_ADDR_RANGE && wire.tsType !== TsType.TS_IPV6_ADDR_RANGE)
    return undefined;
  if (start === undefined || end === undefined) return undefined;
  if (protocol === undefined || startPort === undefined || endPort === undefined) return undefined;
  const length = wire.tsType === TsType.TS_IPV4_ADDR_RANGE ? 4 : 16;
  if (start.length !== length || end.length !== length || compare(start, end) > 0) return undefined;
  if (startPort > endPort && !isOpaquePort({ startPort, endPort })) return undefined;
  return { start, end, protocol, startPort, endPort };
}

/** ANY holds OPAQUE too (RFC 4301 §4.4.1.1). */
function containsPorts(outer: Ports, inner: Ports): boolean {
  if (isAnyPort(outer)) return true;
  if (isOpaquePort(outer) || isOpaquePort(inner)) return isOpaquePort(outer) && isOpaquePort(inner);
  return outer.startPort <= inner.startPort && inner.endPort <= outer.endPort;
}

function intersectPorts(a: Ports, b: Ports): Ports | undefined {
  if (isAnyPort(a)) return b;
  if (isAnyPort(b)) return a;
  if (isOpaquePort(a) || isOpaquePort(b)) return isOpaquePort(a) && isOpaquePort(b) ? OPAQUE_PORT : undefined;
  const startPort = Math.max(a.startPort, b.startPort);
  const endPort = Math.min(a.endPort, b.endPort);
  return startPort <= endPort ? { startPort, endPort } : undefined;
}
