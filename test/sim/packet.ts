import { V1ExchangeType } from '../../src/iana/ikev1.ts';
import { ExchangeType } from '../../src/iana/ikev2.ts';
import type { Endpoint } from '../../src/policy/sa.ts';

/** What travels: an IKE datagram, the stand-in for an ESP packet that only carries its SPI, or the octet that keeps a NAT awake. */
export interface Packet {
  /** Counted per direction, from 1. */
  readonly number: number;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly tcp?: true;
  readonly content:
    | { readonly kind: 'ike'; readonly datagram: Uint8Array; readonly dscp?: number }
    | { readonly kind: 'esp'; readonly spi: number; readonly key: string }
    | { readonly kind: 'keepalive' };
}

const namesOf = (registry: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(registry).map(([name, number]) => [number, name]));
const EXCHANGE_NAMES = namesOf(ExchangeType);
const V1_EXCHANGE_NAMES = namesOf(V1ExchangeType);
const RESPONSE_FLAG = 0x20;

/** What the header of an IKE datagram says in clear, for scripts and for the ladder of a failed run. In IKEv1 all are requests. */
export interface Label {
  readonly exchange: string;
  readonly response: boolean;
  readonly messageId: number;
  readonly initiatorSpi: bigint;
}

/** Undefined for what is no IKE message. */
export function labelOf(packet: Packet): Label | undefined {
  if (packet.content.kind !== 'ike' || packet.content.datagram.length < 28) return undefined;
  const { datagram } = packet.content;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  const exchange = view.getUint8(18);
  const isV1 = view.getUint8(17) >> 4 === 1;
  return {
    exchange: (isV1 ? V1_EXCHANGE_NAMES : EXCHANGE_NAMES).get(exchange) ?? `exchange ${exchange}`,
    response: !isV1 && (view.getUint8(19) & RESPONSE_FLAG) !== 0,
    messageId: view.getUint32(20),
    initiatorSpi: view.getBigUint64(0),
  };
}

/** One line for people. */
export function describePacket(packet: Packet): string {
  if (packet.content.kind === 'esp') return `ESP ${packet.content.spi.toString(16)}`;
  if (packet.content.kind === 'keepalive') return 'keepalive';
  const label = labelOf(packet);
  if (label === undefined) return `${packet.content.datagram.length} octets`;
  const spi = label.initiatorSpi.toString(16).padStart(16, '0').slice(0, 4);
  return `${label.exchange} ${label.response ? 'response' : 'request'} ${label.messageId} of ${spi}… (${packet.content.datagram.length} octets)`;
}
