import { NotifyStatus } from '../../iana/notify.ts';
import { findNotify, notify } from '../flow.ts';
import type { Extension } from './extension.ts';

/** Childless initiation (RFC 6023 §3): a responder says that IKE_AUTH may come without a child. */
export const childless: Extension = {
  name: 'childless',
  rfc: 'RFC 6023',

  offer(slot, { connection }) {
    if (slot !== 'init-response' || connection.childless === 'never') return [];
    return [notify(NotifyStatus.CHILDLESS_IKEV2_SUPPORTED)];
  },

  heed(slot, payloads, { peer }) {
    if (slot === 'init-response')
      peer.childless = findNotify({ payloads }, NotifyStatus.CHILDLESS_IKEV2_SUPPORTED) !== undefined;
  },
};
