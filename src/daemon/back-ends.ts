import type { CryptoProvider } from '../crypto/provider.ts';
import type { IpsecBackend } from '../ipsec/backend.ts';
import { MemoryBackend } from '../ipsec/memory/backend.ts';
import type { SpiRange } from '../ipsec/spi-pool.ts';
import { openTunBackend } from '../ipsec/userspace/tun-backend.ts';
import { openXfrmBackend } from '../ipsec/xfrm/backend.ts';
import { kernelDrops } from '../ipsec/xfrm/drops.ts';
import type { IpAddress } from '../lib/ip.ts';
import { kernelStreams } from '../net/kernel-streams.ts';
import { openNodeTransport } from '../net/node-transport.ts';
import { openSysTransport } from '../net/sys-transport.ts';
import { TcpStreams } from '../net/tcp-streams.ts';
import type { UdpTransport } from '../net/transport.ts';
import { RoutedWays, type Ways } from '../net/ways.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import { systemCalls } from '../sys/system-calls.ts';
import { now } from './clock.ts';

export type BackendName = 'userspace' | 'memory' | 'kernel';

/** Sockets and the back end that belongs to them. */
export interface Plane {
  readonly transport: UdpTransport;
  /** TCP connections for IKE and ESP, where the back end can have them. */
  readonly streams?: TcpStreams;
  readonly backend: IpsecBackend;
  /** How peers are reached. */
  readonly ways?: Ways;
  /** Packets that went nowhere, by reason; absent where they are not counted. */
  readonly drops?: () => Promise<ReadonlyMap<string, number>>;
  /** For when no gateway came to own them. */
  close(): Promise<void>;
}

export interface PlaneOptions {
  /** All of the host's when empty. */
  readonly addresses: readonly IpAddress[];
  readonly port: number;
  readonly natPort: number;
  /** Routes for what goes through tunnels, table and priority 220 unless said otherwise; false leaves them to others. */
  readonly routes?: { readonly table?: number; readonly priority?: number } | false;
  /** Where virtual IPs of this host go; false leaves them to others. */
  readonly virtualIps?: { readonly interface?: string } | false;
  /** SPIs of packets that come in; each back end has its own where nothing is said. */
  readonly spis?: SpiRange;
  readonly provider: CryptoProvider;
  readonly onFatal: (failure: Failure) => void;
  /** What goes on in a back end that no SA has to hear of. */
  readonly onWarning: (text: string) => void;
  /** What was chosen where the options leave a choice. */
  readonly onRemark: (text: string) => void;
}

/** What our own packets to peers bear, so that they are not routed into the tunnels that they make. */
const MARK = 0x220;

/** Each back end by its name on the command line. Rejects with `Failed`, nothing left open. */
const PLANES: Readonly<Record<BackendName, (options: PlaneOptions) => Promise<Plane>>> = {
  userspace: async options => {
    const calls = systemCalls();
    // Without the privilege there will be no TUN device either, and that is the failure to tell of.
    const mark = calls?.capabilities().netAdmin === true ? { mark: MARK } : {};
    const transport = await openSysTransport({ ...ports(options), espShards: 1, ...mark });
    const streams = new TcpStreams(transport.listening);
    const plane = await orClosed(transport, () => {
      const [sockets] = transport.espSockets;
      if (calls === undefined || sockets === undefined) throw unsupported('userspace');
      return openTunBackend({
        calls,
        sockets,
        streams,
        random: length => options.provider.random(length),
        now,
        routes: options.routes === false ? false : { ...options.routes, ...mark },
        virtualIps: options.virtualIps !== false,
        ...(options.spis !== undefined && { spis: options.spis }),
        onFatal: options.onFatal,
        onWarning: options.onWarning,
      });
    });
    streams.onEsp((packet, path) => plane.backend.receiveEsp(packet, path));
    return { ...plane, ...ways(options, transport, mark), streams, drops: () => plane.backend.drops() };
  },
  memory: async options => {
    const transport = await openNodeTransport(ports(options));
    return orClosed(transport, () => new MemoryBackend());
  },
  kernel: async options => {
    const transport = await openSysTransport({ ...ports(options), espInUdp: true });
    const plane = await orClosed(transport, () =>
      openXfrmBackend({
        now,
        onWarning: options.onWarning,
        ...(options.routes !== undefined && { routes: options.routes }),
        ...(options.virtualIps !== undefined && { virtualIps: options.virtualIps }),
        ...(options.spis !== undefined && { spis: options.spis }),
      }),
    );
    const moving = { ...plane, ...ways(options, transport) };
    const calls = systemCalls();
    if (calls === undefined || plane.backend.features.tcp !== true) return { ...moving, drops: kernelDrops };
    return {
      ...moving,
      drops: kernelDrops,
      streams: new TcpStreams(transport.listening, kernelStreams(calls)),
    };
  },
};

/** As `wanted`; `auto` is the kernel's own IPsec where there is one, and user space otherwise. Rejects with `Failed`, nothing left open. */
export async function openPlane(
  wanted: BackendName | 'auto',
  options: PlaneOptions,
): Promise<Plane & { readonly name: BackendName }> {
  const name = wanted === 'auto' ? 'kernel' : wanted;
  try {
    return { name, ...(await PLANES[name](options)) };
  } catch (error) {
    if (name !== 'kernel' || !(error instanceof Failed) || error.failure.code !== 'local/unsupported')
      throw error;
    const { summary, remedy } = error.failure;
    if (wanted === 'kernel') throw new Failed({ ...error.failure, remedy: otherwise(remedy) });
    options.onRemark(`packets go through user space: ${summary}`);
    return { name: 'userspace', ...(await PLANES.userspace(options)) };
  }
}

/** What goes through tunnels goes by this table in every back end, unless said otherwise. */
const TABLE = 220;

function ways(
  { routes }: PlaneOptions,
  { listening }: UdpTransport,
  mark: { readonly mark?: number } = {},
): { readonly ways?: Ways } {
  const calls = systemCalls();
  if (calls === undefined) return {};
  const table = (routes === false ? undefined : routes?.table) ?? TABLE;
  return { ways: new RoutedWays(() => calls.routing(), { listening, table, ...mark }) };
}

function otherwise(remedy: string | undefined): string {
  return remedy === undefined ? 'use --backend userspace' : `${remedy}, or use --backend userspace`;
}

function ports({ addresses, port, natPort }: PlaneOptions): {
  addresses?: readonly IpAddress[];
  port: number;
  natPort: number;
} {
  return { ...(addresses.length === 0 ? {} : { addresses }), port, natPort };
}

async function orClosed<B extends IpsecBackend>(
  transport: UdpTransport,
  open: () => B,
): Promise<Plane & { readonly backend: B }> {
  try {
    const backend = open();
    return {
      transport,
      backend,
      close: async () => {
        await backend.close();
        await transport.close();
      },
    };
  } catch (error) {
    await transport.close();
    throw error;
  }
}

function unsupported(name: BackendName): Failed {
  return new Failed({
    code: 'local/unsupported',
    summary: `the ${name} back end is not to be had on this system`,
    remedy: 'use --backend userspace, or --backend memory to try negotiations alone',
  });
}
