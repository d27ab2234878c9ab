import { PayloadType } from '../../iana/ikev2.ts';
import { NotifyStatus } from '../../iana/notify.ts';
import { equal, writeU16, writeU64 } from '../../lib/bytes.ts';
import type { Endpoint } from '../../policy/sa.ts';
import type { Payload } from '../../wire/v2/payload.ts';
import { notify } from '../flow.ts';
import type { PeerFacts } from '../peer-facts.ts';
import type { Circumstances, Extension } from './extension.ts';

/**
 * NAT detection (RFC 7296 §2.23): each end says which addresses it sent from and to, as hashes; where they differ
 * from what the other end saw, there is a NAT between. To have ESP travel in UDP without one, we say something wrong.
 */
export const natDetection: Extension = {
  name: 'NAT detection',
  rfc: 'RFC 7296 §2.23',

  offer(slot, circumstances) {
    if (slot === 'init-request' || (slot === 'init-response' && circumstances.peer.natTraversal))
      return natPayloads(circumstances);
    return [];
  },

  heed(slot, payloads, circumstances) {
    if (slot === 'init-request' || slot === 'init-response')
      circumstances.peer.natTraversal = heedNat(payloads, circumstances);
  },
};

/** From where to where this end sends. */
export function natPayloads(circumstances: Circumstances): readonly Payload[] {
  const { host, path } = circumstances;
  const source = pretends(circumstances)
    ? host.provider.random(HASH_LENGTH)
    : hashOf(circumstances, path.local);
  return [
    notify(NotifyStatus.NAT_DETECTION_SOURCE_IP, source),
    notify(NotifyStatus.NAT_DETECTION_DESTINATION_IP, hashOf(circumstances, path.remote)),
  ];
}

/** Learns from what the peer says of a message by `path` which of us is behind a NAT. False where it says nothing. */
export function heedNat(payloads: readonly Payload[], circumstances: Circumstances): boolean {
  const sources = hashesIn(payloads, NotifyStatus.NAT_DETECTION_SOURCE_IP);
  const destinations = hashesIn(payloads, NotifyStatus.NAT_DETECTION_DESTINATION_IP);
  if (sources.length === 0 || destinations.length === 0) return false;
  const { peer, path } = circumstances;
  const names = (hashes: readonly Uint8Array[], endpoint: Endpoint): boolean =>
    hashes.some(hash => equal(hash, hashOf(circumstances, endpoint)));
  peer.natRemote = !names(sources, path.remote);
  peer.natLocal = !names(destinations, path.local);
  // TCP goes through NATs as it is, and carries ESP anyway (RFC 9329 §6.5).
  peer.encapsulate = path.tcp !== true && (peer.natRemote || peer.natLocal || pretends(circumstances));
  peer.seenAs = destinations[0]?.slice();
  return true;
}

/** Whether the peer sees us by another address or port than when it last said (RFC 4555 §3.8). */
export function isSeenElsewhere(payloads: readonly Payload[], { seenAs }: PeerFacts): boolean {
  const [now] = hashesIn(payloads, NotifyStatus.NAT_DETECTION_DESTINATION_IP);
  return now !== undefined && seenAs !== undefined && !equal(now, seenAs);
}

const HASH_LENGTH = 20;

function pretends({ host, connection, path }: Circumstances): boolean {
  return path.tcp !== true && (connection.encap || host.features.forceUdpEncapsulation);
}

/** SHA-1(SPIi | SPIr | address | port), the SPIs as they stand in the header of the message. */
function hashOf(
  { host, initiatorSpi, responderSpi }: Circumstances,
  { address, port }: Endpoint,
): Uint8Array {
  const octets = new Uint8Array(18 + address.length);
  writeU64(octets, 0, initiatorSpi);
  writeU64(octets, 8, responderSpi);
  octets.set(address, 16);
  writeU16(octets, 16 + address.length, port);
  return host.provider.hash('sha1', octets);
}

function hashesIn(payloads: readonly Payload[], notifyType: number): readonly Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (const payload of payloads)
    if (payload.type === PayloadType.Notify && payload.notifyType === notifyType)
      if (payload.data.length === HASH_LENGTH) hashes.push(payload.data);
  return hashes;
}
