import { isV4 } from '../../lib/ip.ts';
import type { Path } from '../../policy/sa.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { RouteLookup } from '../../sys/routing/route.ts';

/** The longest IP packets, octets: that reach the other end whole, and that leave this host. */
export interface PathMtu {
  readonly path: number;
  readonly link: number;
}

/** What is asked of the kernel's routing: a part of `Routing` of sys. */
interface Ways {
  lookup(
    destination: Uint8Array,
    options: { readonly source?: Uint8Array; readonly mark?: number },
  ): RouteLookup | undefined;
  links(): readonly { readonly index: number; readonly mtu: number }[];
}

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const UDP_HEADER = 8;

/** What the kernel knows of a path by now, routers' complaints included; undefined where it leads nowhere. */
export function pathMtu(ways: Ways, { local, remote }: Path, mark: number | undefined): PathMtu | undefined {
  try {
    const asked = mark === undefined ? {} : { mark };
    const way = ways.lookup(remote.address, { source: local.address, ...asked });
    const link = ways.links().find(({ index }) => index === way?.index)?.mtu;
    if (way === undefined || link === undefined) return undefined;
    return { link, path: Math.min(link, way.mtu ?? link) };
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error;
    return undefined;
  }
}

/** Octets of ESP in UDP that an IP packet of `mtu` octets carries along the path. */
export function carriedOver({ remote }: Path, mtu: number): number {
  return mtu - (isV4(remote.address) ? IPV4_HEADER : IPV6_HEADER) - UDP_HEADER;
}
