import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mustRun } from '../interop/lab.ts';
import { withoutKernelIpsec } from './availability.ts';
import { GCM, KernelScene } from './lab-case.ts';
import { packetsBySpi } from './view.ts';

const KEY = '42';
const CASES = {
  vti: {
    local: '0.0.0.0/0',
    remote: '0.0.0.0/0',
    ping: ['10.1.0.1', '10.2.0.1'],
    settings: { ...GCM, mark_in: KEY, mark_out: KEY },
  },
} as const;

describe('in the kernel, through a VTI device', { skip: withoutKernelIpsec }, () => {
  let there: KernelScene;
  before(async () => {
    // What goes where is for the routes to the device to say.
    const settings = { cygnetSettings: 'install_routes = no', bobSettings: 'install_routes = no' };
    there = await KernelScene.open(CASES, settings);
    const { alice, bob } = there.scene;
    for (const [namespace, own, other, net] of [
      [alice, '10.9.0.1', '10.9.0.2', '10.2.0.0/16'],
      [bob, '10.9.0.2', '10.9.0.1', '10.1.0.0/16'],
    ] as const) {
      const ip = (...command: string[]) => mustRun('ip', ['-n', namespace, ...command]);
      await ip('link', 'add', 'vti7', 'type', 'vti', 'local', own, 'remote', other, 'key', KEY);
      await ip('link', 'set', 'vti7', 'up');
      await ip('route', 'add', net, 'dev', 'vti7');
      await mustRun('ip', [
        'netns',
        'exec',
        namespace,
        'sysctl',
        '-qw',
        'net.ipv4.conf.vti7.disable_policy=1',
      ]);
    }
  });
  after(() => there?.[Symbol.asyncDispose]());

  for (const role of ['initiator', 'responder'] as const) {
    test(`cygnet as ${role}: what is routed to it is protected, and nothing else`, async () => {
      await there.up(role === 'initiator' ? there.cygnet : there.charon, 'vti');
      assert.match(await there.pings(CASES.vti.ping, 3), / 0% packet loss/);
      assert.deepEqual([...(await packetsBySpi(there.scene.alice)).values()], [3, 3]);
      assert.match(await there.pings(['10.9.0.1', '10.9.0.2'], 1), / 0% packet loss/);
      assert.deepEqual([...(await packetsBySpi(there.scene.alice)).values()], [3, 3]);
      const first = await there.cygnet.spis('vti');
      await there.charon.rekey('vti');
      await there.cygnet.renewed('vti', first);
      assert.match(await there.pings(CASES.vti.ping, 3), / 0% packet loss/);
      await there.terminate('vti');
    });
  }
});
