import { xauthRole } from '../auth/xauth-role.ts';
import type { Extension } from './extension.ts';
import { vendorId } from './vendor-id.ts';

/** XAUTH is agreed by the number of the authentication method; peers want to read this besides. */
export const xauth: Extension = {
  name: 'XAUTH',
  rfc: 'draft-beaulieu-ike-xauth §4',

  offer: (slot, { connection }) =>
    (slot === 'offer' || slot === 'choice') && xauthRole(connection) !== undefined ? [vendorId('XAUTH')] : [],
};
