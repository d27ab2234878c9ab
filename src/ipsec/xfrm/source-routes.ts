import { formatIp, type IpAddress, isUnspecified, isV4 } from '../../lib/ip.ts';
import type { IpsecMode } from '../../policy/sa.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { InterfaceAddress } from '../../sys/routing/address.ts';
import type { Route, RouteLookup } from '../../sys/routing/route.ts';
import type { Rule } from '../../sys/routing/rule.ts';
import { wayAround } from '../../sys/routing/way-around.ts';
import { innerSource, within } from '../inner-source.ts';
import { prefixesOf } from '../prefixes.ts';

/** What is asked of the kernel's routing: a part of `Routing` of sys. */
export interface RoutingTables {
  addresses(): readonly InterfaceAddress[];
  routes(table: number): readonly Route[];
  lookup(destination: IpAddress): RouteLookup | undefined;
  replaceRoute(route: Route): void;
  deleteRoute(route: Route): void;
  addRule(rule: Rule): void;
  deleteRule(rule: Rule): void;
}

export interface SourceRoutesOptions {
  readonly routing: RoutingTables;
  /** A table of our own, asked before the main one. */
  readonly table: number;
  readonly priority: number;
  /** Families whose rule a daemon of ours left behind: they are taken away at the end, if nobody uses the table then. */
  readonly inherited?: ReadonlySet<4 | 6>;
}

/** What an SA is to this host's routing. */
export interface Routed {
  readonly mode: IpsecMode;
  readonly localTs: readonly TrafficSelector[];
  readonly remoteTs: readonly TrafficSelector[];
  /** The peer's address outside of the tunnel. */
  readonly peer: IpAddress;
  /** Index of the interface that the traffic goes by; absent: that by which the peer is reached. */
  readonly device?: number;
}

/** Selectors that need more routes than this go without: nobody configures them. */
const MOST_ROUTES = 1024;

/**
 * Policies take packets by their addresses, but the address that this host gives its own packets comes of the routing
 * table: so where it has an address that the local selectors cover (a virtual IP, the inner side of a gateway), the
 * remote selectors get routes that name it, out of the interface by which the peer is reached. Where they cover every
 * address the routes name none.
 */
export class SourceRoutes {
  readonly #options: SourceRoutesOptions;
  readonly #byOwner = new Map<string, Owned>();
  readonly #uses = new Map<string, Route[]>();
  readonly #rules: Rule[] = [];
  readonly #ruled = new Set<4 | 6>();

  constructor(options: SourceRoutesOptions) {
    this.#options = options;
  }

  /** Makes the routes of an SA or a trap, anew where it has some. Throws SystemFailure, and leaves none of them then. */
  set(owner: string, routed: Routed): void {
    this.clear(owner);
    this.#make(owner, routed, this.#routesFor(routed, this.#own()));
  }

  /**
   * The network is another now: what is to be different is made so, and what went along with an interface is put back.
   * Answers what could not be done.
   */
  refresh(): readonly SystemFailure[] {
    if (this.#byOwner.size === 0) return [];
    const { routing, table } = this.#options;
    const own = this.#own();
    const there = new Set(routing.routes(table).map(route => `${keyOf(route)} ${wayOf(route)}`));
    const failures: SystemFailure[] = [];
    for (const [owner, { routed, routes: before }] of [...this.#byOwner]) {
      try {
        const wanted = this.#routesFor(routed, own);
        const isAsBefore =
          wanted.length === before.length && wanted.every((route, i) => same(route, before[i]));
        if (isAsBefore) this.#restore(wanted, there);
        else {
          this.clear(owner);
          this.#make(owner, routed, wanted);
        }
      } catch (error) {
        if (!(error instanceof SystemFailure)) throw error;
        failures.push(error);
        // The next change may bring back what it takes.
        if (!this.#byOwner.has(owner)) this.#byOwner.set(owner, { routed, routes: [] });
      }
    }
    return failures;
  }

  clear(owner: string): void {
    for (const route of this.#byOwner.get(owner)?.routes ?? []) this.#release(route);
    this.#byOwner.delete(owner);
  }

  #make(owner: string, routed: Routed, wanted: readonly Route[]): void {
    const made: Route[] = [];
    try {
      for (const route of wanted) {
        this.#use(route);
        made.push(route);
      }
    } catch (error) {
      for (const route of made) this.#release(route);
      throw error;
    }
    this.#byOwner.set(owner, { routed, routes: made });
  }

  /** Those of `routes` that are to be in the table and are not. */
  #restore(routes: readonly Route[], there: ReadonlySet<string>): void {
    for (const route of routes) {
      const shown = this.#uses.get(keyOf(route))?.at(-1);
      if (!same(shown, route) || there.has(`${keyOf(route)} ${wayOf(route)}`)) continue;
      this.#options.routing.replaceRoute(route);
    }
  }

  /** The addresses that this host may give its packets. */
  #own(): readonly IpAddress[] {
    return this.#options.routing
      .addresses()
      .filter(({ unusable, scope }) => !unusable && scope !== 'link')
      .map(({ address }) => address);
  }

  close(): void {
    for (const owner of [...this.#byOwner.keys()]) this.clear(owner);
    for (const rule of this.#rules.splice(0)) quietly(() => this.#options.routing.deleteRule(rule));
    this.#ruled.clear();
    for (const family of this.#options.inherited ?? []) this.#disinherit(family);
  }

  #disinherit(family: 4 | 6): void {
    const { routing, table, priority } = this.#options;
    const isUsed = routing.routes(table).some(({ destination }) => isV4(destination) === (family === 4));
    if (!isUsed) quietly(() => routing.deleteRule({ family, table, priority }));
  }

  #routesFor({ mode, localTs, remoteTs, peer, device }: Routed, own: readonly IpAddress[]): readonly Route[] {
    const { table } = this.#options;
    // In transport mode the addresses are those that the packets have anyway; a trap may not know its peer yet.
    if (mode === 'transport' || isUnspecified(peer)) return [];
    const way = device === undefined ? wayAround(this.#options.routing, table, peer) : undefined;
    const index = device ?? way?.index;
    if (index === undefined) return [];
    const routes: Route[] = [];
    const locals = localTs.filter(isUnlimited);
    for (const selector of remoteTs.filter(isUnlimited)) {
      // The SA's own packets would go round in circles.
      if (device !== undefined && within(selector, peer)) continue;
      const source = innerSource(own, locals, selector.start.length);
      // What others send goes by the interface too.
      if (source === undefined && device === undefined) continue;
      for (const { address, length } of prefixesOf(selector.start, selector.end)) {
        if (routes.length === MOST_ROUTES) return [];
        // A peer on the wire is its own gateway. Where a tunnel carries one family in the other the interface has to do.
        const gateway = device === undefined ? (way?.gateway ?? peer) : undefined;
        routes.push({
          destination: address,
          prefix: length,
          index,
          ...(source !== undefined && source !== 'any' && { source }),
          table,
          scope: 'universe',
          ...(gateway?.length === address.length && { gateway }),
        });
      }
    }
    return routes;
  }

  /** Several SAs may want a route to the same place; the latest is in the table. */
  #use(route: Route): void {
    this.#addRule(isV4(route.destination) ? 4 : 6);
    const users = this.#uses.get(keyOf(route));
    if (!same(users?.at(-1), route)) this.#options.routing.replaceRoute(route);
    if (users === undefined) this.#uses.set(keyOf(route), [route]);
    else users.push(route);
  }

  #release(route: Route): void {
    const users = this.#uses.get(keyOf(route));
    const at = users?.indexOf(route) ?? -1;
    if (users === undefined || at < 0) return;
    const shown = users.at(-1);
    users.splice(at, 1);
    const next = users.at(-1);
    if (next === undefined) {
      this.#uses.delete(keyOf(route));
      quietly(() => this.#options.routing.deleteRoute(route));
    } else if (!same(next, shown)) {
      quietly(() => this.#options.routing.replaceRoute(next));
    }
  }

  #addRule(family: 4 | 6): void {
    if (this.#ruled.has(family)) return;
    const { routing, table, priority } = this.#options;
    const rule: Rule = { family, table, priority };
    try {
      routing.addRule(rule);
      this.#rules.push(rule);
    } catch (error) {
      // Somebody put it there: it is not ours to take away.
      if (!(error instanceof SystemFailure && error.code === 'EEXIST')) throw error;
    }
    this.#ruled.add(family);
  }
}

interface Owned {
  readonly routed: Routed;
  readonly routes: readonly Route[];
}

/** A route is for all packets to a place, whatever their protocol and ports. */
function isUnlimited({ protocol, startPort, endPort }: TrafficSelector): boolean {
  return protocol === 0 && startPort === 0 && endPort === 0xffff;
}

/** Routes of one table are told apart by their destination. */
function keyOf({ destination, prefix }: Route): string {
  return `${formatIp(destination)}/${prefix}`;
}

function same(a: Route | undefined, b: Route | undefined): boolean {
  return a !== undefined && b !== undefined && wayOf(a) === wayOf(b);
}

function wayOf({ index, source, gateway }: Route): string {
  return `${index} ${source && formatIp(source)} ${gateway && formatIp(gateway)}`;
}

/** What is gone already, with its interface, need not be taken away. */
function quietly(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error;
  }
}
