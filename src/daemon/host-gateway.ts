import type { Settings } from '../config/index.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { IpAddress } from '../lib/ip.ts';
import { openFetcher } from '../net/fetcher.ts';
import { watchNetwork } from '../net/network-watch.ts';
import { UsableInterfaces } from '../net/usable-interfaces.ts';
import type { Path } from '../policy/sa.ts';
import { type BackendName, openPlane, type Plane } from './back-ends.ts';
import { pathOf } from './choose-path.ts';
import { Gateway } from './gateway.ts';
import type { Base } from './live-configuration.ts';
import type { Logger } from './log.ts';
import { engineSettings } from './settings-in-force.ts';

export interface HostOptions {
  /** All of the host's when empty. */
  readonly addresses: readonly IpAddress[];
  readonly port: number;
  readonly natPort: number;
  readonly backend: BackendName | 'auto';
}

/** A gateway on the sockets, the IPsec and the network of this host. */
export interface HostGateway {
  readonly gateway: Gateway;
  readonly plane: Plane & { readonly name: BackendName };
  /** Has the gateway follow what becomes of the host's network. Answers a function that ends it. */
  watch(): () => void;
}

/** Opens sockets and back end; nothing is left open where that fails. The gateway is closed before the plane. Rejects with Failed. */
export async function openHostGateway(
  options: HostOptions,
  settings: Settings,
  base: Base,
  provider: CryptoProvider,
  log: Logger,
): Promise<HostGateway> {
  const usable = settings.interfaces && new UsableInterfaces(settings.interfaces);
  const plane = await openPlane(options.backend, {
    ...options,
    ...(settings.routes !== undefined && { routes: settings.routes }),
    ...(settings.virtualIps !== undefined && { virtualIps: settings.virtualIps }),
    ...(settings.spis !== undefined && { spis: settings.spis }),
    provider,
    onFatal: failure => log.fatal({ failure }, failure.summary),
    onWarning: text => log.warn({ group: 'knl' }, text),
    onRemark: text => log.info({ group: 'knl' }, text),
  });
  const gateway = new Gateway({
    ...plane,
    provider,
    connections: base.connections,
    credentials: base.credentials,
    pools: base.pools,
    ...(settings.attributes === undefined ? {} : { attributes: settings.attributes }),
    settings: engineSettings(settings),
    resolve: async connection => {
      const path = await pathOf(connection, plane.transport);
      return usable?.checked(path) ?? path;
    },
    ...(usable !== undefined && { admits: ({ local }: Path) => usable.admits(local.address) }),
    ...(usable !== undefined && plane.ways !== undefined && { ways: usable.among(plane.ways) }),
    fetcher: openFetcher(),
  });
  return {
    gateway,
    plane,
    watch: () => {
      gateway.networkChanged();
      return watchNetwork(
        () => {
          usable?.refresh();
          gateway.networkChanged();
        },
        { routes: settings.ignoreRoutes !== true },
      );
    },
  };
}
