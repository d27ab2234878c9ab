import { OakleyAuthMethod, V1PayloadType } from '../../iana/ikev1.ts';
import { awaitUser } from '../../ike/verified-peer.ts';
import { constantTimeEqual } from '../../lib/bytes.ts';
import { Failed } from '../../policy/failure.ts';
import { addressIdentity, formatIdentity } from '../../policy/identity.ts';
import { first } from '../flow.ts';
import { xauthSecret } from '../xauth-users.ts';
import type { AuthMethod } from './method.ts';
import { ownSigningMethod, plainExchange, signer, verifySignature } from './signature.ts';
import { namesDss, signingOf } from './signing.ts';
import { xauthIn } from './xauth-role.ts';

interface Hybrid {
  /** The method by which the side that is no user signs. */
  readonly signature: number;
  /** The initiator of phase 1 is the user, or the responder. */
  readonly initiator: number;
  readonly responder: number;
}

const HYBRID: readonly Hybrid[] = [
  {
    signature: OakleyAuthMethod.RSA_SIGNATURES,
    initiator: OakleyAuthMethod.HybridInitRSA,
    responder: OakleyAuthMethod.HybridRespRSA,
  },
  {
    signature: OakleyAuthMethod.DSS_SIGNATURES,
    initiator: OakleyAuthMethod.HybridInitDSS,
    responder: OakleyAuthMethod.HybridRespDSS,
  },
];

/**
 * One side has a certificate, the other a user only (draft-ietf-ipsec-isakmp-hybrid-auth §3.2): in phase 1 that one
 * sends the HASH alone, which shows that it made the keys and nothing about who it is.
 */
export const hybrid: AuthMethod = {
  name: 'hybrid',
  numbers: HYBRID.flatMap(({ initiator, responder }) => [initiator, responder]),

  numbersFor(ask) {
    const { connection, host, role } = ask;
    const xauth = xauthIn(connection);
    if (xauth?.after !== 'hybrid') return [];
    const isInitiators = (role === 'initiator') === (xauth.role === 'client');
    const numbers = (rows: readonly Hybrid[]): readonly number[] =>
      rows.map(({ initiator, responder }) => (isInitiators ? initiator : responder));
    if (xauth.role === 'client') {
      xauthSecret(host.credentials, connection.local);
      const isDss = namesDss(connection.remote[0] ?? { schemes: [] });
      return numbers(
        HYBRID.filter(({ signature }) => isDss === (signature === OakleyAuthMethod.DSS_SIGNATURES)),
      );
    }
    const own = ownSigningMethod(ask);
    const rows = HYBRID.filter(({ signature }) => signature === own);
    if (rows.length > 0) return numbers(rows);
    throw new Failed({
      code: 'auth/method',
      summary: `${connection.name}: we sign in hybrid authentication with RSA keys alone`,
      theirs: ['rsa'],
      remedy: 'use a certificate with an RSA key, or IKEv2',
    });
  },

  begin(run) {
    const { sa, connection, number } = run;
    const row = HYBRID.find(({ initiator, responder }) => initiator === number || responder === number);
    const signing = signingOf(row?.signature ?? 0);
    const { hash } = signing;
    if (xauthIn(connection)?.role === 'client')
      return {
        ...plainExchange(run),
        localId: connection.local[0]?.id ?? addressIdentity(sa.path.local.address),
        ...(hash === undefined ? {} : { peerHash: hash }),
        proof: ours => [{ type: V1PayloadType.HASH, data: ours }],
        verify: claim => verifySignature(run, signing, claim),
      };
    return {
      ...plainExchange(run),
      ...signer(run, signing),
      ...(hash === undefined ? {} : { hash }),

      verify({ identity, message, expected }) {
        const proof = first(message, V1PayloadType.HASH);
        if (proof === undefined || !constantTimeEqual(proof.data, expected))
          throw new Failed({
            code: 'auth/wrong-key',
            summary: `the HASH of ${formatIdentity(identity)} is not the one that the keys of phase 1 make`,
            theirs: [formatIdentity(identity)],
            remedy: 'try again: somebody between the two changes what they send, or the peer is at fault',
          });
        return awaitUser(identity);
      },
    };
  },
};
