import { Doi, V1PayloadType, V1ProtocolId } from '../../iana/ikev1.ts';
import type { ChildSa } from '../../ike/child.ts';
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
  sa.current.inform([deleteOf(child.protocol, [child])]);
  dropChild(sa, child, reason);
}

/** What tells the peer that the SA is gone, with all its children: a message for each. */
export function deletePayloads(sa: IsakmpSa): readonly V1DeletePayload[] {
  const { children } = sa;
  const protocols = [...new Set(children.map(({ protocol }) => protocol))];
  return [
    ...protocols.map(protocol =>
      deleteOf(
        protocol,
        children.filter(child => child.protocol === protocol),
      ),
    ),
    {
      type: V1PayloadType.D,
      doi: Doi.IPSEC,
      protocol: V1ProtocolId.PROTO_ISAKMP,
      spiSize: 16,
      spis: [concat(u64(sa.initiatorSpi), u64(sa.responderSpi))],
    },
  ];
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
