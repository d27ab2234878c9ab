import { OakleyAuthMethod } from '../../iana/ikev1.ts';
import type { AuthMethodName } from '../../policy/connection.ts';
import { xauthSecret } from '../xauth-users.ts';
import type { AuthMethod } from './method.ts';
import { psk } from './psk.ts';
import { xauthRole } from './xauth-role.ts';

/** The numbers that say that XAUTH follows: of the initiator of phase 1, or of its responder. */
interface XauthNumbers {
  readonly initiator: number;
  readonly responder: number;
}

/** A shared key, and then a user (draft-beaulieu-ike-xauth §7). */
export const xauthPsk: AuthMethod = withXauth(psk, 'psk', {
  initiator: OakleyAuthMethod.XAUTHInitPreShared,
  responder: OakleyAuthMethod.XAUTHRespPreShared,
});

/** Phase 1 goes as with `method`; that a user must prove itself afterwards is negotiated by a number of its own. */
function withXauth(method: AuthMethod, round: AuthMethodName, numbers: XauthNumbers): AuthMethod {
  return {
    name: `${method.name} with xauth`,
    numbers: [numbers.initiator, numbers.responder],

    numbersFor({ host, connection, role }) {
      const part = xauthRole(connection);
      const { local, remote } = connection;
      if (part === undefined || local[0]?.method !== round || remote[0]?.method !== round) return [];
      if (part === 'client') xauthSecret(host.credentials, local);
      const isInitiators = (role === 'initiator') === (part === 'client');
      return [isInitiators ? numbers.initiator : numbers.responder];
    },

    begin: run => method.begin(run),
  };
}
