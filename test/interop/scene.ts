import assert from 'node:assert/strict';
import type { CertificateSet } from './certificates.ts';
import { Charon } from './charon.ts';
import { Cygnet } from './cygnet.ts';
import { Lab, mustRun, until } from './lab.ts';
import { Pinging } from './pinging.ts';
import { deviceWith, forward, masquerade, translate } from './router.ts';
import type { Section } from './swanctl.ts';

/** What one scenario varies; cygnet is `alice` on the left and charon `bob` on the right. */
export interface PeerOptions {
  readonly ike: string;
  readonly esp: string;
  readonly certificates?: CertificateSet;
  readonly secondChild: boolean;
  /** Who is behind a masquerading router: the other one answers. */
  readonly nat: 'alice' | 'bob' | 'nobody';
  readonly mtu: number;
  /** Replace parts of either side's configuration: for the failures. */
  readonly alice: (configuration: Section) => Section;
  readonly bob: (configuration: Section) => Section;
  /** `--save-keys` into the lab's folder `keys`. */
  readonly saveKeys: boolean;
  readonly bobSettings: string;
  /** What charon loads besides. */
  readonly bobPlugins: string;
  /** charon's own keys and authorities, where they differ from cygnet's. */
  readonly bobCertificates?: CertificateSet;
  /** cygnet's strongswan.conf, what stands in its charon section. */
  readonly cygnetSettings: string;
  /** Further options of the daemon, and what starts it. */
  readonly cygnetArgs: readonly string[];
  readonly cygnetThrough: (directory: string) => readonly string[];
  /** What carries packets; `mixed`: charon has the kernel, cygnet does not. */
  readonly backend: 'userspace' | 'kernel' | 'mixed';
}

const DEFAULTS: Omit<PeerOptions, 'certificates' | 'bobCertificates'> = {
  ike: 'aes128gcm16-prfsha256-x25519',
  esp: 'aes128gcm16',
  secondChild: false,
  nat: 'nobody',
  mtu: 1500,
  alice: configuration => configuration,
  bob: configuration => configuration,
  saveKeys: false,
  bobSettings: '',
  bobPlugins: '',
  cygnetSettings: '',
  cygnetArgs: [],
  cygnetThrough: () => [],
  backend: 'userspace',
};

/** A failure as `--json` prints it. */
export interface FailureJson {
  readonly code: string;
  readonly summary: string;
  readonly remedy?: string;
}

/** Two namespaces, a daemon in each, and what a test does with them. Everything is gone at the end of the test's scope. */
export class Scene implements AsyncDisposable {
  readonly lab = new Lab();
  readonly options: PeerOptions;
  cygnet!: Cygnet;
  charon!: Charon;
  alice = '';
  #router = { namespace: '', device: '' };
  bob = '';

  private constructor(options: Partial<PeerOptions>) {
    this.options = { ...DEFAULTS, ...options };
  }

  static async open(options: Partial<PeerOptions> = {}): Promise<Scene> {
    const scene = new Scene(options);
    try {
      await scene.#build();
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #build(): Promise<void> {
    const { lab, options } = this;
    this.alice = await lab.namespace('a');
    this.bob = await lab.namespace('b');
    if (options.nat !== 'nobody') await this.#nat(options.nat);
    else await lab.wire(this.alice, '10.9.0.1/24', this.bob, '10.9.0.2/24');
    for (const [namespace, net] of [
      [this.alice, 1],
      [this.bob, 2],
    ] as const) {
      for (const host of [1, 2])
        await mustRun('ip', ['-n', namespace, 'addr', 'add', `10.${net}.0.${host}/32`, 'dev', 'lo']);
    }
    await Promise.all([this.startCygnet('cygnet'), this.startCharon('charon')]);
  }

  /** Another one, in place of one that has ended; `label` names its folder and its log. */
  async startCygnet(label: string): Promise<void> {
    const { lab, options } = this;
    this.cygnet = new Cygnet(lab, this.alice, label);
    await this.cygnet.start(options.alice(this.#configuration('alice')), {
      ...(options.certificates === undefined ? {} : { certificates: options.certificates }),
      backend: options.backend === 'kernel' ? 'kernel' : 'userspace',
      who: 'alice',
      args: [...options.cygnetArgs, ...(options.saveKeys ? ['--save-keys', lab.path('keys')] : [])],
      through: options.cygnetThrough,
      settings: options.cygnetSettings,
    });
  }

  /** As `startCygnet`. */
  async startCharon(label: string): Promise<void> {
    const { lab, options } = this;
    this.charon = new Charon(lab, this.bob, label);
    await this.charon.start(options.bob(this.#configuration('bob')), {
      ...(options.certificates === undefined ? {} : { certificates: options.certificates }),
      ...(options.bobCertificates === undefined ? {} : { certificates: options.bobCertificates }),
      backend: options.backend === 'userspace' ? 'userspace' : 'kernel',
      who: 'bob',
      settings: options.bobSettings,
      plugins: options.bobPlugins,
    });
  }

  /** The one behind the router has 192.168.9.2 and comes out as the address it would have had. */
  async #nat(inside: 'alice' | 'bob'): Promise<void> {
    const router = await this.lab.namespace('r');
    const [hidden, open] = inside === 'alice' ? [this.alice, this.bob] : [this.bob, this.alice];
    const [outside, other] =
      inside === 'alice' ? ['10.9.0.1/24', '10.9.0.2/24'] : ['10.9.0.2/24', '10.9.0.1/24'];
    await this.lab.wire(hidden, '192.168.9.2/24', router, '192.168.9.1/24');
    await this.lab.wire(router, outside, open, other);
    await mustRun('ip', ['-n', hidden, 'route', 'add', 'default', 'via', '192.168.9.1']);
    await forward(this.lab, router);
    if (process.env['CYGNET_KERNEL'] === 'uml') {
      const [address = ''] = outside.split('/');
      this.#router = { namespace: router, device: await deviceWith(router, address) };
      await this.#translate(address);
    } else await masquerade(router, '192.168.9.0/24');
  }

  /** In user-mode Linux: from now on the router gives `address` instead of the one before. */
  async remap(address: string): Promise<void> {
    const { namespace, device } = this.#router;
    await mustRun('ip', ['-n', namespace, 'addr', 'add', `${address}/24`, 'dev', device]);
    await mustRun('ip', ['netns', 'exec', namespace, 'tc', 'qdisc', 'del', 'dev', device, 'clsact']);
    await this.#translate(address);
  }

  #translate(address: string): Promise<void> {
    const { namespace, device } = this.#router;
    return translate(namespace, device, '192.168.9.2', address);
  }

  #configuration(who: 'alice' | 'bob'): Section {
    const { certificates, ike, esp, secondChild, nat } = this.options;
    const other = who === 'alice' ? 'bob' : 'alice';
    const [net, otherNet] = who === 'alice' ? [1, 2] : [2, 1];
    const proof: Section = certificates === undefined ? { auth: 'psk' } : { auth: 'pubkey' };
    const child = (host: number): Section => ({
      local_ts: `10.${net}.0.${host}/32`,
      remote_ts: `10.${otherNet}.0.${host}/32`,
      esp_proposals: esp,
    });
    return {
      connections: {
        lab: {
          version: '2',
          local_addrs: nat === who ? '192.168.9.2' : who === 'alice' ? '10.9.0.1' : '10.9.0.2',
          remote_addrs: nat === other ? '%any' : who === 'alice' ? '10.9.0.2' : '10.9.0.1',
          proposals: ike,
          local: {
            ...proof,
            id: `${who}.lab`,
            ...(certificates === undefined
              ? {}
              : {
                  certs: [`${who}.crt`, ...certificates.intermediates.map(name => `${name}.crt`)]
                    .slice(0, 1)
                    .join(', '),
                }),
          },
          remote: {
            ...proof,
            id: `${other}.lab`,
            ...(certificates === undefined ? {} : { cacerts: 'ca.crt' }),
          },
          children: { net: child(1), ...(secondChild ? { net2: child(2) } : {}) },
        },
      },
      secrets:
        certificates === undefined
          ? { 'ike-1': { 'id-1': 'alice.lab', 'id-2': 'bob.lab', secret: '"correct horse battery"' } }
          : {},
    };
  }

  /**
   * Brings a child up, from cygnet as initiator or from charon when cygnet responds, until both have it: who sends the last
   * message has it earlier than the other.
   */
  async up(role: 'initiator' | 'responder', child = 'net'): Promise<void> {
    const result =
      role === 'initiator'
        ? await this.cygnet.cli('up', `lab/${child}`)
        : await this.charon.swanctl('--initiate', '--child', child, '--timeout', '20');
    assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}\n${this.#said}`);
    const installed = new RegExp(`^ +${child}: #\\d+, reqid \\d+, INSTALLED`, 'm');
    await this.untilBoth(`${child} is up`, list => installed.test(list));
  }

  /** Gives an SA new keys from one side, until both ends have the new one, and it alone. */
  renew(starter: 'cygnet' | 'charon', what: 'child' | 'ike'): Promise<void> {
    return this.replaced(what, () => this.rekey(starter, what));
  }

  /** Has `act` put another SA in the place of one, until both ends have the new one, and it alone. */
  async replaced(what: 'child' | 'ike', act: () => Promise<void>): Promise<void> {
    const keys = what === 'ike' ? /[0-9a-f]{16}_i/g : /^ +(in|out) +[0-9a-f]{8}/gm;
    const before = [await listed(this.cygnet), await listed(this.charon)] as const;
    await act();
    await this.untilBoth(`the ${what} SA is replaced`, (list, end) => {
      const old = before[end].match(keys) ?? [];
      const now = list.match(keys) ?? [];
      const isSame = (kind: RegExp): boolean => list.match(kind)?.length === before[end].match(kind)?.length;
      const isSettled =
        isSame(/ESTABLISHED/g) && isSame(/INSTALLED/g) && !/REKEY|DELET|CONNECT|CREAT/.test(list);
      return isSettled && now.length === old.length && !now.some(one => old.some(other => other === one));
    });
  }

  /** Until what swanctl lists of either end's SAs is as it has to be. */
  async untilBoth(what: string, isSo: (list: string, end: 0 | 1) => boolean): Promise<void> {
    const lists = ['', ''];
    try {
      await until(what, async () => {
        for (const [i, daemon] of ([this.cygnet, this.charon] as const).entries())
          lists[i] = await listed(daemon);
        return isSo(lists[0] ?? '', 0) && isSo(lists[1] ?? '', 1);
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${lists.join('---\n')}\n${this.#said}`);
    }
  }

  get #said(): string {
    return `--- cygnet\n${this.cygnet.log}\n--- charon\n${this.charon.log.split('\n').slice(-60).join('\n')}`;
  }

  /** `cygnet up` that has to fail: the record it prints. */
  async refusedUp(): Promise<FailureJson> {
    const { code, stdout, stderr } = await this.cygnet.cli('up', 'lab/net', '--json');
    assert.equal(code, 1, `it came up: ${stdout}${stderr}`);
    const { outcomes } = JSON.parse(stdout) as { outcomes: { failure?: FailureJson }[] };
    const failure = outcomes[0]?.failure;
    assert.ok(failure, stdout);
    const text = await this.cygnet.cli('up', 'lab/net');
    assert.equal(text.code, 1);
    assert.match(text.stderr, new RegExp(failure.code), 'the text form names the same failure');
    return failure;
  }

  /** charon's attempt is refused by cygnet: the record that cygnet kept of attempt number `nth`. */
  async refusedByCygnet(nth: number): Promise<FailureJson> {
    const attempt = this.charon.swanctl('--initiate', '--child', 'net', '--timeout', '20');
    const failures = await until(`cygnet recorded failure ${nth}`, async () => {
      const { stdout } = await this.cygnet.cli('explain', 'lab', '--json');
      const { attempts } = JSON.parse(stdout) as {
        attempts: { outcome: string; role: string; failure?: FailureJson }[];
      };
      const failed = attempts.filter(attempt => attempt.outcome === 'failed' && attempt.role === 'responder');
      return failed.length >= nth && failed;
    });
    // charon may repeat itself for ever.
    await this.charon.swanctl('--terminate', '--ike', 'lab', '--force', '--timeout', '2');
    await attempt;
    const failure = failures.at(-1)?.failure;
    assert.ok(failure);
    return failure;
  }

  async rekey(starter: 'cygnet' | 'charon', what: 'child' | 'ike'): Promise<void> {
    const result =
      starter === 'cygnet'
        ? await this.cygnet.cli('rekey', what === 'ike' ? 'lab' : 'lab/net')
        : await this.charon.swanctl(
            '--rekey',
            what === 'ike' ? '--ike' : '--child',
            what === 'ike' ? 'lab' : 'net',
          );
    assert.equal(result.code, 0, result.stdout + result.stderr);
  }

  /** Takes the SA down from one side, and waits until neither has any left. */
  async down(by: 'cygnet' | 'charon'): Promise<void> {
    const result =
      by === 'cygnet'
        ? await this.cygnet.cli('down', 'lab')
        : await this.charon.swanctl('--terminate', '--ike', 'lab');
    assert.equal(result.code, 0, result.stdout + result.stderr);
    await until('cygnet has no SA left', async () => (await this.cygnet.status()).sas.length === 0);
    await until(
      'charon has no SA left',
      async () => (await this.charon.swanctl('--list-sas')).stdout.trim() === '',
    );
  }

  async ping(from: 'alice' | 'bob', source: string, destination: string): Promise<void> {
    const { code, stdout } = await this.lab.run(from === 'alice' ? this.alice : this.bob, [
      'ping',
      '-c',
      '2',
      '-i',
      '0.1',
      '-W',
      '5',
      '-I',
      source,
      destination,
    ]);
    assert.equal(code, 0, `${source} → ${destination}: ${stdout}`);
  }

  async pingBothWays(): Promise<void> {
    await this.ping('alice', '10.1.0.1', '10.2.0.1');
    await this.ping('bob', '10.2.0.1', '10.1.0.1');
  }

  floodPing({
    at = 'alice',
    source = '10.1.0.1',
    to = '10.2.0.1',
  }: {
    readonly at?: 'alice' | 'bob';
    readonly source?: string;
    readonly to?: string;
  } = {}): Pinging {
    return new Pinging(this.lab, at === 'alice' ? this.alice : this.bob, [source, to]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.close();
  }
}

async function listed(daemon: Cygnet | Charon): Promise<string> {
  return (await daemon.swanctl('--list-sas')).stdout;
}
