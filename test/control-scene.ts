import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { ViciClient, type ViciServer } from '../src/control/index.ts';
import { nodeProvider } from '../src/crypto/node/provider.ts';
import { openControl } from '../src/daemon/control-socket.ts';
import { Counters } from '../src/daemon/counters.ts';
import { Gateway } from '../src/daemon/gateway.ts';
import { History } from '../src/daemon/history.ts';
import { type Base, LiveConfiguration, NO_BASE } from '../src/daemon/live-configuration.ts';
import { LogFeed } from '../src/daemon/log-lines.ts';
import { ManualSas } from '../src/daemon/manual-sas.ts';
import { Metrics } from '../src/daemon/metrics.ts';
import { KeySaving } from '../src/daemon/save-keys.ts';
import { StandingPolicies } from '../src/daemon/standing-policies.ts';
import { StartActions } from '../src/daemon/start-actions.ts';
import type { EngineSettings } from '../src/ike/output.ts';
import { MemoryBackend } from '../src/ipsec/memory/backend.ts';
import { ip } from '../src/lib/ip.ts';
import type { UdpTransport } from '../src/net/transport.ts';
import type { Connection } from '../src/policy/connection.ts';
import type { Path } from '../src/policy/sa.ts';

const PROVIDER = nodeProvider();

/** A wire in memory: what one host sends to the other's address arrives in the next turn, unless it is cut. */
export class Wire {
  readonly #hosts = new Map<string, (datagram: Uint8Array, path: Path) => void>();
  cut = false;

  transport(address: string): UdpTransport {
    const own = ip(address);
    return {
      name: 'node',
      listening: [{ address: own, port: 500, nat: false }],
      port: 500,
      natPort: 4500,
      espSockets: [],
      send: (datagram, { local, remote }) => {
        const listener = this.#hosts.get(remote.address.join('.'));
        if (this.cut || listener === undefined) return;
        const copy = datagram.slice();
        setImmediate(() => listener(copy, { local: remote, remote: local }));
      },
      sendEsp: () => undefined,
      sendKeepalive: () => undefined,
      onDatagram: listener => void this.#hosts.set(own.join('.'), listener),
      onEsp: () => undefined,
      onError: () => undefined,
      close: async () => void this.#hosts.delete(own.join('.')),
    };
  }
}

/** One daemon without its process: a gateway, what is loaded into it, and its control socket. */
export class ControlScene implements AsyncDisposable {
  readonly backend = new MemoryBackend({ features: { kernelOptions: true } });
  readonly gateway: Gateway;
  readonly live: LiveConfiguration;
  readonly counters = new Counters();
  readonly policies: StandingPolicies;
  readonly actions: StartActions;
  readonly manual: ManualSas;
  readonly keySaving: KeySaving;
  readonly loaded: string[] = [];
  readonly warnings: string[] = [];
  /** What `cygnet-plan` and `cygnet-apply` find in any directory. */
  directory: Base = NO_BASE;
  server!: ViciServer;
  client!: ViciClient;
  readonly #folder = mkdtempSync(join(tmpdir(), 'cygnet-control-'));

  private constructor(wire: Wire, address: string, other: string, settings: Partial<EngineSettings>) {
    this.gateway = new Gateway({
      provider: PROVIDER,
      transport: wire.transport(address),
      backend: this.backend,
      connections: [],
      credentials: NO_BASE.credentials,
      // However slow the machine, nothing is said twice: silence is for those who let time pass (`StoppedClock`).
      settings: { traceMessages: true, retransmitTimeout: 60_000, retransmitTries: 1, ...settings },
      resolve: async (_connection: Connection) => ({
        local: { address: ip(address), port: 500 },
        remote: { address: ip(other), port: 500 },
      }),
    });
    this.live = new LiveConfiguration(NO_BASE, (connections, credentials, pools) =>
      this.gateway.configure(connections, credentials, pools),
    );
    this.policies = new StandingPolicies(this.gateway);
    this.actions = new StartActions(this.gateway, this.policies, () => undefined);
    this.keySaving = new KeySaving(
      on => this.gateway.emitKeys(on),
      text => void this.warnings.push(text),
    );
    this.gateway.on(event => this.keySaving.note(event));
    this.manual = new ManualSas(this.gateway, () => undefined);
  }

  static async open(
    wire = new Wire(),
    address = '192.0.2.1',
    other = '192.0.2.2',
    settings: Partial<EngineSettings> = {},
  ): Promise<ControlScene> {
    const scene = new ControlScene(wire, address, other, settings);
    const { gateway, live, counters, policies, actions, manual } = scene;
    const [history, feed] = [new History(), new LogFeed(gateway)];
    gateway.on(event => history.note(event));
    gateway.on(event => counters.note(event));
    const facts = { version: '1.2.3', startedAt: 0, backend: 'memory', listening: [] };
    const metrics = new Metrics({ gateway, actions, counters, manual, facts });
    const { server } = await openControl(join(scene.#folder, 'vici'), {
      gateway,
      live,
      counters,
      policies,
      actions,
      manual,
      feed,
      history,
      provider: PROVIDER,
      facts,
      metrics,
      keySaving: scene.keySaving,
      read: () => scene.directory,
      reloadSettings: () => undefined,
      onWarning: ({ summary }) => void scene.warnings.push(summary),
      onLoaded: text => void scene.loaded.push(text),
    });
    scene.server = server;
    scene.client = await ViciClient.connect(scene.server.address);
    return scene;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.server.close();
    this.manual.close();
    await this.gateway.close(0);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * Stops the clock of all daemons in this process: time passes when the test says so. Made before them and disposed of before
 * them, since they wait for each other in the end.
 */
export class StoppedClock implements Disposable {
  #now = performance.now();
  readonly #clock = mock.method(performance, 'now', () => this.#now);

  constructor() {
    mock.timers.enable({ apis: ['setTimeout'] });
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    mock.timers.tick(milliseconds);
  }

  [Symbol.dispose](): void {
    mock.timers.reset();
    this.#clock.mock.restore();
  }
}

/** The same connection seen from either side, as `swanctl --load-all` would send it. */
export function labConnection(who: 'alice' | 'bob', child: Record<string, string> = {}) {
  const [net, other] = who === 'alice' ? [1, 2] : [2, 1];
  return {
    version: '2',
    local_addrs: [`192.0.2.${net}`],
    remote_addrs: [`192.0.2.${other}`],
    proposals: ['aes128gcm16-prfsha256-x25519'],
    local: { auth: 'psk', id: `${who}.lab` },
    remote: { auth: 'psk', id: `${who === 'alice' ? 'bob' : 'alice'}.lab` },
    children: {
      net: {
        local_ts: [`10.${net}.0.0/16`],
        remote_ts: [`10.${other}.0.0/16`],
        esp_proposals: ['aes128gcm16'],
        ...child,
      },
    },
  };
}

export const LAB_SECRET = {
  id: 'ike-1',
  type: 'ike',
  data: 'labsecret',
  owners: ['alice.lab', 'bob.lab'],
};

/** Two hosts on one wire that are configured for each other. */
export async function pair(settings: Partial<EngineSettings> = {}): Promise<{
  readonly wire: Wire;
  readonly alice: ControlScene;
  readonly bob: ControlScene;
}> {
  const wire = new Wire();
  const alice = await ControlScene.open(wire, '192.0.2.1', '192.0.2.2', settings);
  const bob = await ControlScene.open(wire, '192.0.2.2', '192.0.2.1', settings);
  for (const [scene, who] of [
    [alice, 'alice'],
    [bob, 'bob'],
  ] as const) {
    await scene.client.request('load-shared', LAB_SECRET);
    await scene.client.request('load-conn', { lab: labConnection(who) });
  }
  return { wire, alice, bob };
}
