import { formatIp } from '../lib/ip.ts';
import type { Failed, Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { nodeStreams } from './node-streams.ts';
import { pathKey, type Stream, type StreamListener, type StreamOpener } from './stream.ts';
import { IKE_PORT, type Listening, NAT_PORT } from './transport.ts';

/** Streams that peers may have open: in all, and from one address. */
const MOST_STREAMS = 10_000;
const MOST_FROM_ADDRESS = 64;
/** Who has opened a connection and is no IKE SA's after this long is closed (RFC 9329 §6.1, §6.3.1). */
const GRACE_MS = 10_000;
const SWEEP_MS = 2000;
/** Pauses between attempts to open a broken connection anew. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** How the core is told of what comes by TCP. */
export interface TcpListeners {
  readonly datagram: (datagram: Uint8Array, path: Path) => void;
  readonly error: (failure: Failure, path?: Path) => void;
  /** The connection of `path` broke, and another of ours is there in its place: what was unanswered may be lost. */
  readonly renewed: (path: Path, instead: Path) => void;
}

/**
 * The TCP connections that carry IKE and ESP (RFC 9329). Whoever opened one opens another when it breaks, for as long
 * as an IKE SA goes by it. Nothing here throws but `connect`.
 */
export class TcpStreams {
  readonly #listening: readonly Listening[];
  readonly #opener: StreamOpener;
  readonly #streams = new Map<string, Stream>();
  readonly #perAddress = new Map<string, number>();
  readonly #renewals = new Map<string, NodeJS.Timeout>();
  #accepted = 0;
  #servers: readonly StreamListener[] = [];
  #listeners: TcpListeners | undefined;
  #onEsp: (packet: Uint8Array, path: Path) => void = () => undefined;
  #used: () => Iterable<Path> = () => [];
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param listening where UDP is listened on: TCP is taken on the same addresses, on the NAT traversal port. */
  constructor(listening: readonly Listening[], opener: StreamOpener = nodeStreams) {
    this.#opener = opener;
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
    if (!wanted) {
      for (const server of this.#servers) void server.close();
      this.#servers = [];
      return;
    }
    this.#servers = this.#listening.map(where =>
      this.#opener.listen(
        where,
        stream => this.#accept(stream),
        failure => this.#listeners?.error(failure),
      ),
    );
  }

  /** Opens a connection to where `path` leads, and answers with the path that goes by it. Rejects with Failed (`peer/silent`). */
  async connect(path: Path): Promise<Path> {
    const { address, port } = path.remote;
    const remote = { address, port: port === IKE_PORT ? NAT_PORT : port };
    const stream = await this.#opener.connect(path.local.address, remote);
    this.#adopt(stream);
    return stream.path;
  }

  /** One IKE message. A path whose connection is gone swallows it: the peer has to open another. */
  send(datagram: Uint8Array, path: Path): void {
    this.#streams.get(pathKey(path))?.write(datagram, 'ike');
  }

  /** One ESP packet, SPI first; dropped where the peer takes in less than it is sent. */
  sendEsp(packet: Uint8Array, path: Path): void {
    this.#streams.get(pathKey(path))?.write(packet, 'esp');
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const timer of this.#renewals.values()) clearTimeout(timer);
    this.#renewals.clear();
    const closed = this.#servers.map(server => server.close());
    this.#servers = [];
    for (const stream of this.#streams.values()) stream.end();
    this.#streams.clear();
    await Promise.all(closed);
  }

  #accept(stream: Stream): void {
    const from = formatIp(stream.path.remote.address);
    const others = this.#perAddress.get(from) ?? 0;
    if (others >= MOST_FROM_ADDRESS || this.#accepted >= MOST_STREAMS) {
      stream.end();
      return;
    }
    this.#perAddress.set(from, others + 1);
    this.#accepted++;
    this.#adopt(stream, () => {
      this.#accepted--;
      const left = (this.#perAddress.get(from) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(from);
      else this.#perAddress.set(from, left);
    });
  }

  #adopt(stream: Stream, gone: () => void = () => undefined): void {
    if (this.#closed) {
      stream.end();
      return;
    }
    const key = pathKey(stream.path);
    const before = this.#streams.get(key);
    this.#streams.set(key, stream);
    before?.end();
    stream.listen(
      (octets, kind) => {
        if (kind === 'esp') this.#onEsp(octets, stream.path);
        else this.#listeners?.datagram(octets, stream.path);
      },
      () => {
        gone();
        this.#broke(key, stream);
      },
    );
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Whoever opened the connection is to open it anew, as long as there is an SA on it (RFC 9329 §6.1). */
  #broke(key: string, stream: Stream): void {
    if (this.#closed || this.#streams.get(key) !== stream) return;
    this.#streams.delete(key);
    if (stream.isOurs) this.#renew(key, stream.path, FIRST_PAUSE_MS);
  }

  #renew(key: string, path: Path, pause: number): void {
    const timer = setTimeout(() => {
      this.#renewals.delete(key);
      if (this.#closed || !this.#usedKeys().has(key)) return;
      this.#opener.connect(path.local.address, path.remote).then(
        stream => {
          this.#adopt(stream);
          if (!this.#closed) this.#listeners?.renewed(path, stream.path);
        },
        (error: Failed) => {
          this.#listeners?.error(error.failure, path);
          if (!this.#closed) this.#renew(key, path, Math.min(2 * pause, LONGEST_PAUSE_MS));
        },
      );
    }, pause).unref();
    this.#renewals.set(key, timer);
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
