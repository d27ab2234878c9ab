import { type IpAddress, isV4 } from '../lib/ip.ts';

/** Address and port, as everywhere else in cygnet. */
export interface SocketEndpoint {
  readonly address: IpAddress;
  readonly port: number;
}

export const AF_INET = 2;
export const AF_INET6 = 10;

/** Octets of a sockaddr_in and of a sockaddr_in6. */
const V4_LENGTH = 16;
const V6_LENGTH = 28;
/** Room for either. */
export const SOCKET_ADDRESS_ROOM = 32;

export function familyOf(address: IpAddress): 4 | 6 {
  return isV4(address) ? 4 : 6;
}

/** AF_INET or AF_INET6. */
export function domainOf(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** A sockaddr_in or sockaddr_in6: family in host order (little-endian), port and address in network order, zero elsewhere. */
export function socketAddress(endpoint: SocketEndpoint, scope = 0): Uint8Array {
  const v4 = isV4(endpoint.address);
  const bytes = new Uint8Array(v4 ? V4_LENGTH : V6_LENGTH);
  bytes[0] = v4 ? AF_INET : AF_INET6;
  bytes[2] = endpoint.port >> 8;
  bytes[3] = endpoint.port & 0xff;
  bytes.set(endpoint.address, v4 ? 4 : 8);
  if (!v4) new DataView(bytes.buffer).setUint32(24, scope, true);
  return bytes;
}

/** Reads what the kernel wrote; undefined for families that are not Internet. The address is a copy. */
export function readSocketAddress(bytes: Uint8Array): SocketEndpoint | undefined {
  const family = (bytes[0] as number) | ((bytes[1] as number) << 8);
  const port = ((bytes[2] as number) << 8) | (bytes[3] as number);
  if (family === AF_INET && bytes.length >= V4_LENGTH) return { address: bytes.slice(4, 8), port };
  if (family === AF_INET6 && bytes.length >= V6_LENGTH) return { address: bytes.slice(8, 24), port };
  return undefined;
}
