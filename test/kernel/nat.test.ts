import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../interop/lab.ts';
import { withoutKernelIpsec } from './availability.ts';
import { GCM, KernelScene, NET } from './lab-case.ts';
import { kernelView, packetsBySpi } from './view.ts';

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

  test('the router gives another address under pings: cygnet follows, and packets pass again', async () => {
    const cases = { net: { ...NET, settings: GCM, connection: { mobike: 'no' } } };
    await using there = await KernelScene.open(cases, { nat: 'bob' });
    const { lab, bob } = there.scene;
    await there.charon.initiate('net');
    const first = await there.cygnet.spis('net');
    const ping = lab.run(bob, ['ping', '-q', '-i', '0.1', '-c', '30', '-W', '2', '-I', ...ofBob(NET.ping)], {
      timeout: 30_000,
    });
    await until('some have come', async () =>
      [...(await packetsBySpi(there.scene.alice)).values()].every(n => n > 5),
    );
    await there.scene.remap('10.9.0.22');
    // How many are lost meanwhile is for the processor to say, which has other things to do.
    await ping;
    const { stdout } = await lab.run(bob, ['ping', '-q', '-c', '2', '-W', '2', '-I', ...ofBob(NET.ping)]);
    assert.match(stdout, / 0% packet loss/);
    const { states, policies } = await kernelView(lab, there.scene.alice);
    assert.equal(states.length, 2);
    assert.ok(
      [...states, ...policies].every(one => one.includes('10.9.0.22') && !/10\.9\.0\.2\b(?!2)/.test(one)),
      [...states, ...policies].join('\n'),
    );
    // Still the same SA; and IKE has followed too.
    assert.deepEqual(await there.cygnet.spis('net'), first);
    await there.cygnet.rekey('net');
    await there.cygnet.renewed('net', first);
    assert.match(await there.pings(NET.ping, '-c', '2'), / 0% packet loss/);
    await there.terminate('net');
  });
});

function ofBob([from, to]: readonly [string, string]): readonly string[] {
  return [to, from];
}
