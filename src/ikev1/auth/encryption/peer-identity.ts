import { wrongIdentity } from '../../../policy/auth-failures.ts';
import type { Connection, RemoteAuth } from '../../../policy/connection.ts';
import type { Failure } from '../../../policy/failure.ts';
import { formatIdentity, type Identity } from '../../../policy/identity.ts';
import { type MatchQuality, matchesIdentity, NO_MATCH } from '../../../policy/identity-match.ts';
import { firstRound } from '../rounds.ts';

/** The connection that asks for `identity` most exactly; undefined where none asks for it. */
export function bestFor(
  identity: Identity | undefined,
  connections: readonly Connection[],
): Connection | undefined {
  let best: { readonly connection: Connection; readonly quality: MatchQuality } | undefined;
  for (const connection of connections) {
    const { remote } = firstRound(connection);
    const quality = identity === undefined ? NO_MATCH : matchesIdentity(remote.id, identity);
    if (quality > (best?.quality ?? NO_MATCH)) best = { connection, quality };
  }
  return best?.connection;
}

/*
 * Why a proof may not fit. The peer is told the same whatever it is, and at the same point: these are for our side.
 */

export const OTHER_KEY: Failure = {
  code: 'auth/wrong-key',
  summary:
    'the proof does not fit: one of the two sides encrypts to a key that the other does not decrypt with',
  remedy: 'let certs or pubkeys of each remote side hold the key of the local side at the other end',
  notify: 'AUTHENTICATION_FAILED',
};

/** What is wrong with the identity that came, if it came as it was sent; undefined where nothing is. */
export function identityTrouble(remote: RemoteAuth, identity: Identity | undefined): Failure | undefined {
  if (identity === undefined)
    return {
      ...OTHER_KEY,
      summary: `the identity of the peer makes no sense: ${OTHER_KEY.summary}`,
    };
  if (matchesIdentity(remote.id, identity) !== NO_MATCH) return undefined;
  const failure = wrongIdentity(remote.id, identity);
  return { ...failure, summary: `${failure.summary} (if ${formatIdentity(identity)} is what was sent)` };
}
