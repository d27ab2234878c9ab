import { chmodSync, chownSync, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Failed } from '../../policy/failure.ts';
import { type ControlAddress, formatControlAddress, parseControlAddress } from '../address.ts';
import { encodePacket } from './frame.ts';
import type { Message } from './message.ts';
import { type ClientHost, type ClientLimits, type Command, ServerClient } from './server-client.ts';

export interface ViciServerOptions {
  readonly commands: Readonly<Record<string, Command>>;
  /** Names that clients may ask for, the stream events of commands among them. */
  readonly events: Iterable<string>;
  /** A command threw something other than Failed. */
  readonly onDefect?: (command: string, error: unknown) => void;
  readonly limits?: Partial<ServerLimits>;
  /** A descriptor that listens already, in the place of a socket made here; it is not removed at the end. */
  readonly descriptor?: number;
  /** Whose the socket in the file system becomes. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Hears of each client, before it is heard. */
  readonly onClient?: (socket: Socket) => void;
}

export interface ServerLimits extends ClientLimits {
  /** One more takes the place of the one that has done nothing for longest; where all do something, it is closed at once. */
  readonly clients: number;
}

const LIMITS: ServerLimits = {
  clients: 256,
  pendingRequests: 16,
  queuedOctets: 1024 * 1024,
  patience: 30_000,
};

/** Speaks VICI to any number of clients. */
export class ViciServer {
  readonly #server: Server;
  readonly #clients: Set<ServerClient>;
  readonly #host: ClientHost;
  /** Where it listens: what was asked for, with the port that was found. */
  readonly address: string;

  private constructor(server: Server, clients: Set<ServerClient>, host: ClientHost, address: string) {
    this.#server = server;
    this.#clients = clients;
    this.#host = host;
    this.address = address;
  }

  /**
   * Listens at `address` (see `parseControlAddress`). A socket in the file system is for its owner and group
   * alone (0660); one that a dead daemon left behind is replaced. Throws Failed.
   */
  static async listen(address: string, options: ViciServerOptions): Promise<ViciServer> {
    const where = parseControlAddress(address);
    const limits = { ...LIMITS, ...options.limits };
    const host: ClientHost = {
      commands: options.commands,
      events: new Set(options.events),
      limits,
      onDefect: options.onDefect ?? (() => undefined),
    };
    const clients = new Set<ServerClient>();
    let last = 0;
    const server = createServer(socket => {
      if (clients.size >= limits.clients && !makeRoom(clients)) {
        socket.destroy();
        return;
      }
      options.onClient?.(socket);
      const client = new ServerClient(++last, socket, host);
      clients.add(client);
      socket.once('close', () => clients.delete(client));
    });
    if (options.descriptor !== undefined) await listenOn(server, options.descriptor);
    else {
      if (where.kind === 'unix') await removeStale(where.path);
      await listenAt(server, where, options.owner);
    }
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const actual = where.kind === 'tcp' ? { ...where, port } : where;
    return new ViciServer(server, clients, host, formatControlAddress(actual));
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Whether any client asked for `event`: spares making what nobody hears. */
  hasListeners(event: string): boolean {
    for (const client of this.#clients) if (client.hears(event)) return true;
    return false;
  }

  /** Sends `event` to all that asked for it. A client too slow to keep up is dropped. Throws Unsayable. */
  emit(event: string, message: Message): void {
    if (!this.#host.events.has(event)) throw new RangeError(`the server knows no event "${event}"`);
    let octets: Uint8Array | undefined;
    for (const client of this.#clients) {
      if (!client.hears(event)) continue;
      octets ??= encodePacket({ type: 'event', name: event, message });
      client.send(octets);
    }
  }

  /** Closes all connections and removes the socket. */
  async close(): Promise<void> {
    for (const client of this.#clients) client.drop();
    await new Promise<void>(resolve => this.#server.close(() => resolve()));
  }
}

/** Ends the client that has waited longest with nothing asked and nothing to hear. False where there is none. */
function makeRoom(clients: Set<ServerClient>): boolean {
  let idlest: ServerClient | undefined;
  for (const client of clients) if (client.isIdle && goesBefore(client, idlest)) idlest = client;
  if (idlest === undefined) return false;
  clients.delete(idlest);
  idlest.drop();
  return true;
}

/** Who was never served holds nothing up by going. */
function goesBefore(client: ServerClient, other: ServerClient | undefined): boolean {
  if (other === undefined) return true;
  if (client.isServed !== other.isServed) return !client.isServed;
  return client.heardAt < other.heardAt;
}

function listenOn(server: Server, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void =>
      reject(
        new Failed({
          code: 'local/address',
          summary: `the descriptor ${fd} that was handed over is no socket that listens: ${error.message}`,
        }),
      );
    server.once('error', refuse);
    try {
      server.listen({ fd }, resolve);
    } catch (error) {
      refuse(error as Error);
    }
  });
}

function listenAt(server: Server, where: ControlAddress, owner: ViciServerOptions['owner']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(explain(error, where)));
    if (where.kind === 'tcp') {
      server.listen(where.port, where.host, resolve);
      return;
    }
    // The socket is born closed to all others; chmod alone would leave a moment in which anybody may connect.
    const before = process.umask(0o117);
    try {
      server.listen(where.path, () => {
        chmodSync(where.path, 0o660);
        if (owner !== undefined) chownSync(where.path, owner.uid, owner.gid);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

/** Removes a socket at which nobody answers. Throws Failed when somebody does, or when it is no socket. */
async function removeStale(path: string): Promise<void> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new Failed({
      code: 'config/invalid-value',
      summary: `"${path}" exists and is no socket`,
      remedy: 'name another path with --control, or remove the file',
    });
  }
  const answered = await new Promise<boolean>(resolve => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true));
    socket.once('error', error =>
      resolve('code' in error && error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
    socket.once('close', () => socket.destroy());
    socket.unref();
    socket.once('connect', () => socket.destroy());
  });
  if (answered) throw inUse(path);
  unlinkSync(path);
}

function inUse(place: string): Failed {
  return new Failed({
    code: 'local/port-in-use',
    summary: `another program already listens at ${place}`,
    remedy: 'stop it, or name another control socket with --control',
  });
}

function explain(error: Error, where: ControlAddress): Failed {
  const place = formatControlAddress(where);
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return inUse(place);
  // libuv reports a missing directory as a missing permission.
  if (where.kind === 'unix' && statSync(dirname(where.path), { throwIfNoEntry: false }) === undefined) {
    return new Failed({
      code: 'config/unreadable',
      summary: `the directory of the control socket ${place} does not exist`,
      remedy: 'make the directory, or name another path with --control',
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new Failed({
      code: 'local/no-privilege',
      summary: `no permission to make the control socket ${place}`,
      remedy: 'name a path in a directory of yours with --control',
    });
  }
  return new Failed({
    code: 'local/address',
    summary: `cannot listen at ${place}: ${error.message}`,
    remedy: 'name another path with --control',
  });
}
