import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { equal } from '../lib/bytes.ts';
import { formatIp, type IpAddress, isUnspecified, isV4, parseIp } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import type { Endpoint, Path } from '../policy/sa.ts';
import { IKE_PORT, type UdpTransport } from './transport.ts';

/**
 * The addresses of a name, best first as the system orders them (RFC 6724); a literal address is its own. With a
 * family only those. Throws Failed (`local/address`).
 */
export async function resolveHost(name: string, family?: 4 | 6): Promise<readonly IpAddress[]> {
  const literal = parseIp(name);
  const found = literal === undefined ? await lookUp(name, family) : [literal];
  const fitting = found.filter(address => family === undefined || isV4(address) === (family === 4));
  if (fitting.length > 0) return fitting;
  throw new Failed({
    code: 'local/address',
    summary: `"${name}" has no IPv${family} address`,
    theirs: found.map(formatIp),
  });
}

async function lookUp(name: string, family: 4 | 6 | undefined): Promise<readonly IpAddress[]> {
  try {
    const found = await lookup(name, { all: true, family: family ?? 0, order: 'verbatim' });
    return found
      .map(({ address }) => parseIp(withoutScope(address)))
      .filter(address => address !== undefined);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Failed({
      code: 'local/address',
      summary: `the name "${name}" cannot be resolved: ${code}`,
      remedy: 'check the name and the resolver, or configure the address itself',
    });
  }
}

/**
 * The address of this host from which `remote` is reached; undefined when it is not. A connected UDP socket asks the
 * routing table without sending anything and without privilege.
 */
export function localAddressFor(remote: IpAddress): Promise<IpAddress | undefined> {
  const socket = createSocket(isV4(remote) ? 'udp4' : 'udp6');
  const { promise, resolve } = Promise.withResolvers<IpAddress | undefined>();
  const answer = (address: IpAddress | undefined): void => {
    socket.close();
    resolve(address);
  };
  socket.once('error', () => answer(undefined));
  socket.once('connect', () => {
    const address = parseIp(withoutScope(socket.address().address));
    answer(address === undefined || isUnspecified(address) ? undefined : address);
  });
  socket.connect(IKE_PORT, formatIp(remote));
  return promise;
}

/**
 * The path of a connection's first message: from the plain port to a peer's port 500, otherwise from the NAT port,
 * since whoever listens elsewhere expects the marker. Throws Failed (`local/address`).
 */
export async function choosePath(
  transport: UdpTransport,
  remote: Endpoint,
  local?: IpAddress,
): Promise<Path> {
  const address = local ?? (await localAddressFor(remote.address));
  if (address === undefined) {
    throw new Failed({
      code: 'local/address',
      summary: `there is no route to ${formatIp(remote.address)}`,
      remedy: 'check the default route, or the peer address in the connection',
    });
  }
  const port = remote.port === IKE_PORT ? transport.port : transport.natPort;
  return { local: { address: local ?? boundAddress(transport, address), port }, remote };
}

/** The routing table's choice where something is bound on it, else the first address of its family that is listened on. */
function boundAddress(transport: UdpTransport, address: IpAddress): IpAddress {
  const family = transport.listening.filter(listening => listening.address.length === address.length);
  const fits = family.some(
    listening => isUnspecified(listening.address) || equal(listening.address, address),
  );
  return fits ? address : (family[0]?.address ?? address);
}

/** Node writes `fe80::1%eth0`. */
export function withoutScope(text: string): string {
  const at = text.indexOf('%');
  return at < 0 ? text : text.slice(0, at);
}
