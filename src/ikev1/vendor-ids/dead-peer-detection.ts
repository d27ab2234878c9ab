import type { Extension } from './extension.ts';
import { vendorId, vendorIdsIn } from './vendor-id.ts';

/** Dead peer detection (RFC 3706 §5.1): only who has heard of it from both sides may ask. */
export const deadPeerDetection: Extension = {
  name: 'dead peer detection',
  rfc: 'RFC 3706',

  offer: slot => (slot === 'offer' || slot === 'choice' ? [vendorId('DPD')] : []),

  heed(slot, payloads, { peer }) {
    if (slot === 'offer' || slot === 'choice') peer.deadPeerDetection = vendorIdsIn(payloads).has('DPD');
  },
};
