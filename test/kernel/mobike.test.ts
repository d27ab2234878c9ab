import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Kind, Roaming, TRANSLATED } from '../interop/roaming.ts';
import { set } from '../interop/swanctl.ts';
import { withoutKernelIpsec } from './availability.ts';
import { type KernelView, kernelView } from './view.ts';

/** What the kernels of both ends have, after each move of the one whose daemon is `mobile`. */
async function roamed(mobile: Kind): Promise<readonly (readonly [KernelView, KernelView])[]> {
  await using there = await Roaming.open({
    mobile,
    backend: 'kernel',
    nat: true,
    configure: (_, configuration) => set('connections.lab.children.net.replay_window', '32')(configuration),
  });
  const views: [KernelView, KernelView][] = [];
  const look = async (): Promise<void> => {
    await there.pingBothWays();
    views.push([
      await kernelView(there.lab, there.mobile.namespace),
      await kernelView(there.lab, there.gateway.namespace),
    ]);
  };
  await there.up();
  await look();
  const { namespace } = there.mobile;
  const device = await there.device(namespace, '10.91.0.1');
  await there.readdress(there.mobile, '10.91.0.1', '10.91.0.11');
  await there.untilAt('10.91.0.11');
  await look();
  await there.ip(namespace, 'link', 'set', device, 'down');
  await there.untilAt('10.92.0.1', '10.9.0.2', TRANSLATED);
  await look();
  await there.readdress(there.gateway, '10.9.0.2', '10.9.0.22');
  await there.untilAt('10.92.0.1', '10.9.0.22', TRANSLATED);
  await look();
  return views;
}

describe('SAs of the kernel whose ends move, behind a NAT too', { skip: withoutKernelIpsec }, () => {
  test('cygnet and charon leave the same in the kernel, whichever of them moves, and packets pass', async () => {
    const [one, other] = [await roamed('cygnet'), await roamed('charon')];
    for (const [i, [mobile, gateway]] of one.entries()) {
      assert.equal(mobile.states.length, 2);
      assert.equal(mobile.states.filter(state => state.includes('espinudp')).length, i < 2 ? 0 : 2);
      assert.deepEqual(mobile, other[i]?.[0], `the mobile end, move ${i}`);
      assert.deepEqual(gateway, other[i]?.[1], `the gateway, move ${i}`);
    }
  });

  test('a virtual IP goes to the interface that the SA goes by, and its routes with it', async () => {
    await using there = await Roaming.open({ mobile: 'cygnet', backend: 'kernel', virtualIp: true });
    await there.up();
    await there.pingBothWays();
    const { namespace } = there.mobile;
    const [first, second] = [
      await there.device(namespace, '10.91.0.1'),
      await there.device(namespace, '10.92.0.1'),
    ];
    assert.equal(await there.device(namespace, '10.3.0.1'), first);
    await there.ip(namespace, 'link', 'set', first, 'down');
    await there.untilAt('10.92.0.1');
    await there.pingBothWays();
    assert.equal(await there.device(namespace, '10.3.0.1'), second);
    const routes = await there.ip(namespace, 'route', 'show', 'table', '220');
    assert.equal(routes.trim(), `10.2.0.1 via 10.92.0.254 dev ${second} proto static src 10.3.0.1`);
  });
});
