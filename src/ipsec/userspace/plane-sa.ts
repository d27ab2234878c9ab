import type { CryptoProvider, PacketCipher } from '../../crypto/provider.ts';
import { InboundEsp } from '../../esp/inbound.ts';
import { OutboundEsp } from '../../esp/outbound.ts';
import { MAXIMUM_REPLAY_WINDOW } from '../../esp/replay-window.ts';
import { SelectorPair } from '../../esp/selector.ts';
import { equal } from '../../lib/bytes.ts';
import type { Instant } from '../../lib/time.ts';
import { Failed } from '../../policy/failure.ts';
import type { BackendEvent, ChildSaParameters, ChildSaUsage, DirectionKeys, Path } from '../../policy/sa.ts';
import { type Carried, Lifetime } from './lifetime.ts';
import { carriedOver, type PathMtu } from './path-mtu.ts';

/** A Child SA as the data plane keeps it: both directions, its selectors and what it has carried. */
export class PlaneSa<Route> {
  readonly id: number;
  readonly mode: ChildSaParameters['mode'];
  readonly outbound: OutboundEsp;
  readonly inbound: InboundEsp;
  readonly selectors: SelectorPair;
  readonly lifetimeIn: Lifetime;
  readonly lifetimeOut: Lifetime;
  readonly tfcPadding: number;
  /** Packets that must not be fragmented may be outside of the tunnel where that is so. */
  readonly copyDf: boolean;
  /** The longest inner packet that goes through whole, and when that was looked up. */
  mtu = Number.POSITIVE_INFINITY;
  measuredAt: Instant = 0;
  path: Path;
  route: Route;
  usedIn: Instant = 0;
  usedOut: Instant = 0;
  /** Its life is over: neither sends nor receives. */
  spent = false;
  #ageing = false;
  #firstNoticed = false;
  #elsewhere: Path | undefined;

  /** Throws Failed where the SA is none that can be carried. */
  constructor(provider: CryptoProvider, parameters: ChildSaParameters, route: Route) {
    const { id, mode, algorithms, spiIn, spiOut, replayWindow, lifetimes } = parameters;
    if (parameters.protocol !== 'esp') throw unsupported(`${parameters.protocol} cannot be carried here`);
    if (replayWindow > MAXIMUM_REPLAY_WINDOW)
      throw unsupported(
        `a replay window of ${replayWindow} packets is too large: ${MAXIMUM_REPLAY_WINDOW} is the most`,
      );
    this.id = id;
    this.mode = mode;
    this.path = parameters.path;
    this.route = route;
    this.tfcPadding = mode === 'tunnel' ? parameters.tfcPadding : 0;
    this.copyDf = parameters.kernel?.copyDf !== false;
    const { esn } = algorithms;
    this.inbound = new InboundEsp({
      spi: spiIn,
      cipher: cipherFor(provider, parameters, parameters.keysIn),
      esn,
      replayWindow,
    });
    this.outbound = new OutboundEsp({
      spi: spiOut,
      cipher: cipherFor(provider, parameters, parameters.keysOut),
      esn,
      tfcPadding: this.tfcPadding,
    });
    this.selectors = new SelectorPair(parameters.localTs, parameters.remoteTs);
    this.lifetimeIn = new Lifetime(lifetimes, 'endless');
    this.lifetimeOut = new Lifetime(lifetimes, esn ? 'endless' : 'counted');
  }

  /** After a packet: tells once that the SA should be replaced, and once that it is at its end. */
  spend(carried: Carried, lifetime: Lifetime, now: Instant, onEvent: (event: BackendEvent) => void): void {
    if (!this.#ageing && lifetime.soft(carried)) {
      this.#ageing = true;
      if (!lifetime.hard(carried)) onEvent({ kind: 'expire', id: this.id, hard: false, now });
    }
    if (lifetime.hard(carried)) {
      this.spent = true;
      onEvent({ kind: 'expire', id: this.id, hard: true, now });
    }
  }

  noticeFirst(onEvent: (event: BackendEvent) => void): void {
    if (this.#firstNoticed) return;
    this.#firstNoticed = true;
    onEvent({ kind: 'inbound', id: this.id });
  }

  /** Tells once for every new place that authentic packets come from. */
  noticePath(
    arrival: { cameBy(route: Route): boolean; path(): Path },
    onEvent: (event: BackendEvent) => void,
  ): void {
    if (arrival.cameBy(this.route)) {
      this.#elsewhere = undefined;
      return;
    }
    const path = arrival.path();
    if (this.#elsewhere !== undefined && sameRemote(this.#elsewhere, path)) return;
    this.#elsewhere = path;
    onEvent({ kind: 'mapping', id: this.id, path });
  }

  move(path: Path, route: Route): void {
    this.path = path;
    this.route = route;
    this.#elsewhere = undefined;
  }

  /** Fits what is sent to the path. Answers what the device that leads there could carry, if routers did not object. */
  measured(outer: PathMtu, now: Instant): number {
    const onWire = (mtu: number): number => this.outbound.largestPayload(carriedOver(this.path, mtu));
    this.mtu = onWire(outer.path);
    this.measuredAt = now;
    this.outbound.padTo(Math.min(this.tfcPadding, this.mtu));
    return onWire(outer.link);
  }

  usage(): ChildSaUsage {
    return {
      bytesIn: BigInt(this.inbound.bytes),
      packetsIn: BigInt(this.inbound.packets),
      bytesOut: BigInt(this.outbound.bytes),
      packetsOut: BigInt(this.outbound.packets),
      usedIn: this.usedIn,
      usedOut: this.usedOut,
    };
  }

  wipe(): void {
    this.inbound.wipe();
    this.outbound.wipe();
  }
}

/** Whether the peer is at the same address and port on both, of the same transport. */
export function sameRemote(a: Path, b: Path): boolean {
  return a.tcp === b.tcp && a.remote.port === b.remote.port && equal(a.remote.address, b.remote.address);
}

function cipherFor(
  provider: CryptoProvider,
  parameters: ChildSaParameters,
  keys: DirectionKeys,
): PacketCipher {
  const { encryption, keyLength, integrity } = parameters.algorithms;
  const spec = {
    encryption,
    keyLength,
    integrity,
    encryptionKey: keys.encryption,
    integrityKey: keys.integrity,
  };
  let cipher: PacketCipher | undefined;
  try {
    cipher = provider.packetCipher(spec);
  } catch (error) {
    // Keys of a length that the algorithm does not have.
    if (!(error instanceof RangeError)) throw error;
    throw new Failed({ code: 'kernel/install', summary: error.message });
  }
  if (cipher === undefined)
    throw unsupported(
      `${provider.name} lacks encryption ${encryption} with ${keyLength} bits and integrity ${integrity}`,
    );
  return cipher;
}

function unsupported(summary: string): Failed {
  return new Failed({ code: 'local/unsupported', summary });
}
