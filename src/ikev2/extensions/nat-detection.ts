import { PayloadType } from '../../iana/ikev2.ts';
import { NotifyStatus } from '../../iana/notify.ts';
import { equal, writeU16, writeU64 } from '../../lib/bytes.ts';
import type { Endpoint } from '../../policy/sa.ts';
import type { Payload } from '../../wire/v2/payload.ts';
import { notify } from '../flow.ts';
import type { Circumstances, Extension } from './extension.ts';

/**
 * NAT detection (RFC 7296 §2.23): each end says which addresses it sent from and to, as hashes; where they differ
 * from what the other end saw, there is a NAT between. To have ESP travel in UDP without one, we say something wrong.
 */
export const natDetection: Extension = {
  name: 'NAT detection',
  rfc: 'RFC 7296 §2.23',

  offer(slot, circumstances) {
    const { host, path, peer } = circumstances;
    if (slot !== 'init-request' && (slot !== 'init-response' || !peer.natTraversal)) return [];
    const source = pretends(circumstances)
      ? host.provider.random(HASH_LENGTH)
      : hashOf(circumstances, path.local);
    return [
      notify(NotifyStatus.NAT_DETECTION_SOURCE_IP, source),
      notify(NotifyStatus.NAT_DETECTION_DESTINATION_IP, hashOf(circumstances, path.remote)),
    ];
  },

  heed(slot, payloads, circumstances) {
    if (slot !== 'init-request' && slot !== 'init-response') return;
    const sources = hashesIn(payloads, NotifyStatus.NAT_DETECTION_SOURCE_IP);
    const destinations = hashesIn(payloads, NotifyStatus.NAT_DETECTION_DESTINATION_IP);
    const { peer, path } = circumstances;
    peer.natTraversal = sources.length > 0 && destinations.length > 0;
    if (!peer.natTraversal) return;
    const names = (hashes: readonly Uint8Array[], endpoint: Endpoint): boolean =>
      hashes.some(hash => equal(hash, hashOf(circumstances, endpoint)));
    peer.natRemote = !names(sources, path.remote);
    peer.natLocal = !names(destinations, path.local);
    // TCP goes through NATs as it is, and carries ESP anyway (RFC 9329 §6.5).
    peer.encapsulate = path.tcp !== true && (peer.natRemote || peer.natLocal || pretends(circumstances));
  },
};

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
  return payloads
    .filter(payload => payload.type === PayloadType.Notify)
    .filter(payload => payload.notifyType === notifyType && payload.data.length === HASH_LENGTH)
    .map(({ data }) => data);
}
