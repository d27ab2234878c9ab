import type { CryptoProvider } from '../crypto/provider.ts';
import type { IpsecBackend } from '../ipsec/backend.ts';
import { MemoryBackend } from '../ipsec/memory/backend.ts';
import { openTunBackend } from '../ipsec/userspace/tun-backend.ts';
import type { IpAddress } from '../lib/ip.ts';
import { openNodeTransport } from '../net/node-transport.ts';
import { openSysTransport } from '../net/sys-transport.ts';
import type { UdpTransport } from '../net/transport.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import { systemCalls } from '../sys/system-calls.ts';
import { now } from './clock.ts';

export type BackendName = 'userspace' | 'memory' | 'kernel';

/** Sockets and the back end that belongs to them. */
export interface Plane {
  readonly transport: UdpTransport;
  readonly backend: IpsecBackend;
  /** For when no gateway came to own them. */
  close(): Promise<void>;
}

export interface PlaneOptions {
  /** All of the host's when empty. */
  readonly addresses: readonly IpAddress[];
  readonly port: number;
  readonly natPort: number;
  readonly provider: CryptoProvider;
  readonly onFatal: (failure: Failure) => void;
}

/** Each back end by its name on the command line. Rejects with `Failed`, nothing left open. */
const PLANES: Readonly<Record<BackendName, (options: PlaneOptions) => Promise<Plane>>> = {
  userspace: async options => {
    const transport = await openSysTransport({ ...ports(options), espShards: 1 });
    return orClosed(transport, () => {
      const calls = systemCalls();
      const [sockets] = transport.espSockets;
      if (calls === undefined || sockets === undefined) throw unsupported('userspace');
      return openTunBackend({
        calls,
        sockets,
        random: length => options.provider.random(length),
        now,
        onFatal: options.onFatal,
      });
    });
  },
  memory: async options => {
    const transport = await openNodeTransport(ports(options));
    return orClosed(transport, () => new MemoryBackend());
  },
  kernel: async () => {
    throw unsupported('kernel');
  },
};

export function openPlane(name: BackendName, options: PlaneOptions): Promise<Plane> {
  return PLANES[name](options);
}

function ports({ addresses, port, natPort }: PlaneOptions): {
  addresses?: readonly IpAddress[];
  port: number;
  natPort: number;
} {
  return { ...(addresses.length === 0 ? {} : { addresses }), port, natPort };
}

async function orClosed(transport: UdpTransport, open: () => IpsecBackend): Promise<Plane> {
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
