import { equal } from '../../lib/bytes.ts';
import { formatIp, type IpAddress, isV4 } from '../../lib/ip.ts';
import { Failed } from '../../policy/failure.ts';
import type { ChildSaParameters, Path, StandingPolicy } from '../../policy/sa.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { InterfaceAddress } from '../../sys/routing/address.ts';
import type { Route } from '../../sys/routing/route.ts';
import type { Rule } from '../../sys/routing/rule.ts';
import { innerSource, within } from '../inner-source.ts';
import { prefixesOf } from '../prefixes.ts';

/** What is asked of the kernel's routing: a part of `Routing` of sys. */
export interface RoutingTables {
  addresses(): readonly Pick<InterfaceAddress, 'address' | 'unusable' | 'scope'>[];
  routes(table: number): readonly Route[];
  addRoute(route: Route): void;
  replaceRoute(route: Route): void;
  deleteRoute(route: Route): void;
  addRule(rule: Rule): void;
  deleteRule(rule: Rule): void;
}

export interface TunRoutesOptions {
  readonly routing: RoutingTables;
  /** Interface index of the TUN device. */
  readonly tun: number;
  /** A routing table of our own, and when it is asked. */
  readonly table: number;
  readonly priority: number;
  /**
   * The mark that our own sockets set on what they send: it never looks into the table. Without one, peers whose
   * address lies inside their own traffic selectors get a route around the TUN device.
   */
  readonly mark?: number;
}

type Selectors = Pick<ChildSaParameters, 'localTs' | 'remoteTs'>;

interface Owner extends Selectors {
  /** What it wants as the network is now. Throws Failed. */
  readonly make: () => readonly Route[];
  readonly routes: readonly Route[];
}

/** Most routes for one SA: selectors that need more are not what anybody configured. */
const MOST_ROUTES = 1024;
const LAST_PORT = 65535;

/**
 * The routes that lead traffic into the TUN device: one for each prefix of the remote selectors, shared by the SAs
 * and policies that have it. They know addresses alone: what the selectors' ports and protocols exclude is dropped
 * by the data plane.
 */
export class TunRoutes {
  readonly #options: TunRoutesOptions;
  readonly #owners = new Map<string, Owner>();
  /** By destination: what everyone who wants a route there wants, oldest first. */
  readonly #wanted = new Map<string, Route[]>();
  readonly #rules: Rule[] = [];
  readonly #ruled = new Set<4 | 6>();

  constructor(options: TunRoutesOptions) {
    this.#options = options;
  }

  /** For an SA. Throws Failed, and leaves no route behind. */
  add(id: number, sa: Selectors & { readonly path: Path }): void {
    this.#own(`sa ${id}`, sa, () => [
      ...this.#into(sa),
      ...this.#around(sa.path.remote.address, sa.remoteTs, sa.path.tcp),
    ]);
  }

  /** The peer moved. Throws Failed. */
  move(id: number, path: Path): void {
    const sa = this.#owners.get(`sa ${id}`);
    if (sa !== undefined) this.add(id, { ...sa, path });
  }

  remove(id: number): void {
    this.#disown(`sa ${id}`);
  }

  /** A trap's traffic must come here to be noticed, and what is dropped to be lost; what passes must not come. Throws Failed. */
  addPolicy(policy: StandingPolicy): void {
    this.#own(`policy ${policy.id}`, policy, () =>
      policy.kind === 'pass'
        ? this.#past(policy)
        : [...this.#into(policy), ...this.#around(policy.remote, policy.remoteTs)],
    );
  }

  removePolicy(id: number): void {
    this.#disown(`policy ${id}`);
  }

  /**
   * The network is another now: routes that name an address which came or went are made anew, and what the kernel took
   * away along with an address or while the device was down is put back. Answers what could not be done.
   */
  refresh(): readonly Error[] {
    if (this.#owners.size === 0) return [];
    const { routing, table } = this.#options;
    const failures: Error[] = [];
    const there = new Set(routing.routes(table).map(wayOf));
    for (const [name, owner] of [...this.#owners]) {
      try {
        const wanted = owner.make();
        const before = owner.routes.map(wayOf);
        if (wanted.length !== before.length || wanted.some((route, i) => wayOf(route) !== before[i]))
          this.#own(name, owner, owner.make);
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        failures.push(error);
      }
    }
    for (const wanted of this.#wanted.values()) {
      const route = chosen(wanted);
      if (route === undefined || there.has(wayOf(route))) continue;
      try {
        routing.replaceRoute(route);
      } catch (error) {
        if (!(error instanceof SystemFailure)) throw error;
        failures.push(error);
      }
    }
    return failures;
  }

  close(): void {
    for (const owner of [...this.#owners.keys()]) this.#disown(owner);
    for (const rule of this.#rules.splice(0)) quietly(() => this.#options.routing.deleteRule(rule));
  }

  #into({ localTs, remoteTs }: Selectors): Route[] {
    const { routing, tun, table } = this.#options;
    const own = routing
      .addresses()
      .filter(({ unusable, scope }) => !unusable && scope !== 'link')
      .map(({ address }) => address);
    return remoteTs.flatMap(selector => {
      // What programs on this host send from, if the SA admits an address of theirs.
      const source = innerSource(own, localTs, selector.start.length);
      return prefixesOf(selector.start, selector.end).map(({ address, length }) => ({
        destination: address,
        prefix: length,
        index: tun,
        table,
        ...(source !== undefined && source !== 'any' && { source }),
      }));
    });
  }

  /**
   * A route that sends what goes to the peer itself on to the next table, where it would otherwise go round in
   * circles. TCP connections bear no mark.
   */
  #around(peer: IpAddress, remoteTs: readonly TrafficSelector[], tcp?: true): Route[] {
    const { table, mark } = this.#options;
    const needed = (mark === undefined || tcp === true) && remoteTs.some(selector => within(selector, peer));
    return needed ? [{ destination: peer, prefix: 8 * peer.length, table, kind: 'throw' }] : [];
  }

  #past({ remoteTs }: Selectors): Route[] {
    const { table } = this.#options;
    if (
      remoteTs.some(
        ({ protocol, startPort, endPort }) => protocol !== 0 || startPort !== 0 || endPort !== LAST_PORT,
      )
    )
      throw new Failed({
        code: 'local/unsupported',
        summary: 'what passes in clear is known by its addresses here, not by protocol or port',
      });
    return remoteTs.flatMap(({ start, end }) =>
      prefixesOf(start, end).map(({ address, length }) => ({
        destination: address,
        prefix: length,
        table,
        kind: 'throw' as const,
      })),
    );
  }

  /** Puts the routes in, all or none, in place of those that this owner had. */
  #own(name: string, { localTs, remoteTs }: Selectors, make: () => readonly Route[]): void {
    const taken: Route[] = [];
    try {
      const routes = make();
      if (routes.length > MOST_ROUTES) throw failed('its selectors need too many routes');
      for (const route of routes) {
        this.#want(route);
        taken.push(route);
      }
    } catch (error) {
      for (const route of taken) this.#release(route);
      throw error instanceof SystemFailure ? failed(error.message) : error;
    }
    this.#disown(name);
    this.#owners.set(name, { localTs, remoteTs, make, routes: taken });
  }

  #disown(name: string): void {
    const owner = this.#owners.get(name);
    if (owner === undefined) return;
    this.#owners.delete(name);
    for (const route of owner.routes) this.#release(route);
  }

  #want(route: Route): void {
    const wanted = this.#wanted.get(keyOf(route)) ?? [];
    const before = chosen(wanted);
    if (before === undefined) {
      this.#addRule(isV4(route.destination) ? 4 : 6);
      this.#put(route);
    } else {
      if (before.kind !== route.kind)
        throw failed(
          `${keyOf(route)} would have to lead into the TUN device and around it; sockets that set a mark need no way around`,
        );
      if (!same(before, chosen([...wanted, route]))) this.#options.routing.replaceRoute(route);
    }
    this.#wanted.set(keyOf(route), [...wanted, route]);
  }

  #release(route: Route): void {
    const { routing } = this.#options;
    const wanted = this.#wanted.get(keyOf(route)) ?? [];
    const rest = wanted.filter(other => other !== route);
    const [before, after] = [chosen(wanted), chosen(rest)];
    if (after === undefined) {
      this.#wanted.delete(keyOf(route));
      quietly(() => routing.deleteRoute(route));
      return;
    }
    this.#wanted.set(keyOf(route), rest);
    // The kernel takes routes away whose source address goes, so the rest must not lean on it.
    if (!same(before, after)) quietly(() => routing.replaceRoute(after));
  }

  /** Routes through the device go with it, but a way around it may be left from a program that crashed. */
  #put(route: Route): void {
    try {
      this.#options.routing.addRoute(route);
    } catch (error) {
      const leftover = error instanceof SystemFailure && error.code === 'EEXIST' && route.kind === 'throw';
      if (!leftover) throw error;
    }
  }

  #addRule(family: 4 | 6): void {
    if (this.#ruled.has(family)) return;
    const { routing, table, priority, mark } = this.#options;
    const rule: Rule = {
      family,
      table,
      priority,
      ...(mark !== undefined && { mark: { value: mark, mask: 0xffff_ffff }, invert: true }),
    };
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

/** Of all routes wanted to one place: the newest that names a source address, or the newest. */
function chosen(wanted: readonly Route[]): Route | undefined {
  return wanted.findLast(({ source }) => source !== undefined) ?? wanted.at(-1);
}

function same(a: Route | undefined, b: Route | undefined): boolean {
  return (
    a?.source === b?.source ||
    (a?.source !== undefined && b?.source !== undefined && equal(a.source, b.source))
  );
}

/** Routes of one table are told apart by their destination. */
function keyOf({ destination, prefix }: Route): string {
  return `${formatIp(destination)}/${prefix}`;
}

/** A route as the kernel would show it again. */
function wayOf(route: Route): string {
  const { kind = 'unicast', index, source } = route;
  return [keyOf(route), kind, index, source && formatIp(source)].join(' ');
}

/** What is gone already need not be taken away. */
function quietly(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error;
  }
}

function failed(reason: string): Failed {
  return new Failed({ code: 'kernel/install', summary: `routes for this SA cannot be installed: ${reason}` });
}
