import { createConnection, createServer, type Socket } from 'node:net';
import { formatIp, type IpAddress, isUnspecified, isV4, parseIp } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import type { Failure } from '../policy/failure.ts';
import type { Endpoint, Path } from '../policy/sa.ts';
import { classify, MARKER, withoutMarker } from './encapsulation.ts';
import { bindFailure } from './port-failure.ts';
import { withoutScope } from './resolver.ts';
import {
  CONNECT_MS,
  PREFIX_MS,
  type Stream,
  type StreamListener,
  type StreamOpener,
  unreachable,
} from './stream.ts';
import { framed, STREAM_PREFIX, StreamFrames } from './stream-frames.ts';
import type { Listening } from './transport.ts';

/** Octets that wait for the peer to take them, beyond which ESP is dropped, and the connection with it. */
const MOST_WAITING = { esp: 1 << 20, ike: 4 << 20 } as const;
/** Who does not take our last words for so long goes without. */
const FAREWELL_MS = 2000;

/** Streams on node:net, for ESP in user space: portable, without native code. */
export const nodeStreams: StreamOpener = { listen, connect };

function listen(
  { address, port }: Listening,
  accepted: (stream: Stream) => void,
  failed: (failure: Failure) => void,
): StreamListener {
  const server = createServer({ noDelay: true, keepAlive: true }, socket => {
    const path = pathOf(socket);
    if (path === undefined) socket.destroy();
    else accepted(new NodeStream(socket, path, false));
  });
  server.on('error', (error: NodeJS.ErrnoException) => {
    failed(bindFailure(error.code ?? error.message, address, port, '--nat-port', 'TCP').failure);
  });
  server.listen({ host: formatIp(address), port, ipv6Only: !isV4(address) });
  return {
    close: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      return promise;
    },
  };
}

function connect(local: IpAddress, remote: Endpoint): Promise<Stream> {
  const { promise, resolve, reject } = Promise.withResolvers<Stream>();
  const socket = createConnection({
    host: formatIp(remote.address),
    port: remote.port,
    noDelay: true,
    keepAlive: true,
    ...(isUnspecified(local) ? {} : { localAddress: formatIp(local) }),
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
    const path = pathOf(socket);
    if (path === undefined) {
      socket.destroy();
      reject(unreachable(remote, 'it is gone again'));
    } else resolve(new NodeStream(socket, { ...path, remote }, true));
  });
  return promise;
}

class NodeStream implements Stream {
  readonly path: Path;
  readonly isOurs: boolean;
  readonly openedAt = performance.now();
  readonly #socket: Socket;
  readonly #frames: StreamFrames;

  constructor(socket: Socket, path: Path, isOurs: boolean) {
    this.#socket = socket;
    this.path = path;
    this.isOurs = isOurs;
    this.#frames = new StreamFrames(!isOurs);
    if (isOurs) socket.write(STREAM_PREFIX);
  }

  listen(heard: (octets: Uint8Array, kind: 'ike' | 'esp') => void, broke: () => void): void {
    const socket = this.#socket;
    const deadline = this.isOurs ? undefined : setTimeout(() => socket.destroy(), PREFIX_MS);
    // What is wrong is told by `close`, which follows.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Uint8Array) => {
      this.#take(chunk, heard);
      if (this.#frames.begun) clearTimeout(deadline);
    });
    socket.once('close', () => {
      clearTimeout(deadline);
      broke();
    });
  }

  write(message: Uint8Array, kind: 'ike' | 'esp'): void {
    const octets = framed(kind === 'ike' ? MARKER : NOTHING, message);
    if (octets === undefined) return;
    const { writableLength } = this.#socket;
    if (writableLength > MOST_WAITING.ike) this.#socket.destroy();
    else if (kind === 'ike' || writableLength <= MOST_WAITING.esp) this.#socket.write(octets);
  }

  end(): void {
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), FAREWELL_MS).unref();
  }

  #take(chunk: Uint8Array, heard: (octets: Uint8Array, kind: 'ike' | 'esp') => void): void {
    try {
      for (const message of this.#frames.take(chunk)) {
        const kind = classify(message);
        if (kind === 'esp') heard(message, kind);
        else if (kind === 'ike') heard(withoutMarker(message), kind);
      }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#socket.destroy();
    }
  }
}

const NOTHING = new Uint8Array();

function pathOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): Path | undefined {
  const local = endpointOf(localAddress, localPort);
  const remote = endpointOf(remoteAddress, remotePort);
  return local && remote && { local, remote, tcp: true };
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  const parsed = address === undefined ? undefined : parseIp(withoutScope(address));
  return parsed === undefined || port === undefined ? undefined : { address: parsed, port };
}
