import { configurationFrom, type ProgramConfiguration } from '../config/index.ts';
import { withOpenssl } from '../crypto/node/openssl.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { EngineSettings } from '../ike/output.ts';
import { type PacketPort, UserspaceBackend } from '../ipsec/userspace/backend.ts';
import { ip } from '../lib/ip.ts';
import { type Fetcher, openFetcher } from '../net/fetcher.ts';
import { openNodeTransport } from '../net/node-transport.ts';
import { TcpStreams } from '../net/tcp-streams.ts';
import { Failed } from '../policy/failure.ts';
import type { ChildSaUsage } from '../policy/sa.ts';
import { pathOf } from './choose-path.ts';
import { now } from './clock.ts';
import { Gateway } from './gateway.ts';
import { ManualSas, type ManualState } from './manual-sas.ts';

/** What a program says to hold a gateway, or a client, in itself. */
export interface GatewaySetup extends ProgramConfiguration {
  /** Addresses of this host to speak IKE on; all of them by default. */
  readonly addresses?: readonly string[];
  /** UDP ports; 0 takes a free one. 500 and 4500 by default, the first of which needs privilege on most systems. */
  readonly port?: number;
  readonly natPort?: number;
  readonly settings?: Partial<EngineSettings>;
  /**
   * Ask for the revocation of peers' certificates where these say, by HTTP or by a function of the program's own; absent:
   * nothing is fetched.
   */
  readonly fetchStatus?: true | Fetcher;
  /** Replaces node:crypto, for tests and for hardware. */
  readonly provider?: CryptoProvider;
}

/** A gateway in this process, and the wire to the hosts behind it. */
export interface OpenGateway {
  readonly gateway: Gateway;
  /** Packets in clear: what is sent here goes into the tunnel that its addresses select, what comes out of tunnels arrives here. */
  readonly packets: PacketPort;
  /** The SAs with given keys: what has become of each, and what it carried. Whose life is over is told as a `log` event too. */
  readonly manual: {
    readonly list: readonly ManualState[];
    usage(state: ManualState): Promise<ChildSaUsage | undefined>;
  };
  readonly port: number;
  readonly natPort: number;
}

/**
 * Opens UDP ports and a gateway on them, with ESP in this process: no privilege is needed beyond that for the ports.
 * `gateway.close()` ends it. Rejects with `ConfigurationFailure`, or with `Failed` (`local/port-in-use`, `local/no-privilege`,
 * `local/address`, `local/unsupported` for a `dscp`), also where an SA with given keys cannot be had.
 */
export async function openGateway(setup: GatewaySetup): Promise<OpenGateway> {
  const { addresses, port, natPort, settings, fetchStatus, provider = withOpenssl(nodeProvider()) } = setup;
  const { connections, credentials, pools, manual: keyed } = configurationFrom(setup, provider);
  const marked = connections.find(({ dscp }) => dscp !== undefined);
  if (marked !== undefined)
    throw new Failed({
      code: 'local/unsupported',
      summary: `${marked.name}: node:dgram cannot set a DSCP`,
      remedy: 'leave dscp out, or run the daemon',
    });
  const transport = await openNodeTransport({
    ...(addresses === undefined ? {} : { addresses: addresses.map(ip) }),
    ...(port === undefined ? {} : { port }),
    ...(natPort === undefined ? {} : { natPort }),
  });
  const streams = new TcpStreams(transport.listening);
  const backend = new UserspaceBackend({
    provider,
    datagrams: {
      send: (packet, path) => (path.tcp === true ? streams : transport).sendEsp(packet, path),
    },
    now,
  });
  transport.onEsp((packet, path) => backend.receiveEsp(packet, path));
  streams.onEsp((packet, path) => backend.receiveEsp(packet, path));
  const gateway = new Gateway({
    provider,
    transport,
    streams,
    backend,
    connections,
    credentials,
    pools,
    resolve: connection => pathOf(connection, transport),
    ...(settings === undefined ? {} : { settings }),
    ...(fetchStatus === undefined ? {} : { fetcher: fetchStatus === true ? openFetcher() : fetchStatus }),
  });
  const manual = new ManualSas(gateway, (_, failure) => gateway.report(failure));
  await manual.take(keyed);
  const refused = manual.list.find(({ failure }) => failure !== undefined)?.failure;
  if (refused !== undefined) {
    manual.close();
    await gateway.close();
    throw new Failed(refused);
  }
  return { gateway, packets: backend.port, manual, port: transport.port, natPort: transport.natPort };
}
