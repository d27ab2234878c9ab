import { PayloadType } from '../iana/ikev2.ts';
import { selectorsRefused } from '../ike/failures.ts';
import { dynamicHosts } from '../ike/virtual-ips.ts';
import type { IpAddress } from '../lib/ip.ts';
import type { ChildConfig, ConfiguredSelector } from '../policy/connection.ts';
import { Failed } from '../policy/failure.ts';
import { narrow, resolveSelectors } from '../policy/narrowing.ts';
import type { IpsecMode } from '../policy/sa.ts';
import {
  fromWireSelector,
  selectorForHost,
  selectorForPrefix,
  type TrafficSelector,
  toWireSelector,
} from '../policy/traffic-selector.ts';
import type { TsPayload } from '../wire/v2/payload.ts';
import { first, type Message } from './flow.ts';
import type { IkeSa } from './ike-sa.ts';

/* The traffic selectors of a Child SA: as configured, as asked for, and as they stand in TSi and TSr. */

/** What a peer asks for, from our point of view. */
export interface Asked {
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
}

/**
 * The configured selectors of both sides, `dynamic` replaced. While virtual IPs are `requested`, nobody knows yet what it
 * is on this side: all addresses of their families are offered, for the peer to narrow (RFC 7296 §2.19).
 */
export function configuredSelectors(
  { virtualIps, path }: IkeSa,
  config: ChildConfig,
  requested: readonly IpAddress[] = [],
): readonly [local: readonly TrafficSelector[], remote: readonly TrafficSelector[]] {
  return [
    requested.length > 0
      ? wholeFamilies(config.localTs, requested)
      : resolveSelectors(config.localTs, dynamicHosts(virtualIps, path, 'local')),
    resolveSelectors(config.remoteTs, dynamicHosts(virtualIps, path, 'remote')),
  ];
}

/**
 * Throws Failed for a child of our virtual IP where the IKE SA got none: it would be of another address than was meant.
 */
export function admitWithoutAddress({ connection, virtualIps }: IkeSa, config: ChildConfig): void {
  const isOfVirtualIp = connection.vips.length > 0 && config.localTs.some(one => 'dynamic' in one);
  if (!isOfVirtualIp || virtualIps.local.length > 0) return;
  throw new Failed({
    code: 'peer/no-address',
    summary: `${config.name}: the IKE SA has no virtual IP, for which it can only ask when it is made`,
    ours: connection.vips,
    remedy: `take ${connection.name} down and up again, when the peer has addresses to give`,
  });
}

/** What of `selectors`, which the peer answered, is of our virtual IPs. Throws Failed where nothing is. */
export function ownSelectors(
  sa: IkeSa,
  config: ChildConfig,
  selectors: readonly TrafficSelector[],
): readonly TrafficSelector[] {
  if (sa.virtualIps.local.length === 0) return selectors;
  const [ours, theirs] = configuredSelectors(sa, config);
  const narrowed = narrow(ours, selectors);
  if (narrowed.kind === 'mismatch') throw new Failed(selectorsRefused(ours, theirs, config.name));
  return narrowed.selectors;
}

function wholeFamilies(
  configured: readonly ConfiguredSelector[],
  requested: readonly IpAddress[],
): readonly TrafficSelector[] {
  const families = [...new Set(requested.map(({ length }) => length))].map(length => new Uint8Array(length));
  return configured.flatMap(selector =>
    'dynamic' in selector
      ? families.map(any => selectorForPrefix(any, 0, selector.protocol, selector))
      : [selector],
  );
}

/** TSi and TSr as the peer means them. */
export function askedSelectors(sa: IkeSa, request: Message, mode: IpsecMode): Asked {
  return {
    local: asSeenHere(sa, mode, 'local', selectorsIn(request, PayloadType.TSr)),
    remote: asSeenHere(sa, mode, 'remote', selectorsIn(request, PayloadType.TSi)),
  };
}

/**
 * Selectors that the peer sent, of our side or its own. In transport mode they are the ends of the IKE SA themselves,
 * and the peer knows neither what is behind a NAT of ours nor what a NAT makes of its own address (RFC 7296 §2.23.1).
 */
export function asSeenHere(
  { peer, path }: IkeSa,
  mode: IpsecMode,
  side: 'local' | 'remote',
  selectors: readonly TrafficSelector[],
): readonly TrafficSelector[] {
  const hidden = side === 'local' ? peer.natLocal : peer.natRemote;
  if (mode !== 'transport' || !hidden) return selectors;
  return selectors.map(one => selectorForHost(path[side].address, one.protocol, one));
}

/** The selectors of a TS payload that are address ranges; copied, since they outlive the message. */
export function selectorsIn(
  message: Message,
  type: typeof PayloadType.TSi | typeof PayloadType.TSr,
): readonly TrafficSelector[] {
  return (first(message, type)?.selectors ?? []).flatMap(wire => {
    const selector = fromWireSelector(wire);
    if (selector === undefined) return [];
    const { start, end, protocol, startPort, endPort } = selector;
    return { start: start.slice(), end: end.slice(), protocol, startPort, endPort };
  });
}

export function selectorPayload(
  type: typeof PayloadType.TSi | typeof PayloadType.TSr,
  selectors: readonly TrafficSelector[],
): TsPayload {
  return { type, selectors: selectors.map(toWireSelector) };
}
