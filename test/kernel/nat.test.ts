import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withoutKernelIpsec } from './availability.ts';
import { GCM, KernelScene, NET } from './lab-case.ts';
import { kernelView } from './view.ts';

describe('in the kernel, behind a router that translates addresses', { skip: withoutKernelIpsec }, () => {
  for (const nat of ['alice', 'bob'] as const) {
    test(`${nat} is behind it: ESP goes in UDP, also after a rekey`, async () => {
      await using there = await KernelScene.open({ net: { ...NET, settings: GCM } }, { nat });
      await (nat === 'alice' ? there.cygnet : there.charon).initiate('net');
      const { states } = await kernelView(there.scene.lab, there.scene.alice);
      assert.equal(states.filter(state => state.includes('encap type espinudp')).length, 2);
      assert.match(await there.pings(NET.ping, '-c', '2'), / 0% packet loss/);
      const first = await there.cygnet.spis('net');
      await there.cygnet.rekey('net');
      await there.cygnet.renewed('net', first);
      assert.match(await there.pings(NET.ping, '-c', '2'), / 0% packet loss/);
      await there.terminate('net');
    });
  }
});
