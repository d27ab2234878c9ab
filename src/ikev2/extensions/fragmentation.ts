import { NotifyStatus } from '../../iana/notify.ts';
import { findNotify, notify } from '../flow.ts';
import type { Extension } from './extension.ts';

/** IKEv2 message fragmentation (RFC 7383 §2.3): both say that they can put fragments together. */
export const fragmentation: Extension = {
  name: 'fragmentation',
  rfc: 'RFC 7383',

  offer(slot, { connection, peer }) {
    if (connection.fragmentation === 'no') return [];
    if (slot === 'init-request' || (slot === 'init-response' && peer.fragmentation))
      return [notify(NotifyStatus.IKEV2_FRAGMENTATION_SUPPORTED)];
    return [];
  },

  heed(slot, payloads, { connection, peer }) {
    if (slot !== 'init-request' && slot !== 'init-response') return;
    peer.fragmentation =
      connection.fragmentation !== 'no' &&
      findNotify({ payloads }, NotifyStatus.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined;
  },
};
