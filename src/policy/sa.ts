import type { IpAddress } from '../lib/ip.ts';
import type { Secret } from '../lib/secret.ts';
import type { Duration, Instant } from '../lib/time.ts';
import type { TrafficSelector } from './traffic-selector.ts';

/** Where datagrams go: the two UDP endpoints of an IKE SA, or of ESP in UDP. */
export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** The ends are those of a TCP connection, which carries IKE and ESP alike (RFC 9329). */
  readonly tcp?: true;
}

export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** The algorithms of one IPsec SA as transform IDs of IKEv2; IKEv1 maps its own numbers onto them. */
export interface IpsecAlgorithms {
  /** 0 for AH. */
  readonly encryption: number;
  /** Cipher key length in bits; 0 where the algorithm has one length or none. */
  readonly keyLength: number;
  /** 0 with an AEAD. */
  readonly integrity: number;
  readonly esn: boolean;
}

export interface DirectionKeys {
  /** Cipher key and salt, as derived. */
  readonly encryption: Secret;
  readonly integrity: Secret;
}

export type IpsecMode = 'tunnel' | 'transport' | 'beet';

/** Compression with DEFLATE inside of ESP or AH (RFC 3173, RFC 2394): the CPIs that packets bear. */
export interface Compression {
  /** Ours: packets with this CPI arrive here. */
  readonly cpiIn: number;
  /** The peer's. */
  readonly cpiOut: number;
}

/** What an IPsec back end is told when a Child SA is made: both directions, since they come and go together. */
export interface ChildSaParameters {
  /** Unique while the daemon runs; every later call names the SA by it. */
  readonly id: number;
  readonly name: string;
  readonly protocol: 'esp' | 'ah';
  readonly mode: IpsecMode;
  readonly algorithms: IpsecAlgorithms;
  /** Ours: packets with this SPI arrive here. */
  readonly spiIn: number;
  /** The peer's. */
  readonly spiOut: number;
  readonly keysIn: DirectionKeys;
  readonly keysOut: DirectionKeys;
  /** Absent where packets go uncompressed. */
  readonly ipcomp?: Compression;
  readonly path: Path;
  /** ESP in UDP (RFC 3948) on the path's ports; on a path by TCP it goes there, whatever this says. */
  readonly udpEncapsulation: boolean;
  readonly localTs: readonly TrafficSelector[];
  readonly remoteTs: readonly TrafficSelector[];
  /** Packets; 0 turns the check off. */
  readonly replayWindow: number;
  /** Pad tunnel packets up to this many octets; 0 is off. */
  readonly tfcPadding: number;
  readonly reqid: number;
  readonly lifetimes: ChildLifetimes;
  /** The SA that this one replaces, on a rekey. */
  readonly replaces?: number;
  readonly kernel?: KernelOptions;
}

/** What only the kernel's own IPsec can heed. */
export interface KernelOptions {
  /** Only packets with this mark are meant: by the inbound policies, by the outbound ones and the outbound SA. */
  readonly markIn?: Mark;
  readonly markOut?: Mark;
  /** Only packets with `markIn` are meant by the inbound SA too. */
  readonly markInSa?: boolean;
  /** What packets bear when they have gone through the SA: the content of those that came in, those that go out. */
  readonly setMarkIn?: Mark;
  readonly setMarkOut?: Mark;
  /** XFRM interface (`if_id`) that the SA and its policies belong to. */
  readonly interfaceIn?: number;
  readonly interfaceOut?: number;
  /** Instead of the one computed from the selectors; lower goes first. */
  readonly priority?: number;
  /** Absent or true: policies and routes are installed along with the SA. */
  readonly policies?: boolean;
  /** Whether the outer header gets the DF bit of the inner one, and both the other's ECN bits. Absent or true: yes. */
  readonly copyDf?: boolean;
  readonly copyEcn?: boolean;
  /** Which way the DSCP is copied between inner and outer header; absent: out. */
  readonly copyDscp?: 'out' | 'in' | 'yes' | 'no';
  /** ICMP errors are let through that are about traffic of the SA (RFC 4301 §6). */
  readonly icmpErrors?: boolean;
  /** Only packets that leave by this interface are meant by the outbound policies. */
  readonly device?: string;
  /** What is forwarded into the SA passes by policies that drop otherwise. */
  readonly forwardOut?: boolean;
  /** What the network card shall do; `auto`: what it can. */
  readonly offload?: 'crypto' | 'packet' | 'auto';
  /** The interface of our own making by which the traffic goes; with `routes` to the remote selectors. */
  readonly tunnelInterface?: {
    readonly kind: 'xfrm' | 'vti';
    readonly name: string;
    readonly routes: boolean;
  };
}

export interface Mark {
  readonly value: number;
  readonly mask: number;
}

/** A policy without an SA of its own. */
export interface StandingPolicy {
  /** Unique among standing policies while the daemon runs. */
  readonly id: number;
  /** `trap` asks for an SA (an acquire event with its reqid); `pass` lets traffic by in clear, `drop` stops it. */
  readonly kind: 'trap' | 'pass' | 'drop';
  readonly localTs: readonly TrafficSelector[];
  readonly remoteTs: readonly TrafficSelector[];
  /** Of a trap: what its SA will be. Addresses that are all zero are not known yet. */
  readonly protocol: 'esp' | 'ah';
  readonly mode: IpsecMode;
  readonly reqid: number;
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly kernel?: KernelOptions;
}

export interface ChildLifetimes {
  /** From installation; 0 is never. The IKE side watches these two itself. */
  readonly rekeyTime: Duration;
  readonly lifeTime: Duration;
  readonly rekeyBytes: bigint;
  readonly lifeBytes: bigint;
  readonly rekeyPackets: bigint;
  readonly lifePackets: bigint;
}

export interface ChildSaUsage {
  readonly bytesIn: bigint;
  readonly packetsIn: bigint;
  readonly bytesOut: bigint;
  readonly packetsOut: bigint;
  /** Instant of the last packet; 0 when none passed. */
  readonly usedIn: number;
  readonly usedOut: number;
}

/** Of an SA that has carried nothing, or of which nothing is known. */
export const NO_USAGE: ChildSaUsage = {
  bytesIn: 0n,
  packetsIn: 0n,
  bytesOut: 0n,
  packetsOut: 0n,
  usedIn: 0,
  usedOut: 0,
};

export interface BackendFeatures {
  readonly modes: readonly ('tunnel' | 'transport' | 'beet')[];
  readonly protocols: readonly ('esp' | 'ah')[];
  readonly esn: boolean;
  /** ESP must travel in UDP, since plain ESP (IP protocol 50) cannot be sent. */
  readonly forceUdpEncapsulation: boolean;
  /** It carries ESP over TCP connections (RFC 9329). */
  readonly tcp?: true;
  readonly maximumReplayWindow: number;
  /** It can compress packets with DEFLATE (RFC 3173). */
  readonly ipcomp?: true;
  /** It heeds all of `KernelOptions`, or these of them. */
  readonly kernelOptions?: true | readonly (keyof KernelOptions)[];
}

export type BackendEvent =
  | { readonly kind: 'expire'; readonly id: number; readonly hard: boolean; readonly now: Instant }
  /** A packet wants a Child SA that is not there: trap policies. */
  | {
      readonly kind: 'acquire';
      readonly reqid: number;
      readonly source: Uint8Array;
      readonly destination: Uint8Array;
      readonly protocol: number;
    }
  /** An authentic ESP-in-UDP packet came from another address or port. */
  | { readonly kind: 'mapping'; readonly id: number; readonly path: Path }
  /** First inbound packet after installation; lets a rekey's responder switch early. */
  | { readonly kind: 'inbound'; readonly id: number };
