import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, type TestContext, test } from 'node:test';
import { Charon } from '../interop/charon.ts';
import { Cygnet } from '../interop/cygnet.ts';
import { Lab, mustRun, run, stop } from '../interop/lab.ts';
import { type Section, writeSwanctl } from '../interop/swanctl.ts';
import { withoutKernelIpsec } from './availability.ts';
import { settles } from './lab-case.ts';
import { kernelView, NOTHING } from './view.ts';

const COUNT = 1000;

/** A connection each, told apart by its peer's identity; a hundred of them wait for packets in the kernel. */
function configuration(): Section {
  const one = (i: number): readonly [string, Section] => {
    const [high, low] = [i >> 8, i & 0xff];
    const child = {
      local_ts: '10.1.0.0/16',
      remote_ts: `10.${16 + high}.${low}.0/24`,
      esp_proposals: 'aes128gcm16',
      ...(i % 10 === 0 ? { start_action: 'trap' } : {}),
    };
    const connection = {
      version: '2',
      local_addrs: '10.9.0.1',
      remote_addrs: `10.9.${4 + high}.${low}`,
      proposals: 'aes128gcm16-prfsha256-x25519',
      local: { auth: 'psk', id: 'alice.lab' },
      remote: { auth: 'psk', id: `peer${i}.lab` },
      children: { [`net${i}`]: child },
    };
    return [`peer${i}`, connection];
  };
  return {
    connections: Object.fromEntries(Array.from({ length: COUNT }, (_, i) => one(i))),
    secrets: { 'ike-1': { secret: '"correct horse battery"' } },
  };
}

/** How long it takes is printed, not judged: this kernel is a guest on a machine that has other things to do. */
describe(`in the kernel, ${COUNT} connections`, { skip: withoutKernelIpsec }, () => {
  const lab = new Lab();
  let alice = '';
  before(async () => {
    alice = await lab.namespace('a');
    const bob = await lab.namespace('b');
    await lab.wire(alice, '10.9.0.1/16', bob, '10.9.0.2/16');
    await mustRun('ip', ['-n', alice, 'addr', 'add', '10.1.0.1/32', 'dev', 'lo']);
    mkdirSync(lab.path('many'));
    writeSwanctl(lab.path('many'), configuration());
  });
  after(() => lab.close());

  test('are loaded from a directory, and leave nothing in the end', async t => {
    const daemon = new Cygnet(lab, alice, 'from-directory');
    await daemon.start(configuration(), { backend: 'kernel' });
    t.diagnostic(`--config: ${/"milliseconds":(\d+)/.exec(daemon.log)?.[1]} ms until the daemon is ready`);
    await hasThem(daemon);
    assert.equal(await stop(daemon.process), 0);
    assert.deepEqual(await kernelView(lab, alice), NOTHING);
  });

  for (const [kind, make] of [
    ['cygnet', () => new Cygnet(lab, alice, 'by-swanctl')],
    ['charon', () => new Charon(lab, alice, 'charon')],
  ] as const)
    test(`are loaded by swanctl into ${kind}`, async t => {
      const daemon = make();
      await daemon.start({}, { backend: 'kernel' });
      try {
        await load(t, kind, daemon.uri, `loaded ${COUNT} connections, 0 unloaded`);
        await hasThem(daemon);
        const before = await kernelView(lab, alice);
        if (kind === 'charon') return;
        await load(t, `${kind}, again`, daemon.uri, `loaded ${COUNT} connections, 0 unloaded`);
        assert.deepEqual(await kernelView(lab, alice), before);
      } finally {
        await stop(daemon.process);
      }
    });

  async function load(t: TestContext, what: string, uri: string, expected: string): Promise<void> {
    const started = performance.now();
    const env = { SWANCTL_DIR: lab.path('many') };
    const { stdout } = await run('swanctl', ['--load-conns', '--uri', uri], { env, timeout: 60_000 });
    t.diagnostic(`swanctl --load-conns, ${what}: ${Math.round(performance.now() - started)} ms`);
    assert.match(stdout, new RegExp(expected));
  }

  async function hasThem(daemon: Cygnet | Charon): Promise<void> {
    const { stdout } = await daemon.swanctl('--list-conns');
    assert.equal(stdout.match(/^peer\d+:/gm)?.length, COUNT);
    await settles(async () => {
      const { policies } = await kernelView(lab, alice);
      // Out, in and forwarded each.
      assert.equal(policies.length, 3 * (COUNT / 10));
    });
  }
});
