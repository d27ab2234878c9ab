import type { Socket } from 'node:net';
import { type Capabilities, capabilities } from './capabilities.ts';
import { type BatchOptions, DatagramBatch } from './datagram-batch.ts';
import { type Libc, libc } from './libc.ts';
import { type Native, native } from './native.ts';
import type { NetlinkMessage } from './netlink/message.ts';
import { type NetlinkEvents, type NetlinkProtocol, NetlinkSocket, netlinkEvents } from './netlink/socket.ts';
import { enterNetwork, newNetwork } from './network-namespace.ts';
import { descriptorOf, type PeerCredentials, peerCredentials } from './peer-credentials.ts';
import { Poller } from './poller.ts';
import { becomeLesserUser, type LesserUser } from './privileges.ts';
import { Routing } from './routing/routing.ts';
import type { SocketEndpoint } from './socket-address.ts';
import {
  canCarryEsp,
  connectTcp,
  listenTcp,
  type TcpListener,
  type TcpOptions,
  type TcpSocket,
} from './tcp-socket.ts';
import { openTun, Tun } from './tun.ts';
import { openUdp, UdpSocket, type UdpSocketOptions } from './udp-socket.ts';
import { openUnixDatagram, type UnixDatagram } from './unix-datagram.ts';
import { openWakeup, Wakeup } from './wakeup.ts';
import { type Watch, watch } from './watch.ts';

/**
 * The only door to system calls. Everything is synchronous; whatever fails throws SystemFailure and leaves nothing
 * open. Descriptors may be handed to another thread as numbers and taken up there by `adopt…`: one of the two closes.
 */
export interface SystemCalls {
  openUdp(options: UdpSocketOptions): UdpSocket;
  adoptUdp(fd: number): UdpSocket;
  listenTcp(where: SocketEndpoint, options?: TcpOptions): TcpListener;
  /** Begins to connect: see `TcpSocket.connected`. */
  connectTcp(to: SocketEndpoint, options?: Parameters<typeof connectTcp>[2]): TcpSocket;
  /** Whether the kernel's IPsec takes TCP connections for its ESP. */
  canCarryEspInTcp(): boolean;
  batch(options: BatchOptions): DatagramBatch;
  /** `%d` in the name is numbered by the kernel; without a name `cyg%d`. */
  openTun(name?: string): Tun;
  adoptTun(fd: number): Tun;
  openWakeup(): Wakeup;
  adoptWakeup(fd: number): Wakeup;
  /** For a thread that sleeps on descriptors. */
  poller(fds: readonly number[]): Poller;
  /** For the event loop. */
  watch(fd: number, onReady: () => void, wanted?: 'readable' | 'writable'): Watch;
  /** With a `port` of its own, which only one socket of the network namespace can have: EADDRINUSE. */
  netlink(protocol: NetlinkProtocol, port?: number): NetlinkSocket;
  netlinkEvents(
    protocol: NetlinkProtocol,
    groups: readonly number[],
    onMessage: (message: NetlinkMessage) => void,
    onOverrun: () => void,
  ): NetlinkEvents;
  routing(): Routing;
  /** This thread alone moves to an empty network namespace, or to the one at `path`. */
  newNetwork(): void;
  enterNetwork(path: string): void;
  /** To one place of the UNIX domain; `@` begins an abstract name. */
  openUnixDatagram(path: string): UnixDatagram;
  /** Who is at the other end of a connection of node's; undefined on those that are not of the UNIX domain. */
  peerCredentials(socket: Socket): PeerCredentials | undefined;
  capabilities(): Capabilities;
  /** For good; what is kept is kept by this thread and those it starts afterwards. */
  becomeLesserUser(user: LesserUser): void;
}

let made: { readonly calls: SystemCalls | undefined } | undefined;

/** The system calls of this thread; undefined where they cannot be had, and portable code has to do. */
export function systemCalls(): SystemCalls | undefined {
  made ??= { calls: make(native(), libc()) };
  return made.calls;
}

function make(native: Native | undefined, libc: Libc | undefined): SystemCalls | undefined {
  if (native === undefined || libc === undefined) return undefined;
  return {
    openUdp: options => openUdp(libc, options),
    adoptUdp: fd => new UdpSocket(libc, fd),
    listenTcp: (where, options) => listenTcp(libc, where, options),
    connectTcp: (to, options) => connectTcp(libc, to, options),
    canCarryEspInTcp: () => canCarryEsp(libc),
    batch: options => new DatagramBatch(options),
    openTun: (name = 'cyg%d') => openTun(libc, name),
    adoptTun: fd => new Tun(libc, fd),
    openWakeup: () => openWakeup(libc),
    adoptWakeup: fd => new Wakeup(libc, fd),
    poller: fds => new Poller(libc, fds),
    watch: (fd, onReady, wanted) => watch(native, fd, onReady, wanted),
    netlink: (protocol, port) => new NetlinkSocket(libc, protocol, port),
    netlinkEvents: (protocol, groups, onMessage, onOverrun) =>
      netlinkEvents(native, libc, protocol, groups, onMessage, onOverrun),
    routing: () => new Routing(native, libc),
    newNetwork: () => newNetwork(libc),
    enterNetwork: path => enterNetwork(libc, path),
    openUnixDatagram: path => openUnixDatagram(libc, path),
    peerCredentials: socket => {
      const fd = descriptorOf(socket);
      return fd === undefined ? undefined : peerCredentials(libc, fd);
    },
    capabilities,
    becomeLesserUser: user => becomeLesserUser(libc, user),
  };
}
