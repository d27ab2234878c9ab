import { PayloadType } from '../../iana/ikev2.ts';
import { VENDOR_IDS } from '../../iana/vendor-ids.ts';
import { fromHex } from '../../lib/bytes.ts';
import type { Extension } from './extension.ts';

/**
 * The notify that asks for BEET mode has a private number, of which strongSwan's is meant: charon takes it from nobody who does
 * not say so by its Vendor ID. Said where a child may need it, or where the settings have it so, as is Cisco's.
 */
export const privateNumbers: Extension = {
  name: "strongSwan's private numbers",
  rfc: 'draft-nikander-esp-beet-mode',

  offer(slot, { host, connection }) {
    if (slot !== 'init-request' && slot !== 'init-response') return [];
    const isAsked = (one: typeof connection): boolean => one.children.some(({ mode }) => mode === 'beet');
    // A responder does not know yet which of its connections it will be.
    const wanted = slot === 'init-request' ? isAsked(connection) : host.connections.some(isAsked);
    const { sendVendorId, ciscoFlexvpn } = host.settings;
    return [...(wanted || sendVendorId ? [STRONGSWAN] : []), ...(ciscoFlexvpn ? [FLEXVPN] : [])].map(
      data => ({ type: PayloadType.VendorID, data }),
    );
  },
};

const STRONGSWAN = fromHex(VENDOR_IDS.strongSwan) as Uint8Array;
/** By which Cisco's servers know a client that may have an interface of its own. */
const FLEXVPN = fromHex(VENDOR_IDS['FLEXVPN-SUPPORTED']) as Uint8Array;
