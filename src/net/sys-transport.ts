import { type IpAddress, isUnspecified, isV4 } from '../lib/ip.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import type { DatagramBatch } from '../sys/datagram-batch.ts';
import { SystemFailure } from '../sys/failure.ts';
import { socketAddress } from '../sys/socket-address.ts';
import { type SystemCalls, systemCalls } from '../sys/system-calls.ts';
import type { UdpSocket } from '../sys/udp-socket.ts';
import type { Watch } from '../sys/watch.ts';
import { type Bound, bindAll, socketFor } from './bind-plan.ts';
import { classify, KEEPALIVE, MARKER, withoutMarker } from './encapsulation.ts';
import { LinkScopes } from './link-scopes.ts';
import { bindFailure, sendFailure } from './port-failure.ts';
import type { Listening, TransportOptions, UdpTransport } from './transport.ts';

export interface SysTransportOptions extends TransportOptions {
  /** The kernel takes ESP from the NAT port (its own IPsec is in use). */
  readonly espInUdp?: boolean;
  /** Shards of a data plane in user space, each with sockets that get its part of the ESP: SPI modulo shards. */
  readonly espShards?: number;
  /** Mark on everything sent, for policy routing. */
  readonly mark?: number;
}

const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** Datagrams taken in one call, each of any length that UDP can carry. */
const SLOTS = 8;
const LARGEST = 65535;
/** Calls in a row on one socket before the others, and the rest of the program, have their turn. */
const ROUNDS = 8;

/**
 * The ports on sockets of our own: answers leave from the address that was asked even when bound to all, IPsec
 * policies do not catch IKE, and ESP goes to the kernel or to a data plane's threads. Throws Failed
 * (`local/port-in-use`, `local/no-privilege`, `local/address`; `local/unsupported` where there are no system calls).
 */
export async function openSysTransport(options: SysTransportOptions = {}): Promise<UdpTransport> {
  const calls = systemCalls();
  if (calls === undefined) {
    throw new Failed({
      code: 'local/unsupported',
      summary: 'there are no system calls on this platform',
      remedy: 'use the portable transport',
    });
  }
  const bound = await bindAll(options, async wanted => open(calls, wanted, options), closeAll);
  return new SysTransport(calls, bound, options.espShards ?? 0);
}

/** One socket for IKE, and one for each shard of a data plane. */
interface Sockets {
  readonly ike: UdpSocket;
  readonly esp: readonly UdpSocket[];
}

type Heard = (octets: Uint8Array, path: Path) => void;

class SysTransport implements UdpTransport {
  readonly name = 'sys';
  readonly listening: readonly Listening[];
  readonly port: number;
  readonly natPort: number;
  readonly espSockets: readonly (readonly UdpSocket[])[];
  readonly #bound: readonly Bound<Sockets>[];
  readonly #watches: readonly Watch[];
  readonly #batch: DatagramBatch;
  readonly #outgoing: DatagramBatch;
  readonly #scopes = new LinkScopes<Uint8Array>();
  #closed = false;
  #onDatagram: Heard = ignore;
  #onEsp: Heard = ignore;
  #onError: (failure: Failure, path?: Path) => void = ignore;

  constructor(calls: SystemCalls, bound: readonly Bound<Sockets>[], shards: number) {
    this.#bound = bound;
    this.listening = bound.map(({ listening }) => listening);
    this.port = this.listening.find(({ nat }) => !nat)?.port ?? 0;
    this.natPort = this.listening.find(({ nat }) => nat)?.port ?? 0;
    const nats = bound.filter(({ listening }) => listening.nat);
    this.espSockets = Array.from({ length: shards }, (_, shard) =>
      nats.map(({ socket }) => socket.esp[shard]).filter(socket => socket !== undefined),
    );
    this.#batch = calls.batch({ slots: SLOTS, slotSize: LARGEST });
    this.#outgoing = calls.batch({ slots: 1, slotSize: LARGEST });
    this.#watches = bound.map(one => calls.watch(one.socket.ike.fd, () => this.#read(one)));
  }

  send(datagram: Uint8Array, path: Path, trafficClass = 0): void {
    const nat = path.local.port === this.natPort;
    this.#send(datagram, path, nat, nat ? MARKER : NOTHING, trafficClass);
  }

  sendEsp(packet: Uint8Array, path: Path): void {
    this.#send(packet, path, true, NOTHING);
  }

  sendKeepalive(path: Path): void {
    this.#send(KEEPALIVE, path, true, NOTHING);
  }

  onDatagram(listener: Heard): void {
    this.#onDatagram = listener;
  }

  onEsp(listener: Heard): void {
    this.#onEsp = listener;
  }

  onError(listener: (failure: Failure, path?: Path) => void): void {
    this.#onError = listener;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
    for (const { socket } of this.#bound) closeAll(socket);
  }

  #send(datagram: Uint8Array, path: Path, nat: boolean, prefix: Uint8Array, trafficClass = 0): void {
    if (this.#closed) return;
    const { local, remote } = path;
    const bound = socketFor(this.#bound, local.address, nat);
    if (bound === undefined) {
      this.#onError(sendFailure('no socket of its family', path), path);
      return;
    }
    const length = prefix.length + datagram.length;
    if (length > LARGEST) {
      this.#onError(sendFailure('longer than UDP can carry', path), path);
      return;
    }
    const batch = this.#outgoing;
    batch.slot(0).set(prefix);
    batch.slot(0).set(datagram, prefix.length);
    const from =
      isUnspecified(bound.listening.address) && !isUnspecified(local.address) ? local.address : undefined;
    batch.set(0, 0, length, this.#peerAddress(remote.address, remote.port), from, trafficClass);
    try {
      // An ICMP error about an earlier datagram is reported instead of sending: the second try sends.
      if (bound.socket.ike.send(batch, 0, 1) === 0 && bound.socket.ike.send(batch, 0, 1) === 0)
        this.#onError(sendFailure('the send buffer is full', path), path);
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error;
      this.#onError(sendFailure(error.code, path), path);
    }
  }

  #peerAddress(address: IpAddress, port: number): Uint8Array {
    const scoped = this.#scopes.of(address);
    const name = socketAddress({ address, port });
    // The scope stands in the last four octets of a sockaddr_in6.
    if (scoped !== undefined) name.set(scoped.subarray(24), 24);
    return name;
  }

  #read(one: Bound<Sockets>): void {
    for (let round = 0; round < ROUNDS && !this.#closed; round++) {
      const count = one.socket.ike.receive(this.#batch);
      for (let i = 0; i < count; i++) this.#hear(i, one.listening);
      if (count < SLOTS) return;
    }
  }

  #hear(i: number, listening: Listening): void {
    const batch = this.#batch;
    if (batch.truncated(i)) return;
    const octets = batch.slot(i).slice(0, batch.length(i));
    const kind = listening.nat ? classify(octets) : 'ike';
    if (kind === 'keepalive' || kind === 'nothing') return;
    const remote = batch.peer(i);
    if (!isV4(remote.address)) this.#scopes.learn(remote.address, batch.peerAddress(i));
    const address = batch.localAddress(i) ?? listening.address;
    const path = { local: { address, port: listening.port }, remote };
    if (kind === 'esp') this.#onEsp(octets, path);
    else this.#onDatagram(listening.nat ? withoutMarker(octets) : octets, path);
  }
}

function open(calls: SystemCalls, wanted: Listening, options: SysTransportOptions): Bound<Sockets> {
  const { address, port, nat } = wanted;
  const shards = nat ? (options.espShards ?? 0) : 0;
  const common = {
    address,
    packetInfo: isUnspecified(address),
    fragment: true,
    receiveBuffer: RECEIVE_BUFFER,
    ipsecBypass: calls.capabilities().netAdmin,
    ...(options.mark !== undefined && { mark: options.mark }),
  };
  const opened: UdpSocket[] = [];
  try {
    const ike = calls.openUdp({
      ...common,
      port,
      espInUdp: nat && options.espInUdp === true,
      ...(shards > 0 && { share: 'first' }),
    });
    opened.push(ike);
    for (let shard = 0; shard < shards; shard++)
      opened.push(calls.openUdp({ ...common, port: ike.local.port, share: 'further', trafficClass: true }));
    if (shards > 0) ike.steerEsp(shards);
    return { socket: { ike, esp: opened.slice(1) }, listening: { address, port: ike.local.port, nat } };
  } catch (error) {
    for (const socket of opened) socket.close();
    if (!(error instanceof SystemFailure)) throw error;
    throw bindFailure(error.code, address, port, nat ? '--nat-port' : '--port');
  }
}

function closeAll({ ike, esp }: Sockets): void {
  ike.close();
  for (const socket of esp) socket.close();
}

const NOTHING = new Uint8Array(0);

function ignore(): void {}
