import { Charon } from './charon.ts';
import { Cygnet } from './cygnet.ts';
import { Lab, mustRun, until } from './lab.ts';
import { Pinging } from './pinging.ts';
import { deviceWith, forward, masquerade, translate } from './router.ts';
import { both, type Section, set } from './swanctl.ts';

export type Kind = 'cygnet' | 'charon';

/** One end of a scene that moves. */
export interface End {
  readonly kind: Kind;
  readonly namespace: string;
  readonly daemon: Cygnet | Charon;
}

export interface RoamingOptions {
  readonly mobile: Kind;
  readonly backend: 'userspace' | 'kernel';
  /** The router hides the second network of the mobile end. */
  readonly nat: boolean;
  /** The gateway gives the mobile end 10.3.0.1. */
  readonly virtualIp: boolean;
  readonly configure: (who: 'mobile' | 'gateway', configuration: Section) => Section;
  readonly settings: string;
}

/** What the mobile end in its second network looks like from outside, in user-mode Linux. */
export const TRANSLATED = '10.9.0.99';

const DEFAULTS: RoamingOptions = {
  mobile: 'cygnet',
  backend: 'userspace',
  nat: false,
  virtualIp: false,
  configure: (_, configuration) => configuration,
  settings: '',
};

/**
 * A mobile end in two networks, 10.91.0.0/24 and the less preferred 10.92.0.0/24, of one router, and a gateway behind that,
 * at 10.9.0.2 and 10.9.0.22. 10.1.0.1 is inside of the one, 10.2.0.1 of the other.
 */
export class Roaming implements AsyncDisposable {
  readonly lab = new Lab();
  readonly options: RoamingOptions;
  mobile!: End;
  gateway!: End;
  router = '';

  private constructor(options: Partial<RoamingOptions>) {
    this.options = { ...DEFAULTS, ...options };
  }

  static async open(options: Partial<RoamingOptions> = {}): Promise<Roaming> {
    const scene = new Roaming(options);
    try {
      await scene.#build();
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  get cygnet(): Cygnet {
    return (this.options.mobile === 'cygnet' ? this.mobile : this.gateway).daemon as Cygnet;
  }

  get charon(): Charon {
    return (this.options.mobile === 'charon' ? this.mobile : this.gateway).daemon as Charon;
  }

  async #build(): Promise<void> {
    const { lab, options } = this;
    const [m, r, g] = [await lab.namespace('m'), await lab.namespace('r'), await lab.namespace('g')];
    this.router = r;
    await lab.wire(m, '10.91.0.1/24', r, '10.91.0.254/24');
    await lab.wire(m, '10.92.0.1/24', r, '10.92.0.254/24');
    await lab.wire(g, '10.9.0.2/24', r, '10.9.0.254/24');
    for (const end of [m, g])
      await lab.run(end, ['sysctl', '-qw', 'net.ipv4.conf.all.promote_secondaries=1']);
    await this.ip(g, 'addr', 'add', '10.9.0.22/24', 'dev', await this.device(g, '10.9.0.2'));
    await this.ip(m, 'addr', 'add', '10.1.0.1/32', 'dev', 'lo');
    await this.ip(g, 'addr', 'add', '10.2.0.1/32', 'dev', 'lo');
    await this.ip(g, 'route', 'add', 'default', 'via', '10.9.0.254');
    await this.firstUp(m);
    await this.ip(m, 'route', 'add', 'default', 'via', '10.92.0.254', 'metric', '200');
    await forward(lab, r);
    if (options.nat && process.env['CYGNET_KERNEL'] === 'uml') await this.#translate(r);
    else if (options.nat) await masquerade(r, '10.92.0.0/24');
    const other = options.mobile === 'cygnet' ? 'charon' : 'cygnet';
    [this.mobile, this.gateway] = await Promise.all([
      this.#start('mobile', options.mobile, m),
      this.#start('gateway', other, g),
    ]);
  }

  async #translate(router: string): Promise<void> {
    const device = await this.device(router, '10.9.0.254');
    await this.ip(router, 'addr', 'add', `${TRANSLATED}/24`, 'dev', device);
    await translate(router, device, '10.92.0.1', TRANSLATED);
  }

  async #start(who: 'mobile' | 'gateway', kind: Kind, namespace: string): Promise<End> {
    const { backend, configure, settings, virtualIp } = this.options;
    const plain = configurationOf(who);
    const configuration = configure(who, virtualIp ? withVirtualIp(who, plain) : plain);
    if (kind === 'cygnet') {
      const daemon = new Cygnet(this.lab, namespace, 'cygnet');
      await daemon.start(configuration, { backend, settings, args: ['--log-format', 'charon'] });
      return { kind, namespace, daemon };
    }
    const daemon = new Charon(this.lab, namespace, 'charon');
    await daemon.start(configuration, { backend });
    return { kind, namespace, daemon };
  }

  ip(namespace: string, ...args: readonly string[]): Promise<string> {
    return mustRun('ip', ['-n', namespace, ...args]);
  }

  device(namespace: string, address: string): Promise<string> {
    return deviceWith(namespace, address);
  }

  /** An address takes the place of another on its interface. */
  async readdress({ namespace }: End, from: string, to: string): Promise<void> {
    const device = await this.device(namespace, from);
    if ((await this.device(namespace, to)) === '')
      await this.ip(namespace, 'addr', 'add', `${to}/24`, 'dev', device);
    await this.ip(namespace, 'addr', 'del', `${from}/24`, 'dev', device);
  }

  /** The way out by the first network, which is the better one. */
  async firstUp(namespace = this.mobile.namespace): Promise<void> {
    await this.ip(namespace, 'route', 'add', 'default', 'via', '10.91.0.254', 'metric', '100');
  }

  /** The mobile end calls. */
  async up(): Promise<void> {
    const { daemon } = this.mobile;
    const { code, stdout, stderr } =
      daemon instanceof Cygnet
        ? await daemon.cli('up', 'lab/net')
        : await daemon.swanctl('--initiate', '--child', 'net', '--timeout', '10');
    if (code !== 0) throw new Error(`${stdout}${stderr}\n${this.cygnet.log}\n${this.charon.log}`);
  }

  async sas(end: End): Promise<string> {
    const { stdout } = await end.daemon.swanctl('--list-sas');
    return stdout;
  }

  /** Until both ends say that the mobile one is at `mobile` (as the gateway sees it) and the gateway at `gateway`. */
  async untilAt(mobile: string, gateway = '10.9.0.2', seen = mobile): Promise<void> {
    try {
      await until(`the SA is between ${mobile} and ${gateway}`, async () => {
        const [there, here] = [await this.sas(this.mobile), await this.sas(this.gateway)];
        return (
          there.includes(`@ ${mobile}[`) &&
          there.includes(`@ ${gateway}[`) &&
          here.includes(`@ ${seen}[`) &&
          here.includes(`@ ${gateway}[`)
        );
      });
    } catch (error) {
      throw new Error(await this.#told(error));
    }
  }

  /**
   * Pings by the hundred a second, until stopped: how many were sent, and how many got no answer. Where the machine is
   * busy with other things too the daemons go before, and there are fewer pings while these take their time.
   */
  pings(): Pinging {
    const through = ['nice', '-n', '19'];
    return new Pinging(this.lab, this.mobile.namespace, ['10.1.0.1', '10.2.0.1'], { through });
  }

  /** charon in user space cannot move an SA: it makes a new one, and packets are lost meanwhile. */
  async pingBothWays(): Promise<void> {
    const inside = this.options.virtualIp ? '10.3.0.1' : '10.1.0.1';
    for (const [{ namespace }, from, to] of [
      [this.mobile, inside, '10.2.0.1'],
      [this.gateway, '10.2.0.1', inside],
    ] as const) {
      const command = ['ping', '-c', '2', '-i', '0.1', '-W', '1', '-I', from, to];
      try {
        await until(`pings pass from ${from} to ${to}`, async () => {
          const { code } = await this.lab.run(namespace, command);
          return code === 0;
        });
      } catch (error) {
        throw new Error(await this.#told(error));
      }
    }
  }

  /** What failed, and what both ends say of it. */
  async #told(error: unknown): Promise<string> {
    const said = [
      await this.sas(this.mobile),
      await this.sas(this.gateway),
      this.cygnet.log,
      this.charon.log,
    ];
    return `${(error as Error).message}\n${said.join('\n---\n')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.close();
  }
}

function withVirtualIp(who: 'mobile' | 'gateway', configuration: Section): Section {
  if (who === 'mobile')
    return both(
      set('connections.lab.vips', '0.0.0.0'),
      set('connections.lab.children.net.local_ts', 'dynamic'),
    )(configuration);
  const change = both(
    set('connections.lab.pools', 'home'),
    set('connections.lab.children.net.remote_ts', 'dynamic'),
  );
  return { ...change(configuration), pools: { home: { addrs: '10.3.0.1-10.3.0.9' } } };
}

function configurationOf(who: 'mobile' | 'gateway'): Section {
  const [net, otherNet] = who === 'mobile' ? [1, 2] : [2, 1];
  return {
    connections: {
      lab: {
        version: '2',
        ...(who === 'mobile' ? { remote_addrs: '10.9.0.2' } : {}),
        proposals: 'aes128gcm16-prfsha256-x25519',
        local: { auth: 'psk', id: `${who}.lab` },
        remote: { auth: 'psk', id: who === 'mobile' ? 'gateway.lab' : 'mobile.lab' },
        children: {
          net: {
            local_ts: `10.${net}.0.1/32`,
            remote_ts: `10.${otherNet}.0.1/32`,
            esp_proposals: 'aes128gcm16',
          },
        },
      },
    },
    secrets: { 'ike-1': { 'id-1': 'mobile.lab', 'id-2': 'gateway.lab', secret: '"correct horse battery"' } },
  };
}
