import { readFileSync } from 'node:fs';
import { Failed } from '../policy/failure.ts';
import { CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW } from '../sys/privileges.ts';
import type { SystemCalls } from '../sys/system-calls.ts';

/** A user and a group by their numbers. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** What IPsec needs of the superuser's powers: interfaces and policies, ports below 1024, ESP without UDP. */
const KEPT = [CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW];

/**
 * The numbers of a user, and of a group that is not the user's own, by names or by numbers. `database` reads the files
 * `passwd` and `group` (passwd(5)). Throws Failed.
 */
export function idsOf(
  user: string,
  group: string | undefined,
  database: (name: 'passwd' | 'group') => string = fromEtc,
): UserIds {
  const entry = find(database('passwd'), user);
  const uid = numberIn(user) ?? number(entry, 2);
  const own = number(entry, 3);
  if (uid === undefined) throw unknown('user', user);
  if (group !== undefined) {
    const gid = numberIn(group) ?? number(find(database('group'), group), 2);
    if (gid === undefined) throw unknown('group', group);
    return { uid, gid };
  }
  if (own === undefined) throw unknown('user', user);
  return { uid, gid: own };
}

/** The process becomes this user for good, but for what IPsec needs. Throws Failed. */
export function become(ids: UserIds, calls: SystemCalls | undefined): void {
  if (process.getuid?.() === ids.uid && ids.uid !== 0) return;
  if (calls === undefined || process.getuid?.() !== 0) {
    throw new Failed({
      code: 'local/no-privilege',
      summary: `only the superuser can become user ${ids.uid}`,
      remedy: 'start the daemon as root, or as that user with the capabilities that it needs, without --user',
    });
  }
  if (ids.uid === 0) return;
  calls.becomeLesserUser({ ...ids, keep: KEPT });
}

function find(text: string, name: string): readonly string[] | undefined {
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    if (fields[0] === name || fields[2] === name) return fields;
  }
  return undefined;
}

function number(fields: readonly string[] | undefined, at: number): number | undefined {
  return numberIn(fields?.[at] ?? '');
}

function numberIn(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function fromEtc(name: 'passwd' | 'group'): string {
  return readFileSync(`/etc/${name}`, 'utf8');
}

function unknown(kind: 'user' | 'group', name: string): Failed {
  return new Failed({
    code: 'config/unknown-name',
    summary: `there is no ${kind} "${name}" on this system`,
    remedy: `make it (useradd --system ${name}), or give its number and a group`,
  });
}
