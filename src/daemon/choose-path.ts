import { parseIp } from '../lib/ip.ts';
import { choosePath, resolveHost } from '../net/resolver.ts';
import type { UdpTransport } from '../net/transport.ts';
import type { Connection } from '../policy/connection.ts';
import { Failed } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { portFault } from './local-port.ts';

/**
 * From where to where the first message of `connection` goes. Throws Failed where it names nobody to call, or a port that nothing is
 * sent from.
 */
export async function pathOf(connection: Connection, transport: UdpTransport): Promise<Path> {
  const fault = portFault(connection, transport);
  if (fault !== undefined) throw new Failed(fault);
  const hosts = connection.remoteAddresses.filter(isHost);
  const [host] = hosts;
  if (host === undefined) {
    throw new Failed({
      code: 'config/missing',
      summary: `connection "${connection.name}" does not say where its peer is`,
      ours: [`remote_addrs = ${connection.remoteAddresses.join(', ') || '%any'}`],
      remedy: 'give it a remote_addrs with an address or a name, or let the peer call',
    });
  }
  const local = connection.localAddresses
    .filter(isHost)
    .map(parseIp)
    .find(address => address !== undefined);
  const addresses = await resolveHost(host, local === undefined ? undefined : local.length === 4 ? 4 : 6);
  const [address] = addresses;
  if (address === undefined) {
    throw new Failed({
      code: 'local/address',
      summary: `the name "${host}" has no address`,
      remedy: 'check the name, or configure the address itself',
    });
  }
  return choosePath(transport, { address, port: connection.remotePort }, local);
}

/** Whether `connection` says whom to call. */
export function namesPeer({ remoteAddresses }: Connection): boolean {
  return remoteAddresses.some(isHost);
}

/** One host, as opposed to all, a prefix or a range of them. */
function isHost(text: string): boolean {
  return text !== '%any' && text !== '%any4' && text !== '%any6' && !/[/]|\d-/.test(text);
}
