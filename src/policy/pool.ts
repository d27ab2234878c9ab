import { toHex } from '../lib/bytes.ts';
import { formatIp, type IpAddress } from '../lib/ip.ts';

/** Addresses to give to peers, and what they are told with them. Plain data. */
export interface Pool {
  readonly name: string;
  /** First and last address, of one family. */
  readonly start: IpAddress;
  readonly end: IpAddress;
  /** Where it was written as a prefix: the first address of its network and the last are not given away then. */
  readonly prefix?: number;
  readonly attributes: readonly ConfigurationAttribute[];
}

/**
 * What one side tells the other along with an address, whatever the version of IKE: RFC 7296 §3.15.1,
 * draft-dukes-ike-mode-cfg and the attributes of Cisco Unity.
 */
export type ConfigurationAttribute =
  | {
      /** `p-cscf`: where a telephone registers (RFC 7651). */
      readonly kind: 'address' | 'netmask' | 'dns' | 'nbns' | 'dhcp' | 'server' | 'p-cscf';
      readonly address: IpAddress;
    }
  /** Networks behind the peer; those that alone go through the tunnel; those that do not. */
  | {
      readonly kind: 'subnet' | 'split-include' | 'split-exclude';
      readonly address: IpAddress;
      readonly prefix: number;
    }
  | { readonly kind: 'domain' | 'split-dns' | 'banner'; readonly text: string }
  /** Any other, by its number in the registry of the version spoken. */
  | { readonly kind: 'numbered'; readonly type: number; readonly value: Uint8Array };

/** The value of an attribute for people: `192.0.2.53`, `10.1.0.0/16`, a text, or hexadecimal digits. */
export function formatAttribute(attribute: ConfigurationAttribute): string {
  if ('text' in attribute) return attribute.text;
  if ('value' in attribute) return toHex(attribute.value);
  const address = formatIp(attribute.address);
  return 'prefix' in attribute ? `${address}/${attribute.prefix}` : address;
}
