import type { CryptoProvider } from '../../crypto/provider.ts';
import { propagateEcn, trafficClassOf } from '../../esp/ecn.ts';
import { ESP_HEADER_LENGTH, NextHeader, spiOf } from '../../esp/header.ts';
import type { OpenRefusal } from '../../esp/inbound.ts';
import { IpPacket } from '../../esp/ip-packet.ts';
import { Spd } from '../../esp/spd.ts';
import { tooBig } from '../../esp/too-big.ts';
import { transportPacket, transportPayload } from '../../esp/transport-mode.ts';
import type { Instant } from '../../lib/time.ts';
import { Failed, type FailureCode } from '../../policy/failure.ts';
import type { BackendEvent, ChildSaParameters, ChildSaUsage, Path, StandingPolicy } from '../../policy/sa.ts';
import { EarlyPackets } from './early-packets.ts';
import type { PathMtu } from './path-mtu.ts';
import { PlaneSa } from './plane-sa.ts';
import { Traps } from './traps.ts';

export interface DataPlaneOptions<Route> {
  readonly provider: CryptoProvider;
  readonly now: () => Instant;
  /** What the carrier keeps for sending along a path: made once per path, handed back with every packet. */
  readonly routeOf: (path: Path) => Route;
  readonly modes: readonly ('tunnel' | 'transport')[];
  readonly onEvent: (event: BackendEvent) => void;
  /** What a path carries; absent, or undefined of one path: whatever comes. */
  readonly pathMtu?: (path: Path) => PathMtu | undefined;
  /** An answer to whoever sent an inner packet: for the inner side. */
  readonly onAnswer?: (packet: Uint8Array) => void;
}

/** An ESP packet ready to go, in the buffer it was made in. */
export interface Protected<Route> {
  readonly start: number;
  readonly length: number;
  readonly route: Route;
  /** For the outer header: DSCP and ECN of the inner one (RFC 4301 §5.1.2, RFC 6040 §4.1). */
  readonly trafficClass: number;
  /** No router may fragment it: its sender looks for the path's MTU (RFC 4301 §8.1). */
  readonly whole: boolean;
}

/** An inner packet, decrypted and found fit for its SA. */
export interface Unprotected {
  readonly packet: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/** Where an ESP packet came from, looked at only once it proved authentic. */
export interface Arrival<Route> {
  cameBy(route: Route): boolean;
  path(): Path;
  /** ECN field of the outer header. */
  readonly ecn: number;
}

/** Why a packet went nowhere; each is counted (RFC 4301 §5 calls them auditable). */
export type Refusal =
  | OpenRefusal
  /** Outbound: no IP packet, no SA for it (asked for by a trap or not), too long or a fragment in transport mode. */
  | 'no-packet'
  | 'no-sa'
  | 'trapped'
  | 'unsuitable'
  /** Outbound, and its sender wants to know: longer than the path carries. */
  | 'too-big'
  /** Both ways: the SA's life is over. */
  | 'expired'
  /** Inbound. */
  | 'unknown-spi'
  | 'dummy'
  | 'next-header'
  | 'inner-header'
  | 'selectors'
  | 'congestion';

/** Octets before an inner packet in a buffer given to `protect`: ESP header and the longest IV. */
export const HEADROOM = 24;
/** Octets after it without TFC padding: padding, trailer and the longest ICV. */
export const TAILROOM = 64;

/** What is let through on any path, in fragments where need be: RFC 791 §3.1, RFC 8200 §5. */
const LEAST_MTU_V4 = 576;
const LEAST_MTU_V6 = 1280;
/** How long a path is taken to be as narrow as it was found. */
const MEASURE_AGAIN_MS = 10_000;

/**
 * ESP as packets see it: the SAs of one host, the choice among them, and all checks. It owns no socket and no
 * thread; buffers are the caller's.
 */
export class DataPlane<Route> {
  readonly drops = new Map<Refusal, number>();
  readonly #options: DataPlaneOptions<Route>;
  readonly #byId = new Map<number, PlaneSa<Route>>();
  readonly #bySpi = new Map<number, PlaneSa<Route>>();
  readonly #spd = new Spd<PlaneSa<Route>>();
  readonly #standing = new Set<number>();
  readonly #traps = new Traps();
  readonly #early = new EarlyPackets();
  readonly #packet = new IpPacket();
  #tfcPadding = 0;

  constructor(options: DataPlaneOptions<Route>) {
    this.#options = options;
  }

  /**
   * Throws Failed, and leaves nothing behind. Answers the longest inner packet that this host could send by it, where
   * that is known.
   */
  install(parameters: ChildSaParameters, outbound: boolean): number | undefined {
    const { id, spiIn, mode, path } = parameters;
    if (this.#byId.has(id)) refuse('kernel/install', `an SA with the number ${id} is installed already`);
    if (this.#bySpi.has(spiIn)) refuse('kernel/install', `the SPI ${spiIn.toString(16)} is in use already`);
    if (!this.#options.modes.some(known => known === mode))
      refuse('local/unsupported', `${mode} mode cannot be carried here`);
    requireEncapsulation(path, parameters.udpEncapsulation);
    const sa = new PlaneSa(this.#options.provider, parameters, this.#options.routeOf(path));
    this.#byId.set(id, sa);
    this.#bySpi.set(spiIn, sa);
    this.#tfcPadding = Math.max(this.#tfcPadding, sa.tfcPadding);
    if (outbound) this.#spd.insert(sa, sa.selectors);
    this.#traps.answered(parameters.reqid);
    return this.#measure(sa);
  }

  activateOutbound(id: number): void {
    const sa = this.#of(id);
    this.#spd.insert(sa, sa.selectors);
  }

  deactivateOutbound(id: number): void {
    this.#spd.delete(this.#of(id));
  }

  /** Nothing happens where there is no such SA (any more). */
  remove(id: number): void {
    const sa = this.#byId.get(id);
    if (sa === undefined) return;
    this.#byId.delete(id);
    this.#bySpi.delete(sa.inbound.spi);
    this.#spd.delete(sa);
    sa.wipe();
  }

  /** Throws Failed; answers as `install` does. */
  updatePath(id: number, path: Path, udpEncapsulation: boolean): number | undefined {
    const sa = this.#of(id);
    requireEncapsulation(path, udpEncapsulation);
    sa.move(path, this.#options.routeOf(path));
    return this.#measure(sa);
  }

  /** Looks at all paths again; answers as `install` does, by the SAs' numbers. */
  remeasure(): ReadonlyMap<number, number | undefined> {
    return new Map([...this.#byId].map(([id, sa]) => [id, this.#measure(sa)]));
  }

  /** Only traps mean something here: what may pass in clear never comes, and what may not goes nowhere without an SA. */
  addPolicy(policy: StandingPolicy): void {
    if (this.#standing.has(policy.id))
      refuse('kernel/install', `a policy with the number ${policy.id} is installed already`);
    this.#standing.add(policy.id);
    if (policy.kind === 'trap') this.#traps.add(policy);
  }

  removePolicy(id: number): void {
    this.#standing.delete(id);
    this.#traps.remove(id);
  }

  usage(id: number): ChildSaUsage | undefined {
    return this.#byId.get(id)?.usage();
  }

  /** The inbound SPI of an SA that is here. */
  spiOf(id: number): number | undefined {
    return this.#byId.get(id)?.inbound.spi;
  }

  holdsSpi(spi: number): boolean {
    return this.#bySpi.has(spi);
  }

  clear(): void {
    for (const id of [...this.#byId.keys()]) this.remove(id);
    for (const id of [...this.#standing]) this.removePolicy(id);
  }

  /** Octets that should be free after an inner packet, whichever SA takes it. */
  get tailroom(): number {
    return TAILROOM + this.#tfcPadding;
  }

  /**
   * Protects the inner IP packet of `length` octets at `start` of `buffer`, in place: HEADROOM octets before it
   * and TAILROOM after it are needed, and more with TFC padding.
   */
  protect(buffer: Uint8Array, start: number, length: number): Protected<Route> | Refusal {
    const fields = this.#packet;
    if (!fields.read(buffer, start, start + length)) return this.#drop('no-packet');
    const sa = this.#spd.find(fields);
    if (sa === undefined) {
      const { now, onEvent } = this.#options;
      const trapped = this.#traps.catch(fields, buffer, start, now(), onEvent);
      return this.#drop(trapped ? 'trapped' : 'no-sa');
    }
    if (sa.spent) return this.#drop('expired');
    const whole = sa.copyDf && mustBeWhole(buffer, start, fields);
    if (whole && fields.length > sa.mtu && !this.#fits(sa, buffer, start)) return this.#drop('too-big');
    let at = start;
    let inner = fields.length;
    let nextHeader: number = fields.version === 4 ? NextHeader.IPV4 : NextHeader.IPV6;
    const trafficClass = trafficClassOf(buffer, start);
    if (sa.mode === 'transport') {
      const payload = transportPayload(buffer, start, fields);
      if (payload === undefined) return this.#drop('unsuitable');
      at += payload.offset;
      inner = payload.length;
      nextHeader = payload.nextHeader;
    }
    const first = at - sa.outbound.headerLength;
    if (first < 0 || first + sa.outbound.sealedLength(inner) > buffer.length) return this.#drop('unsuitable');
    const sealed = sa.outbound.seal(buffer, first, inner, nextHeader);
    if (sealed === 0) return this.#drop('expired');
    const now = this.#options.now();
    sa.usedOut = now;
    sa.spend(sa.outbound, sa.lifetimeOut, now, this.#options.onEvent);
    return {
      start: first,
      length: sealed,
      route: sa.route,
      trafficClass,
      whole: whole && fields.length <= sa.mtu,
    };
  }

  /** Opens an ESP packet in place and says where its inner packet lies. */
  unprotect(packet: Uint8Array, arrival: Arrival<Route>): Unprotected | Refusal {
    if (packet.length < ESP_HEADER_LENGTH) return this.#drop('malformed');
    const sa = this.#bySpi.get(spiOf(packet));
    if (sa === undefined) {
      this.#early.keep(spiOf(packet), packet, arrival.ecn, this.#options.now());
      return this.#drop('unknown-spi');
    }
    if (sa.spent) return this.#drop('expired');
    const opened = sa.inbound.open(packet);
    if (typeof opened === 'string') return this.#drop(opened);
    const now = this.#options.now();
    sa.usedIn = now;
    sa.noticeFirst(this.#options.onEvent);
    // Only an authentic packet that is no replay may tell where the peer is now (RFC 7296 §2.23).
    sa.noticePath(arrival, this.#options.onEvent);
    sa.spend(sa.inbound, sa.lifetimeIn, now, this.#options.onEvent);
    if (opened.nextHeader === NextHeader.DUMMY) return this.#drop('dummy');
    return sa.mode === 'transport'
      ? this.#rebuilt(sa, packet.subarray(opened.offset, opened.offset + opened.length), opened.nextHeader)
      : this.#tunnelled(sa, packet, opened.offset, opened.length, opened.nextHeader, arrival.ecn);
  }

  /** What came by an SA before it was installed, of those packets that were kept. */
  early(spi: number): readonly Unprotected[] {
    const sa = this.#bySpi.get(spi);
    const packets = sa === undefined ? [] : this.#early.take(spi, this.#options.now());
    if (sa === undefined || packets.length === 0) return [];
    this.drops.set('unknown-spi', (this.drops.get('unknown-spi') ?? 0) - packets.length);
    return packets.flatMap(({ packet, ecn }) => {
      // Where the peer is shows the next packet.
      const inner = this.unprotect(packet, { ecn, cameBy: () => true, path: () => sa.path });
      return typeof inner === 'string' ? [] : [inner];
    });
  }

  #tunnelled(
    sa: PlaneSa<Route>,
    packet: Uint8Array,
    offset: number,
    length: number,
    nextHeader: number,
    ecn: number,
  ): Unprotected | Refusal {
    if (nextHeader !== NextHeader.IPV4 && nextHeader !== NextHeader.IPV6) return this.#drop('next-header');
    const fields = this.#packet;
    if (!fields.read(packet, offset, offset + length)) return this.#drop('inner-header');
    if ((fields.version === 4) !== (nextHeader === NextHeader.IPV4)) return this.#drop('inner-header');
    if (!sa.selectors.admitsInbound(fields)) return this.#drop('selectors');
    if (!propagateEcn(packet, offset, ecn)) return this.#drop('congestion');
    // What lies behind the inner packet's own length is TFC padding (RFC 4303 §2.7).
    return { packet, offset, length: fields.length };
  }

  #rebuilt(sa: PlaneSa<Route>, payload: Uint8Array, nextHeader: number): Unprotected | Refusal {
    const { remote, local } = sa.path;
    const packet = transportPacket(payload, nextHeader, remote.address, local.address, true);
    const fields = this.#packet;
    if (!fields.read(packet, 0, packet.length)) return this.#drop('inner-header');
    if (fields.fragment) return this.#drop('inner-header');
    if (!sa.selectors.admitsInbound(fields)) return this.#drop('selectors');
    return { packet, offset: 0, length: fields.length };
  }

  /**
   * Whether a packet that its SA's path was too narrow for may go all the same, because the path is wider by now or
   * because everybody may send as much; otherwise its sender is told.
   */
  #fits(sa: PlaneSa<Route>, buffer: Uint8Array, start: number): boolean {
    const fields = this.#packet;
    if (Math.abs(this.#options.now() - sa.measuredAt) > MEASURE_AGAIN_MS) this.#measure(sa);
    const mtu = Math.max(sa.mtu, fields.version === 4 ? LEAST_MTU_V4 : LEAST_MTU_V6);
    if (fields.length <= mtu) return true;
    const answer = tooBig(buffer, start, fields, mtu);
    if (answer !== undefined) this.#options.onAnswer?.(answer);
    return false;
  }

  #measure(sa: PlaneSa<Route>): number | undefined {
    const found = sa.path.tcp === true ? undefined : this.#options.pathMtu?.(sa.path);
    return found && sa.measured(found, this.#options.now());
  }

  #of(id: number): PlaneSa<Route> {
    return this.#byId.get(id) ?? refuse('kernel/install', `there is no SA with the number ${id}`);
  }

  #drop(refusal: Refusal): Refusal {
    this.drops.set(refusal, (this.drops.get(refusal) ?? 0) + 1);
    return refusal;
  }
}

/** IPv6 routers never fragment; of IPv4 the sender says so (DF). */
function mustBeWhole(buffer: Uint8Array, start: number, { version }: IpPacket): boolean {
  return version === 6 || ((buffer[start + 6] as number) & 0x40) !== 0;
}

function requireEncapsulation({ tcp }: Path, udpEncapsulation: boolean): void {
  if (!udpEncapsulation && tcp !== true)
    refuse('local/unsupported', 'plain ESP cannot be carried here: it must travel in UDP');
}

function refuse(code: FailureCode, summary: string): never {
  throw new Failed({ code, summary });
}
