import { NotifyStatus } from '../../iana/notify.ts';
import { readU32, writeU32 } from '../../lib/bytes.ts';
import { SECOND } from '../../lib/time.ts';
import { namesHost } from '../../policy/address-match.ts';
import { findNotify, notify } from '../flow.ts';
import type { Extension } from './extension.ts';

/**
 * AUTH_LIFETIME (RFC 4478): who answered says when it wants new proofs, since it cannot always begin itself: a peer from anywhere,
 * or with a virtual IP of ours, is to do so.
 */
export const authLifetime: Extension = {
  name: 'authentication lifetime',
  rfc: 'RFC 4478',

  offer(slot, { connection, role }) {
    if (slot !== 'auth-response' || role !== 'responder' || connection.reauthTime === 0) return [];
    // Others are called when the time has come.
    if (connection.pools.length === 0 && namesHost(connection.remoteAddresses)) return [];
    const data = new Uint8Array(4);
    writeU32(data, 0, Math.min(Math.floor(connection.reauthTime / SECOND), LONGEST));
    return [notify(NotifyStatus.AUTH_LIFETIME, data)];
  },

  heed(slot, payloads, { peer }) {
    if (slot !== 'auth-response') return;
    const data = findNotify({ payloads }, NotifyStatus.AUTH_LIFETIME)?.data;
    if (data?.length === 4) peer.authLifetime = readU32(data, 0) * SECOND;
  },
};

const LONGEST = 0xffff_ffff;
