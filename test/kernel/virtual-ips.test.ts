import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { mustRun, until } from '../interop/lab.ts';
import { Scene } from '../interop/scene.ts';
import { both, type Section, set } from '../interop/swanctl.ts';
import { withoutKernelIpsec } from './availability.ts';
import { echoes } from './echoes.ts';
import { settles } from './lab-case.ts';
import { Steering } from './steering.ts';
import { kernelView, NOTHING } from './view.ts';

/** Who asks for addresses has no network of its own; who gives them has 10.2 behind it, or 10.1. */
function client(network: string): (configuration: Section) => Section {
  return both(
    set('connections.lab.vips', '0.0.0.0'),
    set('connections.lab.children.net.local_ts', 'dynamic'),
    set('connections.lab.children.net.remote_ts', network),
    set('connections.lab.children.net.replay_window', '64'),
  );
}

function gateway(network: string): (configuration: Section) => Section {
  const change = both(
    set('connections.lab.pools', 'four'),
    set('connections.lab.children.net.local_ts', network),
    set('connections.lab.children.net.remote_ts', 'dynamic'),
    set('connections.lab.children.net.replay_window', '64'),
  );
  return configuration => ({ ...change(configuration), pools: { four: { addrs: '10.3.0.0/24' } } });
}

/** The virtual IP as `ip` shows it, with the interface left out. */
async function onHost(namespace: string): Promise<string> {
  const shown = await mustRun('ip', ['-n', namespace, '-o', 'addr', 'show', 'to', '10.3.0.0/24']);
  return /inet \S+ scope \w+/.exec(shown)?.[0] ?? '';
}

describe('in the kernel, virtual IPs', { skip: withoutKernelIpsec }, () => {
  test('what a client has is as with charon: the address, its policies and the route that names it', async () => {
    await using ours = await Scene.open({
      backend: 'kernel',
      alice: client('10.2.0.0/16'),
      bob: gateway('10.2.0.0/16'),
    });
    await new Steering(ours.cygnet).initiate('net');
    const here = await kernelView(ours.lab, ours.alice);
    const address = await onHost(ours.alice);
    assert.equal(address, 'inet 10.3.0.1/32 scope global');
    assert.match(
      here.routes.join('\n'),
      /^10\.2\.0\.0\/16 via 10\.9\.0\.2 dev WIRE proto static src 10\.3\.0\.1/,
    );
    await ours.ping('alice', '10.3.0.1', '10.2.0.1');
    // Routing chooses the address by itself.
    const { code, stdout } = await ours.lab.run(ours.alice, [...echoes(1), '10.2.0.1']);
    assert.equal(code, 0, stdout);
    for (const what of ['child', 'ike'] as const) await ours.rekey('charon', what);
    await ours.ping('alice', '10.3.0.1', '10.2.0.1');
    assert.equal(await onHost(ours.alice), address);

    await using theirs = await Scene.open({
      backend: 'kernel',
      alice: gateway('10.1.0.0/16'),
      bob: client('10.1.0.0/16'),
    });
    await new Steering(theirs.charon).initiate('net');
    assert.equal(await onHost(theirs.bob), address);
    await theirs.ping('bob', '10.3.0.1', '10.1.0.1');
    const there = await kernelView(theirs.lab, theirs.bob, [
      ['10.9.0.1', '10.9.0.2'],
      ['10.1.', '10.2.'],
      [' sport ', ' dport '],
    ]);
    assert.deepEqual(here, there);

    await ours.down('cygnet');
    await settles(async () => {
      assert.equal(await onHost(ours.alice), '');
      assert.deepEqual(await kernelView(ours.lab, ours.alice), NOTHING);
    });
    await theirs.down('charon');
    await settles(async () => assert.deepEqual(await kernelView(theirs.lab, theirs.alice), NOTHING));
  });

  test('what a killed daemon left is taken off by the next, and somebody else’s address stays', async () => {
    await using there = await Scene.open({
      backend: 'kernel',
      alice: client('10.2.0.0/16'),
      bob: gateway('10.2.0.0/16'),
    });
    await mustRun('ip', ['-n', there.alice, 'addr', 'add', '10.3.0.9/32', 'dev', 'lo']);
    await new Steering(there.cygnet).initiate('net');
    assert.equal(await onHost(there.alice), 'inet 10.3.0.9/32 scope global');
    const { process } = there.cygnet;
    process.kill('SIGKILL');
    await once(process, 'close');
    const left = await mustRun('ip', ['-n', there.alice, '-o', 'addr', 'show', 'to', '10.3.0.1/32']);
    assert.match(left, /10\.3\.0\.1/, 'it is there while nobody takes it off');
    await there.startCygnet('again');
    await until('the address is gone', async () => {
      const shown = await mustRun('ip', ['-n', there.alice, '-o', 'addr', 'show', 'to', '10.3.0.1/32']);
      return shown === '';
    });
    assert.equal(await onHost(there.alice), 'inet 10.3.0.9/32 scope global');
    // Its first contact ends the old IKE SA, and it gets its address again.
    await new Steering(there.cygnet).initiate('net');
    await there.ping('alice', '10.3.0.1', '10.2.0.1');
  });
});
