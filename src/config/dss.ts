import type { Connection } from '../policy/connection.ts';
import type { Report } from './report.ts';
import type { Section } from './section.ts';

/**
 * Refuses DSS where it cannot be gone through: in IKEv1 both ends sign by one method, and we sign nothing by DSS, so that
 * only a user, who does not sign at all, can have a peer that does (hybrid). `section` is that of the connection.
 */
export function checkDss(
  section: Section,
  { version, local, remote }: Pick<Connection, 'version' | 'local' | 'remote'>,
  report: Report,
): void {
  for (const [side, rounds] of [
    ['local', local],
    ['remote', remote],
  ] as const) {
    if (!rounds.some(({ schemes }) => schemes.includes('ikev1-dss'))) continue;
    const round = [...section.sections.values()].find(({ name }) => name.startsWith(side));
    const at = round?.settings.get('auth')?.valueAt ?? section.at;
    if (version !== 1) report.fail('local/unsupported', at, 'dsa belongs to IKEv1 alone', 'set version = 1');
    else if (side === 'local')
      report.fail(
        'local/unsupported',
        at,
        'nothing is signed with DSA keys here: they are verified alone',
        'use an RSA or ECDSA key for this side',
      );
    else if (local.length !== 1 || local[0]?.method !== 'xauth' || remote.length !== 1)
      report.fail(
        'local/unsupported',
        at,
        'a peer that signs by DSS wants us to sign by it too, unless this side is a user',
        'let local have auth = xauth alone, or the peer use an RSA or ECDSA key',
      );
  }
}
