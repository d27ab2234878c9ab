import { V1Notify, V1ProtocolId } from '../../iana/ikev1.ts';
import { concat, EMPTY, u64 } from '../../lib/bytes.ts';
import type { V1NotifyPayload } from '../../wire/v1/payload.ts';
import { findNotify, notify } from '../flow.ts';
import type { Circumstances, Extension } from './extension.ts';

/**
 * INITIAL-CONTACT (RFC 2407 §4.6.3.3): this is the only SA between the two, whatever the peer remembers. In main mode it
 * rides with the proof; aggressive mode does not protect it, so there it follows in a message of its own.
 */
export const initialContact: Extension = {
  name: 'initial contact',
  rfc: 'RFC 2407 §4.6.3.3',

  offer: (slot, circumstances) =>
    slot === 'initiator-proof' && isFirst(circumstances) ? [initialContactNotify(circumstances)] : [],

  heed(slot, payloads, { peer }) {
    if (slot === 'initiator-proof')
      peer.initialContact = findNotify({ payloads }, V1Notify.INITIAL_CONTACT) !== undefined;
  },
};

/** Whether we may say so. */
export function isFirst({ host, connection }: Pick<Circumstances, 'host' | 'connection'>): boolean {
  return connection.unique !== 'never' && !host.isConnected(connection);
}

export function initialContactNotify({
  initiatorSpi,
  responderSpi,
}: Pick<Circumstances, 'initiatorSpi' | 'responderSpi'>): V1NotifyPayload {
  const spi = concat(u64(initiatorSpi), u64(responderSpi));
  return notify(V1Notify.INITIAL_CONTACT, EMPTY, { protocol: V1ProtocolId.PROTO_ISAKMP, spi });
}
