import type { Connection } from '../policy/connection.ts';
import { authenticationMethod } from './authentication-method.ts';
import type { Report } from './report.ts';
import type { Section } from './section.ts';
import { Unfit } from './value-types.ts';

/** What a round of XAUTH heeds, by side; nothing else would be checked in it. */
const HEEDED: Readonly<Record<'local' | 'remote', readonly string[]>> = {
  local: ['auth', 'round', 'id', 'xauth_id'],
  remote: ['auth', 'round'],
};

/** Whether a section is a round of XAUTH. */
export function isXauth(section: Section): boolean {
  return methodIn(section)?.method === 'xauth';
}

/**
 * Refuses XAUTH where it would not be gone through as it is written: it belongs to IKEv1, and follows a shared key as
 * the second round of one of the two sides. `section` is that of the connection.
 */
export function checkXauth(
  section: Section,
  { version, local, remote }: Pick<Connection, 'version' | 'local' | 'remote'>,
  report: Report,
): void {
  for (const side of ['local', 'remote'] as const) {
    const [ours, theirs] = side === 'local' ? [local, remote] : [remote, local];
    const [first, second] = ours;
    const inPlace =
      ours.length === 2 &&
      theirs.length === 1 &&
      first?.method === 'psk' &&
      second?.method === 'xauth' &&
      theirs[0]?.method === 'psk';
    for (const round of section.sections.values()) {
      if (!round.name.startsWith(side) || !isXauth(round)) continue;
      const at = round.settings.get('auth')?.valueAt ?? round.at;
      if (version !== 1)
        report.fail('local/unsupported', at, 'xauth belongs to IKEv1 alone', 'set version = 1');
      else if (!inPlace)
        report.fail(
          'local/unsupported',
          at,
          'xauth is supported as the second round of one side, where the first of both sides is psk',
          'let local and remote have auth = psk, and one of them a second section with auth = xauth',
        );
      checkRound(round, side, report);
    }
  }
}

function checkRound(round: Section, side: 'local' | 'remote', report: Report): void {
  const auth = round.settings.get('auth');
  const variant = methodIn(round)?.variant;
  if (variant !== undefined && variant !== 'generic')
    report.fail(
      'local/unsupported',
      auth?.valueAt ?? round.at,
      `users are known by secrets alone, and not by ${variant}`,
      'use auth = xauth, and a secret in secrets { xauth… } for each user',
    );
  for (const { key, at, value } of round.settings.values())
    if (value !== undefined && !HEEDED[side].includes(key))
      report.fail(
        'local/unsupported',
        at,
        `${key} is not checked in a round of xauth, and leaving it out would not be what was asked for`,
        'remove it if the connection may do without',
      );
  for (const { name, at } of round.sections.values())
    report.fail('local/unsupported', at, `section "${name}" has no use in a round of xauth`, 'remove it');
}

/** Undefined where the value is none; that is told where the section is read. */
function methodIn({ settings }: Section) {
  const value = settings.get('auth')?.value;
  try {
    return value === undefined ? undefined : authenticationMethod.read(value);
  } catch (error) {
    if (error instanceof Unfit) return undefined;
    throw error;
  }
}
