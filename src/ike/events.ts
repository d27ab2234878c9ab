import { formatIp } from '../lib/ip.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import type { IkeSaStatus } from './output.ts';
import type { EventBody } from './session.ts';

/** What events say of the IKE SA they are about. */
interface Subject {
  readonly id: number;
  readonly connection: Connection;
  readonly role: 'initiator' | 'responder';
  readonly path: Path;
}

/** A negotiation came to nothing: of the IKE SA, or of the configured child of that name. */
export function negotiationFailed(
  { connection, role, path: { remote } }: Omit<Subject, 'id'>,
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

/** The end of an IKE SA that was up, which comes before that of its children; `failure` when it is not as wished. */
export function ikeDown(ike: IkeSaStatus, failure: Failure | undefined): EventBody {
  return { kind: 'ike-down', ike, ...(failure === undefined ? {} : { failure }) };
}

/** Something that is worth a look. */
export function warning({ id, connection }: Pick<Subject, 'id' | 'connection'>, text: string): EventBody {
  return { kind: 'log', level: 'warn', group: 'ike', ike: id, connection: connection.name, text };
}
