import { equal } from '../lib/bytes.ts';
import { isUnspecified } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { Endpoint, Path } from '../policy/sa.ts';
import { SystemFailure } from '../sys/failure.ts';
import type { SystemCalls } from '../sys/system-calls.ts';
import type { TcpListener, TcpSocket } from '../sys/tcp-socket.ts';
import type { Watch } from '../sys/watch.ts';
import { classify, MARKER, withoutMarker } from './encapsulation.ts';
import { bindFailure } from './port-failure.ts';
import {
  CONNECT_MS,
  PREFIX_MS,
  type Stream,
  type StreamListener,
  type StreamOpener,
  unreachable,
} from './stream.ts';
import { STREAM_PREFIX } from './stream-frames.ts';
import type { Listening } from './transport.ts';

/** Connections, or messages, taken in a row before the rest of the program has its turn. */
const ROUNDS = 64;
/** Messages that wait for the peer to take others, beyond which the connection ends; and how often it is tried. */
const MOST_WAITING = 256;
const TRY_AGAIN_MS = 50;
/** Who ran out of descriptors looks again after a while. */
const EXHAUSTED_MS = 1000;

/**
 * Streams whose ESP the kernel's IPsec takes and sends by itself (RFC 9329): here come and go the messages of IKE. Where
 * `SystemCalls.canCarryEspInTcp` says so.
 */
export function kernelStreams(calls: SystemCalls): StreamOpener {
  const options = { ipsecBypass: calls.capabilities().netAdmin };
  return {
    listen: (where, accepted, failed) => {
      try {
        return new Listener(calls, calls.listenTcp(where, options), accepted);
      } catch (error) {
        failed(bindingFailure(error, where));
        return { close: () => Promise.resolve() };
      }
    },
    connect: async (local, remote) => {
      try {
        const from = isUnspecified(local) ? {} : { from: local };
        const socket = calls.connectTcp(remote, { ...options, ...from });
        return await opened(calls, socket, remote);
      } catch (error) {
        throw error instanceof SystemFailure ? unreachable(remote, error.code) : error;
      }
    },
  };
}

function bindingFailure(error: unknown, { address, port }: Listening): Failure {
  if (!(error instanceof SystemFailure)) throw error;
  return bindFailure(error.code, address, port, '--nat-port', 'TCP').failure;
}

/** Rejects with Failed or SystemFailure, the socket closed. */
async function opened(calls: SystemCalls, socket: TcpSocket, remote: Endpoint): Promise<Stream> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const watch = calls.watch(socket.fd, resolve, 'writable');
  const limit = setTimeout(() => reject(unreachable(remote, 'no answer')), CONNECT_MS);
  try {
    await promise;
  } finally {
    clearTimeout(limit);
    watch.close();
  }
  try {
    socket.connected();
    socket.send(STREAM_PREFIX);
    socket.carryEsp();
    return new KernelStream(calls, socket, { local: socket.local, remote, tcp: true }, true);
  } catch (error) {
    socket.close();
    throw error;
  }
}

class Listener implements StreamListener {
  readonly #calls: SystemCalls;
  readonly #listener: TcpListener;
  readonly #accepted: (stream: Stream) => void;
  #watch: Watch;
  #rest: NodeJS.Timeout | undefined;

  constructor(calls: SystemCalls, listener: TcpListener, accepted: (stream: Stream) => void) {
    this.#calls = calls;
    this.#listener = listener;
    this.#accepted = accepted;
    this.#watch = this.#watching();
  }

  async close(): Promise<void> {
    clearTimeout(this.#rest);
    this.#watch.close();
    this.#listener.close();
  }

  #watching(): Watch {
    return this.#calls.watch(this.#listener.fd, () => this.#take());
  }

  #take(): void {
    for (let round = 0; round < ROUNDS; round++) {
      let socket: TcpSocket | undefined;
      try {
        socket = this.#listener.accept();
        if (socket === undefined) return;
        const path = { local: socket.local, remote: socket.remote, tcp: true } as const;
        this.#accepted(new KernelStream(this.#calls, socket, path, false));
      } catch (error) {
        if (!(error instanceof SystemFailure)) throw error;
        // Whoever is gone already has no address any more.
        socket?.close();
        if (socket !== undefined) continue;
        this.#pause();
        return;
      }
    }
  }

  #pause(): void {
    this.#watch.close();
    this.#rest = setTimeout(() => {
      this.#watch = this.#watching();
    }, EXHAUSTED_MS).unref();
  }
}

class KernelStream implements Stream {
  readonly path: Path;
  readonly isOurs: boolean;
  readonly openedAt = performance.now();
  readonly #calls: SystemCalls;
  readonly #socket: TcpSocket;
  #watch: Watch | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  /** Of what the peer begins with, as long as that has not come. */
  #prefix = new Uint8Array();
  #begun: boolean;
  #waiting: Uint8Array[] = [];
  #heard: (octets: Uint8Array, kind: 'ike') => void = () => undefined;
  #broke: () => void = () => undefined;
  #closed = false;

  constructor(calls: SystemCalls, socket: TcpSocket, path: Path, isOurs: boolean) {
    this.#calls = calls;
    this.#socket = socket;
    this.path = path;
    this.isOurs = isOurs;
    this.#begun = isOurs;
  }

  listen(heard: (octets: Uint8Array, kind: 'ike') => void, broke: () => void): void {
    this.#heard = heard;
    this.#broke = broke;
    this.#watch = this.#calls.watch(this.#socket.fd, () => this.#attempt(() => this.#read()));
    if (!this.isOurs) this.#deadline = setTimeout(() => this.#close(), PREFIX_MS);
  }

  write(message: Uint8Array, kind: 'ike' | 'esp'): void {
    if (this.#closed || kind === 'esp') return;
    const octets = new Uint8Array(MARKER.length + message.length);
    octets.set(message, MARKER.length);
    this.#waiting.push(octets);
    this.#attempt(() => this.#flush());
  }

  end(): void {
    this.#close();
  }

  #flush(): void {
    clearTimeout(this.#again);
    while (this.#waiting[0] !== undefined && this.#begun && this.#socket.send(this.#waiting[0]))
      this.#waiting.shift();
    if (this.#waiting.length > MOST_WAITING) this.#close();
    else if (this.#waiting.length > 0)
      this.#again = setTimeout(() => this.#attempt(() => this.#flush()), TRY_AGAIN_MS).unref();
  }

  #read(): void {
    for (let round = 0; round < ROUNDS && !this.#closed; round++) {
      const octets = this.#socket.receive(
        this.#begun ? undefined : STREAM_PREFIX.length - this.#prefix.length,
      );
      if (octets === undefined) return;
      if (octets === 'end') this.#close();
      else if (!this.#begun) this.#begin(octets);
      else if (classify(octets) === 'ike') this.#heard(withoutMarker(octets), 'ike');
    }
  }

  /** Not an octet more than the prefix is read before the kernel takes over. */
  #begin(octets: Uint8Array): void {
    const prefix = new Uint8Array(this.#prefix.length + octets.length);
    prefix.set(this.#prefix);
    prefix.set(octets, this.#prefix.length);
    this.#prefix = prefix;
    if (!equal(prefix, STREAM_PREFIX.subarray(0, prefix.length))) this.#close();
    else if (prefix.length === STREAM_PREFIX.length) {
      clearTimeout(this.#deadline);
      this.#socket.carryEsp();
      this.#begun = true;
    }
  }

  #attempt(act: () => void): void {
    try {
      if (!this.#closed) act();
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error;
      this.#close();
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#again);
    this.#watch?.close();
    this.#socket.close();
    this.#broke();
  }
}
