import type { AuthMethodName, Connection } from '../../policy/connection.ts';

/** Whether both ends authenticate by `method` in phase 1, and there is nothing after it. */
export function onlyRound({ local, remote }: Connection, method: AuthMethodName): boolean {
  return (
    local.length === 1 && remote.length === 1 && local[0]?.method === method && remote[0]?.method === method
  );
}
