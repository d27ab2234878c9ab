import type { IpAddress } from '../../lib/ip.ts';
import { formatIp, ipToBigInt, isV4 } from '../../lib/ip.ts';
import { Failed } from '../../policy/failure.ts';
import type { ChildSaParameters, Path } from '../../policy/sa.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { Route } from '../../sys/routing/route.ts';
import type { Rule } from '../../sys/routing/rule.ts';
import { prefixesOf } from '../prefixes.ts';

/** What is asked of the kernel's routing: a part of `Routing` of sys. */
export interface RoutingTables {
  addresses(): readonly { readonly address: IpAddress; readonly unusable: boolean }[];
  addRoute(route: Route): void;
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

/** Most routes for one SA: selectors that need more are not what anybody configured. */
const MOST_ROUTES = 1024;

/**
 * The routes that lead traffic into the TUN device: one for each prefix of the remote selectors, shared by the SAs
 * that have it. They know addresses alone: what the selectors' ports and protocols exclude is dropped by the data plane.
 */
export class TunRoutes {
  readonly #options: TunRoutesOptions;
  readonly #uses = new Map<string, { readonly route: Route; count: number }>();
  readonly #bySa = new Map<
    number,
    {
      readonly remoteTs: readonly TrafficSelector[];
      readonly inner: readonly Route[];
      outer: Route | undefined;
    }
  >();
  readonly #rules: Rule[] = [];
  readonly #ruled = new Set<4 | 6>();

  constructor(options: TunRoutesOptions) {
    this.#options = options;
  }

  /** Throws Failed, and leaves no route behind. */
  add({
    id,
    localTs,
    remoteTs,
    path,
  }: Pick<ChildSaParameters, 'id' | 'localTs' | 'remoteTs' | 'path'>): void {
    const addresses = this.#options.routing.addresses().filter(({ unusable }) => !unusable);
    const inner: Route[] = [];
    let outer: Route | undefined;
    try {
      for (const selector of remoteTs) {
        const source = addresses.find(({ address }) =>
          localTs.some(local => holds(local, address, selector)),
        );
        for (const { address, length } of prefixesOf(selector.start, selector.end)) {
          if (inner.length === MOST_ROUTES) throw failed('its selectors need too many routes');
          const route = this.#through(address, length, source?.address);
          this.#use(route);
          inner.push(route);
        }
      }
      outer = this.#useAround(path, remoteTs);
    } catch (error) {
      for (const route of inner) this.#release(route);
      throw error instanceof SystemFailure ? failed(error.message) : error;
    }
    this.#bySa.set(id, { remoteTs, inner, outer });
  }

  /** The peer moved. Throws Failed. */
  move(id: number, path: Path): void {
    const sa = this.#bySa.get(id);
    if (sa === undefined) return;
    const before = sa.outer;
    try {
      sa.outer = this.#useAround(path, sa.remoteTs);
    } catch (error) {
      throw error instanceof SystemFailure ? failed(error.message) : error;
    }
    if (before !== undefined) this.#release(before);
  }

  remove(id: number): void {
    const sa = this.#bySa.get(id);
    if (sa === undefined) return;
    this.#bySa.delete(id);
    for (const route of sa.inner) this.#release(route);
    if (sa.outer !== undefined) this.#release(sa.outer);
  }

  close(): void {
    for (const id of [...this.#bySa.keys()]) this.remove(id);
    for (const rule of this.#rules.splice(0)) quietly(() => this.#options.routing.deleteRule(rule));
  }

  #through(destination: IpAddress, prefix: number, source: IpAddress | undefined): Route {
    const { tun, table } = this.#options;
    return { destination, prefix, index: tun, table, ...(source !== undefined && { source }) };
  }

  /** A route that sends what goes to the peer itself on to the next table, where it would otherwise go round in circles. */
  #useAround(path: Path, remoteTs: readonly TrafficSelector[]): Route | undefined {
    const { table, mark } = this.#options;
    const { address } = path.remote;
    if (mark !== undefined || !remoteTs.some(selector => within(selector, address))) return undefined;
    const route: Route = { destination: address, prefix: 8 * address.length, table, kind: 'throw' };
    this.#use(route);
    return route;
  }

  #use(route: Route): void {
    const key = keyOf(route);
    const used = this.#uses.get(key);
    if (used !== undefined) {
      if (used.route.kind !== route.kind)
        throw failed(`traffic with ${formatIp(route.destination)} itself needs sockets that set a mark`);
      used.count++;
      return;
    }
    this.#addRule(isV4(route.destination) ? 4 : 6);
    this.#put(route);
    this.#uses.set(key, { route, count: 1 });
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

  #release(route: Route): void {
    const key = keyOf(route);
    const used = this.#uses.get(key);
    if (used === undefined || --used.count > 0) return;
    this.#uses.delete(key);
    quietly(() => this.#options.routing.deleteRoute(used.route));
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

/** Whether a local selector holds this address, of the family of the remote selector. */
function holds(local: TrafficSelector, address: IpAddress, remote: TrafficSelector): boolean {
  return local.start.length === remote.start.length && within(local, address);
}

function within({ start, end }: TrafficSelector, address: IpAddress): boolean {
  if (start.length !== address.length) return false;
  const value = ipToBigInt(address);
  return value >= ipToBigInt(start) && value <= ipToBigInt(end);
}

/** Routes of one table are told apart by their destination. */
function keyOf({ destination, prefix }: Route): string {
  return `${formatIp(destination)}/${prefix}`;
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
