import type { ChildSaStatus, IkeSaStatus, Updown } from '../ike/output.ts';
import { equal } from '../lib/bytes.ts';
import { formatIp, isV4 } from '../lib/ip.ts';
import { plainIdentity } from '../policy/identity.ts';
import type { Mark } from '../policy/sa.ts';
import { selectorForPrefix, type TrafficSelector } from '../policy/traffic-selector.ts';

/** What a program is told in its environment. */
export type Environment = Readonly<Record<string, string>>;

/** An SA that comes up or goes, and what is known of the host besides. */
export interface UpdownSubject {
  readonly up: boolean;
  readonly ike: IkeSaStatus;
  readonly child: ChildSaStatus;
  /** Name of the interface that has our address. */
  readonly device: string | undefined;
}

/** charon's variables (version 1.1 of the interface), once for each pair of selectors that can carry traffic. */
export function updownEnvironments(subject: UpdownSubject, updown: Updown): readonly Environment[] {
  const { localTs, remoteTs } = updown;
  return localTs.flatMap(local =>
    remoteTs
      .filter(remote => isPair(local, remote))
      .map(remote => ({ ...ofSa(subject, updown), ...ofPair(subject, local, remote) })),
  );
}

/** Policies are only between selectors of one family, and of protocols that do not exclude each other. */
function isPair(local: TrafficSelector, remote: TrafficSelector): boolean {
  if (local.start.length !== remote.start.length) return false;
  return local.protocol === remote.protocol || local.protocol === 0 || remote.protocol === 0;
}

function ofSa({ ike, child, device }: UpdownSubject, { hostAccess }: Updown): Environment {
  const { local, remote } = ike.path;
  return {
    PLUTO_VERSION: '1.1',
    PLUTO_CONNECTION: sane(child.name),
    PLUTO_INTERFACE: device ?? 'unknown',
    PLUTO_REQID: String(child.reqid),
    PLUTO_PROTO: child.protocol,
    PLUTO_UNIQUEID: String(ike.id),
    PLUTO_ME: formatIp(local.address),
    PLUTO_MY_ID: sane(plainIdentity(ike.localId)),
    PLUTO_PEER: formatIp(remote.address),
    PLUTO_PEER_ID: sane(plainIdentity(ike.remoteId)),
    ...(ike.remoteXauthId === undefined ? {} : { PLUTO_XAUTH_ID: sane(ike.remoteXauthId) }),
    ...sourceAddresses('PLUTO_MY_SOURCEIP', ike.localVips),
    ...sourceAddresses('PLUTO_PEER_SOURCEIP', ike.remoteVips),
    ...numbered(
      'PLUTO_DNS',
      (ike.received ?? []).flatMap(({ kind, value }) => (kind === 'dns' ? [value] : [])),
    ),
    ...given('PLUTO_MARK_IN', markText(child.kernel?.markIn)),
    ...given('PLUTO_MARK_OUT', markText(child.kernel?.markOut)),
    ...given('PLUTO_IF_ID_IN', child.kernel?.interfaceIn),
    ...given('PLUTO_IF_ID_OUT', child.kernel?.interfaceOut),
    ...(child.ipcomp === undefined ? {} : { PLUTO_IPCOMP: '1' }),
    ...(child.udpEncapsulation ? { PLUTO_UDP_ENC: String(remote.port) } : {}),
    ...(hostAccess ? { PLUTO_HOST_ACCESS: '1' } : {}),
  };
}

/** The first has a name of its own too, from when there was one alone. */
function sourceAddresses(name: string, addresses: readonly string[] = []): Environment {
  return { ...given(name, addresses[0]), ...numbered(name, addresses) };
}

/** NAME4_1, NAME4_2 … and NAME6_1 …: each family counted by itself. */
function numbered(name: string, addresses: readonly string[]): Environment {
  const [v6, v4] = [
    addresses.filter(address => address.includes(':')),
    addresses.filter(address => !address.includes(':')),
  ];
  return Object.fromEntries([
    ...v4.map((address, i) => [`${name}4_${i + 1}`, address] as const),
    ...v6.map((address, i) => [`${name}6_${i + 1}`, address] as const),
  ]);
}

function ofPair({ up, ike }: UpdownSubject, local: TrafficSelector, remote: TrafficSelector): Environment {
  const me = ike.path.local.address;
  const isHost = equal(local.start, me) && equal(local.end, me);
  const [myPort, peerPort] = portsOf(local, remote);
  return {
    PLUTO_VERB: `${up ? 'up' : 'down'}-${isHost ? 'host' : 'client'}${isV4(local.start) ? '' : '-v6'}`,
    PLUTO_MY_CLIENT: network(local),
    PLUTO_MY_PORT: myPort,
    PLUTO_MY_PROTOCOL: String(local.protocol),
    PLUTO_PEER_CLIENT: network(remote),
    PLUTO_PEER_PORT: peerPort,
    PLUTO_PEER_PROTOCOL: String(remote.protocol),
  };
}

/** A range is told as the smallest network that holds it: the interface has no other form. */
function network({ start, end }: TrafficSelector): string {
  let length = 0;
  while (length < 8 * start.length && bitOf(start, length) === bitOf(end, length)) length++;
  return `${formatIp(selectorForPrefix(start, length).start)}/${length}`;
}

function bitOf(address: Uint8Array, at: number): number {
  return ((address[at >> 3] as number) >> (7 - (at & 7))) & 1;
}

const ICMP = new Set([1, 58]);

/** Of ICMP the message's type is on our side and its code on the peer's, wherever they were said. */
function portsOf(local: TrafficSelector, remote: TrafficSelector): readonly [my: string, peer: string] {
  if (!ICMP.has(Math.max(local.protocol, remote.protocol))) return [portText(local), portText(remote)];
  const both = local.startPort === 0 ? remote.startPort : local.startPort;
  return [String(both >> 8), String(both & 255)];
}

/** All ports are 0. */
function portText({ startPort, endPort }: TrafficSelector): string {
  const isOne = startPort === endPort || (startPort === 0 && endPort === 65_535);
  return isOne ? String(startPort) : `${startPort}:${endPort}`;
}

function markText(mark: Mark | undefined): string | undefined {
  if (mark === undefined || mark.value === 0) return undefined;
  return `${mark.value}/0x${mark.mask.toString(16).padStart(8, '0')}`;
}

/** Longer than any name that is one; a cut name could pass for another. */
const LONGEST = 4096;

/**
 * A peer chose it: what would steer a terminal, end a line or end a variable is `?`, and so is the beginning that old
 * shells took for a function to define (CVE-2014-6271).
 */
function sane(text: string): string {
  if (text.length > LONGEST) return '?';
  return text.replace(/\p{Cc}/gu, '?').replace(/^\(/, '?');
}

function given(name: string, value: string | number | undefined): Environment {
  return value === undefined || value === 0 ? {} : { [name]: String(value) };
}
