import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { formatIp, isUnspecified, isV4, parseIp } from '../lib/ip.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import type { Endpoint, Path } from '../policy/sa.ts';
import { MARKER } from './encapsulation.ts';
import { bindFailure } from './port-failure.ts';
import { withoutScope } from './resolver.ts';
import { framed } from './stream-frames.ts';
import { pathKey, TcpStream } from './tcp-stream.ts';
import { IKE_PORT, type Listening, NAT_PORT } from './transport.ts';

/** Streams that peers may have open: in all, and from one address. */
const MOST_STREAMS = 10_000;
const MOST_FROM_ADDRESS = 64;
/** Who has opened a connection and is no IKE SA's after this long is closed (RFC 9329 §6.1, §6.3.1). */
const GRACE_MS = 10_000;
const SWEEP_MS = 2000;
const CONNECT_MS = 10_000;
/** Pauses between attempts to open a broken connection anew. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** How the core is told of what comes by TCP. */
export interface TcpListeners {
  readonly datagram: (datagram: Uint8Array, path: Path) => void;
  readonly error: (failure: Failure, path?: Path) => void;
  /** The connection of this path broke and is there again: what was unanswered on it may be lost. */
  readonly renewed: (path: Path) => void;
}

/**
 * The TCP connections that carry IKE and ESP (RFC 9329). Whoever opened one opens it anew when it breaks, for as long
 * as an IKE SA goes by it; its path stays the one of the first. Nothing here throws but `connect`.
 */
export class TcpStreams {
  readonly #listening: readonly Listening[];
  readonly #streams = new Map<string, TcpStream>();
  readonly #perAddress = new Map<string, number>();
  readonly #renewals = new Map<string, NodeJS.Timeout>();
  #servers: readonly Server[] = [];
  #listeners: TcpListeners | undefined;
  #onEsp: (packet: Uint8Array, path: Path) => void = () => undefined;
  #used: () => Iterable<Path> = () => [];
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param listening where UDP is listened on: TCP is taken on the same addresses, on the NAT traversal port. */
  constructor(listening: readonly Listening[]) {
    this.#listening = listening.filter(({ nat }) => nat);
  }

  listen(listeners: TcpListeners): void {
    this.#listeners = listeners;
  }

  /** One listener; the packet begins with its SPI and is the listener's own. */
  onEsp(listener: (packet: Uint8Array, path: Path) => void): void {
    this.#onEsp = listener;
  }

  /** Which paths IKE SAs go by: connections of no SA are closed. */
  keep(used: () => Iterable<Path>): void {
    this.#used = used;
  }

  /** Whether peers may open connections. */
  accept(wanted: boolean): void {
    if (this.#closed || wanted === this.#servers.length > 0) return;
    if (wanted) this.#servers = this.#listening.map(where => this.#open(where));
    else {
      for (const server of this.#servers) server.close();
      this.#servers = [];
    }
  }

  /** Opens a connection to where `path` leads, and answers with the path that goes by it. Rejects with Failed (`peer/silent`). */
  async connect(path: Path): Promise<Path> {
    const { address, port } = path.remote;
    const remote = { address, port: port === IKE_PORT ? NAT_PORT : port };
    const socket = await this.#dial(path.local, remote);
    const local = endpointOf(socket.localAddress, socket.localPort);
    if (local === undefined || this.#closed) {
      socket.destroy();
      throw unreachable(remote, 'it is gone again');
    }
    const stream: Path = { local, remote, tcp: true };
    this.#adopt(new TcpStream(socket, stream, true));
    return stream;
  }

  /** One IKE message. A path whose connection is gone swallows it: the peer has to open another. */
  send(datagram: Uint8Array, path: Path): void {
    this.#write(MARKER, datagram, path, 'ike');
  }

  /** One ESP packet, SPI first; dropped where the peer takes in less than it is sent. */
  sendEsp(packet: Uint8Array, path: Path): void {
    this.#write(NOTHING, packet, path, 'esp');
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const timer of this.#renewals.values()) clearTimeout(timer);
    this.#renewals.clear();
    const closed = this.#servers.map(server => {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      return promise;
    });
    this.#servers = [];
    for (const stream of this.#streams.values()) stream.end();
    this.#streams.clear();
    await Promise.all(closed);
  }

  #write(head: Uint8Array, tail: Uint8Array, path: Path, kind: 'ike' | 'esp'): void {
    const octets = framed(head, tail);
    const stream = this.#streams.get(pathKey(path));
    if (octets === undefined || stream === undefined) return;
    stream.write(octets, kind);
  }

  #open({ address, port }: Listening): Server {
    const server = createServer({ noDelay: true, keepAlive: true }, socket => this.#accepted(socket));
    server.maxConnections = MOST_STREAMS;
    server.on('error', (error: NodeJS.ErrnoException) => {
      const { failure } = bindFailure(error.code ?? error.message, address, port, '--nat-port', 'TCP');
      this.#listeners?.error(failure);
    });
    server.listen({ host: formatIp(address), port, ipv6Only: !isV4(address) });
    return server;
  }

  #accepted(socket: Socket): void {
    const remote = endpointOf(socket.remoteAddress, socket.remotePort);
    const local = endpointOf(socket.localAddress, socket.localPort);
    const from = remote === undefined ? '' : formatIp(remote.address);
    const others = this.#perAddress.get(from) ?? 0;
    if (remote === undefined || local === undefined || others >= MOST_FROM_ADDRESS) {
      socket.destroy();
      return;
    }
    this.#perAddress.set(from, others + 1);
    socket.once('close', () => {
      const left = (this.#perAddress.get(from) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(from);
      else this.#perAddress.set(from, left);
    });
    this.#adopt(new TcpStream(socket, { local, remote, tcp: true }, false));
  }

  #adopt(stream: TcpStream): void {
    const key = pathKey(stream.path);
    this.#streams.get(key)?.end();
    this.#streams.set(key, stream);
    stream.listen(
      (octets, kind) => {
        if (kind === 'esp') this.#onEsp(octets, stream.path);
        else this.#listeners?.datagram(octets, stream.path);
      },
      () => this.#broke(key, stream),
    );
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Whoever opened the connection is to open it anew, as long as there is an SA on it (RFC 9329 §6.1). */
  #broke(key: string, stream: TcpStream): void {
    if (this.#closed || this.#streams.get(key) !== stream) return;
    this.#streams.delete(key);
    if (stream.isOurs) this.#renew(key, stream.path, FIRST_PAUSE_MS);
  }

  #renew(key: string, path: Path, pause: number): void {
    const timer = setTimeout(() => {
      this.#renewals.delete(key);
      if (this.#closed || !this.#usedKeys().has(key)) return;
      this.#dial({ address: path.local.address, port: 0 }, path.remote).then(
        socket => {
          if (this.#closed) {
            socket.destroy();
            return;
          }
          this.#adopt(new TcpStream(socket, path, true));
          this.#listeners?.renewed(path);
        },
        (error: Failed) => {
          this.#listeners?.error(error.failure, path);
          if (!this.#closed) this.#renew(key, path, Math.min(2 * pause, LONGEST_PAUSE_MS));
        },
      );
    }, pause).unref();
    this.#renewals.set(key, timer);
  }

  #dial(local: Endpoint, remote: Endpoint): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const socket = createConnection({
      host: formatIp(remote.address),
      port: remote.port,
      noDelay: true,
      keepAlive: true,
      ...(isUnspecified(local.address) ? {} : { localAddress: formatIp(local.address) }),
    });
    const limit = setTimeout(() => socket.destroy(new Error('no answer')), CONNECT_MS);
    const failed = (error: NodeJS.ErrnoException): void => {
      clearTimeout(limit);
      reject(unreachable(remote, error.code ?? error.message));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(limit);
      socket.off('error', failed);
      resolve(socket);
    });
    return promise;
  }

  #sweep(): void {
    const used = this.#usedKeys();
    const now = performance.now();
    for (const [key, stream] of this.#streams) {
      if (used.has(key) || now - stream.openedAt < GRACE_MS) continue;
      this.#streams.delete(key);
      stream.end();
    }
    if (this.#streams.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #usedKeys(): ReadonlySet<string> {
    const keys = new Set<string>();
    for (const path of this.#used()) if (path.tcp === true) keys.add(pathKey(path));
    return keys;
  }
}

const NOTHING = new Uint8Array();

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  const parsed = address === undefined ? undefined : parseIp(withoutScope(address));
  return parsed === undefined || port === undefined ? undefined : { address: parsed, port };
}

function unreachable({ address, port }: Endpoint, code: string): Failed {
  return new Failed({
    code: 'peer/silent',
    summary: `no TCP connection to ${formatIp(address)} port ${port}: ${code}`,
    remedy: 'see that the peer takes IKE over TCP on this port, and that nothing between stops it',
  });
}
