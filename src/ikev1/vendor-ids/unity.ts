import type { Extension } from './extension.ts';
import { vendorId, vendorIdsIn } from './vendor-id.ts';

/**
 * Attributes of mode config that Cisco made up. Who says that it knows them is told them; we say it to those that said
 * it first, where we ask for a virtual IP, and to everybody where the settings have it so.
 */
export const unity: Extension = {
  name: 'Cisco Unity',
  rfc: 'none',

  offer(slot, { host, connection, peer }) {
    const { ciscoUnity } = host.settings;
    const isClient = slot === 'offer' && (ciscoUnity || connection.vips.length > 0);
    const isServer = slot === 'choice' && (ciscoUnity || (peer.unity && connection.pools.length > 0));
    return isClient || isServer ? [vendorId('Cisco-Unity', VERSION)] : [];
  },

  heed(slot, payloads, { peer }) {
    if (slot === 'offer' || slot === 'choice') peer.unity = vendorIdsIn(payloads).has('Cisco-Unity');
  },
};

const VERSION = Uint8Array.of(1, 0);
