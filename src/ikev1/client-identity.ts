import { V1IdType, V1PayloadType } from '../iana/ikev1.ts';
import { concat, equal } from '../lib/bytes.ts';
import { netmask } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import { addressIdentity, addressRange } from '../policy/identity.ts';
import { formatSelector } from '../policy/selector-text.ts';
import { ANY_PORT, isAnyPort, prefixLength, type TrafficSelector } from '../policy/traffic-selector.ts';
import type { V1IdPayload } from '../wire/v1/payload.ts';

/*
 * Quick mode names the traffic of a child by two identities, IDci and IDcr (RFC 2409 §5.5, RFC 2407 §4.6.2): each an
 * address, a subnet or a range, with one protocol or any, and one port or any.
 */

/** Whether IKEv1 has words for a selector. */
export function isSayable(selector: TrafficSelector): boolean {
  return isAnyPort(selector) || selector.startPort === selector.endPort;
}

/** The identity of a selector. Throws Failed where IKEv1 has no words for it. */
export function clientIdentity(selector: TrafficSelector): V1IdPayload {
  const { start, end, protocol, startPort } = selector;
  if (!isSayable(selector))
    throw new Failed({
      code: 'config/invalid-value',
      summary: `${formatSelector(selector)} has a range of ports, which IKEv1 cannot say`,
      ours: [formatSelector(selector)],
      remedy: 'name one port or any, or use IKEv2',
    });
  const v4 = start.length === 4;
  const port = isAnyPort(selector) ? 0 : startPort;
  const prefix = prefixLength(selector);
  const [idType, data] = equal(start, end)
    ? [v4 ? V1IdType.ID_IPV4_ADDR : V1IdType.ID_IPV6_ADDR, start]
    : prefix === undefined
      ? [v4 ? V1IdType.ID_IPV4_ADDR_RANGE : V1IdType.ID_IPV6_ADDR_RANGE, concat(start, end)]
      : [
          v4 ? V1IdType.ID_IPV4_ADDR_SUBNET : V1IdType.ID_IPV6_ADDR_SUBNET,
          concat(start, netmask(start.length, prefix)),
        ];
  return { type: V1PayloadType.ID, idType, protocol, port, data };
}

/** The selector of an identity, its octets copied; undefined where it names no addresses, or a mask with holes. */
export function selectorOf({ idType, protocol, port, data }: V1IdPayload): TrafficSelector | undefined {
  const range = rangeOf(idType, data.slice());
  if (range === undefined) return undefined;
  const [start, end] = range;
  const ports = port === 0 ? ANY_PORT : { startPort: port, endPort: port };
  const selector = { start, end, protocol, ...ports };
  const isSubnet = idType === V1IdType.ID_IPV4_ADDR_SUBNET || idType === V1IdType.ID_IPV6_ADDR_SUBNET;
  return isSubnet && prefixLength(selector) === undefined ? undefined : ordered(selector);
}

function rangeOf(type: number, data: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
  const length = HOSTS[type];
  if (length !== undefined) return data.length === length ? [data, data] : undefined;
  return addressRange({ type, data });
}

const HOSTS: Readonly<Record<number, number>> = { [V1IdType.ID_IPV4_ADDR]: 4, [V1IdType.ID_IPV6_ADDR]: 16 };

function ordered(selector: TrafficSelector): TrafficSelector | undefined {
  const { start, end } = selector;
  const at = start.findIndex((octet, i) => octet !== end[i]);
  return at < 0 || (start[at] as number) < (end[at] as number) ? selector : undefined;
}

/** The identity that stands for a host where quick mode names none (RFC 2409 §5.5). */
export function hostIdentity(address: Uint8Array): V1IdPayload {
  const { type, data } = addressIdentity(address);
  return { type: V1PayloadType.ID, idType: type, protocol: 0, port: 0, data };
}
