import { type IpAddress, isV4 } from '../../lib/ip.ts';
import { Failed } from '../../policy/failure.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import type { NetlinkWriter } from '../../sys/netlink/writer.ts';
import { domainOf, familyOf } from '../../sys/socket-address.ts';
import { type Prefix, prefixesOf } from '../prefixes.ts';

/** What the kernel compares a packet with: a prefix and masked port at either end, and one protocol or any (0). */
export interface KernelSelector {
  readonly source: Prefix;
  readonly destination: Prefix;
  readonly protocol: number;
  readonly sourcePort: PortBlock;
  readonly destinationPort: PortBlock;
}

/** Ports that agree with `port` in the bits of `mask`. */
interface PortBlock {
  readonly port: number;
  readonly mask: number;
}

/** struct xfrm_selector */
export const SELECTOR_LENGTH = 56;

const ANY_PORT: PortBlock = { port: 0, mask: 0 };
const ICMP = 1;
const ICMPV6 = 58;
/** More than this nobody configures; a peer that narrows must not fill the kernel. */
const MOST_SELECTORS = 1024;

/**
 * What traffic from one set of selectors to another means to the kernel. Ranges fall into prefixes and port ranges
 * into masked blocks, exactly: a covering prefix would send what the peer drops. Throws Failed where it takes too many.
 */
export function kernelSelectors(
  from: readonly TrafficSelector[],
  to: readonly TrafficSelector[],
): readonly KernelSelector[] {
  const selectors: KernelSelector[] = [];
  for (const source of from) {
    for (const destination of to) {
      for (const selector of between(source, destination)) {
        if (selectors.length === MOST_SELECTORS) {
          throw new Failed({
            code: 'kernel/install',
            summary: `the traffic selectors fall into more than ${MOST_SELECTORS} kernel policies`,
            remedy: 'use subnets and single ports instead of ranges',
          });
        }
        selectors.push(selector);
      }
    }
  }
  return selectors;
}

function* between(source: TrafficSelector, destination: TrafficSelector): Generator<KernelSelector> {
  if (source.start.length !== destination.start.length) return;
  const protocol = source.protocol === 0 ? destination.protocol : source.protocol;
  if (destination.protocol !== 0 && destination.protocol !== protocol) return;
  const ports = portPairs(source, destination, protocol);
  for (const from of prefixesOf(source.start, source.end))
    for (const to of prefixesOf(destination.start, destination.end))
      for (const [sourcePort, destinationPort] of ports)
        yield { source: from, destination: to, protocol, sourcePort, destinationPort };
}

function portPairs(
  source: TrafficSelector,
  destination: TrafficSelector,
  protocol: number,
): readonly (readonly [PortBlock, PortBlock])[] {
  if (protocol === ICMP || protocol === ICMPV6) return icmp(isAnyPort(source) ? destination : source);
  const to = portBlocks(destination);
  return portBlocks(source).flatMap(from => to.map(block => [from, block] as const));
}

/** The kernel keeps type and code of ICMP where the two ports stand; RFC 7296 §3.13.1 has both in one number. */
function icmp(selector: TrafficSelector): readonly (readonly [PortBlock, PortBlock])[] {
  const { startPort, endPort } = selector;
  if (isAnyPort(selector) || isOpaque(selector)) return [[ANY_PORT, ANY_PORT]];
  const [firstType, lastType] = [startPort >> 8, endPort >> 8];
  const [firstCode, lastCode] = [startPort & 0xff, endPort & 0xff];
  const anyCode = firstCode === 0 && lastCode === 0xff;
  if (firstType !== lastType && !anyCode) {
    throw new Failed({
      code: 'kernel/install',
      summary: 'the kernel cannot express a range of ICMP codes over several types',
    });
  }
  const codes = anyCode ? [ANY_PORT] : blocks(firstCode, lastCode);
  return blocks(firstType, lastType).flatMap(type => codes.map(code => [type, code] as const));
}

function portBlocks(selector: TrafficSelector): readonly PortBlock[] {
  if (isAnyPort(selector)) return [ANY_PORT];
  // OPAQUE: the ports cannot be seen; the kernel takes port 0 for that.
  if (isOpaque(selector)) return [{ port: 0, mask: 0xffff }];
  return blocks(selector.startPort, selector.endPort);
}

/** The masked blocks that hold the numbers from `first` to `last` and no other: at most 30. */
function blocks(first: number, last: number): readonly PortBlock[] {
  const found: PortBlock[] = [];
  for (let port = first; port <= last; ) {
    let size = 1;
    while (port % (2 * size) === 0 && port + 2 * size - 1 <= last) size *= 2;
    found.push({ port, mask: 0x1_0000 - size });
    port += size;
  }
  return found;
}

function isAnyPort({ startPort, endPort }: TrafficSelector): boolean {
  return startPort === 0 && endPort === 0xffff;
}

function isOpaque({ startPort, endPort }: TrafficSelector): boolean {
  return startPort > endPort;
}

/** The same traffic in the other direction. */
export function reversed(selector: KernelSelector): KernelSelector {
  const { source, destination, sourcePort, destinationPort, protocol } = selector;
  // Type and code of ICMP do not change sides.
  const keepsPorts = protocol === ICMP || protocol === ICMPV6;
  return {
    source: destination,
    destination: source,
    protocol,
    sourcePort: keepsPorts ? sourcePort : destinationPort,
    destinationPort: keepsPorts ? destinationPort : sourcePort,
  };
}

/** One text for one selector, as a key. */
export function selectorKey(selector: KernelSelector): string {
  const { source, destination, protocol, sourcePort, destinationPort } = selector;
  return [source, destination]
    .map(({ address, length }) => `${address.join('.')}/${length}`)
    .concat(
      [sourcePort, destinationPort].map(({ port, mask }) => `${port}&${mask}`),
      `${protocol}`,
    )
    .join(' ');
}

/** Writes a struct xfrm_selector; `device`, the index of an interface, 0 is any. */
export function writeSelector(writer: NetlinkWriter, selector: KernelSelector, device = 0): void {
  const { source, destination, protocol, sourcePort, destinationPort } = selector;
  writeAddress(writer, destination.address);
  writeAddress(writer, source.address);
  writer.be16(destinationPort.port).be16(destinationPort.mask);
  writer.be16(sourcePort.port).be16(sourcePort.mask);
  writer.u16(domainOf(familyOf(source.address)));
  writer.u8(destination.length).u8(source.length);
  writer.u8(protocol).zeros(3);
  // User: any.
  writer.u32(device).u32(0);
}

/** xfrm_address_t: 16 octets, an IPv4 address in the first four. */
export function writeAddress(writer: NetlinkWriter, address: IpAddress): void {
  writer.bytes(address).zeros(isV4(address) ? 12 : 0);
}
