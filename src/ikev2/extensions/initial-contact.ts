import { NotifyStatus } from '../../iana/notify.ts';
import { findNotify, notify } from '../flow.ts';
import type { Extension } from './extension.ts';

/** INITIAL_CONTACT (RFC 7296 §2.4): this is the only IKE SA between the two, whatever the peer remembers. */
export const initialContact: Extension = {
  name: 'initial contact',
  rfc: 'RFC 7296 §2.4',

  offer(slot, { host, connection }) {
    if (slot !== 'auth-request' || connection.unique === 'never' || host.isConnected(connection)) return [];
    return [notify(NotifyStatus.INITIAL_CONTACT)];
  },

  // Heeded in the first authenticated message alone: later it would be a lever to pull down other SAs.
  heed(slot, payloads, { peer }) {
    if (slot === 'auth-request')
      peer.initialContact = findNotify({ payloads }, NotifyStatus.INITIAL_CONTACT) !== undefined;
  },
};
