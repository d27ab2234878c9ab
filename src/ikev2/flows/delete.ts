import { ExchangeType, PayloadType, ProtocolId } from '../../iana/ikev2.ts';
import type { ChildSa } from '../../ike/child.ts';
import { announceDown } from '../../ike/child-events.ts';
import { tell, tellClosing, tellDelete, tellDeleted, tellDeleting } from '../../ike/steps.ts';
import type { Failure } from '../../policy/failure.ts';
import type { DeletePayload } from '../../wire/v2/payload.ts';
import { all, type Flow, request } from '../flow.ts';
import type { IkeSa, Task } from '../ike-sa.ts';
import { childSpiOctets, childSpiOf } from '../sa-payload.ts';
import { dropChild, stopOutbound, successorOf, switchTo } from '../succession.ts';

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
  tellDeleting(sa, 'sending');
  try {
    yield* request(ExchangeType.INFORMATIONAL, [
      { type: PayloadType.Delete, protocol: ProtocolId.IKE, spiSize: 0, spis: [] },
    ]);
    tellDeleted(sa);
  } finally {
    sa.close(reason);
  }
}

/**
 * Deletes a Child SA at both ends, and what has replaced it or is about to. Where all of that is gone already,
 * nothing happens.
 *
 * @param reason absent when it is as wished.
 */
export function deleteChild(child: ChildSa, reason?: Failure): Task {
  return {
    kind: 'delete-child',
    subject: String(child.id),
    child: child.config.name,
    *run(sa) {
      yield* deleteChildSa(sa, child, reason);
      for (let next = successorOf(sa, child); next !== undefined; next = successorOf(sa, next))
        yield* deleteChildSa(sa, next, reason);
    },
  };
}

/** The exchange that deletes `child`. What has a successor still receives for a while after the answer. */
export function* deleteChildSa(sa: IkeSa, child: ChildSa, reason?: Failure): Flow<void> {
  if (!sa.children.includes(child) || child.state === 'DELETING') return;
  tellClosing(sa, child);
  child.state = 'DELETING';
  tellDelete(sa, 'sending', child.protocol, child.spiIn);
  if (successorOf(sa, child)?.outbound === true) stopOutbound(sa, child);
  const answer = yield* request(ExchangeType.INFORMATIONAL, [deletePayload(child.protocol, [child])]);
  for (const { spis } of all(answer, PayloadType.Delete))
    for (const spi of spis) tellDelete(sa, 'received', child.protocol, childSpiOf(spi) ?? 0);
  tell(sa, 'ike', () => 'CHILD_SA closed');
  const next = successorOf(sa, child);
  if (next !== undefined) {
    switchTo(sa, child, next);
    return;
  }
  announceDown(sa, child, reason);
  dropChild(sa, child);
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

/** Whether the answer that makes a Child SA known to us may be on its way: the peer has that SA before we do. */
export function isMakingChild(sa: IkeSa): boolean {
  return sa.running?.kind === 'create-child' || sa.running?.kind === 'rekey-child';
}

/** The Child SA whose packets we send with `spi`, which is how the peer names it. */
export function childBySpi(sa: IkeSa, protocol: number, spi: Uint8Array): ChildSa | undefined {
  const number = childSpiOf(spi);
  return sa.children.find(child => child.spiOut === number && protocolNumber(child.protocol) === protocol);
}

export function protocolNumber(protocol: 'esp' | 'ah'): number {
  return protocol === 'esp' ? ProtocolId.ESP : ProtocolId.AH;
}
