import { IKE_PORT } from '../net/transport.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';

interface Ports {
  readonly port: number;
  readonly natPort: number;
}

/**
 * Why a connection cannot begin from its `local_port`; undefined where it can. There are two ports for all connections: the plain
 * one, and the one for NAT traversal, on which every message bears a marker that a peer's port 500 does not expect.
 */
export function portFault(
  { name, localPort, remotePort }: Pick<Connection, 'name' | 'localPort' | 'remotePort'>,
  { port, natPort }: Ports,
): Failure | undefined {
  if (localPort === IKE_PORT) return undefined;
  const fault = (summary: string, remedy: string): Failure => ({
    code: 'config/invalid-value',
    summary: `${name}: ${summary}`,
    ours: [`local_port = ${localPort}`, `remote_port = ${remotePort}`],
    remedy,
  });
  if (localPort !== port && localPort !== natPort)
    return fault(
      `nothing is sent from port ${localPort}: the daemon has the ports ${port} and ${natPort}`,
      `give the daemon that port for all connections (--port ${localPort}, or port in strongswan.conf), or leave local_port out`,
    );
  const wanted = localPort === natPort;
  if (wanted === (remotePort !== IKE_PORT)) return undefined;
  return wanted
    ? fault(
        `messages from port ${natPort} bear a marker that port ${IKE_PORT} does not expect`,
        'set remote_port to 4500, where the peer takes it',
      )
    : fault(
        `messages to port ${remotePort} bear a marker, and leave from port ${natPort}`,
        'leave local_port out',
      );
}
