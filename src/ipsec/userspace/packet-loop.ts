import type { Path } from '../../policy/sa.ts';
import type { DatagramBatch } from '../../sys/datagram-batch.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { Poller } from '../../sys/poller.ts';
import type { SystemCalls } from '../../sys/system-calls.ts';
import type { Tun } from '../../sys/tun.ts';
import type { UdpSocket } from '../../sys/udp-socket.ts';
import type { Wakeup } from '../../sys/wakeup.ts';
import { type Arrival, type DataPlane, HEADROOM, TAILROOM } from './data-plane.ts';
import { LARGEST_INNER } from './device-mtu.ts';
import { sameRemote } from './plane-sa.ts';
import type { Route } from './socket-route.ts';

export interface PacketLoopOptions {
  readonly calls: SystemCalls;
  readonly tun: Tun;
  readonly sockets: readonly UdpSocket[];
  readonly wakeup: Wakeup;
  readonly plane: DataPlane<Route>;
  /** A packet for a TCP connection, in memory that is used again. */
  readonly onStreamPacket: (packet: Uint8Array, path: Path) => void;
  /** Reads the clock: once a turn. */
  readonly onTurn: () => void;
  /** A datagram was longer than its path's MTU, as the kernel knows it by now. */
  readonly onTooLong: () => void;
  /** Somebody rang: answer requests. False ends the loop. */
  readonly onWakeup: () => boolean;
}

/** Packets taken from one side before the other has its turn. */
const BURST = 32;
/** Octets of an ESP packet: all that UDP can carry, and a little, so that slots do not fall on one line of the cache. */
const LARGEST_DATAGRAM = 65_536 + 1088;

/** The congestion bits of a TOS octet or Traffic Class. */
const ECN = 0b11;

/** What one socket sends next. */
interface Outbox {
  readonly batch: DatagramBatch;
  /** Of each slot, whether it must not be fragmented. */
  readonly whole: boolean[];
  /** Filled slots, and those of them that went out. */
  filled: number;
  sent: number;
}

/**
 * Moves packets between a TUN device and UDP sockets until it is told to stop; it blocks its thread. While a
 * socket takes no more, nothing is read from the TUN device, so that whoever sends too fast notices.
 */
export class PacketLoop {
  /** Datagrams that the system refused: no route, no such source address. */
  unsendable = 0;
  readonly #options: PacketLoopOptions;
  readonly #poller: Poller;
  readonly #inbox: DatagramBatch;
  readonly #outboxes: readonly Outbox[];
  readonly #arrival: BatchArrival;
  /** Sockets whose buffers are full. */
  readonly #congested = new Set<number>();
  /** The socket whose outbox packets are read into: most go where the last one went. */
  #favourite = 0;

  constructor(options: PacketLoopOptions) {
    const { calls, tun, sockets, wakeup } = options;
    this.#options = options;
    this.#poller = calls.poller([wakeup.fd, tun.fd, ...sockets.map(({ fd }) => fd)]);
    this.#inbox = calls.batch({ slots: BURST, slotSize: LARGEST_DATAGRAM });
    const slotSize = HEADROOM + LARGEST_INNER + TAILROOM;
    this.#outboxes = sockets.map(() => ({
      batch: calls.batch({ slots: BURST, slotSize }),
      whole: new Array(BURST).fill(false),
      filled: 0,
      sent: 0,
    }));
    this.#arrival = new BatchArrival(this.#inbox);
  }

  run(): void {
    for (let running = true; running; ) {
      this.#poller.wait(-1);
      this.#options.onTurn();
      if (this.#poller.readable(0)) {
        this.#options.wakeup.clear();
        running = this.#options.onWakeup();
      }
      if (running) this.#turn();
    }
  }

  #turn(): void {
    for (const [i, socket] of this.#options.sockets.entries()) {
      if (this.#poller.readable(2 + i)) this.#receive(socket);
      if (this.#poller.writable(2 + i)) this.#flush(i);
    }
    if (this.#congested.size === 0 && this.#poller.readable(1)) this.#send();
  }

  #receive(socket: UdpSocket): void {
    const { plane, tun } = this.#options;
    const inbox = this.#inbox;
    const count = socket.receive(inbox);
    this.#arrival.socket = socket;
    for (let i = 0; i < count; i++) {
      if (inbox.truncated(i)) continue;
      this.#arrival.slot = i;
      const inner = plane.unprotect(inbox.slot(i).subarray(0, inbox.length(i)), this.#arrival);
      if (typeof inner === 'object') tun.write(inner.packet, inner.offset, inner.length);
    }
  }

  /** An ESP packet that came by a TCP connection; it is opened in place. */
  received(packet: Uint8Array, path: Path): void {
    const { plane, tun } = this.#options;
    const inner = plane.unprotect(packet, {
      ecn: 0,
      cameBy: route => 'stream' in route && sameRemote(route.stream, path),
      path: () => path,
    });
    if (typeof inner === 'object') tun.write(inner.packet, inner.offset, inner.length);
  }

  /** An SA was installed: what came by it before goes in. */
  installed(spi: number): void {
    const { plane, tun } = this.#options;
    for (const { packet, offset, length } of plane.early(spi)) tun.write(packet, offset, length);
  }

  #send(): void {
    const { plane, tun } = this.#options;
    for (let i = 0; i < BURST; i++) {
      let outbox = this.#outboxes[this.#favourite] as Outbox;
      const slot = outbox.batch.slot(outbox.filled);
      const length = tun.read(slot, HEADROOM);
      if (length === 0) break;
      const sealed = plane.protect(slot, HEADROOM, length);
      if (typeof sealed === 'string') continue;
      const { route } = sealed;
      if ('stream' in route) {
        this.#options.onStreamPacket(slot.subarray(sealed.start, sealed.start + sealed.length), route.stream);
        continue;
      }
      const { socket, peer, source } = route;
      if (socket !== this.#favourite) {
        const other = this.#outboxes[socket] as Outbox;
        other.batch.slot(other.filled).set(slot.subarray(0, sealed.start + sealed.length));
        this.#favourite = socket;
        outbox = other;
      }
      outbox.whole[outbox.filled] = sealed.whole;
      outbox.batch.set(outbox.filled++, sealed.start, sealed.length, peer, source, sealed.trafficClass);
    }
    for (const [i, outbox] of this.#outboxes.entries()) if (outbox.filled > 0) this.#flush(i);
  }

  /** Sends what the outbox holds; what does not go out now waits for room. */
  #flush(i: number): void {
    const outbox = this.#outboxes[i] as Outbox;
    const socket = this.#options.sockets[i] as UdpSocket;
    for (let sent = 1; sent > 0 && outbox.sent < outbox.filled; outbox.sent += sent)
      sent = this.#trySend(socket, outbox);
    const done = outbox.sent === outbox.filled;
    if (done) {
      outbox.filled = 0;
      outbox.sent = 0;
    }
    if (done === this.#congested.has(i)) this.#await(i, !done);
  }

  /** As many in one call as are to be treated alike. */
  #trySend(socket: UdpSocket, { batch, whole, sent, filled }: Outbox): number {
    let end = sent + 1;
    while (end < filled && whole[end] === whole[sent]) end++;
    try {
      socket.keepWhole(whole[sent] === true);
      return socket.send(batch, sent, end - sent);
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error;
      if (error.code === 'EMSGSIZE' && whole[sent] === true) {
        // Its sender is told with the next one; this one goes in fragments.
        whole[sent] = false;
        this.#options.onTooLong();
        return this.#trySend(socket, { batch, whole, sent, filled: sent + 1 });
      }
      this.unsendable++;
      return 1;
    }
  }

  /** Waits for room in a socket's buffer, or no longer; the TUN device is left alone meanwhile. */
  #await(i: number, room: boolean): void {
    if (room) this.#congested.add(i);
    else this.#congested.delete(i);
    this.#poller.watchWritable(2 + i, room);
    this.#poller.watchReadable(1, this.#congested.size === 0);
  }
}

/** Where the datagram in a slot came from; one object for all. */
class BatchArrival implements Arrival<Route> {
  slot = 0;
  socket: UdpSocket | undefined;
  readonly #batch: DatagramBatch;

  constructor(batch: DatagramBatch) {
    this.#batch = batch;
  }

  get ecn(): number {
    return this.#batch.trafficClass(this.slot) & ECN;
  }

  cameBy(route: Route): boolean {
    return !('stream' in route) && this.#batch.peerMatches(this.slot, route.peer);
  }

  path(): ReturnType<Arrival<Route>['path']> {
    const bound = (this.socket as UdpSocket).local;
    return {
      local: { address: this.#batch.localAddress(this.slot) ?? bound.address, port: bound.port },
      remote: this.#batch.peer(this.slot),
    };
  }
}
