import type { AuthMethodName, Connection } from '../../policy/connection.ts';

/** Who is asked for user name and password after phase 1, and who asks. */
export type XauthRole = 'client' | 'server';

interface Xauth {
  readonly role: XauthRole;
  /** How phase 1 goes before it; hybrid: the server proves itself by a key, and the client by its user alone. */
  readonly after: AuthMethodName | 'hybrid';
}

type Rounds = Pick<Connection, 'local' | 'remote'>;

/**
 * XAUTH as the connection has it: the second round of one of the two sides where the first of both is the same, or the
 * only one where the other side has a key. Undefined where there is none, or something else.
 */
export function xauthIn({ local, remote }: Rounds): Xauth | undefined {
  const role = local.at(-1)?.method === 'xauth' ? 'client' : 'server';
  const [users, others] = role === 'client' ? [local, remote] : [remote, local];
  const first = users[0]?.method;
  const other = others[0]?.method;
  if (users.at(-1)?.method !== 'xauth' || others.length !== 1 || other === undefined) return undefined;
  if (users.length === 2 && first === other && first !== 'xauth') return { role, after: first };
  return users.length === 1 && other === 'pubkey' ? { role, after: 'hybrid' } : undefined;
}

/** Our part in XAUTH; undefined where there is none. */
export function xauthRole(rounds: Rounds): XauthRole | undefined {
  return xauthIn(rounds)?.role;
}
