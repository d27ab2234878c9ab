import { OakleyAuthMethod } from '../../iana/ikev1.ts';
import { nameOf } from '../../iana/name.ts';
import type { AuthMethodName } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';
import { xauthSecret } from '../xauth-users.ts';
import { publicKeyEncryption } from './encryption/plain.ts';
import { revisedEncryption } from './encryption/revised.ts';
import type { AuthMethod } from './method.ts';
import { psk } from './psk.ts';
import { signature } from './signature.ts';
import { xauthIn } from './xauth-role.ts';

/** The numbers that say that XAUTH follows: of the initiator of phase 1, or of its responder. */
interface XauthNumbers {
  readonly initiator: number;
  readonly responder: number;
}

/** A shared key, and then a user (draft-beaulieu-ike-xauth §7). */
export const xauthPsk: AuthMethod = withXauth(psk, 'psk', {
  [OakleyAuthMethod.PRE_SHARED_KEY]: {
    initiator: OakleyAuthMethod.XAUTHInitPreShared,
    responder: OakleyAuthMethod.XAUTHRespPreShared,
  },
});

/** Signatures, and then a user: there are no numbers for elliptic curves. */
export const xauthSignature: AuthMethod = withXauth(signature, 'pubkey', {
  [OakleyAuthMethod.RSA_SIGNATURES]: {
    initiator: OakleyAuthMethod.XAUTHInitRSA,
    responder: OakleyAuthMethod.XAUTHRespRSA,
  },
});

/** Public key encryption, and then a user. */
export const xauthEncryption: AuthMethod = withXauth(publicKeyEncryption, 'pubkey-encryption', {
  [OakleyAuthMethod.RSA_ENCRYPTION]: {
    initiator: OakleyAuthMethod.XAUTHInitRSAEncryption,
    responder: OakleyAuthMethod.XAUTHRespRSAEncryption,
  },
});

/** The same, revised. */
export const xauthRevised: AuthMethod = withXauth(revisedEncryption, 'pubkey-encryption-revised', {
  [OakleyAuthMethod.REVISED_RSA_ENCRYPTION]: {
    initiator: OakleyAuthMethod.XAUTHInitRSARevisedEncryption,
    responder: OakleyAuthMethod.XAUTHRespRSARevisedEncryption,
  },
});

/**
 * Phase 1 goes as with `method`; that a user must prove itself afterwards is negotiated by a number of its own.
 *
 * @param round what both sides have for their first round.
 * @param table by the number of `method` alone.
 */
function withXauth(
  method: AuthMethod,
  round: AuthMethodName,
  table: Readonly<Record<number, XauthNumbers>>,
): AuthMethod {
  const bases = new Map(
    Object.entries(table).flatMap(([base, { initiator, responder }]) => [
      [initiator, Number(base)],
      [responder, Number(base)],
    ]),
  );
  return {
    name: `${method.name} with xauth`,
    numbers: [...bases.keys()],
    ...(method.encrypts === true ? { encrypts: true } : {}),

    numbersFor(ask) {
      const { host, connection, role } = ask;
      const xauth = xauthIn(connection);
      if (xauth?.after !== round) return [];
      const { local, remote } = connection;
      if (xauth.role === 'client') xauthSecret(host.credentials, local);
      const alone = { ...connection, local: local.slice(0, 1), remote: remote.slice(0, 1) };
      const isInitiators = (role === 'initiator') === (xauth.role === 'client');
      return method.numbersFor({ ...ask, connection: alone }).map(base => {
        const numbers = table[base];
        if (numbers === undefined) throw noNumber(connection.name, base);
        return isInitiators ? numbers.initiator : numbers.responder;
      });
    },

    begin: run =>
      method.begin({
        ...run,
        number: bases.get(run.number) as number,
        // It is filled in later.
        get suite() {
          return run.suite;
        },
      }),
  };
}

function noNumber(name: string, base: number): Failed {
  return new Failed({
    code: 'auth/method',
    summary: `${name}: there is no XAUTH after ${nameOf(OakleyAuthMethod, base)}`,
    ours: [nameOf(OakleyAuthMethod, base)],
    remedy: 'use an RSA key with XAUTH, or IKEv2',
  });
}
