import assert from 'node:assert/strict';
import { Cygnet } from '../../interop/cygnet.ts';
import { Lab, mustRun } from '../../interop/lab.ts';
import type { Section } from '../../interop/swanctl.ts';
import { echoes } from '../echoes.ts';
import { Steering } from '../steering.ts';

type Who = 'alice' | 'bob';

const OUTER = { 4: ['10.9.0.1', '10.9.0.2'], 6: ['2001:db8:9::1', '2001:db8:9::2'] } as const;

/** Two hosts with nothing but TCP between them, and cygnet on each; nets behind them are 10.1.0.0/16 and 10.2.0.0/16. */
export class TcpLab implements AsyncDisposable {
  readonly lab = new Lab();
  readonly family: 4 | 6;
  namespaces: Readonly<Record<Who, string>> = { alice: '', bob: '' };
  daemons!: Readonly<Record<Who, Cygnet>>;

  private constructor(family: 4 | 6) {
    this.family = family;
  }

  /** `backends`: of alice and of bob; undefined starts no daemon there. */
  static async open(
    backends: readonly ['kernel' | 'userspace', 'kernel' | 'userspace' | undefined],
    {
      family = 4,
      child = () => ({}),
      connection = {},
      settings = '',
      bobArgs = [],
    }: {
      family?: 4 | 6;
      child?: (who: Who) => Section;
      connection?: Section;
      settings?: string;
      bobArgs?: readonly string[];
    } = {},
  ): Promise<TcpLab> {
    const there = new TcpLab(family);
    try {
      await there.#build(backends, who => there.#site(who, child(who), connection), settings, bobArgs);
      return there;
    } catch (error) {
      await there[Symbol.asyncDispose]();
      throw error;
    }
  }

  get outer(): readonly [string, string] {
    return OUTER[this.family];
  }

  steering(who: Who): Steering {
    return new Steering(this.daemons[who]);
  }

  /** All of `count` packets come back. */
  async passes(count = 3, size = 56, way?: readonly [string, string]): Promise<void> {
    const said = await this.ping(count, size, way);
    assert.match(said, / 0% packet loss/, `${said}\n${this.daemons.alice.log}\n${this.daemons.bob?.log}`);
  }

  /** What ping says in the end. */
  async ping(
    count: number,
    size = 56,
    [from, to]: readonly [string, string] = ['10.1.0.1', '10.2.0.1'],
  ): Promise<string> {
    // One by itself is sent again and again, until it comes back.
    const patience = count === 1 ? ['-W', '1'] : [];
    const command = [...echoes(count), ...patience, '-s', `${size}`, '-I', from, to];
    return (await this.lab.run(this.namespaces.alice, command)).stdout;
  }

  async states(who: Who): Promise<string> {
    return mustRun('ip', ['-n', this.namespaces[who], '-d', 'xfrm', 'state']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.close();
  }

  async #build(
    [ours, theirs]: readonly ['kernel' | 'userspace', 'kernel' | 'userspace' | undefined],
    site: (who: Who) => Section,
    settings: string,
    bobArgs: readonly string[],
  ): Promise<void> {
    const { lab } = this;
    const [alice, bob] = [await lab.namespace('a'), await lab.namespace('b')];
    this.namespaces = { alice, bob };
    const bits = this.family === 4 ? 24 : 64;
    await lab.wire(alice, `${this.outer[0]}/${bits}`, bob, `${this.outer[1]}/${bits}`);
    for (const [i, namespace] of [alice, bob].entries())
      await mustRun('ip', ['-n', namespace, 'addr', 'add', `10.${i + 1}.0.1/32`, 'dev', 'lo']);
    const daemons = { alice: new Cygnet(lab, alice, 'alice'), bob: new Cygnet(lab, bob, 'bob') };
    const start = (who: Who, backend: 'kernel' | 'userspace') =>
      daemons[who].start(site(who), { backend, settings, args: who === 'bob' ? bobArgs : [] });
    await Promise.all([start('alice', ours), ...(theirs === undefined ? [] : [start('bob', theirs)])]);
    this.daemons = daemons;
  }

  #site(who: Who, child: Section, connection: Section): Section {
    const [here, there] = who === 'alice' ? ([0, 1] as const) : ([1, 0] as const);
    const ids = ['alice.lab', 'bob.lab'] as const;
    return {
      connections: {
        site: {
          version: '2',
          local_addrs: this.outer[here],
          remote_addrs: this.outer[there],
          tcp: 'yes',
          proposals: 'aes128-sha256-modp2048',
          ...connection,
          local: { auth: 'psk', id: ids[here] },
          remote: { auth: 'psk', id: ids[there] },
          children: {
            net: {
              local_ts: `10.${here + 1}.0.0/16`,
              remote_ts: `10.${there + 1}.0.0/16`,
              esp_proposals: 'aes128gcm16',
              ...child,
            },
          },
        },
      },
      secrets: { 'ike-1': { secret: '"by TCP"' } },
    };
  }
}
