import { Doi, V1PayloadType, V1ProtocolId } from '../../iana/ikev1.ts';
import type { ChildSa } from '../../ike/child.ts';
import { tellClosing, tellDelete, tellDeleting } from '../../ike/steps.ts';
import { concat, u64 } from '../../lib/bytes.ts';
import type { Failure } from '../../policy/failure.ts';
import type { V1DeletePayload } from '../../wire/v1/payload.ts';
import type { IsakmpSa } from '../isakmp-sa.ts';
import { protocolNumber } from '../quick-proposal.ts';
import { spiOctets } from '../quick-transform.ts';
import { dropChild } from '../succession.ts';

/** Takes a child away and tells the peer: it will receive no more by it. */
export function deleteChild(sa: IsakmpSa, child: ChildSa, reason?: Failure): void {
  if (!sa.current.children.includes(child)) return;
  tellClosing(sa, child);
  tellDelete(sa, 'sending', child.protocol, child.spiIn);
  sa.current.inform([deleteOf(child.protocol, [child])]);
  dropChild(sa, child, reason);
}

/** Tells the peer that the SA is gone, with all its children. */
export function sayFarewell(sa: IsakmpSa): void {
  for (const child of sa.children) {
    tellClosing(sa, child);
    tellDelete(sa, 'sending', child.protocol, child.spiIn);
  }
  const messages = farewell(sa);
  messages.forEach((payloads, index) => {
    if (index === messages.length - 1) tellDeleting(sa, 'sending');
    sa.inform(payloads);
  });
}

/**
 * The messages that tell the peer that the SA is gone, with all its children. The last one says everything again: each
 * may be lost, and many peers heed only the first Delete in a message.
 */
function farewell(sa: IsakmpSa): readonly (readonly V1DeletePayload[])[] {
  const { children } = sa;
  const ofChildren = [...new Set(children.map(({ protocol }) => protocol))].map(protocol =>
    deleteOf(
      protocol,
      children.filter(child => child.protocol === protocol),
    ),
  );
  const ofAll: V1DeletePayload = {
    type: V1PayloadType.D,
    doi: Doi.IPSEC,
    protocol: V1ProtocolId.PROTO_ISAKMP,
    spiSize: 16,
    spis: [concat(u64(sa.initiatorSpi), u64(sa.responderSpi))],
  };
  return [...ofChildren.map(payload => [payload]), [ofAll, ...ofChildren]];
}

/** Delete names the SPIs of its sender (RFC 2408 §3.15). */
function deleteOf(protocol: 'esp' | 'ah', children: readonly ChildSa[]): V1DeletePayload {
  return {
    type: V1PayloadType.D,
    doi: Doi.IPSEC,
    protocol: protocolNumber(protocol),
    spiSize: 4,
    spis: children.map(({ spiIn }) => spiOctets(spiIn)),
  };
}
