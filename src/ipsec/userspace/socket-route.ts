import { equal } from '../../lib/bytes.ts';
import { type IpAddress, isUnspecified } from '../../lib/ip.ts';
import { Failed } from '../../policy/failure.ts';
import type { Path } from '../../policy/sa.ts';
import { socketAddress } from '../../sys/socket-address.ts';

/** How a datagram is sent along a path: made once, used for every packet. */
export interface SocketRoute {
  /** Index into the sockets. */
  readonly socket: number;
  /** A sockaddr, to send to and to compare with. */
  readonly peer: Uint8Array;
  /** The source address, from a socket that is bound to all. */
  readonly source: IpAddress | undefined;
}

/** A TCP connection, which the main thread has. */
interface StreamRoute {
  readonly stream: Path;
}

export type Route = SocketRoute | StreamRoute;

/** Over the sockets bound to these addresses, or a connection of the main thread's. Throws Failed. */
export function routeOver(bound: readonly IpAddress[], path: Path): Route {
  return path.tcp === true ? { stream: path } : socketRoute(bound, path);
}

/** The route of a path over sockets bound to these addresses: the one of its local address, or one of its family bound to all. Throws Failed. */
export function socketRoute(bound: readonly IpAddress[], { local, remote }: Path): SocketRoute {
  const exact = bound.findIndex(address => equal(address, local.address));
  const any = bound.findIndex(address => address.length === remote.address.length && isUnspecified(address));
  const socket = exact >= 0 ? exact : any;
  if (socket < 0)
    throw new Failed({
      code: 'local/address',
      summary: 'no socket is bound to the local address of this path',
    });
  const chosen = socket === any && !isUnspecified(local.address);
  return { socket, peer: socketAddress(remote), source: chosen ? local.address : undefined };
}
