import { list, maybe } from '../schema.ts';
import { type AddressRange, parseRange, text, Unfit, type ValueType } from '../value-types.ts';

const range: ValueType<AddressRange> = {
  name: 'prefix or range',
  read(value) {
    const found = parseRange(value);
    if (found === undefined) throw new Unfit('it is neither a prefix nor a range of addresses');
    return found;
  },
};

const addressOrPrefix: ValueType<AddressRange> = { ...range, name: 'address or prefix' };

/** `pools.<name>`; further attributes may be named by their number. */
export const POOL = {
  addrs: maybe(range, 'none: it must be given', 'Addresses to give: a prefix, or `first-last`.'),
  address: list(addressOrPrefix, '', 'Addresses of further kinds, as attributes.'),
  dns: list(addressOrPrefix, '', 'Name servers.'),
  nbns: list(addressOrPrefix, '', 'NetBIOS name servers.'),
  dhcp: list(addressOrPrefix, '', 'DHCP servers.'),
  netmask: list(addressOrPrefix, '', 'Netmask of the addresses.'),
  server: list(addressOrPrefix, '', 'Servers of the network.'),
  subnet: list(addressOrPrefix, '', 'Networks that are reached through the peer.'),
  split_include: list(addressOrPrefix, '', 'Networks that alone are reached through the peer.'),
  split_exclude: list(addressOrPrefix, '', 'Networks that are not reached through the peer.'),
};

/** The value of an attribute that is named by its number. */
export const NUMBERED = list(
  text,
  '',
  'Any other configuration attribute by its number: addresses, or text.',
);
