import assert from 'node:assert/strict';
import { mustRun, until } from '../interop/lab.ts';
import { Scene } from '../interop/scene.ts';
import type { Section } from '../interop/swanctl.ts';
import { echoes } from './echoes.ts';
import { Steering } from './steering.ts';
import { type KernelView, kernelView, type Mirror, NOTHING } from './view.ts';

/** A child as alice has it; bob has the same with the two sides exchanged. */
export interface Case {
  readonly settings: Section;
  /** On alice's side alone. */
  readonly own?: Section;
  readonly local?: string;
  readonly remote?: string;
  /** Outside of the tunnel, where it is not the addresses that both have anyway. */
  readonly ends?: readonly [alice: string, bob: string];
  /** Of the connection, on both sides. */
  readonly connection?: Section;
  /** What is pinged, from where. */
  readonly ping: readonly [from: string, to: string];
  /** Of the pings; `outer`: the protected packets would have to bear one, so none are sent. */
  readonly mark?: number | 'outer';
  /** What can be compressed goes so. */
  readonly compresses?: true;
}

export const NET = { local: '10.1.0.0/16', remote: '10.2.0.0/16', ping: ['10.1.0.1', '10.2.0.1'] } as const;
export const HOST = { ping: ['10.9.0.1', '10.9.0.2'] } as const;
export const GCM = { esp_proposals: 'aes128gcm16' };

/** alice is cygnet and bob charon, both with the IPsec of the kernel, and a connection for each case. */
export class KernelScene implements AsyncDisposable {
  readonly scene: Scene;

  private constructor(scene: Scene) {
    this.scene = scene;
  }

  static async open(
    cases: Readonly<Record<string, Case>>,
    options: Partial<Parameters<typeof Scene.open>[0]> = {},
  ): Promise<KernelScene> {
    return new KernelScene(
      await Scene.open({
        backend: 'kernel',
        alice: configuration => configured(cases, 'alice', configuration),
        bob: configuration => configured(cases, 'bob', configuration),
        ...options,
      }),
    );
  }

  /** Of the daemon that runs now: it may have been started again. */
  get cygnet(): Steering {
    return new Steering(this.scene.cygnet);
  }

  get charon(): Steering {
    return new Steering(this.scene.charon);
  }

  /**
   * Brings a child up, from either daemon, until both kernels have the same. Once in some thousand SAs charon is without
   * its source route, and stays so: the SA is made once more then, and what charon said is shown.
   */
  async up(starter: Steering, child: string): Promise<void> {
    await starter.initiate(child);
    try {
      await this.sameOnBothEnds();
    } catch (error) {
      const [ours, theirs] = await this.views();
      if (ours.routes.length === 0 || theirs.routes.length > 0) throw error;
      const said = this.scene.charon.log.split('\n').slice(-120).join('\n');
      console.error(`charon made no route for ${child}:\n${said}`);
      await this.terminate(child);
      await starter.initiate(child);
      await this.sameOnBothEnds();
    }
  }

  /** cygnet's kernel comes to have what charon's has, apart from what is different in every run. */
  async sameOnBothEnds(): Promise<void> {
    await settles(async () => {
      const [ours, theirs] = await this.views();
      assert.deepEqual(ours, theirs);
    });
  }

  /** What cygnet's kernel has, and charon's as cygnet would have it. */
  async views(): Promise<readonly [KernelView, KernelView]> {
    const { lab, alice, bob } = this.scene;
    return [await kernelView(lab, alice), await kernelView(lab, bob, MIRROR)];
  }

  /** Ends the IKE SA of a case, from cygnet, and waits until nothing of it is left anywhere. */
  async terminate(child: string): Promise<void> {
    await this.cygnet.terminate(`ike-${child}`);
    await this.nothingLeft();
  }

  async nothingLeft(): Promise<void> {
    await until('charon has no SA left', () => this.charon.isEmpty());
    // What charon does not list any more it may still have to take out of its kernel.
    await settles(async () => assert.deepEqual(await this.views(), [NOTHING, NOTHING]));
  }

  /** What ping says in the end of `count` packets. */
  async pings([from, to]: Case['ping'], count: number, ...options: string[]): Promise<string> {
    const { lab, alice } = this.scene;
    const command = [...echoes(count), ...options, '-I', from, to];
    return (await lab.run(alice, command, { timeout: 60_000 })).stdout;
  }

  /** Whether a packet comes back within a second: for what is waited for, or is not to be. */
  async passes(way: Case['ping']): Promise<boolean> {
    return (await this.pings(way, 1, '-W', '1')).includes(' 0% packet loss');
  }

  /** `ip` in alice's namespace. */
  ip(...command: string[]): Promise<string> {
    return mustRun('ip', ['-n', this.scene.alice, ...command]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}

/** Daemons answer before their kernel has done all that follows: what is to be true in the end may take a moment. */
export async function settles(assertion: () => Promise<void>): Promise<void> {
  const holds = (): Promise<boolean> =>
    assertion().then(
      () => true,
      () => false,
    );
  await until('it settles', holds).catch(assertion);
}

const MIRROR: Mirror = [
  ['10.9.0.1', '10.9.0.2'],
  ['2001:db8:9::1', '2001:db8:9::2'],
  ['2001:db8:1:', '2001:db8:2:'],
  ['10.1.', '10.2.'],
  [' sport ', ' dport '],
];

/** A connection for each case, told apart by their identities, each with the one child. */
function configured(
  cases: Readonly<Record<string, Case>>,
  who: 'alice' | 'bob',
  { connections }: Section,
): Section {
  const { lab } = connections as { lab: Section };
  const peer = who === 'alice' ? 'bob' : 'alice';
  const all = Object.entries(cases).map(([name, one]) => {
    const { settings, own: extra, local, remote, connection, ends } = one;
    const [here, there] = who === 'alice' ? [0, 1] : [1, 0];
    const [own, other] = who === 'alice' ? [local, remote] : [remote, local];
    const child = {
      // The same on both sides, since the defaults differ.
      replay_window: '64',
      ...settings,
      ...(who === 'alice' ? extra : {}),
      ...(own && { local_ts: own }),
      ...(other && { remote_ts: other }),
    };
    const section = {
      ...lab,
      ...(ends && { local_addrs: ends[here], remote_addrs: ends[there] }),
      ...connection,
      local: { auth: 'psk', id: `${name}.${who}.lab` },
      remote: { auth: 'psk', id: `${name}.${peer}.lab` },
      children: { [name]: child },
    };
    return [`ike-${name}`, section] as const;
  });
  return {
    connections: Object.fromEntries(all),
    secrets: { 'ike-1': { secret: '"correct horse battery"' } },
  };
}
