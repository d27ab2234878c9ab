/**
 * A host of its own for a test: a thread in a network namespace, with an IPsec back end, UDP ports and an echo
 * server, ordered about by messages. Two of them on a virtual wire are `wire()`.
 */
import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { cipherSizes } from '../../src/crypto/sizes.ts';
import type { IpsecBackend } from '../../src/ipsec/backend.ts';
import { openTunBackend } from '../../src/ipsec/userspace/tun-backend.ts';
import { openXfrmBackend } from '../../src/ipsec/xfrm/backend.ts';
import { formatIp, ip } from '../../src/lib/ip.ts';
import { Secret } from '../../src/lib/secret.ts';
import { openSysTransport } from '../../src/net/sys-transport.ts';
import type { UdpTransport } from '../../src/net/transport.ts';
import { Failed } from '../../src/policy/failure.ts';
import type {
  BackendEvent,
  ChildSaParameters,
  DirectionKeys,
  Path,
  StandingPolicy,
} from '../../src/policy/sa.ts';
import { systemCalls } from '../../src/sys/system-calls.ts';
import { until } from '../interop/lab.ts';

/** An SA without its keys, which the host makes of `seed`: the two sides of one have the seeds exchanged. */
export type KeylessSa = Omit<ChildSaParameters, 'keysIn' | 'keysOut'> & {
  readonly seedIn: number;
  readonly seedOut: number;
};

/** Milliseconds for an echo that is to come. */
const PATIENCE = 20_000;
/** For one that is not. */
export const NONE_COMES = 1500;

/** What a host does when it is told to: arguments and results travel between threads. */
const ORDERS = {
  /** Back end and UDP ports. */
  open: async (kind: 'xfrm' | 'tun') => {
    transport = await openSysTransport(
      kind === 'xfrm' ? { espInUdp: true } : { espShards: 1, mark: 0x220, addresses: [ip('0.0.0.0')] },
    );
    if (kind === 'xfrm') backend = openXfrmBackend({ onWarning: text => void warnings.push(text) });
    else {
      const calls = systemCalls();
      if (calls === undefined) throw new Error('no system calls');
      const provider = nodeProvider();
      backend = openTunBackend({
        calls,
        sockets: transport.espSockets[0] ?? [],
        random: provider.random,
        now: Date.now,
        routes: { mark: 0x220 },
      });
    }
    backend.onEvent(event => events.push(event));
  },
  install: (sa: KeylessSa, outbound: boolean) => ready().install(withKeys(sa), { outbound }),
  activate: (id: number) => ready().activateOutbound(id),
  deactivate: (id: number) => ready().deactivateOutbound(id),
  remove: (id: number) => ready().remove(id),
  move: (id: number, path: Path, udp: boolean) => ready().updatePath(id, path, udp),
  usage: (id: number) => ready().usage(id),
  allocate: (path: Path) => ready().allocateSpi('esp', path),
  addPolicy: async (policy: StandingPolicy) => ready().addPolicy?.(policy),
  removePolicy: async (id: number) => ready().removePolicy?.(id),
  /** One request to the kernel's IPsec, as another program would have it. Throws by its text. */
  request: async (type: number, body: Uint8Array) => {
    const socket = systemCalls()?.netlink('xfrm');
    socket?.request({ type, body });
    socket?.close();
  },
  /** What the back end told of so far, once there are `count` of it. */
  warnings: async (count: number) => {
    await until(`${count} warnings`, () => warnings.length >= count);
    return warnings;
  },
  /** The first event of a kind, as soon as there is one; it is not told again. */
  event: async (kind: BackendEvent['kind']) => {
    const at = await until(`an event: ${kind}`, () => {
      const index = events.findIndex(event => event.kind === kind);
      return index >= 0 && [index];
    });
    return events.splice(at[0] as number, 1)[0];
  },
  /** Echoes what comes to UDP port 7 of `address`. */
  echo: async (address: string) => {
    const socket = await udp(address, 7);
    socket.on('message', (octets, { address, port }) => socket.send(octets, port, address));
    sockets.push(socket);
  },
  /** Sends and waits for the echo: how many of `count` packets came back, of those that `from` is the source of. */
  ping: async (to: string, count: number, size = 100, from?: string, patience = PATIENCE) => {
    const socket = await udp(from ?? (to.includes(':') ? '::' : '0.0.0.0'), 0);
    let came = 0;
    try {
      for (let i = 0; i < count; i++) {
        const echo = once(socket, 'message', { signal: AbortSignal.timeout(patience) });
        socket.send(new Uint8Array(size).fill(i), 7, to, () => {});
        came += await echo.then(
          ([octets]) => (octets.length === size ? 1 : 0),
          () => 0,
        );
      }
    } finally {
      socket.close();
    }
    return came;
  },
  /** Sends without waiting for anything. */
  send: async (to: string, port: number) => {
    const socket = await udp(to.includes(':') ? '::' : '0.0.0.0', 0);
    await new Promise(resolve => socket.send('x', port, to, resolve));
    socket.close();
  },
  /** One IKE datagram by the transport's plain port, exempt from policies. */
  ike: async (path: Path) => transport?.send(new Uint8Array(28).fill(1), path),
  hearIke: () => new Promise<number>(resolve => transport?.onDatagram(octets => resolve(octets.length))),
  /** Source address that the routing table gives packets to `to`. */
  sourceFor: async (to: string) => {
    const routing = systemCalls()?.routing();
    const found = routing?.lookup(ip(to));
    routing?.close();
    return found && formatIp(found.source);
  },
  close: async () => {
    await backend?.close();
    await transport?.close();
    for (const socket of sockets) socket.close();
  },
} as const;

type Orders = typeof ORDERS;

let backend: IpsecBackend | undefined;
let transport: UdpTransport | undefined;
const events: BackendEvent[] = [];
const warnings: string[] = [];
const sockets: Socket[] = [];

/** The thread's end of the wire that orders come by. */
export class Host {
  readonly #worker: Worker;
  #waiting = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.setMaxListeners(50);
  }

  /** `namespace` is one of `ip netns`. */
  static async start(namespace: string): Promise<Host> {
    const worker = new Worker(import.meta.filename, { workerData: namespace });
    await once(worker, 'message');
    return new Host(worker);
  }

  /** Throws what the order threw: Failed by its failure. */
  async do<K extends keyof Orders>(
    order: K,
    ...parameters: Parameters<Orders[K]>
  ): Promise<Awaited<ReturnType<Orders[K]>>> {
    const number = ++this.#waiting;
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Orders[K]>>>();
    const hear = (answer: { number: number; result?: unknown; failure?: unknown }): void => {
      if (answer.number !== number) return;
      this.#worker.off('message', hear);
      if (answer.failure === undefined) resolve(answer.result as Awaited<ReturnType<Orders[K]>>);
      else reject(answer.failure);
    };
    this.#worker.on('message', hear);
    this.#worker.postMessage({ number, order, parameters });
    return promise;
  }

  async stop(): Promise<void> {
    await this.do('close');
    await this.#worker.terminate();
  }
}

/**
 * Two hosts on a wire: 192.0.2.1 and 192.0.2.2, 2001:db8::1 and 2001:db8::2, and behind them 10.1.0.1 and 10.2.0.1,
 * 2001:db8:1::1 and 2001:db8:2::1. Disposing of it removes all again.
 */
export async function wire(kinds: readonly ['xfrm' | 'tun', 'xfrm' | 'tun'] = ['xfrm', 'xfrm']) {
  const names = ['cyg-sys-a', 'cyg-sys-b'];
  const shell = (command: string): void => {
    execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  for (const name of names) shell(`netns add ${name}`);
  shell('link add veth0 netns cyg-sys-a type veth peer name veth0 netns cyg-sys-b');
  for (const [i, name] of names.entries()) {
    for (const command of [
      'link set lo up',
      'link set veth0 up',
      `addr add 192.0.2.${i + 1}/24 dev veth0`,
      `addr add 2001:db8::${i + 1}/64 dev veth0 nodad`,
      `addr add 10.${i + 1}.0.1/32 dev lo`,
      `addr add 2001:db8:${i + 1}::1/128 dev lo nodad`,
    ])
      shell(`-n ${name} ${command}`);
  }
  const hosts = await Promise.all(names.map(name => Host.start(name)));
  const [a, b] = hosts as [Host, Host];
  await Promise.all([a.do('open', kinds[0]), b.do('open', kinds[1])]);
  return {
    a,
    b,
    /** `ip` in a namespace: 0 or 1. */
    ip: (side: 0 | 1, command: string) => shell(`-n ${names[side]} ${command}`),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(hosts.map(host => host.stop()));
      for (const name of names) shell(`netns del ${name}`);
    },
  };
}

function ready(): IpsecBackend {
  if (backend === undefined) throw new Error('the host is not open yet');
  return backend;
}

function withKeys(sa: KeylessSa): ChildSaParameters {
  const { encryption, keyLength, integrity } = sa.algorithms;
  const sizes = cipherSizes(encryption, keyLength, integrity);
  if (sizes === undefined) throw new Error('no such algorithms');
  const keys = (seed: number): DirectionKeys => ({
    encryption: new Secret(octetsOf(seed, sizes.encryptionKey)),
    integrity: new Secret(octetsOf(seed + 100, sizes.integrityKey)),
  });
  return { ...sa, keysIn: keys(sa.seedIn), keysOut: keys(sa.seedOut) };
}

/** All different, so that DES does not call the key weak. */
function octetsOf(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + ((i * i) >> 3)) & 0xff);
}

async function udp(address: string, port: number): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

if (!isMainThread && parentPort !== null) {
  const { workerData } = await import('node:worker_threads');
  systemCalls()?.enterNetwork(`/run/netns/${workerData}`);
  const port = parentPort;
  port.postMessage('ready');
  port.on('message', async ({ number, order, parameters }) => {
    try {
      const result = await (ORDERS[order as keyof Orders] as (...all: unknown[]) => unknown)(...parameters);
      port.postMessage({ number, result });
    } catch (error) {
      port.postMessage({ number, failure: error instanceof Failed ? error.failure : error });
    }
  });
}
