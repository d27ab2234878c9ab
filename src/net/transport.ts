import type { IpAddress } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import type { UdpSocket } from '../sys/udp-socket.ts';

/** A socket that is bound. `nat`: the port on which IKE carries the non-ESP marker and ESP may come. */
export interface Listening {
  readonly address: IpAddress;
  readonly port: number;
  readonly nat: boolean;
}

/**
 * The UDP ports of IKE. Nothing here throws once it is open: what cannot be sent is told to `onError`, and the
 * protocol's own retransmission deals with it.
 */
export interface UdpTransport {
  /** Which implementation it is. */
  readonly name: 'node' | 'sys';
  readonly listening: readonly Listening[];
  /** Really bound, where 0 was asked for. */
  readonly port: number;
  readonly natPort: number;
  /**
   * One IKE datagram. From the NAT port, with the marker, when that is the path's local port. A local address that is
   * all zero, or on which nothing is bound, leaves the choice to the kernel. `trafficClass` is the TOS octet or Traffic Class,
   * where the implementation can set it (`sys`).
   */
  send(datagram: Uint8Array, path: Path, trafficClass?: number): void;
  /** ESP in UDP, SPI first (RFC 3948 §2.1), from the NAT port. */
  sendEsp(packet: Uint8Array, path: Path): void;
  /** RFC 3948 §2.3, from the NAT port. */
  sendKeepalive(path: Path): void;
  /** One listener; the datagram comes without marker and is the listener's own. */
  onDatagram(listener: (datagram: Uint8Array, path: Path) => void): void;
  /** One listener; the packet begins with its SPI and is the listener's own. Silent where `espSockets` take ESP. */
  onEsp(listener: (packet: Uint8Array, path: Path) => void): void;
  onError(listener: (failure: Failure, path?: Path) => void): void;
  /**
   * Sockets on the NAT port that get the ESP, and nothing else, for a data plane in threads of its own: shard after
   * shard, in each one socket a NAT listening address in the order of `listening`. Empty unless asked for.
   */
  readonly espSockets: readonly (readonly UdpSocket[])[];
  /** May be called again. */
  close(): Promise<void>;
}

export interface TransportOptions {
  /** Default: all addresses, IPv4 and IPv6 (the latter left out where the host has none). */
  readonly addresses?: readonly IpAddress[];
  /** Default 500; 0 takes a free one. */
  readonly port?: number;
  /** Default 4500; 0 takes a free one. */
  readonly natPort?: number;
}

export const IKE_PORT = 500;
export const NAT_PORT = 4500;
