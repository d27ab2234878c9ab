import { NotifyStatus } from '../../iana/notify.ts';
import { findNotify, notify } from '../flow.ts';
import type { Extension } from './extension.ts';

/** MULTIPLE_AUTH_SUPPORTED (RFC 4739 §3.1): each may prove several identities, one after the other. */
export const multipleAuthentication: Extension = {
  name: 'multiple authentication',
  rfc: 'RFC 4739',

  offer(slot, { host, peer }) {
    if (!host.settings.multipleAuthentication) return [];
    if (slot === 'init-response' || (slot === 'auth-request' && peer.multipleAuthentication))
      return [notify(NotifyStatus.MULTIPLE_AUTH_SUPPORTED)];
    return [];
  },

  heed(slot, payloads, { host, peer }) {
    if (slot !== 'init-response' && slot !== 'auth-request') return;
    peer.multipleAuthentication =
      host.settings.multipleAuthentication &&
      findNotify({ payloads }, NotifyStatus.MULTIPLE_AUTH_SUPPORTED) !== undefined;
  },
};
