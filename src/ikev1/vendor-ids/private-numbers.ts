import type { Extension } from './extension.ts';
import { vendorId } from './vendor-id.ts';

/** strongSwan's private numbers are known here: said where the settings have it so. */
export const privateNumbers: Extension = {
  name: "strongSwan's private numbers",
  rfc: 'none',

  offer: (slot, { host }) =>
    host.settings.sendVendorId && (slot === 'offer' || slot === 'choice') ? [vendorId('strongSwan')] : [],
};
