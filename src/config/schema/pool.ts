import { concat } from '../../lib/bytes.ts';
import { type IpAddress, ipFromBigInt, parseIp } from '../../lib/ip.ts';
import { utf8 } from '../../lib/text.ts';
import { list, maybe } from '../schema.ts';
import { type AddressRange, parseRange, Unfit, type ValueType } from '../value-types.ts';

const range: ValueType<AddressRange> = {
  name: 'prefix or range',
  read(value) {
    const found = parseRange(value);
    if (found === undefined) throw new Unfit('it is neither a prefix nor a range of addresses');
    // What is written before the slash is where it begins: 10.3.0.100/24 leaves the first hundred to others.
    const first = found.prefix === undefined ? undefined : parseIp(value.split('/')[0] ?? '');
    return first === undefined ? found : { ...found, start: first };
  },
};

export const ipAddress: ValueType<IpAddress> = {
  name: 'address',
  read(value) {
    const found = parseIp(value);
    if (found === undefined) throw new Unfit('it is no IP address');
    return found;
  },
};

interface Network {
  readonly address: IpAddress;
  readonly prefix: number;
}

const network: ValueType<Network> = {
  name: 'address or prefix',
  read(value) {
    const found = value.includes('-') ? undefined : parseRange(value);
    if (found === undefined) throw new Unfit('it is neither an address nor a prefix');
    return { address: found.start, prefix: found.prefix ?? 8 * found.start.length };
  },
};

const octets: ValueType<Uint8Array> = {
  name: 'address, prefix or text',
  read(value) {
    const found = value.includes('-') ? undefined : parseRange(value);
    if (found === undefined) return utf8(value);
    const { start, prefix } = found;
    if (prefix === undefined) return start;
    if (start.length === 16) return concat(start, Uint8Array.of(prefix));
    return concat(start, ipFromBigInt((2n ** 32n - 1n) ^ (2n ** BigInt(32 - prefix) - 1n), 4));
  },
};

/** What a peer is told with its virtual IPs; further attributes may be named by their number. */
export const ATTRIBUTES = {
  address: list(ipAddress, '', 'Addresses of further kinds, as attributes.'),
  dns: list(ipAddress, '', 'Name servers.'),
  nbns: list(ipAddress, '', 'NetBIOS name servers.'),
  dhcp: list(ipAddress, '', 'DHCP servers.'),
  netmask: list(ipAddress, '', 'Netmask of the addresses.'),
  server: list(ipAddress, '', 'Servers of the network.'),
  p_cscf: list(
    ipAddress,
    '',
    'Where telephones register (RFC 7651; IKEv2). In a pool cygnet only; charon has it as p-cscf of its plugin attr.',
  ),
  subnet: list(network, '', 'Networks that are reached through the peer.'),
  split_include: list(network, '', 'Networks that alone are reached through the peer.'),
  split_exclude: list(network, '', 'Networks that are not reached through the peer (IKEv1).'),
};

/** `pools.<name>` */
export const POOL = {
  addrs: maybe(range, 'none: it must be given', 'Addresses to give: a prefix, or `first-last`.'),
  ...ATTRIBUTES,
};

/** The value of an attribute that is named by its number. */
export const NUMBERED = list(
  octets,
  '',
  'Any other configuration attribute by its number: addresses, or text.',
);
