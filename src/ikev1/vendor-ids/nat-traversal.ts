import { V1PayloadType } from '../../iana/ikev1.ts';
import type { VendorName } from '../../iana/vendor-ids.ts';
import { equal, u64 } from '../../lib/bytes.ts';
import type { Endpoint } from '../../policy/sa.ts';
import type { V1NatDPayload, V1Payload } from '../../wire/v1/payload.ts';
import type { PeerFacts } from '../isakmp-sa.ts';
import type { Circumstances, Extension } from './extension.ts';
import { vendorId, vendorIdsIn } from './vendor-id.ts';

/** The ways to traverse NATs, best first, and whose numbers each has. A responder names the one it takes. */
const WAYS: readonly (readonly [VendorName, NonNullable<PeerFacts['natTraversal']>])[] = [
  ['RFC 3947', 'rfc'],
  ['draft-ietf-ipsec-nat-t-ike-03', 'draft'],
  // The digest of the draft's name with a line feed behind it is what most implementations sent.
  ['draft-ietf-ipsec-nat-t-ike-02 LF', 'draft'],
  ['draft-ietf-ipsec-nat-t-ike-02', 'draft'],
];

const NAT_D = { rfc: V1PayloadType.NAT_D, draft: V1PayloadType.NAT_D_DRAFT } as const;

/**
 * NAT traversal (RFC 3947 §3): Vendor IDs say that both know of it, then each end says where it sends to and from, as
 * hashes; where they differ from what the other sees, there is a NAT. To have ESP travel in UDP without one, we say something wrong.
 */
export const natTraversal: Extension = {
  name: 'NAT traversal',
  rfc: 'RFC 3947',

  offer(slot, circumstances) {
    const { peer } = circumstances;
    if (slot === 'offer') return WAYS.map(([name]) => vendorId(name));
    if (peer.natTraversal === undefined) return [];
    if (slot === 'choice') return [vendorId(peer.natTraversalName ?? 'RFC 3947')];
    return slot === 'initiator-share' || slot === 'responder-share' ? hashes(circumstances) : [];
  },

  heed(slot, payloads, circumstances) {
    const { peer } = circumstances;
    if (slot === 'offer' || slot === 'choice') {
      const known = vendorIdsIn(payloads);
      const way = WAYS.find(([name]) => known.has(name));
      peer.natTraversalName = way?.[0];
      peer.natTraversal = way?.[1];
    } else if (slot === 'initiator-share' || slot === 'responder-share') compare(payloads, circumstances);
  },
};

/** Destination first, then the source (§3.2). */
function hashes(circumstances: Circumstances): readonly V1NatDPayload[] {
  const { host, path, peer, hash } = circumstances;
  if (peer.natTraversal === undefined || hash === undefined) return [];
  const type = NAT_D[peer.natTraversal];
  const destination = hashOf(circumstances, path.remote);
  const source = pretends(circumstances)
    ? host.provider.random(destination.length)
    : hashOf(circumstances, path.local);
  return [
    { type, data: destination },
    { type, data: source },
  ];
}

function compare(payloads: readonly V1Payload[], circumstances: Circumstances): void {
  const { path, peer, hash } = circumstances;
  if (peer.natTraversal === undefined || hash === undefined) return;
  const type = NAT_D[peer.natTraversal];
  const [destination, ...sources] = payloads
    .filter((payload): payload is V1NatDPayload => payload.type === type)
    .map(({ data }) => data);
  // Without both, the peer says nothing of NATs.
  if (destination === undefined || sources.length === 0) return;
  const remote = hashOf(circumstances, path.remote);
  peer.natLocal = !equal(destination, hashOf(circumstances, path.local));
  peer.natRemote = !sources.some(source => equal(source, remote));
  peer.encapsulate = peer.natLocal || peer.natRemote || pretends(circumstances);
}

function pretends({ host, connection }: Circumstances): boolean {
  return connection.encap || host.features.forceUdpEncapsulation;
}

/** HASH(CKY-I | CKY-R | IP | Port) (§3.2). */
function hashOf(
  { hash, initiatorSpi, responderSpi }: Circumstances,
  { address, port }: Endpoint,
): Uint8Array {
  const octets = Uint8Array.of(port >> 8, port & 0xff);
  return hash?.hash(u64(initiatorSpi), u64(responderSpi), address, octets) ?? new Uint8Array();
}
