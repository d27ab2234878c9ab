import type { Connection } from '../../policy/connection.ts';

/** Who is asked for user name and password after phase 1, and who asks. */
export type XauthRole = 'client' | 'server';

/** Our part in XAUTH: a second round in which one of the two sides is a user. Undefined where there is none, or something else. */
export function xauthRole({ local, remote }: Pick<Connection, 'local' | 'remote'>): XauthRole | undefined {
  if (local.length === 2 && remote.length === 1 && local[1]?.method === 'xauth') return 'client';
  if (local.length === 1 && remote.length === 2 && remote[1]?.method === 'xauth') return 'server';
  return undefined;
}
