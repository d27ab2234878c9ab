import type { Settings } from '../config/index.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { IpAddress } from '../lib/ip.ts';
import { openFetcher } from '../net/fetcher.ts';
import { watchNetwork } from '../net/network-watch.ts';
import { UsableInterfaces } from '../net/usable-interfaces.ts';
import type { Path } from '../policy/sa.ts';
import { type BackendName, openPlane } from './back-ends.ts';
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

export type HostPlane = Awaited<ReturnType<typeof openPlane>>;

/** Opens this host's sockets and its IPsec. Rejects with Failed, nothing left open. */
export function openHostPlane(
  options: HostOptions,
  settings: Settings,
  provider: CryptoProvider,
  log: Logger,
): Promise<HostPlane> {
  return openPlane(options.backend, {
    ...options,
    ...(settings.routes !== undefined && { routes: settings.routes }),
    ...(settings.virtualIps !== undefined && { virtualIps: settings.virtualIps }),
    ...(settings.spis !== undefined && { spis: settings.spis }),
    provider,
    onFatal: failure => log.fatal({ failure }, failure.summary),
    onWarning: text => log.warn({ group: 'knl' }, text),
    onRemark: text => log.info({ group: 'knl' }, text),
  });
}

/** A gateway, and what has it follow what becomes of the host's network; that answers a function that ends it. */
export interface HostGateway {
  readonly gateway: Gateway;
  watch(): () => void;
}

/** The gateway on `plane`. It may have something to tell in the next turn already: whoever wants to hear it listens at once. */
export function gatewayOn(
  plane: HostPlane,
  settings: Settings,
  base: Base,
  provider: CryptoProvider,
): HostGateway {
  const usable = settings.interfaces && new UsableInterfaces(settings.interfaces);
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
