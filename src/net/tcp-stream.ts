import type { Socket } from 'node:net';
import { toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Endpoint, Path } from '../policy/sa.ts';
import { classify, withoutMarker } from './encapsulation.ts';
import { STREAM_PREFIX, StreamFrames } from './stream-frames.ts';

/** Octets that wait for the peer to take them, beyond which ESP is dropped, and the connection with it. */
const MOST_WAITING = { esp: 1 << 20, ike: 4 << 20 } as const;
/** Who opens a connection shows this soon that it speaks IKE. */
const PREFIX_MS = 5000;
/** Who does not take our last words for so long goes without. */
const FAREWELL_MS = 2000;

type Heard = (octets: Uint8Array, kind: 'ike' | 'esp') => void;

/** One TCP connection and the messages in it. */
export class TcpStream {
  readonly path: Path;
  /** We opened it. */
  readonly isOurs: boolean;
  /** On the clock of `performance.now`. */
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

  /** `broke` is called once, when the connection is gone for whatever reason. */
  listen(heard: Heard, broke: () => void): void {
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

  /** A whole frame. Who does not take what it is sent loses packets first, then the connection. */
  write(octets: Uint8Array, kind: 'ike' | 'esp'): void {
    const { writableLength } = this.#socket;
    if (writableLength > MOST_WAITING.ike) this.#socket.destroy();
    else if (kind === 'ike' || writableLength <= MOST_WAITING.esp) this.#socket.write(octets);
  }

  /** Sends what waits, and closes. */
  end(): void {
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), FAREWELL_MS).unref();
  }

  #take(chunk: Uint8Array, heard: Heard): void {
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

/** Paths with the same key go by the same connection. */
export function pathKey({ local, remote }: Path): string {
  const text = ({ address, port }: Endpoint): string => `${toHex(address)}:${port}`;
  return `${text(local)} ${text(remote)}`;
}
