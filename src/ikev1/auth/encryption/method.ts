import { skeyidPublicKey, skeyidUnhashed, type V1Hash, v1Hash } from '../../../crypto/keymat-v1.ts';
import { V1PayloadType } from '../../../iana/ikev1.ts';
import { vouchFor } from '../../../ike/verified-peer.ts';
import { constantTimeEqual } from '../../../lib/bytes.ts';
import type { AuthMethodName } from '../../../policy/connection.ts';
import { Failed } from '../../../policy/failure.ts';
import { first } from '../../flow.ts';
import type { AuthMethod, MethodRun } from '../method.ts';
import { firstRound, onlyRound } from '../rounds.ts';
import { decryptionKey } from './own-key.ts';
import { Parties } from './parties.ts';
import { encryptionKeys } from './peer-key.ts';
import type { Veil } from './veil.ts';

/** A method of public key encryption: it is in who can decrypt that the proof lies, and HASH_I and HASH_R show it (RFC 2409 §5.2, §5.3). */
export function encryptionMethod(name: AuthMethodName, number: number, veil: Veil): AuthMethod {
  return {
    name,
    numbers: [number],
    encrypts: true,

    numbersFor({ host, connection, role, path }) {
      if (!onlyRound(connection, name)) return [];
      decryptionKey({ host, connection, path });
      const { remote } = firstRound(connection);
      if (role === 'initiator') encryptionKeys({ host, remote, identity: undefined, certificates: [] });
      return [number];
    },

    begin(run) {
      const parties = new Parties(run);
      const { host } = run.sa;
      return {
        get localId() {
          return parties.own.identity;
        },
        identityWithShare: true,
        share: ours => veil.share(parties, ours),
        arrange: (own, others) => veil.arrange(parties, own, others),
        readShare: message => veil.readShare(parties, message),

        skeyids({ nonces, cookies }) {
          const hash = hashOf(run);
          const { remote } = firstRound(run.sa.connection);
          const make = remote.unhashedSkeyid === true ? skeyidUnhashed : skeyidPublicKey;
          return [{ skeyid: make(hash, nonces, cookies) }];
        },

        proof: hash => [{ type: V1PayloadType.HASH, data: hash }],

        fits(message, expected) {
          const hash = first(message, V1PayloadType.HASH);
          return hash !== undefined && constantTimeEqual(hash.data, expected);
        },

        misfit: () => parties.misfit(),

        verify({ remote, identity, message, expected }) {
          const hash = first(message, V1PayloadType.HASH);
          if (hash === undefined || !constantTimeEqual(hash.data, expected))
            throw new Failed(parties.misfit());
          const { certificates } = parties;
          const keys = encryptionKeys({ host, remote, identity, certificates });
          const key = keys.find(one => parties.isTarget(one));
          if (key === undefined) throw new Failed(parties.misfit());
          return vouchFor(identity, `${name} by ${key.name}`, key.trust());
        },
      };
    },
  };
}

function hashOf({ sa, suite }: MethodRun): V1Hash {
  if (suite === undefined) throw new Error('keys before anything is agreed');
  return v1Hash(sa.host.provider, suite.hash);
}
