import type { Extension } from './extension.ts';
import { vendorId, vendorIdsIn } from './vendor-id.ts';

/** Behind the well-known octets a word says what may be fragmented: main and aggressive mode, and so all else. */
const PHASE_ONE = Uint8Array.of(0x80, 0, 0, 0);
const ALONE = 16;

/** Fragments of whole messages, as Cisco and Microsoft made them up: no RFC has them. */
export const fragmentation: Extension = {
  name: 'fragmentation',
  rfc: 'none',

  offer(slot, { connection, peer }) {
    const wanted = slot === 'offer' || (slot === 'choice' && peer.fragmentation);
    return wanted && connection.fragmentation !== 'no' ? [vendorId('FRAGMENTATION', PHASE_ONE)] : [];
  },

  heed(slot, payloads, { connection, peer }) {
    if (slot !== 'offer' && slot !== 'choice') return;
    const data = vendorIdsIn(payloads).get('FRAGMENTATION');
    peer.fragmentation =
      connection.fragmentation !== 'no' &&
      data !== undefined &&
      (data.length === ALONE || ((data[ALONE] ?? 0) & 0x80) !== 0);
  },
};
