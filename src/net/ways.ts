import { networkInterfaces } from 'node:os';
import { equal } from '../lib/bytes.ts';
import { type IpAddress, isUnspecified, isV4, parseIp } from '../lib/ip.ts';
import type { Path } from '../policy/sa.ts';
import { SystemFailure } from '../sys/failure.ts';
import type { InterfaceAddress } from '../sys/routing/address.ts';
import type { Link } from '../sys/routing/link.ts';
import { MAIN_TABLE, type Route, type RouteLookup } from '../sys/routing/route.ts';
import { isFor, type Way, wayAround } from '../sys/routing/way-around.ts';
import { localAddressFor, withoutScope } from './resolver.ts';
import type { Listening } from './transport.ts';

/**
 * How this host reaches others, for paths that may move (RFC 4555 §3.5). `isVirtual`: addresses that peers gave us are no way
 * to others.
 */
export interface Ways {
  /** By which others can reach it: neither of the loopback nor of one wire alone. */
  addresses(isVirtual: IsVirtual): readonly IpAddress[];
  /**
   * From which addresses of this host each of `remotes` can be reached now, best first: as the system chooses, then as
   * `path` has it, then the rest. Ports are those of `path`.
   */
  paths(path: Path, remotes: readonly IpAddress[], isVirtual: IsVirtual): Promise<readonly Path[]>;
}

type IsVirtual = (address: IpAddress) => boolean;

/** What is asked of the kernel's routing: a part of `Routing` of sys. */
interface RoutingTables {
  links(): readonly Link[];
  addresses(): readonly InterfaceAddress[];
  routes(table: number): readonly Route[];
  lookup(
    destination: IpAddress,
    options?: { readonly source?: IpAddress; readonly mark?: number },
  ): RouteLookup | undefined;
  close(): void;
}

interface RoutedWaysOptions {
  /** The sockets that paths begin at, and the mark that they set on what they send. */
  readonly listening: readonly Listening[];
  readonly mark?: number;
  /** The routing table for what goes through tunnels, which is no way to peers. */
  readonly table: number;
}

/** As the kernel says, asked anew each time by what `open` gives. */
export class RoutedWays implements Ways {
  readonly #open: () => RoutingTables;
  readonly #options: RoutedWaysOptions;

  constructor(open: () => RoutingTables, options: RoutedWaysOptions) {
    this.#open = open;
    this.#options = options;
  }

  addresses(isVirtual: IsVirtual): readonly IpAddress[] {
    return this.#ask(routing => this.#own(routing, isVirtual).map(({ address }) => address));
  }

  async paths(path: Path, remotes: readonly IpAddress[], isVirtual: IsVirtual): Promise<readonly Path[]> {
    return this.#ask(routing => {
      const own = this.#own(routing, isVirtual);
      return remotes.flatMap(remote =>
        this.#sources(routing, path.local.address, remote, own).map(address => ({
          ...path,
          local: { ...path.local, address },
          remote: { ...path.remote, address: remote },
        })),
      );
    });
  }

  #ask<Result>(question: (routing: RoutingTables) => Result): Result {
    const routing = this.#open();
    try {
      return question(routing);
    } finally {
      routing.close();
    }
  }

  #own(routing: RoutingTables, isVirtual: IsVirtual): readonly InterfaceAddress[] {
    const usable = new Set(
      routing
        .links()
        .filter(({ up, loopback }) => up && !loopback)
        .map(({ index }) => index),
    );
    return routing
      .addresses()
      .filter(({ unusable, scope, index }) => !unusable && scope === 'global' && usable.has(index))
      .filter(({ address }) => isBound(this.#options.listening, address) && !isVirtual(address));
  }

  /** Addresses that `remote` is reached from. */
  #sources(
    routing: RoutingTables,
    present: IpAddress,
    remote: IpAddress,
    own: readonly InterfaceAddress[],
  ): readonly IpAddress[] {
    const way = this.#lookup(routing, remote);
    if (way === undefined) return [];
    const { source } = way;
    const family = own.filter(({ address }) => address.length === remote.length);
    const onWay = family.filter(({ index }) => index === way.index);
    const best = onWay.find(({ address }) => source !== undefined && equal(address, source)) ?? onWay[0];
    // Where the kernel would send by another interface than the one that has the address, somebody on the way drops it.
    const others = family
      .filter(entry => entry !== best)
      .filter(({ address, index }) => this.#lookup(routing, remote, address)?.index === index)
      .map(({ address }) => address);
    const isPresent = (address: IpAddress): boolean => equal(address, present);
    const found = [
      ...(best === undefined ? [] : [best.address]),
      ...others.filter(isPresent),
      ...(this.#isApart(routing, present, remote) ? [present] : []),
      ...others.filter(address => !isPresent(address)),
    ];
    return found.filter((address, i) => found.findIndex(other => equal(other, address)) === i);
  }

  /**
   * Whether `present` is an address of no way out, from which `remote` is reached all the same: of the loopback, of a wire
   * alone, or of an interface that leads nowhere, as routers have them.
   */
  #isApart(routing: RoutingTables, present: IpAddress, remote: IpAddress): boolean {
    if (present.length !== remote.length) return false;
    const entry = routing.addresses().find(({ address }) => equal(address, present));
    const link = entry && routing.links().find(({ index }) => index === entry.index);
    if (entry === undefined || link?.up !== true) return false;
    const leadsThere = (): boolean =>
      routing.routes(MAIN_TABLE).some(route => route.index === entry.index && isFor(route, remote));
    if (!link.loopback && entry.scope === 'global' && leadsThere()) return false;
    return this.#lookup(routing, remote, present) !== undefined;
  }

  #lookup(routing: RoutingTables, remote: IpAddress, source?: IpAddress): Way | undefined {
    const { mark, table } = this.#options;
    try {
      return wayAround(routing, table, remote, {
        ...(source !== undefined && { source }),
        ...(mark !== undefined && { mark }),
      });
    } catch (error) {
      if (error instanceof SystemFailure) return undefined;
      throw error;
    }
  }
}

/** Where the kernel cannot be asked: what the system would choose, and what is in use while it is there. */
export function unroutedWays(listening: readonly Listening[]): Ways {
  const usable = (isVirtual: IsVirtual): readonly IpAddress[] =>
    ownAddresses().filter(address => isBound(listening, address) && !isVirtual(address));
  return {
    addresses: usable,
    async paths(path, remotes, isVirtual) {
      const { address: present } = path.local;
      const isThere = usable(isVirtual).some(address => equal(address, present));
      const found = await Promise.all(
        remotes.map(async remote => {
          const best = await localAddressFor(remote);
          if (best === undefined) return [];
          const isKept = isThere && present.length === remote.length && !equal(best, present);
          return [best, ...(isKept ? [present] : [])]
            .filter(address => isBound(listening, address) && !isVirtual(address))
            .map(address => ({
              ...path,
              local: { ...path.local, address },
              remote: { ...path.remote, address: remote },
            }));
        }),
      );
      return found.flat();
    },
  };
}

function isBound(listening: readonly Listening[], address: IpAddress): boolean {
  return listening.some(
    ({ address: bound }) =>
      bound.length === address.length && (isUnspecified(bound) || equal(bound, address)),
  );
}

function ownAddresses(): readonly IpAddress[] {
  return Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => parseIp(withoutScope(address)))
    .filter(address => address !== undefined)
    .filter(address => isV4(address) || address[0] !== 0xfe || ((address[1] as number) & 0xc0) !== 0x80);
}
