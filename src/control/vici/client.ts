import { connect, type Socket } from 'node:net';
import { Malformed } from '../../lib/reader.ts';
import { Failed } from '../../policy/failure.ts';
import { parseControlAddress } from '../address.ts';
import { PacketAssembler } from './assembler.ts';
import { decodePacket, encodePacket, type Packet } from './frame.ts';
import { type Message, NOTHING } from './message.ts';

export interface RequestOptions {
  /** Milliseconds to wait for the answer; without it, for ever. A connection whose answer is late is closed. */
  readonly timeout?: number;
}

type Listener = (message: Message) => void;

interface Waiting {
  readonly packet: Uint8Array;
  readonly what: string;
  readonly timeout: number | undefined;
  resolve(answer: Packet): void;
  reject(error: Error): void;
}

/** A connection to a daemon that speaks VICI, cygnet's or charon's. Requests are sent one after the other. */
export class ViciClient {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #assembler = new PacketAssembler();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #queue: Waiting[] = [];
  #current: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended: Failed | undefined;
  /** Resolves when the connection is over, whoever ended it. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, address: string) {
    this.#socket = socket;
    this.#address = address;
    socket.on('data', chunk => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    this.closed = new Promise(resolve =>
      socket.once('close', () => {
        this.#end(this.#broken('closed the connection'));
        resolve();
      }),
    );
  }

  /** Connects to `address` (see `parseControlAddress`). Throws Failed. */
  static async connect(address: string): Promise<ViciClient> {
    const where = parseControlAddress(address);
    const socket = where.kind === 'unix' ? connect(where.path) : connect(where.port, where.host);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', error => reject(unreachable(address, error)));
    });
    return new ViciClient(socket, address);
  }

  /** Runs `command` and returns its answer, `success = no` included. Throws Failed when there is no answer. */
  async request(command: string, message: Message = NOTHING, options: RequestOptions = {}): Promise<Message> {
    const packet = encodePacket({ type: 'request', name: command, message });
    const answer = await this.#exchange(packet, `"${command}"`, options.timeout);
    if (answer.type === 'response') return answer.message;
    if (answer.type === 'unknown-command') {
      throw new Failed({
        code: 'local/unsupported',
        summary: `the daemon at ${this.#address} knows no command "${command}"`,
        remedy: 'use a cygnet daemon of the same version as this client',
      });
    }
    throw this.#abandon(`answered "${command}" with ${answer.type}`);
  }

  /** Runs `command` while listening to `event`: the streaming commands of VICI. */
  async stream(
    command: string,
    event: string,
    message: Message,
    listener: Listener,
    options: RequestOptions = {},
  ): Promise<Message> {
    const stop = await this.subscribe(event, listener);
    try {
      return await this.request(command, message, options);
    } finally {
      if (this.#ended === undefined) await stop();
    }
  }

  /** Calls `listener` for each `event` from now on; returns what ends that. Throws Failed when the daemon has no such event. */
  async subscribe(event: string, listener: Listener): Promise<() => Promise<void>> {
    const listeners = this.#listeners.get(event) ?? new Set();
    const isFirst = listeners.size === 0;
    listeners.add(listener);
    this.#listeners.set(event, listeners);
    if (isFirst) {
      const answer = await this.#exchange(
        encodePacket({ type: 'register', name: event, message: NOTHING }),
        event,
      );
      if (answer.type !== 'confirm') {
        this.#listeners.delete(event);
        throw new Failed({
          code: 'local/unsupported',
          summary: `the daemon at ${this.#address} has no event "${event}"`,
          remedy: 'use a cygnet daemon of the same version as this client',
        });
      }
    }
    return async () => {
      if (!listeners.delete(listener) || listeners.size > 0 || this.#ended !== undefined) return;
      this.#listeners.delete(event);
      await this.#exchange(encodePacket({ type: 'unregister', name: event, message: NOTHING }), event);
    };
  }

  /** Ends the connection; what still waits fails. */
  close(): void {
    this.#end(new Failed({ code: 'local/stopped', summary: 'the connection was closed' }));
    this.#socket.destroy();
  }

  #exchange(packet: Uint8Array, what: string, timeout?: number): Promise<Packet> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#queue.push({ packet, what, timeout, resolve, reject });
      if (this.#current === undefined) this.#next();
    });
  }

  #next(): void {
    const waiting = this.#queue.shift();
    this.#current = waiting;
    if (waiting === undefined) return;
    this.#socket.write(waiting.packet);
    if (waiting.timeout === undefined) return;
    this.#timer = setTimeout(() => {
      this.#abandon(`did not answer ${waiting.what} within ${waiting.timeout} ms`);
    }, waiting.timeout);
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const octets of this.#assembler.push(chunk)) this.#take(decodePacket(octets));
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#abandon(`sent what is not VICI (${error.message})`);
    }
  }

  #take(packet: Packet): void {
    if (packet.type === 'event') {
      for (const listener of [...(this.#listeners.get(packet.name) ?? [])]) listener(packet.message);
      return;
    }
    const waiting = this.#current;
    if (waiting === undefined || 'name' in packet) {
      this.#abandon(`sent a ${packet.type} that nobody asked for`);
      return;
    }
    clearTimeout(this.#timer);
    this.#next();
    waiting.resolve(packet);
  }

  #abandon(how: string): Failed {
    const failure = this.#broken(how);
    this.#end(failure);
    this.#socket.destroy();
    return failure;
  }

  #broken(how: string): Failed {
    return new Failed({ code: 'local/no-daemon', summary: `the daemon at ${this.#address} ${how}` });
  }

  #end(why: Failed): void {
    clearTimeout(this.#timer);
    this.#ended ??= why;
    const waiting = this.#current === undefined ? [...this.#queue] : [this.#current, ...this.#queue];
    this.#current = undefined;
    this.#queue.length = 0;
    for (const { reject } of waiting) reject(this.#ended);
  }
}

function unreachable(address: string, error: Error): Failed {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') {
    return new Failed({
      code: 'local/no-privilege',
      summary: `no permission to use the control socket ${address}`,
      remedy: 'run this as the user or group that owns the socket, usually root',
    });
  }
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new Failed({
      code: 'local/no-daemon',
      summary: `no daemon listens at ${address}`,
      remedy: 'start one with "cygnet daemon", or name its socket with --control or CYGNET_CONTROL',
    });
  }
  return new Failed({
    code: 'local/no-daemon',
    summary: `cannot reach a daemon at ${address}: ${error.message}`,
  });
}
