import type { Connection } from '../policy/connection.ts';
import { authenticationMethod } from './authentication-method.ts';
import type { Report } from './report.ts';
import type { Section } from './section.ts';
import { Unfit } from './value-types.ts';

/** What a round of XAUTH heeds, by side; nothing else would be checked in it. */
const HEEDED: Readonly<Record<'local' | 'remote', readonly string[]>> = {
  local: ['auth', 'round', 'id', 'xauth_id'],
  remote: ['auth', 'round', 'xauth_id'],
};
/** As the only round it is phase 1 too, in which the side says who it is. */
const HEEDED_ALONE: typeof HEEDED = { local: HEEDED.local, remote: [...HEEDED.remote, 'id'] };

/** Whether a section is a round of XAUTH. */
export function isXauth(section: Section): boolean {
  return methodIn(section)?.method === 'xauth';
}

/**
 * Refuses XAUTH where it would not be gone through as it is written: it belongs to IKEv1, and is the second round of
 * one of the two sides, or the only one of a side whose other has a key (hybrid). `section` is that of the connection.
 */
export function checkXauth(
  section: Section,
  { version, local, remote }: Pick<Connection, 'version' | 'local' | 'remote'>,
  report: Report,
): void {
  for (const side of ['local', 'remote'] as const) {
    const [ours, theirs] = side === 'local' ? [local, remote] : [remote, local];
    const inPlace = isInPlace(methodsOf(ours), methodsOf(theirs));
    for (const round of section.sections.values()) {
      if (!round.name.startsWith(side) || !isXauth(round)) continue;
      const at = round.settings.get('auth')?.valueAt ?? round.at;
      if (version !== 1)
        report.fail('local/unsupported', at, 'xauth belongs to IKEv1 alone', 'set version = 1');
      else if (!inPlace)
        report.fail(
          'local/unsupported',
          at,
          'xauth is supported as the second round of one side, where the first of both is psk, pubkey or public key encryption, and as the only round of a side whose other has pubkey',
          'let local and remote both have auth = psk or pubkey, and one of them a second section with auth = xauth',
        );
      checkRound(round, ours.length === 1 ? HEEDED_ALONE[side] : HEEDED[side], report);
    }
  }
}

/** How both sides may go through phase 1 before it. */
const FIRST: ReadonlySet<string | undefined> = new Set([
  'psk',
  'pubkey',
  'pubkey-encryption',
  'pubkey-encryption-revised',
]);

function isInPlace(
  [first, second, ...more]: readonly string[],
  [other, ...others]: readonly string[],
): boolean {
  if (more.length > 0 || others.length > 0) return false;
  if (second === undefined) return first === 'xauth' && other === 'pubkey';
  return second === 'xauth' && first === other && FIRST.has(first);
}

function methodsOf(rounds: readonly { readonly method: string }[]): readonly string[] {
  return rounds.map(({ method }) => method);
}

function checkRound(round: Section, heeded: readonly string[], report: Report): void {
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
    if (value !== undefined && !heeded.includes(key))
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
