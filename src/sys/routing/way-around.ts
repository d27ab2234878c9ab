import { type IpAddress, ipToBigInt } from '../../lib/ip.ts';
import { MAIN_TABLE, type Route, type RouteLookup } from './route.ts';

/** Out of which interface, and to whom there; the address that packets get is known of a route that names one. */
export type Way = Pick<RouteLookup, 'index' | 'gateway'> & { readonly source?: IpAddress };

/** What is asked of the kernel's routing: a part of `Routing`. */
interface RoutingTables {
  routes(table: number): readonly Route[];
  lookup(
    destination: IpAddress,
    options?: { readonly source?: IpAddress; readonly mark?: number },
  ): RouteLookup | undefined;
}

/**
 * How `destination` is reached, the routes of `table` left out of it: they are of our own making, and may be there because of
 * a way that is no more. Throws SystemFailure.
 */
export function wayAround(
  routing: RoutingTables,
  table: number,
  destination: IpAddress,
  options?: { readonly source?: IpAddress; readonly mark?: number },
): Way | undefined {
  const way = routing.lookup(destination, options);
  if (way === undefined || way.table !== table) return way;
  let best: (Route & Way) | undefined;
  for (const route of routing.routes(MAIN_TABLE)) {
    const { index, kind = 'unicast' } = route;
    if (index === undefined || kind !== 'unicast' || !isFor(route, destination)) continue;
    if (best === undefined || isBetter(route, best)) best = { ...route, index };
  }
  return best;
}

/** Whether packets for `address` may go by the route. */
export function isFor({ destination, prefix }: Route, address: IpAddress): boolean {
  if (address.length !== destination.length) return false;
  const rest = BigInt(8 * address.length - prefix);
  return ipToBigInt(address) >> rest === ipToBigInt(destination) >> rest;
}

function isBetter(one: Route, other: Route): boolean {
  if (one.prefix !== other.prefix) return one.prefix > other.prefix;
  return (one.metric ?? 0) < (other.metric ?? 0);
}
