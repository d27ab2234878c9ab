import type { Socket } from 'node:net';
import { Failed } from '../../policy/failure.ts';
import { refusal } from '../failure.ts';
import { PacketAssembler } from './assembler.ts';
import { decodePacket, encodePacket, type Packet, Unsayable } from './frame.ts';
import { type Message, NOTHING } from './message.ts';

/** What a command may know and use of the client that sent it. */
export interface CommandContext {
  /** Unique among the server's clients. */
  readonly client: number;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Whether the client asked for `event`. */
  hears(event: string): boolean;
  /**
   * Sends `event` to this client if it asked for it; others do not see it. Resolves once the client keeps up, so
   * that a long stream waits for its reader. Does nothing when the client is gone.
   */
  emit(event: string, message: Message): Promise<void>;
}

/** Answers a request. What it throws as Failed is told to the client; anything else is a defect and goes to `onDefect`. */
export type Command = (message: Message, context: CommandContext) => Promise<Message>;

export interface ClientLimits {
  /** Requests that wait for their turn before the client is no longer read from. */
  readonly pendingRequests: number;
  /** Octets that wait to be read by the client: beyond it, a stream waits; beyond four times it, the client is dropped. */
  readonly queuedOctets: number;
  /** Milliseconds for a packet to arrive once it has begun, and for a slow reader to catch up. */
  readonly patience: number;
}

export interface ClientHost {
  readonly commands: Readonly<Record<string, Command>>;
  readonly events: ReadonlySet<string>;
  readonly limits: ClientLimits;
  onDefect(command: string, error: unknown): void;
}

/** One connection of the server: its packets in order, one command at a time. Whatever is malformed ends it, and it alone. */
export class ServerClient {
  readonly #socket: Socket;
  readonly #host: ClientHost;
  readonly #assembler = new PacketAssembler();
  readonly #pending: Packet[] = [];
  readonly #heard = new Set<string>();
  readonly #gone = new AbortController();
  readonly #context: CommandContext;
  #running = false;
  #heardAt = performance.now();
  #served = false;
  #partial: NodeJS.Timeout | undefined;

  constructor(id: number, socket: Socket, host: ClientHost) {
    this.#socket = socket;
    this.#host = host;
    this.#context = {
      client: id,
      signal: this.#gone.signal,
      hears: event => this.#heard.has(event),
      emit: (event, message) => this.#stream(event, message),
    };
    socket.on('data', chunk => this.#receive(chunk));
    socket.on('error', () => this.drop());
    socket.once('close', () => this.#close());
  }

  hears(event: string): boolean {
    return this.#heard.has(event);
  }

  /** It has asked for nothing that is not answered, and for no event: all that it holds is its place. */
  get isIdle(): boolean {
    return !this.#running && this.#heard.size === 0;
  }

  /** Whether a request of its own was ever answered. */
  get isServed(): boolean {
    return this.#served;
  }

  /** When it was heard last, on a clock that only goes forward. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Sends octets of an encoded packet; a client that does not read is dropped instead of filling memory. */
  send(octets: Uint8Array): void {
    if (this.#gone.signal.aborted) return;
    if (this.#socket.writableLength + octets.length > 4 * this.#host.limits.queuedOctets) this.drop();
    else this.#socket.write(octets);
  }

  drop(): void {
    this.#socket.destroy();
    this.#close();
  }

  #close(): void {
    clearTimeout(this.#partial);
    this.#pending.length = 0;
    this.#heard.clear();
    if (!this.#gone.signal.aborted) this.#gone.abort();
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const octets of this.#assembler.push(chunk)) this.#pending.push(decodePacket(octets));
    } catch {
      this.drop();
      return;
    }
    this.#heardAt = performance.now();
    clearTimeout(this.#partial);
    this.#partial = undefined;
    if (this.#pending.length > this.#host.limits.pendingRequests) this.#socket.pause();
    else if (this.#assembler.isPartial) {
      this.#partial = setTimeout(() => this.drop(), this.#host.limits.patience).unref();
    }
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let packet = this.#pending.shift(); packet !== undefined; packet = this.#pending.shift()) {
      const answer = await this.#answer(packet);
      if (answer === undefined) this.drop();
      else this.send(answer);
      this.#served = true;
      if (this.#pending.length === 0) this.#socket.resume();
      if (this.#socket.writableLength > this.#host.limits.queuedOctets) await this.#drained();
    }
    this.#running = false;
  }

  /** The encoded answer; undefined when a client may not send such a packet. */
  async #answer(packet: Packet): Promise<Uint8Array | undefined> {
    switch (packet.type) {
      case 'request':
        return this.#execute(packet.name, packet.message);
      case 'register':
      case 'unregister': {
        const known = this.#host.events.has(packet.name);
        if (known && packet.type === 'register') this.#heard.add(packet.name);
        const done = packet.type === 'register' ? known : this.#heard.delete(packet.name);
        return encodePacket({ type: done ? 'confirm' : 'unknown-event', message: NOTHING });
      }
      default:
        return undefined;
    }
  }

  async #execute(name: string, message: Message): Promise<Uint8Array> {
    const command = Object.hasOwn(this.#host.commands, name) ? this.#host.commands[name] : undefined;
    if (command === undefined) return encodePacket({ type: 'unknown-command', message: NOTHING });
    try {
      return encodePacket({ type: 'response', message: await command(message, this.#context) });
    } catch (error) {
      return encodePacket({ type: 'response', message: this.#refusal(name, error) });
    }
  }

  #refusal(command: string, error: unknown): Message {
    if (error instanceof Failed) {
      const message = refusal(error.failure);
      return fits(message)
        ? message
        : refusal({ code: error.failure.code, summary: 'the reason is too long to tell' });
    }
    if (error instanceof Unsayable) {
      return refusal({
        code: 'local/internal',
        summary: `the answer to ${command} cannot be sent: ${error.message}`,
      });
    }
    this.#host.onDefect(command, error);
    return refusal({
      code: 'local/internal',
      summary: `the command ${command} failed by a defect of the daemon`,
    });
  }

  async #stream(event: string, message: Message): Promise<void> {
    if (!this.#heard.has(event) || this.#gone.signal.aborted) return;
    this.send(encodePacket({ type: 'event', name: event, message }));
    if (this.#socket.writableLength > this.#host.limits.queuedOctets) await this.#drained();
  }

  /** Waits until the client has read what is queued; drops it when that takes too long. */
  #drained(): Promise<void> {
    if (this.#gone.signal.aborted) return Promise.resolve();
    return new Promise(resolve => {
      const timer = setTimeout(() => this.drop(), this.#host.limits.patience).unref();
      const done = (): void => {
        clearTimeout(timer);
        this.#socket.off('drain', done);
        this.#gone.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#socket.once('drain', done);
      this.#gone.signal.addEventListener('abort', done);
    });
  }
}

function fits(message: Message): boolean {
  try {
    encodePacket({ type: 'response', message });
    return true;
  } catch {
    return false;
  }
}
