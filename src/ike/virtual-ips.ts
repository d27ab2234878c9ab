import { equal } from '../lib/bytes.ts';
import { formatIp, type IpAddress, isUnspecified, isV4, parseIp } from '../lib/ip.ts';
import type { Connection } from '../policy/connection.ts';
import { Failed } from '../policy/failure.ts';
import { type ConfigurationAttribute, formatAttribute } from '../policy/pool.ts';
import type { Path } from '../policy/sa.ts';
import { ask, type Flow } from './flow.ts';
import type { IkeSaStatus } from './output.ts';
import type { Host } from './session.ts';
import { type StepSubject, tellLease, tellNone, tellRequested } from './steps.ts';

/*
 * Virtual IPs, in either version of IKE: the versions differ only in the payloads that carry them. An IKE SA holds one
 * `VirtualIps`, hands it on to the SA that takes its place, and gives it back at its end.
 */

/** What an IKE SA has of virtual IPs. Plain data. */
export interface VirtualIps {
  /** Number of the lease under which the peer has `remote`. */
  readonly lease?: number;
  /** Ours, given by the peer; each is assigned on this host. */
  readonly local: readonly IpAddress[];
  /** The peer's, given by us. */
  readonly remote: readonly IpAddress[];
  /** What the peer told us along with them. */
  readonly received: readonly ConfigurationAttribute[];
}

export const NO_VIRTUAL_IPS: VirtualIps = { local: [], remote: [], received: [] };

const ANY: Readonly<Record<string, string>> = { '%any': '0.0.0.0', '%any4': '0.0.0.0', '%any6': '::' };

/** A peer may tell us more; nobody configures that much. */
const MOST_RECEIVED = 256;

/** What a client asks for: as configured, but where any address will do the one it had last. Empty: it asks for none. */
export function wantedAddresses(host: Host, connection: Connection): readonly IpAddress[] {
  const last = [...(host.lastVirtualIps(connection) ?? [])];
  return connection.vips.flatMap(text => {
    const configured = parseIp(ANY[text] ?? text);
    if (configured === undefined) return [];
    if (!isUnspecified(configured)) return [configured];
    const at = last.findIndex(({ length }) => length === configured.length);
    return [at < 0 ? configured : (last.splice(at, 1)[0] as IpAddress)];
  });
}

/**
 * Puts the addresses that the peer gave us on this host. Of what was not asked for, and of what can be nobody's address,
 * nothing is taken. Throws Failed with none assigned: `peer/no-address` where nothing is left, or what the back end says.
 */
export function* takeAddresses(
  host: Host,
  connection: Connection,
  path: Path,
  given: readonly IpAddress[],
  received: readonly ConfigurationAttribute[],
): Flow<never, VirtualIps> {
  const local = acceptable(wantedAddresses(host, connection), given);
  if (local.length === 0) throw new Failed(noAddress(connection, given));
  const assigned: IpAddress[] = [];
  let taken = false;
  try {
    for (const address of local) {
      tell(host, connection, `installing new virtual IP ${formatIp(address)}`);
      yield* ask<'assign-address'>({ kind: 'assign-address', address, path });
      assigned.push(address);
    }
    taken = true;
  } finally {
    if (!taken) for (const address of assigned) host.command({ kind: 'unassign-address', address });
  }
  host.keepVirtualIps(connection, local);
  return { ...NO_VIRTUAL_IPS, local, received: received.slice(0, MOST_RECEIVED) };
}

/**
 * Addresses for a peer that has proved to be `identity`, from the pools of its connection. Throws Failed
 * (`local/no-virtual-ip`) where these have none left.
 *
 * @returns what the IKE SA has from now on, and what the peer is told besides.
 */
export function* leaseAddresses(
  sa: StepSubject & { readonly path: Path },
  identity: string,
  wanted: readonly IpAddress[],
): Flow<never, { readonly vips: VirtualIps; readonly attributes: readonly ConfigurationAttribute[] }> {
  const { host, connection, path } = sa;
  const id = host.newId();
  const { addresses, attributes, origins } = yield* ask<'lease'>({
    kind: 'lease',
    id,
    connection: connection.name,
    pools: connection.pools,
    identity,
    peer: path.remote.address,
    wanted,
  });
  const given = [...addresses];
  wanted.forEach((one, i) => {
    const origin = origins?.[i];
    const address = origins === undefined || origin !== undefined ? given.shift() : undefined;
    tellRequested(sa, one);
    if (origin !== undefined) tellLease(sa, origin, identity);
    if (address === undefined) tellNone(sa, one, identity);
    else tell(host, connection, `assigning virtual IP ${formatIp(address)} to peer '${identity}'`);
  });
  return { vips: { ...NO_VIRTUAL_IPS, lease: id, remote: addresses }, attributes };
}

function tell(host: Host, { name }: Connection, text: string): void {
  host.event({ kind: 'log', level: 'info', group: 'ike', connection: name, text });
}

/** Gives back what an IKE SA has that ends without a successor. */
export function releaseVirtualIps({ host, id, connection }: StepSubject, { lease, local }: VirtualIps): void {
  for (const address of local) host.command({ kind: 'unassign-address', address });
  if (lease === undefined) return;
  host.command({ kind: 'release-lease', id: lease, of: { ike: id, connection: connection.name } });
}

/** What `dynamic` means on one side of an IKE SA: its virtual IPs, otherwise its own address. */
export function dynamicHosts(vips: VirtualIps, path: Path, side: 'local' | 'remote'): readonly IpAddress[] {
  return vips[side].length > 0 ? vips[side] : [path[side].address];
}

export function virtualIpStatus({
  local,
  remote,
  received,
}: VirtualIps): Pick<IkeSaStatus, 'localVips' | 'remoteVips' | 'received'> {
  return {
    ...(local.length === 0 ? {} : { localVips: local.map(formatIp) }),
    ...(remote.length === 0 ? {} : { remoteVips: remote.map(formatIp) }),
    ...(received.length === 0
      ? {}
      : { received: received.map(one => ({ kind: one.kind, value: formatAttribute(one) })) }),
  };
}

/** As many of each family as were asked for, each once. */
function acceptable(wanted: readonly IpAddress[], given: readonly IpAddress[]): readonly IpAddress[] {
  const left = new Map([4, 16].map(length => [length, wanted.filter(one => one.length === length).length]));
  const taken: IpAddress[] = [];
  for (const address of given) {
    const more = left.get(address.length) ?? 0;
    if (more === 0 || !isHost(address) || taken.some(other => equal(other, address))) continue;
    left.set(address.length, more - 1);
    taken.push(address.slice());
  }
  return taken;
}

/** Whether it can be a host's: not the unspecified one, nor loopback, multicast or broadcast. */
function isHost(address: IpAddress): boolean {
  const first = address[0] as number;
  if (isV4(address)) return first !== 0 && first !== 127 && first < 224;
  const isLow = address.subarray(0, 15).every(octet => octet === 0) && (address[15] as number) <= 1;
  return first !== 0xff && !isLow;
}

function noAddress({ name, vips }: Connection, given: readonly IpAddress[]) {
  return {
    code: 'peer/no-address',
    summary: `${name}: the peer gave us none of the virtual IPs that we asked for`,
    ours: vips,
    theirs: given.length === 0 ? ['none'] : given.map(formatIp),
    remedy: `give the peer's connection a pool with addresses of that family, or leave vips out of ${name}`,
  } as const;
}
