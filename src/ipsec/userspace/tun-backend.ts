import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { formatIp, type IpAddress } from '../../lib/ip.ts';
import type { Instant } from '../../lib/time.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type {
  BackendEvent,
  BackendFeatures,
  ChildSaParameters,
  ChildSaUsage,
  Path,
  StandingPolicy,
} from '../../policy/sa.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { Routing } from '../../sys/routing/routing.ts';
import type { SystemCalls } from '../../sys/system-calls.ts';
import type { Tun } from '../../sys/tun.ts';
import type { UdpSocket } from '../../sys/udp-socket.ts';
import type { Wakeup } from '../../sys/wakeup.ts';
import type { IpsecBackend } from '../backend.ts';
import { randomSpi, SpiPool, type SpiRange } from '../spi-pool.ts';
import { VirtualAddresses } from '../virtual-addresses.ts';
import {
  type Answer,
  type Message,
  type Numbered,
  portable,
  type Request,
  type StreamPacket,
  type ThreadSetup,
} from './control.ts';
import type { Refusal } from './data-plane.ts';
import { DeviceMtu, LARGEST_INNER } from './device-mtu.ts';
import { userspaceFeatures } from './features.ts';
import { TunRoutes } from './tun-routes.ts';

export interface TunBackendOptions {
  readonly calls: SystemCalls;
  /** Sockets on the NAT traversal port that get the ESP and nothing else: one shard of `espSockets`. They stay the caller's to close, after this. */
  readonly sockets: readonly UdpSocket[];
  /** Takes ESP for TCP connections, SPI first; what comes by them goes to `receiveEsp`. Without it there are none. */
  readonly streams?: { sendEsp(packet: Uint8Array, path: Path): void };
  readonly random: (length: number) => Uint8Array;
  /** Default: all that there are. */
  readonly spis?: SpiRange;
  readonly now: () => Instant;
  /** Default `cyg%d`, which the kernel numbers. */
  readonly interface?: string;
  /** Of the TUN device, octets. Absent: what the SAs and their paths carry, and until there is one 1400. */
  readonly mtu?: number;
  /** Routes into the TUN device: their table and its priority, 220 both unless said otherwise; `mark` as the sockets set it. False: somebody else routes. */
  readonly routes?: { readonly table?: number; readonly priority?: number; readonly mark?: number } | false;
  /** False: virtual IPs are put on the device by somebody else. */
  readonly virtualIps?: boolean;
  /** What goes on that no SA has to hear of. */
  readonly onWarning?: (text: string) => void;
  /** The thread ended by itself, with what it died of: nothing is carried any more. */
  readonly onFatal?: (failure: Failure) => void;
}

const TABLE = 220;
const PRIORITY = 220;
const MTU = 1400;

/** Makes the TUN device and starts the thread. Throws Failed (`local/no-privilege`, `kernel/install`). */
export function openTunBackend(options: TunBackendOptions): TunBackend {
  const { calls, mtu, routes = {} } = options;
  const opened: { close(): void }[] = [];
  try {
    const tun = calls.openTun(options.interface);
    opened.push(tun);
    const wakeup = calls.openWakeup();
    opened.push(wakeup);
    const routing = calls.routing();
    opened.push(routing);
    const setMtu = (octets: number): void => routing.setLink(tun.index, { mtu: octets });
    setMtu(mtu ?? MTU);
    routing.setLink(tun.index, { up: true });
    const { table = TABLE, priority = PRIORITY, mark } = routes === false ? {} : routes;
    const tunRoutes =
      routes === false
        ? undefined
        : new TunRoutes({ routing, tun: tun.index, table, priority, ...(mark !== undefined && { mark }) });
    return new TunBackend(options, {
      tun,
      wakeup,
      routing,
      routes: tunRoutes,
      mtu: mtu === undefined ? new DeviceMtu(MTU, setMtu) : undefined,
      mark,
    });
  } catch (error) {
    for (const one of opened) one.close();
    if (!(error instanceof SystemFailure)) throw error;
    throw tunFailure(error);
  }
}

function tunFailure({ code, message }: SystemFailure): Failed {
  const summary = `no TUN device could be made: ${message}`;
  switch (code) {
    case 'EPERM':
    case 'EACCES':
      return new Failed({
        code: 'local/no-privilege',
        summary,
        remedy: 'give this program CAP_NET_ADMIN, or carry packets in the process itself',
      });
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return new Failed({
        code: 'local/unsupported',
        summary,
        remedy:
          'load the module: modprobe tun; hand /dev/net/tun to a container; or use the IPsec of the kernel',
      });
    default:
      return new Failed({ code: 'kernel/install', summary });
  }
}

interface Opened {
  readonly tun: Tun;
  readonly wakeup: Wakeup;
  readonly routing: Routing;
  readonly routes: TunRoutes | undefined;
  /** Absent where it is as somebody said. */
  readonly mtu: DeviceMtu | undefined;
  readonly mark: number | undefined;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** ESP in user space with a TUN device and a thread of its own: key exchange never delays a packet. */
export class TunBackend implements IpsecBackend {
  readonly name = 'userspace';
  /** Transport mode would have to rewrite the host's own packets, which never pass a TUN device. */
  readonly features: BackendFeatures;
  /** The TUN device, where virtual IPs go. */
  readonly interface: { readonly name: string; readonly index: number };
  readonly #opened: Opened;
  readonly #addresses: VirtualAddresses | undefined;
  readonly #streams: TunBackendOptions['streams'];
  readonly #port: MessagePort;
  readonly #thread: Worker;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #spis: SpiPool;
  readonly #spiOf = new Map<number, number>();
  readonly #onWarning: (text: string) => void;
  #number = 0;
  #dead: Failure | undefined;
  #closing: Promise<void> | undefined;
  #onEvent: (event: BackendEvent) => void = () => {};

  constructor(options: TunBackendOptions, opened: Opened) {
    const { sockets, streams, random, now, onFatal = () => {}, onWarning = () => {} } = options;
    this.#onWarning = onWarning;
    const { tcp, ...rest } = userspaceFeatures(['tunnel']);
    const features: BackendFeatures = { ...rest, kernelOptions: ['copyDf'] };
    this.features = streams === undefined || tcp === undefined ? features : { ...features, tcp };
    this.#streams = streams;
    const { tun, wakeup } = opened;
    this.#opened = opened;
    if (options.virtualIps !== false) this.#addresses = new VirtualAddresses(opened.routing, () => tun.index);
    this.interface = { name: tun.name, index: tun.index };
    this.#spis = new SpiPool(randomSpi(random, options.spis));
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const setup: ThreadSetup = {
      tun: tun.fd,
      sockets: sockets.map(({ fd }) => fd),
      wakeup: wakeup.fd,
      ...(opened.mark !== undefined && { mark: opened.mark }),
      clock: { instant: now(), hrtime: process.hrtime.bigint() },
    };
    // Run from the sources and from the build alike.
    const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js';
    this.#thread = new Worker(new URL(file, import.meta.url), {
      name: 'data-plane',
      workerData: { setup, port: port2 },
      transferList: [port2],
    });
    port1.on('message', (message: Message) => this.#hear(message));
    this.#ended = new Promise(resolve => {
      this.#thread.on('error', error => this.#die(error.message, onFatal));
      this.#thread.on('exit', () => {
        this.#die('it ended', onFatal);
        resolve();
      });
    });
  }

  /** An ESP packet that came by a TCP connection: the back end's from now on. */
  receiveEsp(packet: Uint8Array, path: Path): void {
    if (this.#gone()) return;
    const moved: StreamPacket = { packet: new Uint8Array(packet), path };
    this.#port.postMessage(moved, [moved.packet.buffer]);
    this.#opened.wakeup.signal();
  }

  async allocateSpi(): Promise<number> {
    if (this.#closing !== undefined)
      throw new Failed({ code: 'local/stopped', summary: 'the IPsec back end is closed' });
    return this.#spis.allocate();
  }

  releaseSpi(_protocol: 'esp' | 'ah', spi: number): void {
    if (![...this.#spiOf.values()].includes(spi)) this.#spis.release(spi);
  }

  async install(sa: ChildSaParameters, { outbound }: { readonly outbound: boolean }): Promise<void> {
    const tfcPadding = Math.min(sa.tfcPadding, LARGEST_INNER);
    const { sa: sent, transfer } = portable({ ...sa, tfcPadding });
    this.#fit(await this.#ask({ kind: 'install', sa: sent, outbound }, transfer));
    try {
      this.#opened.routes?.add(sa.id, sa);
    } catch (error) {
      await this.#ask({ kind: 'remove', id: sa.id });
      this.#unfit(sa.id);
      throw error;
    }
    this.#spis.take(sa.spiIn);
    this.#spiOf.set(sa.id, sa.spiIn);
  }

  async activateOutbound(id: number): Promise<void> {
    await this.#ask({ kind: 'activate-outbound', id });
  }

  async deactivateOutbound(id: number): Promise<void> {
    await this.#ask({ kind: 'deactivate-outbound', id });
  }

  async remove(id: number): Promise<void> {
    if (this.#gone()) return;
    this.#opened.routes?.remove(id);
    await this.#ask({ kind: 'remove', id });
    this.#unfit(id);
    const spi = this.#spiOf.get(id);
    this.#spiOf.delete(id);
    if (spi !== undefined) this.#spis.release(spi);
  }

  async updatePath(id: number, path: Path, udpEncapsulation: boolean): Promise<void> {
    this.#fit(await this.#ask({ kind: 'update-path', id, path, udpEncapsulation }));
    this.#opened.routes?.move(id, path);
  }

  async usage(id: number): Promise<ChildSaUsage | undefined> {
    if (this.#gone()) return undefined;
    const answer = await this.#ask({ kind: 'usage', id });
    return answer.kind === 'usage' ? answer.usage : undefined;
  }

  /** Packets that went nowhere, by reason. */
  async drops(): Promise<ReadonlyMap<Refusal | 'unsendable', number>> {
    const answer = await this.#ask({ kind: 'drops' });
    return answer.kind === 'drops' ? answer.drops : new Map();
  }

  /** Traps and drops lead their traffic into the TUN device, `pass` leads it around. */
  async addPolicy(policy: StandingPolicy): Promise<void> {
    await this.#ask({ kind: 'add-policy', policy });
    try {
      this.#opened.routes?.addPolicy(policy);
    } catch (error) {
      await this.#ask({ kind: 'remove-policy', id: policy.id });
      throw error;
    }
  }

  async removePolicy(id: number): Promise<void> {
    if (this.#gone()) return;
    this.#opened.routes?.removePolicy(id);
    await this.#ask({ kind: 'remove-policy', id });
  }

  async assignAddress(address: IpAddress, path: Path): Promise<void> {
    if (this.#gone()) throw new Failed({ code: 'local/stopped', summary: 'the IPsec back end is closed' });
    try {
      this.#addresses?.assign(address, path);
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error;
      throw new Failed({
        code: 'kernel/install',
        summary: `the virtual IP ${formatIp(address)} cannot be put on ${this.interface.name}: ${error.message}`,
      });
    }
  }

  async unassignAddress(address: IpAddress): Promise<void> {
    if (!this.#gone()) this.#addresses?.unassign(address);
  }

  networkChanged(): void {
    if (this.#gone()) return;
    try {
      this.#addresses?.refresh();
      for (const { message } of this.#opened.routes?.refresh() ?? [])
        this.#onWarning(`routes could not be made anew after a change of the network: ${message}`);
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error;
      this.#onWarning(`the network changed, and cannot be looked at: ${error.message}`);
    }
    // A thread that dies over it tells by itself.
    this.#ask({ kind: 'remeasure' }).then(
      answer => this.#fit(answer),
      () => undefined,
    );
  }

  onEvent(listener: (event: BackendEvent) => void): void {
    this.#onEvent = listener;
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    const { routes, routing, tun, wakeup } = this.#opened;
    if (this.#dead === undefined) {
      // The thread may die of anything else meanwhile: it ends in any case.
      await this.#askAnyhow({ kind: 'stop' }).catch(() => undefined);
      await this.#ended;
    }
    routes?.close();
    routing.close();
    tun.close();
    wakeup.close();
  }

  /** Asks the thread and wakes it up; it answers in order. */
  async #ask(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#closing !== undefined)
      throw new Failed({ code: 'local/stopped', summary: 'the IPsec back end is closed' });
    if (this.#dead !== undefined) throw new Failed(this.#dead);
    return this.#askAnyhow(request, transfer);
  }

  async #askAnyhow(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    const number = ++this.#number;
    const answered = new Promise<Answer>((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
    const message: Numbered = { number, request };
    this.#port.postMessage(message, [...transfer]);
    this.#opened.wakeup.signal();
    const answer = await answered;
    if (answer.kind === 'failed') throw new Failed(answer.failure);
    return answer;
  }

  /** The TUN device takes what the SAs can send. */
  #fit(answer: Answer): void {
    const { mtu } = this.#opened;
    if (answer.kind === 'largest') this.#attemptMtu(() => mtu?.learn(answer.largest));
  }

  #unfit(id: number): void {
    this.#attemptMtu(() => this.#opened.mtu?.forget(id));
  }

  /** With another MTU than would be best packets flow as well. */
  #attemptMtu(change: () => void): void {
    try {
      if (!this.#gone()) change();
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error;
      this.#onWarning(`the MTU of ${this.interface.name} cannot be set: ${error.message}`);
    }
  }

  #gone(): boolean {
    return this.#closing !== undefined || this.#dead !== undefined;
  }

  #hear(message: Message): void {
    if (message.kind === 'event') {
      this.#onEvent(message.event);
      return;
    }
    if (message.kind === 'packet') {
      this.#streams?.sendEsp(message.packet.packet, message.packet.path);
      return;
    }
    const waiting = this.#waiting.get(message.number);
    this.#waiting.delete(message.number);
    waiting?.resolve(message.answer);
  }

  #die(reason: string, onFatal: (failure: Failure) => void): void {
    if (this.#dead !== undefined) return;
    this.#dead = { code: 'local/internal', summary: `the data plane's thread died: ${reason}` };
    this.#port.close();
    for (const { reject } of this.#waiting.values()) reject(new Failed(this.#dead));
    this.#waiting.clear();
    if (this.#closing === undefined) onFatal(this.#dead);
  }
}
