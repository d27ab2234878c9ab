import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mustRun, until } from '../interop/lab.ts';
import { withoutKernelIpsec } from './availability.ts';
import { echoes } from './echoes.ts';
import { GCM, KernelScene, NET } from './lab-case.ts';
import { packetsBySpi } from './view.ts';

describe('in the kernel, two gateways between two hosts', { skip: withoutKernelIpsec }, () => {
  let there: KernelScene;
  let [one, other] = ['', ''];
  before(async () => {
    there = await KernelScene.open({ net: { ...NET, settings: { ...GCM, policies_fwd_out: 'yes' } } });
    const { lab, alice, bob } = there.scene;
    [one, other] = [await lab.namespace('one'), await lab.namespace('other')];
    await lab.wire(alice, '10.1.1.1/24', one, '10.1.1.2/24');
    await lab.wire(bob, '10.2.1.1/24', other, '10.2.1.2/24');
    for (const [host, gateway, via] of [
      [one, alice, '10.1.1.1'],
      [other, bob, '10.2.1.1'],
    ] as const) {
      await mustRun('ip', ['-n', host, 'route', 'add', 'default', 'via', via]);
      await lab.run(gateway, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    }
  });
  after(() => there?.[Symbol.asyncDispose]());

  test('what the hosts send each other goes through the tunnel', async () => {
    await there.cygnet.initiate('net');
    const { lab, alice } = there.scene;
    const { stdout } = await lab.run(one, [...echoes(5), '10.2.1.2']);
    assert.match(stdout, / 0% packet loss/);
    assert.deepEqual([...(await packetsBySpi(alice)).values()], [5, 5]);
  });

  test('a wire that is pulled and put back brings its routes back', async () => {
    const wire = /^\d+: ([^@\s]+)/.exec(await there.ip('-o', 'addr', 'show', 'to', '10.9.0.1'))?.[1] ?? '';
    const routes = () => there.ip('route', 'show', 'table', '220');
    const before = await routes();
    assert.match(before, /^10\.2\.0\.0\/16 via 10\.9\.0\.2 /);
    await there.ip('link', 'set', wire, 'down');
    assert.equal(await routes(), '');
    await there.ip('link', 'set', wire, 'up');
    await until('the route is back', async () => (await routes()) === before);
    assert.match(await there.pings(NET.ping, 1), / 0% packet loss/);
  });

  test('another way to the peer is taken, and the address of packets follows', async () => {
    const wire = /^\d+: ([^@\s]+)/.exec(await there.ip('-o', 'addr', 'show', 'to', '10.9.0.1'))?.[1] ?? '';
    await there.ip('route', 'add', '10.9.0.2/32', 'via', '10.9.0.254', 'dev', wire);
    await until('the new way', async () =>
      (await there.ip('route', 'show', 'table', '220')).includes('10.2.0.0/16 via 10.9.0.254 '),
    );
    await there.ip('route', 'del', '10.9.0.2/32');
    await there.ip('addr', 'add', '10.1.0.77/32', 'dev', 'lo');
    await there.ip('addr', 'del', '10.1.0.1/32', 'dev', 'lo');
    await there.ip('addr', 'del', '10.1.0.2/32', 'dev', 'lo');
    await there.ip('addr', 'del', '10.1.1.1/24', 'dev', await deviceOf(there, '10.1.1.1'));
    await until('the new address', async () =>
      /10\.2\.0\.0\/16 via 10\.9\.0\.2 .*src 10\.1\.0\.77/.test(
        await there.ip('route', 'show', 'table', '220'),
      ),
    );
    await there.terminate('net');
  });
});

async function deviceOf(there: KernelScene, address: string): Promise<string> {
  return /^\d+: ([^@\s]+)/.exec(await there.ip('-o', 'addr', 'show', 'to', address))?.[1] ?? '';
}
