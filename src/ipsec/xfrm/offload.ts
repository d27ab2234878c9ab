import type { KernelOptions } from '../../policy/sa.ts';
import type { NetlinkWriter } from '../../sys/netlink/writer.ts';
import { Attribute } from './numbers.ts';

/** What a network card is to do for a state. */
export interface Offload {
  /** Of the interface. */
  readonly index: number;
  readonly packet: boolean;
}

const INBOUND = 2;
const PACKET = 4;

/** What is tried, the most first; undefined is without a card's help. */
export function offloadsOf(
  wanted: KernelOptions['offload'],
  index: number | undefined,
): readonly (Offload | undefined)[] {
  if (wanted === undefined || index === undefined) return [undefined];
  const packet = { index, packet: true };
  const crypto = { index, packet: false };
  switch (wanted) {
    case 'packet':
      return [packet];
    case 'crypto':
      return [crypto];
    case 'auto':
      return [packet, crypto, undefined];
  }
}

/** struct xfrm_user_offload */
export function writeOffload(writer: NetlinkWriter, { index, packet }: Offload, inbound: boolean): void {
  writer.nested(Attribute.OFFLOAD_DEV, inner =>
    inner
      .u32(index)
      .u8((inbound ? INBOUND : 0) | (packet ? PACKET : 0))
      .zeros(3),
  );
}
