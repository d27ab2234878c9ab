import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mustRun, stop, until } from '../interop/lab.ts';
import { withoutKernelIpsec } from './availability.ts';
import { type Case, GCM, HOST, KernelScene, NET } from './lab-case.ts';
import { kernelView, NOTHING, packetsBySpi } from './view.ts';

const SHUNT = { ...HOST, local: '10.9.0.1/32[icmp]', remote: '10.9.0.2/32[icmp]' } as const;

const LIVES: Readonly<Record<string, Case>> = {
  net: { ...NET, settings: GCM },
  soft: { ...NET, settings: GCM, own: { rekey_bytes: '20000', life_bytes: '200000' } },
  hard: { ...NET, settings: GCM, own: { life_bytes: '20000' } },
  trap: { ...HOST, settings: GCM },
  drop: { ...SHUNT, settings: { mode: 'drop' } },
  pass: { ...SHUNT, settings: { mode: 'pass' } },
};

describe('in the kernel, over time', { skip: withoutKernelIpsec }, () => {
  let there: KernelScene;
  before(async () => {
    there = await KernelScene.open(LIVES);
  });
  after(() => there?.[Symbol.asyncDispose]());

  test('ten rekeys under ten thousand pings, begun by either side, lose nothing', async () => {
    await there.cygnet.initiate('net');
    const count = 10_000;
    const ping = there.pings(NET.ping, count, '-q', '-l', '1', '-i', '0.001');
    for (let i = 0; i < 10; i++) {
      const before = await there.cygnet.spis('net');
      await (i % 2 === 0 ? there.cygnet : there.charon).rekey('net');
      await there.cygnet.renewed('net', before);
    }
    assert.match(await ping, new RegExp(`${count} packets transmitted, ${count} received, 0% packet loss`));
    await there.terminate('net');
  });

  test('octets that are used up softly bring a rekey, and nothing is lost', async () => {
    await there.cygnet.initiate('soft');
    const first = await there.cygnet.spis('soft');
    const ping = there.pings(NET.ping, 60, '-l', '1', '-i', '0.05', '-s', '1000');
    await there.cygnet.renewed('soft', first);
    assert.match(await ping, / 0% packet loss/);
    await there.terminate('soft');
  });

  test('octets that are used up altogether end the SA in the kernel, and another is made', async () => {
    await there.cygnet.initiate('hard');
    const first = await there.cygnet.spis('hard');
    const ping = there.pings(NET.ping, 60, '-l', '1', '-i', '0.02', '-s', '1000');
    await there.cygnet.renewed('hard', first);
    await ping;
    await until('packets pass again', () => there.passes(NET.ping));
    await there.terminate('hard');
  });

  test('a trap brings its SA up at the first packet, which makes way for it and comes back', async () => {
    const { lab, alice, bob } = there.scene;
    for (const peer of [there.cygnet, there.charon]) await peer.install('trap');
    await there.sameOnBothEnds();
    await until('packets pass', () => there.passes(HOST.ping));
    const shown = await kernelView(lab, alice);
    assert.equal(shown.states.length, 2);
    await there.sameOnBothEnds();
    await there.cygnet.terminate('ike-trap');
    await until('the trap is back', async () => (await kernelView(lab, alice)).states.length === 0);
    await there.sameOnBothEnds();
    for (const peer of [there.cygnet, there.charon]) await peer.uninstall('trap');
    assert.deepEqual(await kernelView(lab, alice), NOTHING);
    assert.deepEqual(await kernelView(lab, bob), NOTHING);
  });

  test('shunts let traffic by and stop it', async () => {
    const { lab, alice } = there.scene;
    for (const peer of [there.cygnet, there.charon]) await peer.install('drop');
    await there.sameOnBothEnds();
    assert.equal(await there.passes(HOST.ping), false);
    const { stdout: metrics } = await there.scene.cygnet.cli('metrics');
    assert.match(metrics, /^cygnet_dropped_packets_total\{reason="XfrmOutPolBlock"\} [1-9]/m);
    for (const peer of [there.cygnet, there.charon]) await peer.install('pass');
    await there.sameOnBothEnds();
    assert.match(await there.pings(HOST.ping, 1), / 0% packet loss/);
    for (const name of ['drop', 'pass'])
      for (const peer of [there.cygnet, there.charon]) await peer.uninstall(name);
    assert.deepEqual(await kernelView(lab, alice), NOTHING);
  });

  test('a daemon that is killed leaves its SAs; the next one removes them, and them alone', async () => {
    const { lab, alice } = there.scene;
    await there.cygnet.initiate('net');
    await there.cygnet.install('drop');
    const strange = ['src', '192.0.2.1', 'dst', '192.0.2.2'];
    const sa = ['proto', 'esp', 'spi', '0x1000', 'mode', 'tunnel', 'enc', 'cipher_null', ''];
    await there.ip('xfrm', 'state', 'add', ...strange, ...sa);
    await there.ip('xfrm', 'policy', 'add', 'dir', 'out', ...strange);
    await there.ip('route', 'add', '198.51.100.0/24', 'dev', 'lo', 'table', '220');
    await killed(there);
    const left = await kernelView(lab, alice);
    assert.deepEqual([left.states.length, left.policies.length, left.routes.length], [3, 7, 2]);
    await there.scene.startCygnet('again');
    const kept = await kernelView(lab, alice);
    assert.deepEqual([kept.states.length, kept.policies.length, kept.routes.length], [1, 1, 1]);
    await there.cygnet.initiate('net');
    assert.match(await there.pings(NET.ping, 1), / 0% packet loss/);
    await there.ip('xfrm', 'state', 'flush');
    await there.ip('xfrm', 'policy', 'flush');
    await there.ip('route', 'flush', 'table', '220');
  });

  test('after the end nothing is left', async () => {
    const { lab, alice, cygnet } = there.scene;
    // What the kernel had of the SA before was flushed.
    await there.terminate('net');
    await there.cygnet.initiate('net');
    assert.equal((await kernelView(lab, alice)).states.length, 2);
    assert.equal(await stop(cygnet.process), 0);
    assert.deepEqual(await kernelView(lab, alice), NOTHING);
    assert.doesNotMatch(await mustRun('ip', ['-n', alice, 'rule']), /220/);
  });
});

test('in user space, to the kernel of charon: a tunnel to the peer itself', {
  skip: withoutKernelIpsec,
}, async () => {
  const cases = { net: { ...NET, settings: GCM }, host: { ...HOST, settings: GCM } };
  await using there = await KernelScene.open(cases, { backend: 'mixed' });
  for (const [name, way] of [
    ['host', HOST.ping],
    ['net', NET.ping],
  ] as const) {
    await there.cygnet.initiate(name);
    assert.match(await there.pings(way, 2), / 0% packet loss/);
    const carried = await packetsBySpi(there.scene.bob);
    assert.deepEqual([...carried.values()], [2, 2]);
    await there.terminate(name);
  }
});

async function killed({ scene: { cygnet } }: KernelScene): Promise<void> {
  cygnet.process.kill('SIGKILL');
  await until('it is dead', () => cygnet.process.signalCode !== null);
}
