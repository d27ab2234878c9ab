import { NotifyStatus } from '../../iana/notify.ts';
import type { Connection, LocalAuth } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';
import { findNotify, type Message, notify } from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';

/*
 * Rounds of authentication (RFC 4739 §2.1): whoever will prove another identity says so beside its AUTH, and does it
 * in its next message of IKE_AUTH. Each side has as many rounds as it likes; all of them must succeed.
 */

/** Says beside an AUTH that its sender will prove itself once more. */
export const ANOTHER_FOLLOWS = notify(NotifyStatus.ANOTHER_AUTH_FOLLOWS);

/** Whether the peer will prove itself once more; where several rounds were not agreed to, nothing it says means that. */
export function announcesAnother({ host }: EmergingSa, message: Message): boolean {
  return (
    host.settings.multipleAuthentication &&
    findNotify(message, NotifyStatus.ANOTHER_AUTH_FOLLOWS) !== undefined
  );
}

/** The rounds that we shall go through: but the first where the peer takes no more, who then knows what it asks for. */
export function ownRounds({ connection, peer }: EmergingSa): readonly LocalAuth[] {
  return peer.multipleAuthentication ? connection.local : connection.local.slice(0, 1);
}

/** Runs `action`; what fails in it is told with the round, counted from 0, that it failed in, where there are several. */
export function inRound<Result>(round: number, rounds: number, action: () => Result): Result {
  if (rounds < 2) return action();
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    const { failure } = error;
    throw new Failed({ ...failure, summary: `round ${round + 1} of ${rounds}: ${failure.summary}` });
  }
}

/** That the peer has gone through `done` rounds, and will not, or will, go on. Throws Failed where that is not what is asked of it. */
export function checkRounds({ name, remote }: Connection, done: number, another: boolean): void {
  if (another ? done < remote.length : done === remote.length) return;
  const asked = remote.length === 1 ? '1 round' : `${remote.length} rounds`;
  throw new Failed({
    code: 'auth/rounds',
    summary: another
      ? `${name}: the peer would prove itself a ${ordinal(done + 1)} time, and ${asked} of authentication ${remote.length === 1 ? 'is' : 'are'} asked of it`
      : `${name}: the peer proved itself in ${done} of ${asked} of authentication, and ended there`,
    ours: remote.map(({ method }, i) => `round ${i + 1}: ${method}`),
    theirs: [another ? `${done + 1} rounds or more` : `${done} round${done === 1 ? '' : 's'}`],
    remedy: another
      ? 'add a remote section for that round here, or take the local one away at the peer'
      : 'add a local section for that round at the peer, whose multiple_authentication must not be no, or take the remote one away here',
  });
}

function ordinal(n: number): string {
  return n === 2 ? 'second' : n === 3 ? 'third' : `${n}th`;
}
