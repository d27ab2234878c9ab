import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withoutKernelIpsec } from './availability.ts';
import { echoes } from './echoes.ts';
import { GCM, KernelScene, NET, settles } from './lab-case.ts';
import { kernelView } from './view.ts';

describe('in the kernel, behind a router that translates addresses', { skip: withoutKernelIpsec }, () => {
  for (const nat of ['alice', 'bob'] as const) {
    test(`${nat} is behind it: ESP goes in UDP, also after a rekey`, async () => {
      await using there = await KernelScene.open({ net: { ...NET, settings: GCM } }, { nat });
      await (nat === 'alice' ? there.cygnet : there.charon).initiate('net');
      const { states } = await kernelView(there.scene.lab, there.scene.alice);
      assert.equal(states.filter(state => state.includes('encap type espinudp')).length, 2);
      assert.match(await there.pings(NET.ping, 2), / 0% packet loss/);
      const first = await there.cygnet.spis('net');
      await there.cygnet.rekey('net');
      await there.cygnet.renewed('net', first);
      assert.match(await there.pings(NET.ping, 2), / 0% packet loss/);
      await there.terminate('net');
    });
  }

  test('the router gives another address under pings: cygnet follows, and packets pass again', async () => {
    const cases = { net: { ...NET, settings: GCM, connection: { mobike: 'no' } } };
    await using there = await KernelScene.open(cases, { nat: 'bob' });
    const { lab, bob } = there.scene;
    await there.charon.initiate('net');
    const first = await there.cygnet.spis('net');
    const [to, from] = NET.ping;
    const pinging = there.scene.floodPing({ at: 'bob', source: from, to });
    await pinging.answers(5);
    await there.scene.remap('10.9.0.22');
    await settles(async () => {
      const { states, policies } = await kernelView(lab, there.scene.alice);
      assert.equal(states.length, 2);
      assert.ok(
        [...states, ...policies].every(one => one.includes('10.9.0.22') && !/10\.9\.0\.2\b(?!2)/.test(one)),
        [...states, ...policies].join('\n'),
      );
    });
    // How many are lost meanwhile is for the processor to say, which has other things to do.
    await pinging.stop();
    assert.match((await lab.run(bob, [...echoes(2), '-I', from, to])).stdout, / 0% packet loss/);
    // Still the same SA; and IKE has followed too.
    assert.deepEqual(await there.cygnet.spis('net'), first);
    await there.cygnet.rekey('net');
    await there.cygnet.renewed('net', first);
    assert.match(await there.pings(NET.ping, 2), / 0% packet loss/);
    await there.terminate('net');
  });
});
