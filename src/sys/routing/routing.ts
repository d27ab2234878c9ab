import type { IpAddress } from '../../lib/ip.ts';
import { SystemFailure } from '../failure.ts';
import type { Libc } from '../libc.ts';
import type { Native } from '../native.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/message.ts';
import { NetlinkSocket, netlinkEvents, understood } from '../netlink/socket.ts';
import {
  encodeAddress,
  encodeAddressQuery,
  type InterfaceAddress,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
  readAddress,
} from './address.ts';
import {
  encodeLink,
  encodeTunnelLink,
  type Link,
  type LinkChange,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  readLink,
  type TunnelLink,
} from './link.ts';
import {
  encodeLookup,
  encodeRoute,
  encodeRouteQuery,
  MAIN_TABLE,
  type Route,
  type RouteLookup,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  readLookup,
  readRoute,
} from './route.ts';
import { encodeRule, RTM_DELRULE, RTM_NEWRULE, type Rule } from './rule.ts';

/** RTNLGRP_LINK, and addresses and routes of both families. */
const CHANGES = [1, 5, 7, 9, 11];
const UNREACHABLE = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL', 'ENETDOWN', 'EAGAIN']);

/** The kernel's interfaces, addresses, routes and rules (rtnetlink(7)), of the network namespace of this thread. All calls throw SystemFailure. */
export class Routing {
  readonly #native: Native;
  readonly #libc: Libc;
  readonly #socket: NetlinkSocket;
  readonly #listening = new Set<() => void>();

  constructor(native: Native, libc: Libc) {
    this.#native = native;
    this.#libc = libc;
    this.#socket = new NetlinkSocket(libc, 'route');
  }

  links(): readonly Link[] {
    const found = this.#socket.dump({ type: RTM_GETLINK, body: encodeLink(0) });
    return understood('links', () => found.map(readLink));
  }

  link(name: string): Link | undefined {
    return this.links().find(link => link.name === name);
  }

  /** Not up yet. EEXIST where there is one of the name, ENOTSUP where the kernel lacks the kind. */
  addTunnelLink(name: string, tunnel: TunnelLink): void {
    this.#socket.request({
      type: RTM_NEWLINK,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      body: encodeTunnelLink(name, tunnel),
    });
  }

  setLink(index: number, change: LinkChange): void {
    this.#socket.request({ type: RTM_NEWLINK, body: encodeLink(index, change) });
  }

  deleteLink(index: number): void {
    this.#socket.request({ type: RTM_DELLINK, body: encodeLink(index) });
  }

  addresses(): readonly InterfaceAddress[] {
    const found = this.#socket.dump({ type: RTM_GETADDR, body: encodeAddressQuery() });
    return understood('addresses', () => found.map(readAddress)).filter(address => address !== undefined);
  }

  /** EEXIST where the interface has it already. */
  addAddress(index: number, address: IpAddress, prefix: number, origin?: number): void {
    this.#socket.request({
      type: RTM_NEWADDR,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      body: encodeAddress(index, address, prefix, origin),
    });
  }

  deleteAddress(index: number, address: IpAddress, prefix: number): void {
    this.#socket.request({ type: RTM_DELADDR, body: encodeAddress(index, address, prefix) });
  }

  /** Of one table, both families. */
  routes(table: number = MAIN_TABLE): readonly Route[] {
    return ([4, 6] as const).flatMap(family => {
      try {
        const found = this.#socket.dump({ type: RTM_GETROUTE, body: encodeRouteQuery(family, table) });
        return understood('routes', () => found.map(readRoute))
          .filter(route => route !== undefined)
          .filter(route => route.table === table);
      } catch (error) {
        // A table that was never used does not exist, and a kernel may have been built without IPv6.
        if (error instanceof SystemFailure && (error.code === 'ENOENT' || error.code === 'ENOTSUP'))
          return [];
        throw error;
      }
    });
  }

  /** EEXIST where there is one. */
  addRoute(route: Route): void {
    this.#socket.request({ type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL, body: encodeRoute(route) });
  }

  /** Puts it in place of one with the same destination and metric, or in. */
  replaceRoute(route: Route): void {
    this.#socket.request({
      type: RTM_NEWROUTE,
      flags: NLM_F_CREATE | NLM_F_REPLACE,
      body: encodeRoute(route),
    });
  }

  /** ESRCH where there is none. */
  deleteRoute(route: Route): void {
    this.#socket.request({ type: RTM_DELROUTE, body: encodeRoute(route, true) });
  }

  /** EEXIST where there is one. */
  addRule(rule: Rule): void {
    this.#socket.request({ type: RTM_NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL, body: encodeRule(rule) });
  }

  /** ENOENT where there is none. */
  deleteRule(rule: Rule): void {
    this.#socket.request({ type: RTM_DELRULE, body: encodeRule(rule) });
  }

  /** What `ip route get` says: from which address and by which interface a destination is reached; undefined when it is not. */
  lookup(
    destination: IpAddress,
    options: { readonly source?: IpAddress; readonly mark?: number } = {},
  ): RouteLookup | undefined {
    try {
      const [answer] = this.#socket.request({ type: RTM_GETROUTE, body: encodeLookup(destination, options) });
      return answer && understood('look-up of a route', () => readLookup(answer, options.source));
    } catch (error) {
      // Blackholes say EINVAL without a word; with one, the question itself was wrong.
      if (error instanceof SystemFailure && UNREACHABLE.has(error.code) && error.detail === undefined)
        return undefined;
      throw error;
    }
  }

  /** Calls `listener` after every change of a link, an address or a route, from the event loop; the result ends it. */
  onChange(listener: () => void): () => void {
    const events = netlinkEvents(this.#native, this.#libc, 'route', CHANGES, () => listener(), listener);
    const end = (): void => {
      this.#listening.delete(end);
      events.close();
    };
    this.#listening.add(end);
    return end;
  }

  close(): void {
    for (const end of this.#listening) end();
    this.#socket.close();
  }
}
