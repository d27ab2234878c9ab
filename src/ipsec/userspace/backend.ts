import type { CryptoProvider } from '../../crypto/provider.ts';
import type { Instant } from '../../lib/time.ts';
import { Failed } from '../../policy/failure.ts';
import type {
  BackendEvent,
  BackendFeatures,
  ChildSaParameters,
  ChildSaUsage,
  Path,
  StandingPolicy,
} from '../../policy/sa.ts';
import type { IpsecBackend } from '../backend.ts';
import { randomSpi, SpiPool } from '../spi-pool.ts';
import { DataPlane, HEADROOM, type Refusal } from './data-plane.ts';
import { userspaceFeatures } from './features.ts';
import { sameRemote } from './plane-sa.ts';

/** Where ESP packets go out: a UDP socket on the NAT traversal port, or the simulator's network. */
export interface DatagramPort {
  /** `datagram` is the port's from now on. `trafficClass` is what the outer IP header should say. */
  send(datagram: Uint8Array, path: Path, trafficClass: number): void;
}

/** The inner side: IP packets in clear, without any privilege. */
export interface PacketPort {
  /** Protects and sends one IP packet; false where it was dropped, which `drops` of the back end counts. */
  send(packet: Uint8Array): boolean;
  /** Called with every IP packet that came out of an SA; one listener. */
  onPacket(listener: (packet: Uint8Array) => void): void;
}

export interface UserspaceOptions {
  readonly provider: CryptoProvider;
  readonly datagrams: DatagramPort;
  readonly now: () => Instant;
}

/** ESP in this process: for embedding, demonstrations and tests. Nothing is asked of the operating system. */
export class UserspaceBackend implements IpsecBackend {
  readonly name = 'userspace';
  readonly features: BackendFeatures = userspaceFeatures(['tunnel', 'transport']);
  readonly port: PacketPort;
  readonly #plane: DataPlane<Path>;
  readonly #spis: SpiPool;
  readonly #datagrams: DatagramPort;
  #onEvent: (event: BackendEvent) => void = () => {};
  #onPacket: (packet: Uint8Array) => void = () => {};
  #closed = false;

  constructor({ provider, datagrams, now }: UserspaceOptions) {
    this.#datagrams = datagrams;
    this.#spis = new SpiPool(randomSpi(length => provider.random(length)));
    this.#plane = new DataPlane<Path>({
      provider,
      now,
      routeOf: path => path,
      modes: ['tunnel', 'transport'],
      onEvent: event => this.#onEvent(event),
    });
    this.port = {
      send: packet => this.#send(packet),
      onPacket: listener => {
        this.#onPacket = listener;
      },
    };
  }

  /** Packets that went nowhere, by reason. */
  get drops(): ReadonlyMap<Refusal, number> {
    return this.#plane.drops;
  }

  /**
   * An ESP packet from the network, without its UDP header: opened in place, so it is the back end's from now on.
   * `ecn` is the ECN field of the outer IP header, where it is known.
   */
  receiveEsp(datagram: Uint8Array, path: Path, ecn = 0): void {
    const inner = this.#plane.unprotect(datagram, {
      ecn,
      cameBy: route => sameRemote(route, path),
      path: () => path,
    });
    if (typeof inner === 'string') return;
    this.#onPacket(inner.packet.subarray(inner.offset, inner.offset + inner.length));
  }

  async allocateSpi(): Promise<number> {
    this.#requireOpen();
    return this.#spis.allocate();
  }

  releaseSpi(_protocol: 'esp' | 'ah', spi: number): void {
    if (!this.#plane.holdsSpi(spi)) this.#spis.release(spi);
  }

  async install(sa: ChildSaParameters, options: { readonly outbound: boolean }): Promise<void> {
    this.#requireOpen();
    this.#plane.install(sa, options.outbound);
    this.#spis.take(sa.spiIn);
    for (const { packet, offset, length } of this.#plane.early(sa.spiIn))
      this.#onPacket(packet.subarray(offset, offset + length));
  }

  async activateOutbound(id: number): Promise<void> {
    this.#plane.activateOutbound(id);
  }

  async deactivateOutbound(id: number): Promise<void> {
    this.#plane.deactivateOutbound(id);
  }

  async remove(id: number): Promise<void> {
    const spi = this.#plane.spiOf(id);
    this.#plane.remove(id);
    if (spi !== undefined) this.#spis.release(spi);
  }

  async updatePath(id: number, path: Path, udpEncapsulation: boolean): Promise<void> {
    this.#plane.updatePath(id, path, udpEncapsulation);
  }

  async usage(id: number): Promise<ChildSaUsage | undefined> {
    return this.#plane.usage(id);
  }

  /** Traps ask for SAs. Whoever sends packets here wants them protected, so that the other kinds change nothing. */
  async addPolicy(policy: StandingPolicy): Promise<void> {
    this.#requireOpen();
    this.#plane.addPolicy(policy);
  }

  async removePolicy(id: number): Promise<void> {
    this.#plane.removePolicy(id);
  }

  onEvent(listener: (event: BackendEvent) => void): void {
    this.#onEvent = listener;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#plane.clear();
    this.#spis.clear();
  }

  #send(packet: Uint8Array): boolean {
    const buffer = new Uint8Array(HEADROOM + packet.length + this.#plane.tailroom);
    buffer.set(packet, HEADROOM);
    const sealed = this.#plane.protect(buffer, HEADROOM, packet.length);
    if (typeof sealed === 'string') return false;
    const { start, length, route, trafficClass } = sealed;
    this.#datagrams.send(buffer.subarray(start, start + length), route, trafficClass);
    return true;
  }

  #requireOpen(): void {
    if (this.#closed) throw new Failed({ code: 'local/stopped', summary: 'the IPsec back end is closed' });
  }
}
