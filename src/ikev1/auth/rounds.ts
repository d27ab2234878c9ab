import type { AuthMethodName, Connection, LocalAuth, RemoteAuth } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';

/** Whether both ends authenticate by `method` in phase 1, and there is nothing after it. */
export function onlyRound({ local, remote }: Connection, method: AuthMethodName): boolean {
  return (
    local.length === 1 && remote.length === 1 && local[0]?.method === method && remote[0]?.method === method
  );
}

/** The round of authentication that phase 1 is. Throws Failed. */
export function firstRound({ name, local, remote }: Connection): {
  readonly local: LocalAuth;
  readonly remote: RemoteAuth;
} {
  const [ours, theirs] = [local[0], remote[0]];
  if (ours === undefined || theirs === undefined)
    throw new Failed({ code: 'config/missing', summary: `${name}: no authentication is configured` });
  return { local: ours, remote: theirs };
}
