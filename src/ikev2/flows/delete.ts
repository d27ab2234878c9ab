import { ExchangeType, PayloadType, ProtocolId } from '../../iana/ikev2.ts';
import type { ChildSa } from '../../ike/child.ts';
import { announceDown } from '../../ike/child-events.ts';
import type { Duration } from '../../lib/time.ts';
import type { Failure } from '../../policy/failure.ts';
import type { DeletePayload } from '../../wire/v2/payload.ts';
import { type Flow, request } from '../flow.ts';
import type { IkeSa, Task } from '../ike-sa.ts';
import { childSpiOctets, childSpiOf } from '../sa-payload.ts';
import { dropChild, stopOutbound, successorOf } from '../succession.ts';

/**
 * Tells the peer that this IKE SA, with all its children, is no more; it closes as soon as the peer has answered or
 * falls silent (RFC 7296 §1.4.1).
 *
 * @param reason absent when it is as wished.
 */
export function deleteIke(reason?: Failure): Task {
  return { kind: 'delete-ike', subject: '', run: sa => deleteIkeSa(sa, reason) };
}

/** As `deleteIke`, inside another flow. */
export function* deleteIkeSa(sa: IkeSa, reason?: Failure): Flow<void> {
  sa.state = 'DELETING';
  try {
    yield* request(ExchangeType.INFORMATIONAL, [
      { type: PayloadType.Delete, protocol: ProtocolId.IKE, spiSize: 0, spis: [] },
    ]);
  } finally {
    sa.close(reason);
  }
}

/**
 * Deletes a Child SA at both ends. Where a rekey has replaced it since, its successor goes in its place; where it is
 * gone already, nothing happens.
 *
 * @param reason absent when it is as wished.
 */
export function deleteChild(child: ChildSa, reason?: Failure): Task {
  return {
    kind: 'delete-child',
    subject: String(child.id),
    child: child.config.name,
    *run(sa) {
      const current = sa.children.includes(child) ? child : successorOf(sa, child);
      if (current !== undefined) yield* deleteChildSa(sa, current, { reason });
    },
  };
}

/** The exchange that deletes `child`. With a `delay` it is replaced: its outbound SA stops at once, its inbound SA stays as long after the answer. */
export function* deleteChildSa(
  sa: IkeSa,
  child: ChildSa,
  options: { readonly reason?: Failure | undefined; readonly delay?: Duration } = {},
): Flow<void> {
  if (!sa.children.includes(child) || child.state === 'DELETING') return;
  child.state = 'DELETING';
  if (options.delay !== undefined) stopOutbound(sa, child);
  yield* request(ExchangeType.INFORMATIONAL, [deletePayload(child.protocol, [child])]);
  announceDown(sa, child, options.reason);
  dropChild(sa, child, options.delay);
}

/** Names the inbound SPIs of children of one protocol: each end closes its own (RFC 7296 §1.4.1). */
export function deletePayload(protocol: 'esp' | 'ah', children: readonly ChildSa[]): DeletePayload {
  return {
    type: PayloadType.Delete,
    protocol: protocolNumber(protocol),
    spiSize: 4,
    spis: children.map(child => childSpiOctets(child.spiIn)),
  };
}

/** The Child SA whose packets we send with `spi`, which is how the peer names it. */
export function childBySpi(sa: IkeSa, protocol: number, spi: Uint8Array): ChildSa | undefined {
  const number = childSpiOf(spi);
  return sa.children.find(child => child.spiOut === number && protocolNumber(child.protocol) === protocol);
}

export function protocolNumber(protocol: 'esp' | 'ah'): number {
  return protocol === 'esp' ? ProtocolId.ESP : ProtocolId.AH;
}
