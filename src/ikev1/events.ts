import type { EventBody } from '../ike/session.ts';
import { formatIp } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { IsakmpSa } from './isakmp-sa.ts';

/** A negotiation came to nothing: of the ISAKMP SA, or of the configured child of that name. */
export function negotiationFailed(
  { connection, role, path: { remote } }: IsakmpSa,
  failure: Failure,
  child?: string,
): EventBody {
  return {
    kind: 'failed',
    connection: connection.name,
    ...(child === undefined ? {} : { child }),
    role,
    remote: `${formatIp(remote.address)}[${remote.port}]`,
    failure,
  };
}

/** Something that is worth a look. */
export function warning({ id, connection }: IsakmpSa, text: string): EventBody {
  return { kind: 'log', level: 'warn', group: 'ike', ike: id, connection: connection.name, text };
}
