import { OakleyAuthMethod } from '../../iana/ikev1.ts';
import type { Host } from '../../ike/session.ts';
import type { Connection } from '../../policy/connection.ts';
import type { Failure } from '../../policy/failure.ts';
import type { PhaseOneSuite } from '../phase-one-proposal.ts';

/** Methods under which HASH_R, sent to whoever asks, lets a shared key be guessed off line (CVE-2002-1623). */
const GUESSABLE: readonly number[] = [
  OakleyAuthMethod.PRE_SHARED_KEY,
  OakleyAuthMethod.XAUTHInitPreShared,
  OakleyAuthMethod.XAUTHRespPreShared,
];

/** Why we do not answer an aggressive mode; undefined where we do. */
export function aggressiveAllowed(
  host: Host,
  connection: Connection,
  { method }: PhaseOneSuite,
): Failure | undefined {
  if (!connection.aggressive)
    return {
      code: 'auth/method',
      summary: `${connection.name}: the peer begins aggressive mode, and this connection has main mode`,
      ours: ['main mode'],
      theirs: ['aggressive mode'],
      remedy: 'turn aggressive off at the peer, or on here, which hides no identities',
      notify: 'NO_PROPOSAL_CHOSEN',
    };
  if (!GUESSABLE.includes(method) || host.settings.allowAggressivePsk) return undefined;
  return {
    code: 'auth/method',
    summary: `${connection.name}: aggressive mode with a shared key is not answered: whoever asks would get what the key can be guessed from off line`,
    ours: ['aggressive mode with signatures', 'main mode'],
    theirs: ['aggressive mode with a shared key'],
    remedy: 'use main mode or certificates; or allow it by its option, with a key that nobody can guess',
    notify: 'NO_PROPOSAL_CHOSEN',
  };
}
