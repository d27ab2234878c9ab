import { equal } from '../lib/bytes.ts';
import { type IpAddress, isUnspecified, isV4 } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import { IKE_PORT, type Listening, NAT_PORT, type TransportOptions } from './transport.ts';

/** `0.0.0.0` and `::`. */
const ANY: readonly IpAddress[] = [new Uint8Array(4), new Uint8Array(16)];

export interface Bound<Socket> {
  readonly socket: Socket;
  readonly listening: Listening;
}

/** How often free ports are sought anew, when one that was free for one address is taken on another. */
const TRIES = 8;

/**
 * Opens both ports on every address by `open` (which throws Failed, and says with which port it ended), the same
 * numbers on all of them. Either all are open afterwards, or none: `close` undoes.
 */
export async function bindAll<Socket>(
  options: TransportOptions,
  open: (wanted: Listening) => Promise<Bound<Socket>>,
  close: (socket: Socket) => void,
): Promise<readonly Bound<Socket>[]> {
  const wanted = { port: options.port ?? IKE_PORT, natPort: options.natPort ?? NAT_PORT };
  const free = wanted.port === 0 || wanted.natPort === 0;
  for (let tries = 1; ; tries++) {
    const bound: Bound<Socket>[] = [];
    try {
      await bindOnce(options.addresses, wanted, open, bound);
      return bound;
    } catch (error) {
      for (const { socket } of bound) close(socket);
      const taken = error instanceof Failed && error.failure.code === 'local/port-in-use';
      // With a free port asked for, another program may have got in between the first address and the second.
      if (!taken || !free || bound.length === 0 || tries === TRIES) throw error;
    }
  }
}

async function bindOnce<Socket>(
  addresses: readonly IpAddress[] | undefined,
  wanted: { readonly port: number; readonly natPort: number },
  open: (wanted: Listening) => Promise<Bound<Socket>>,
  bound: Bound<Socket>[],
): Promise<void> {
  for (const nat of [false, true]) {
    let port = nat ? wanted.natPort : wanted.port;
    for (const address of addresses ?? ANY) {
      try {
        const one = await open({ address, port, nat });
        bound.push(one);
        port = one.listening.port;
      } catch (error) {
        // A host without IPv6 is no fault of a configuration that did not name any address.
        const absent = error instanceof Failed && error.failure.code === 'local/address';
        if (!absent || addresses !== undefined || isV4(address)) throw error;
      }
    }
  }
}

/** The socket for a path: bound to its local address, or else to all addresses of the family, on the plain or the NAT port. */
export function socketFor<Socket>(
  bound: readonly Bound<Socket>[],
  local: IpAddress,
  nat: boolean,
): Bound<Socket> | undefined {
  let any: Bound<Socket> | undefined;
  for (const one of bound) {
    const { address } = one.listening;
    if (one.listening.nat !== nat || address.length !== local.length) continue;
    if (equal(address, local)) return one;
    if (isUnspecified(address)) any = one;
    else if (any === undefined && isUnspecified(local)) any = one;
  }
  return any;
}
