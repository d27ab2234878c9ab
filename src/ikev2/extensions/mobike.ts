import { PayloadType } from '../../iana/ikev2.ts';
import { NotifyStatus } from '../../iana/notify.ts';
import { concat, equal } from '../../lib/bytes.ts';
import { type IpAddress, isUnspecified, isV4 } from '../../lib/ip.ts';
import { mayMoveTo } from '../../policy/address-match.ts';
import type { Path } from '../../policy/sa.ts';
import type { Payload } from '../../wire/v2/payload.ts';
import { findNotify, notify } from '../flow.ts';
import type { Circumstances, Extension } from './extension.ts';

/** MOBIKE (RFC 4555 §3.2, §3.4): both say in IKE_AUTH that their addresses may change, and which others they have. */
export const mobike: Extension = {
  name: 'MOBIKE',
  rfc: 'RFC 4555',

  offer(slot, circumstances) {
    const { connection, peer, host } = circumstances;
    if (!connection.mobike) return [];
    if (slot !== 'auth-request' && (slot !== 'auth-response' || !peer.mobike)) return [];
    peer.toldAddresses = furtherAddresses(circumstances, host.addresses, []);
    return [
      notify(NotifyStatus.MOBIKE_SUPPORTED),
      ...addressPayloads(peer.toldAddresses),
      ...(slot === 'auth-request' ? natProhibition(circumstances) : []),
    ];
  },

  heed(slot, payloads, { connection, peer, path }) {
    if (slot !== 'auth-request' && slot !== 'auth-response') return;
    const isSupported = findNotify({ payloads }, NotifyStatus.MOBIKE_SUPPORTED) !== undefined;
    peer.mobike = connection.mobike && isSupported;
    peer.addresses = peer.mobike ? (addressesIn(payloads, path) ?? []) : [];
  },
};

/** Addresses of ours that the peer is told of: as many as charon tells. */
const MOST_TOLD = 8;
/** Addresses of a peer's that are remembered. */
const MOST_HEEDED = 16;

/** Those of this host's besides the one in use that the connection may be at; `virtual` are the peer's gift, and no way to us. */
export function furtherAddresses(
  { connection, path }: Pick<Circumstances, 'connection' | 'path'>,
  addresses: readonly IpAddress[],
  virtual: readonly IpAddress[],
): readonly IpAddress[] {
  return addresses
    .filter(address => !equal(address, path.local.address))
    .filter(address => !virtual.some(other => equal(other, address)))
    .filter(address => mayMoveTo(connection.localAddresses, address))
    .slice(0, MOST_TOLD);
}

export function addressPayloads(addresses: readonly IpAddress[]): readonly Payload[] {
  return addresses.map(address => {
    const type = isV4(address) ? NotifyStatus.ADDITIONAL_IP4_ADDRESS : NotifyStatus.ADDITIONAL_IP6_ADDRESS;
    return notify(type, address);
  });
}

/** A complete list of addresses besides the one that the message came from; undefined where it says nothing of them. */
export function addressesIn(payloads: readonly Payload[], path: Path): readonly IpAddress[] | undefined {
  let isList = false;
  const found: IpAddress[] = [];
  for (const payload of payloads) {
    if (payload.type !== PayloadType.Notify) continue;
    const { notifyType, data } = payload;
    const length = LENGTHS[notifyType];
    if (length === undefined) continue;
    isList = true;
    // What can be nobody's address is left out, and so is what comes twice.
    if (data.length !== length || length === 0 || !isHost(data) || equal(data, path.remote.address)) continue;
    if (found.length < MOST_HEEDED && !found.some(other => equal(other, data))) found.push(data.slice());
  }
  return isList ? found : undefined;
}

const LENGTHS: Readonly<Record<number, number>> = {
  [NotifyStatus.ADDITIONAL_IP4_ADDRESS]: 4,
  [NotifyStatus.ADDITIONAL_IP6_ADDRESS]: 16,
  [NotifyStatus.NO_ADDITIONAL_ADDRESSES]: 0,
};

function isHost(address: IpAddress): boolean {
  const [first] = address;
  if (isUnspecified(address) || first === undefined) return false;
  return isV4(address) ? first !== 0 && first !== 127 && first < 224 : first !== 0xff;
}

/** Where NATs are not reckoned with, nothing on the way may change addresses (RFC 4555 §3.9). */
export function natProhibition({ peer, path }: Pick<Circumstances, 'peer' | 'path'>): readonly Payload[] {
  return peer.natTraversal
    ? []
    : [notify(NotifyStatus.NO_NATS_ALLOWED, addressesOf(path.local, path.remote))];
}

/** Whether something changed the addresses of a message that forbids it, which came by `path`. */
export function wasChanged(payloads: readonly Payload[], { local, remote }: Path): boolean {
  const prohibition = findNotify({ payloads }, NotifyStatus.NO_NATS_ALLOWED);
  return prohibition !== undefined && !equal(prohibition.data, addressesOf(remote, local));
}

function addressesOf(source: Path['local'], destination: Path['local']): Uint8Array {
  const port = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
  return concat(source.address, destination.address, port(source.port), port(destination.port));
}
