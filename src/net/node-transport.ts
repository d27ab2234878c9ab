import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { toHex } from '../lib/bytes.ts';
import { formatIp, type IpAddress, isUnspecified, isV4, parseIp } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { type Bound, bindAll, socketFor } from './bind-plan.ts';
import { classify, KEEPALIVE, MARKER, withoutMarker } from './encapsulation.ts';
import { LinkScopes } from './link-scopes.ts';
import { bindFailure, sendFailure } from './port-failure.ts';
import { localAddressFor, withoutScope } from './resolver.ts';
import type { Listening, TransportOptions, UdpTransport } from './transport.ts';

/** A burst of first messages must fit while the loop is busy. Octets; the system may grant less. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** Peers whose local address is remembered, and first datagrams that may wait for it at once. */
const KNOWN_PEERS = 4096;
const LOOKUPS_AT_ONCE = 64;
/** After this the routing table is asked again. */
const LOOKUP_LIFE_MS = 10_000;

/**
 * The ports on node:dgram: portable, without native code. Bound to all addresses it cannot see which one a datagram
 * came to; the routing table's answer for the peer stands in, and the kernel chooses what an answer leaves from.
 * Throws Failed (`local/port-in-use`, `local/no-privilege`, `local/address`).
 */
export async function openNodeTransport(options: TransportOptions = {}): Promise<UdpTransport> {
  return new NodeTransport(await bindAll(options, open, socket => socket.close()));
}

type Heard<T extends Uint8Array> = (octets: T, path: Path) => void;

class NodeTransport implements UdpTransport {
  #closing: Promise<void> | undefined;
  readonly name = 'node';
  readonly listening: readonly Listening[];
  readonly port: number;
  readonly natPort: number;
  readonly espSockets = [];
  readonly #bound: readonly Bound<Socket>[];
  readonly #scopes = new LinkScopes<string>();
  readonly #localAddresses = new LocalAddresses();
  #onDatagram: Heard<Uint8Array> = ignore;
  #onEsp: Heard<Uint8Array> = ignore;
  #onError: (failure: Failure, path?: Path) => void = ignore;

  constructor(bound: readonly Bound<Socket>[]) {
    this.#bound = bound;
    this.listening = bound.map(({ listening }) => listening);
    this.port = this.listening.find(({ nat }) => !nat)?.port ?? 0;
    this.natPort = this.listening.find(({ nat }) => nat)?.port ?? 0;
    for (const { socket, listening } of bound) {
      socket.on('message', (message, remote) => this.#hear(message, remote, listening));
      socket.on('error', error =>
        this.#onError({ code: 'local/internal', summary: `UDP port ${listening.port}: ${error.message}` }),
      );
    }
  }

  send(datagram: Uint8Array, path: Path): void {
    const nat = path.local.port === this.natPort;
    this.#send(nat ? [MARKER, datagram] : [datagram], path, nat);
  }

  sendEsp(packet: Uint8Array, path: Path): void {
    this.#send([packet], path, true);
  }

  sendKeepalive(path: Path): void {
    this.#send([KEEPALIVE], path, true);
  }

  onDatagram(listener: Heard<Uint8Array>): void {
    this.#onDatagram = listener;
  }

  onEsp(listener: Heard<Uint8Array>): void {
    this.#onEsp = listener;
  }

  onError(listener: (failure: Failure, path?: Path) => void): void {
    this.#onError = listener;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all(
      this.#bound.map(({ socket }) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        socket.close(resolve);
        return promise;
      }),
    );
  }

  #send(parts: readonly Uint8Array[], path: Path, nat: boolean): void {
    const { address, port } = path.remote;
    const bound = socketFor(this.#bound, path.local.address, nat);
    if (bound === undefined) {
      this.#onError(sendFailure('no socket of its family', path), path);
      return;
    }
    const scope = this.#scopes.of(address);
    const target = scope === undefined ? formatIp(address) : `${formatIp(address)}%${scope}`;
    try {
      bound.socket.send([...parts], port, target, error => {
        if (error !== null)
          this.#onError(sendFailure((error as NodeJS.ErrnoException).code ?? error.message, path), path);
      });
    } catch (error) {
      // Closed, or a port that cannot be.
      this.#onError(sendFailure((error as Error).message, path), path);
    }
  }

  #hear(message: Uint8Array, remote: RemoteInfo, listening: Listening): void {
    const address = parseIp(withoutScope(remote.address));
    if (address === undefined) return;
    if (remote.address.includes('%'))
      this.#scopes.learn(address, remote.address.slice(remote.address.indexOf('%') + 1));
    const octets = new Uint8Array(message.buffer, message.byteOffset, message.length);
    const kind = listening.nat ? classify(octets) : 'ike';
    if (kind === 'keepalive' || kind === 'nothing') return;
    const deliver = (local: IpAddress): void => {
      const path = {
        local: { address: local, port: listening.port },
        remote: { address, port: remote.port },
      };
      if (kind === 'esp') this.#onEsp(octets, path);
      else this.#onDatagram(listening.nat ? withoutMarker(octets) : octets, path);
    };
    if (isUnspecified(listening.address)) this.#localAddresses.find(address, deliver);
    else deliver(listening.address);
  }
}

/** From which address each peer is reached, asked once and remembered for a while. */
class LocalAddresses {
  readonly #known = new Map<string, { readonly address: IpAddress; readonly until: number }>();
  readonly #waiting = new Map<string, ((address: IpAddress) => void)[]>();

  /** Calls `then` at once where it is known, else when the routing table has answered; never when there is no route back. */
  find(peer: IpAddress, then: (address: IpAddress) => void): void {
    const key = toHex(peer);
    const known = this.#known.get(key);
    if (known !== undefined && performance.now() < known.until) {
      then(known.address);
      return;
    }
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      if (waiting.length < LOOKUPS_AT_ONCE) waiting.push(then);
      return;
    }
    if (this.#waiting.size >= LOOKUPS_AT_ONCE) return;
    this.#waiting.set(key, [then]);
    void localAddressFor(peer).then(address => {
      const all = this.#waiting.get(key) ?? [];
      this.#waiting.delete(key);
      if (address === undefined) return;
      this.#remember(key, address);
      for (const one of all) one(address);
    });
  }

  #remember(key: string, address: IpAddress): void {
    this.#known.delete(key);
    this.#known.set(key, { address, until: performance.now() + LOOKUP_LIFE_MS });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_PEERS && oldest !== undefined) this.#known.delete(oldest);
  }
}

function open({ address, port, nat }: Listening): Promise<Bound<Socket>> {
  const { promise, resolve, reject } = Promise.withResolvers<Bound<Socket>>();
  const socket = createSocket({
    type: isV4(address) ? 'udp4' : 'udp6',
    ipv6Only: !isV4(address),
  });
  const failed = (error: NodeJS.ErrnoException): void => {
    socket.close();
    reject(bindFailure(error.code ?? error.message, address, port, nat ? '--nat-port' : '--port'));
  };
  socket.once('error', failed);
  socket.bind({ address: formatIp(address), port, exclusive: true }, () => {
    socket.off('error', failed);
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER);
    } catch {
      // What the system grants has to do.
    }
    resolve({ socket, listening: { address, port: socket.address().port, nat } });
  });
  return promise;
}

function ignore(): void {}
