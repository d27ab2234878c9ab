import { skeyidPsk, v1Hash } from '../../crypto/keymat-v1.ts';
import { OakleyAuthMethod, V1PayloadType } from '../../iana/ikev1.ts';
import { vouchFor } from '../../ike/verified-peer.ts';
import { constantTimeEqual } from '../../lib/bytes.ts';
import { noSharedKey, wrongKey } from '../../policy/auth-failures.ts';
import { findSharedKey, type SharedKey } from '../../policy/credentials.ts';
import { Failed } from '../../policy/failure.ts';
import { addressIdentity, type Identity } from '../../policy/identity.ts';
import { first } from '../flow.ts';
import type { Authentication, AuthMethod, MethodRun } from './method.ts';
import { onlyRound } from './rounds.ts';
import { plainShare, readPlainShare } from './share.ts';

/** So many shared keys are tried by a responder in main mode, which cannot know whom it speaks to. */
const MOST_TRIED = 32;

/**
 * Shared key (RFC 2409 §5.4). In main mode the keys are made before the identities are known: the initiator goes by
 * the address and its configuration, the responder tries what may be meant.
 */
export const psk: AuthMethod = {
  name: 'psk',
  numbers: [OakleyAuthMethod.PRE_SHARED_KEY],

  numbersFor: ({ connection }) => (onlyRound(connection, 'psk') ? [OakleyAuthMethod.PRE_SHARED_KEY] : []),

  begin(run) {
    const { sa, connection } = run;
    const localId = connection.local[0]?.id ?? addressIdentity(sa.path.local.address);
    return {
      localId,
      share: plainShare,
      readShare: readPlainShare,

      skeyids({ nonces, remoteId }) {
        const { suite } = run;
        if (suite === undefined) throw new Error('keys before anything is agreed');
        const hash = v1Hash(sa.host.provider, suite.hash);
        return keysFor(run, localId, remoteId).map(shared => ({
          shared,
          skeyid: skeyidPsk(hash, shared.secret.reveal(), nonces),
        }));
      },

      proof: hash => [{ type: V1PayloadType.HASH, data: hash }],

      fits(message, expected) {
        const hash = first(message, V1PayloadType.HASH);
        return hash !== undefined && constantTimeEqual(hash.data, expected);
      },

      verify({ identity, message, expected, shared }) {
        const hash = first(message, V1PayloadType.HASH);
        if (hash === undefined || shared === undefined || !constantTimeEqual(hash.data, expected))
          throw new Failed(wrongKey(identity, 'psk'));
        // Several peers may have a key each: one must not pass for another (RFC 2409 §5.4).
        const owned = [identity, addressIdentity(sa.path.remote.address)].some(
          id => findSharedKey(sa.host.credentials, localId, id) === shared,
        );
        if (!owned) throw new Failed(wrongKey(identity, 'psk'));
        return vouchFor(identity, `psk ${shared.name}`, shared);
      },
    } satisfies Authentication;
  },
};

/** The key of this peer; where that is not known, those that it may mean, the likeliest first. Throws Failed. */
function keysFor(
  { sa, connection, mode, remoteId: expected }: MethodRun,
  localId: Identity,
  remoteId: Identity | undefined,
): readonly SharedKey[] {
  const { credentials } = sa.host;
  const address = addressIdentity(sa.path.remote.address);
  const known = remoteId ?? expected ?? exactRemote(connection);
  const byIdentity = known === undefined ? undefined : findSharedKey(credentials, localId, known);
  const byAddress = findSharedKey(credentials, localId, address);
  const best = [byIdentity, byAddress].filter(key => key !== undefined);
  const mayTry = sa.role === 'responder' && mode === 'main';
  const keys = mayTry
    ? [...new Set([byAddress, byIdentity, ...credentials.shared])].filter(key => key?.use === 'ike')
    : best.slice(0, 1);
  const chosen = keys.filter(key => key !== undefined).slice(0, MOST_TRIED);
  if (chosen.length === 0) throw new Failed(noSharedKey(localId, known ?? address, credentials));
  return chosen;
}

function exactRemote({ remote }: MethodRun['connection']): Identity | undefined {
  const pattern = remote[0]?.id;
  return pattern?.kind === 'exact' ? pattern.identity : undefined;
}
