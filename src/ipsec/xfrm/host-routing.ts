import { formatIp, type IpAddress } from '../../lib/ip.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { ChildSaParameters, Path } from '../../policy/sa.ts';
import type { TunnelInterface } from '../../policy/tunnel-interface.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { Routing } from '../../sys/routing/routing.ts';
import { within } from '../inner-source.ts';
import { interfaceFor, VirtualAddresses } from '../virtual-addresses.ts';
import { type Routed, SourceRoutes } from './source-routes.ts';
import { TunnelInterfaces } from './tunnel-interfaces.ts';

/** A routing table, and the priority of the rule that leads to it. */
export interface RouteTable {
  readonly table: number;
  readonly priority: number;
}

export interface HostRoutingOptions {
  readonly routing: Routing;
  /** Where routes of this host's own packets go; undefined: they are left to others. */
  readonly routes: RouteTable | undefined;
  /** Where virtual IPs go: on the interface of that name, otherwise the one that has the SA's own address. False: nowhere. */
  readonly virtualIps: { readonly interface?: string } | false;
  /** No other daemon of ours is alive in this network namespace: what one left is taken over. */
  readonly isOnly: boolean;
  /** Families of the routes that were left. */
  readonly inherited: ReadonlySet<4 | 6>;
  readonly onWarning: (text: string) => void;
}

/** What the kernel's SAs need of this host besides: interfaces that they are bound to, routes of its own packets, virtual IPs. */
export class HostRouting {
  readonly #interfaces: TunnelInterfaces;
  readonly #routes: SourceRoutes | undefined;
  readonly #addresses: VirtualAddresses | undefined;
  readonly #onWarning: (text: string) => void;

  constructor({ routing, routes, virtualIps, isOnly, inherited, onWarning }: HostRoutingOptions) {
    this.#interfaces = new TunnelInterfaces(routing, isOnly);
    this.#routes = routes && new SourceRoutes({ ...routes, routing, inherited });
    if (virtualIps !== false) {
      const indexFor = (path: Path): number => interfaceFor(routing, path, virtualIps.interface);
      this.#addresses = new VirtualAddresses(routing, indexFor);
    }
    this.#onWarning = onWarning;
  }

  /**
   * Makes `wanted` all the interfaces of ours. Answers what could not be done, and whether any was made: the routes
   * through it are to be set again.
   */
  setInterfaces(wanted: readonly TunnelInterface[]): { failures: readonly Failure[]; made: boolean } {
    const before = this.#interfaces.made;
    const failures = this.#interfaces.set(wanted);
    return { failures, made: this.#interfaces.made !== before };
  }

  /** Index of the interface that policies shall be bound to. Throws Failed where there is no such interface. */
  deviceOf({ kernel }: Pick<ChildSaParameters, 'kernel'>): number | undefined {
    if (kernel?.device === undefined) return undefined;
    const index = this.#interfaces.indexOf(kernel.device);
    if (index !== undefined) return index;
    throw new Failed({
      code: 'kernel/install',
      summary: `there is no interface ${kernel.device}, to which the policies shall be bound`,
      remedy: 'set interface to one that `ip link` shows, or leave it out',
    });
  }

  /** Forwarded packets do without: what keeps the routes out must not keep the SA out. */
  setRoutes(owner: string, routed: Routed & Pick<ChildSaParameters, 'kernel'>): void {
    const { kernel, peer, remoteTs } = routed;
    const { tunnelInterface: tunnel } = kernel ?? {};
    // Packets for an interface get there by routes through it, which are somebody else's unless we are asked for them.
    if (tunnel === undefined ? kernel?.interfaceOut !== undefined : !tunnel.routes) return;
    const device = tunnel && this.#interfaces.indexOf(tunnel.name);
    if (tunnel !== undefined && device === undefined) return;
    if (device !== undefined && remoteTs.some(selector => within(selector, peer)))
      this.#onWarning(
        `no route was made through ${tunnel?.name} to what includes the peer ${formatIp(peer)} itself: its packets would go round in circles`,
      );
    try {
      this.#routes?.set(owner, { ...routed, ...(device !== undefined && { device }) });
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error;
      this.#onWarning(
        `no routes were made for this host's packets by way of ${formatIp(peer)}: ${error.message}`,
      );
    }
  }

  clearRoutes(owner: string): void {
    this.#routes?.clear(owner);
  }

  assignAddress(address: IpAddress, path: Path): void {
    this.#addresses?.assign(address, path);
  }

  /** SAs have left the address `outside` for `path`: their virtual IPs go along. */
  move(outside: IpAddress, path: Path): void {
    this.#addresses?.follow(outside, path);
  }

  unassignAddress(address: IpAddress): void {
    this.#addresses?.unassign(address);
  }

  /** The network is another now: what went along with it is put back. */
  refresh(): void {
    this.#addresses?.refresh();
    for (const { message } of this.#routes?.refresh() ?? [])
      this.#onWarning(`routes could not be made anew after a change of the network: ${message}`);
  }

  /** Takes away all that is ours. What cannot be taken must not keep the rest. */
  close(): void {
    this.#anyhow(() => this.#routes?.close());
    this.#anyhow(() => {
      for (const { summary } of this.#interfaces.close()) this.#onWarning(summary);
    });
    this.#anyhow(() => this.#addresses?.close());
  }

  #anyhow(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#onWarning((error as Error).message);
    }
  }
}
