import type { Connection } from './connection.ts';
import type { Credentials, SharedKey } from './credentials.ts';
import type { Identity, IdentityPattern } from './identity.ts';
import { matchesIdentity, matchIdentities, NO_MATCH } from './identity-match.ts';
import { secretStrength } from './secret-strength.ts';

/** A warning about a shared key of IKEv1, whose value it does not tell. */
export interface GuessableKey {
  readonly summary: string;
  readonly remedy: string;
}

/** Less than this is found by who has heard one exchange, and has some machines and time. */
const ENOUGH = 80;

/**
 * What must be known of the weakest shared key that a connection of IKEv1 may use. In aggressive mode always: whoever
 * asks, or listens, gets what keys can be tried against off line (CVE-2002-1623). In main mode where the key is weak:
 * there it takes somebody who poses as the peer (CVE-2018-5389).
 */
export function guessableKey(connection: Connection, credentials: Credentials): GuessableKey | undefined {
  const { name, version, local, remote, aggressive } = connection;
  if (version === 2 || ![...local, ...remote].some(({ method }) => method === 'psk')) return undefined;
  const [weakest] = credentials.shared
    .filter(key => mayUse(connection, key))
    .map(key => ({ name: key.name, bits: secretStrength(key.secret) }))
    .sort((a, b) => a.bits - b.bits);
  if (weakest === undefined || (!aggressive && weakest.bits >= ENOUGH)) return undefined;
  const who = aggressive ? 'whoever asks or listens' : 'who poses as the peer';
  const mode = aggressive ? 'aggressive mode' : 'main mode';
  const key = weakest.name === '' ? 'its key' : `its key "${weakest.name}"`;
  const judged = weakest.bits < ENOUGH ? `about ${weakest.bits} bits at most, which is too little` : 'enough';
  return {
    summary: `connection "${name}" has ${mode} with a shared key, which ${who} can try to guess off line: ${key} is worth ${judged}`,
    remedy: aggressive
      ? 'use main mode or certificates; or let no key be weaker than what openssl rand -base64 24 prints'
      : 'use certificates, or a key such as openssl rand -base64 24 prints',
  };
}

/** Whether a key may belong to one of the two ends. */
function mayUse({ local, remote }: Connection, { use, owners }: SharedKey): boolean {
  if (use !== 'ike') return false;
  if (owners.length === 0) return true;
  const ours = local[0]?.id;
  return owners.some(
    owner => ours === undefined || fits(owner, ours) || (remote[0] && fitsPattern(remote[0].id, owner)),
  );
}

function fits(owner: Identity, identity: Identity): boolean {
  return matchIdentities(owner, identity) !== NO_MATCH;
}

function fitsPattern(pattern: IdentityPattern, owner: Identity): boolean {
  return pattern.kind === 'exact'
    ? fits(owner, pattern.identity)
    : matchesIdentity(pattern, owner) !== NO_MATCH;
}
