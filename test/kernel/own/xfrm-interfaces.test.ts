import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mustRun, stop, until } from '../../interop/lab.ts';
import { withoutOwnKernel } from '../availability.ts';
import { type Case, GCM, KernelScene, NET, settles } from '../lab-case.ts';
import { kernelView, packetsBySpi } from '../view.ts';

const OURS = { xfrm_interface: 'ipsec0', interface_routes: 'yes' };
const BOTH = { ...GCM, if_id_in: '42', if_id_out: '42' };

/** What charon leaves to whoever runs it: an interface with the route to alice's net, and one for packets that come by it. */
async function theirInterface({ scene }: KernelScene, name: string, id: string): Promise<void> {
  const ip = (...command: string[]) => mustRun('ip', ['-n', scene.bob, ...command]);
  await ip('link', 'add', name, 'type', 'xfrm', 'if_id', id);
  await ip('link', 'set', name, 'up');
  await ip('route', 'add', '10.1.0.0/16', 'dev', name, 'src', '10.2.0.1');
}

/** Numbers of the states and policies of a namespace, each once, in the order of their size. */
async function numbers(namespace: string, what: 'state' | 'policy'): Promise<readonly number[]> {
  const text = await mustRun('ip', ['-n', namespace, 'xfrm', what]);
  const found = [...text.matchAll(/if_id (0x[0-9a-f]+)/g)].map(one => Number(one[1]));
  return [...new Set(found)].sort((a, b) => a - b);
}

describe('through XFRM interfaces in the kernel', { skip: withoutOwnKernel }, () => {
  for (const role of ['initiator', 'responder'] as const) {
    test(`cygnet as ${role}: one that it makes, packets both ways, rekeys, and its end`, async () => {
      await using there = await KernelScene.open({ net: { ...NET, settings: BOTH, own: OURS } });
      const { scene } = there;
      await theirInterface(there, 'ipsec0', '42');
      const shown = await there.ip('-d', 'link', 'show', 'ipsec0');
      assert.match(shown, /[<,]UP[,>]/);
      assert.match(shown, /\bxfrm if_id 0x2a\b/);
      assert.match(shown, /alias cygnet/);

      await (role === 'initiator' ? there.cygnet : there.charon).initiate('net');
      await settles(async () => {
        const [ours, theirs] = await there.views();
        assert.deepEqual(ours.states, theirs.states);
        assert.deepEqual(ours.policies, theirs.policies);
        assert.match(ours.routes.join('\n'), /^10\.2\.0\.0\/16 dev WIRE .*src 10\.1\.0\.1/);
      });
      assert.match(await there.ip('route', 'show', 'table', '220'), /dev ipsec0/);

      assert.match(await there.pings(NET.ping, 3), / 0% packet loss/);
      await scene.ping('bob', '10.2.0.1', '10.1.0.1');
      assert.deepEqual([...(await packetsBySpi(scene.alice)).values()], [5, 5]);
      // Counted by the interface, and nothing goes beside it.
      assert.match(
        await there.ip('-s', 'link', 'show', 'ipsec0'),
        /RX:[^\n]*\n\s+\d+\s+5 [\s\S]*TX:[^\n]*\n\s+\d+\s+5 /,
      );
      assert.match(await there.pings(['10.9.0.1', '10.9.0.2'], 1), / 0% packet loss/);

      for (const who of [there.cygnet, there.charon]) {
        const before = await there.cygnet.spis('net');
        await who.rekey('net');
        await there.cygnet.renewed('net', before);
        assert.match(await there.pings(NET.ping, 2), / 0% packet loss/);
      }
      await there.terminate('net');
      assert.match(await there.ip('link'), /\bipsec0/, 'it stays for as long as its connection is loaded');

      // Addresses that somebody gave it outlive a daemon that was killed; the one that ends in order takes it away.
      await there.ip('addr', 'add', '172.16.0.1/32', 'dev', 'ipsec0');
      await there.cygnet.initiate('net');
      scene.cygnet.process.kill('SIGKILL');
      await until('it is dead', () => scene.cygnet.process.signalCode !== null);
      await scene.startCygnet('again');
      assert.match(await there.ip('addr', 'show', 'ipsec0'), /172\.16\.0\.1/);
      const left = await kernelView(scene.lab, scene.alice);
      assert.deepEqual(left, { states: [], policies: [], routes: [] });
      await there.cygnet.initiate('net');
      assert.match(await there.pings(NET.ping, 2), / 0% packet loss/);
      assert.equal(await stop(scene.cygnet.process), 0);
      assert.doesNotMatch(await there.ip('link'), /\bipsec0/);
    });
  }

  test('one whose connection is gone when the next daemon starts is taken away', async () => {
    const cases: Record<string, Case> = { net: { ...NET, settings: BOTH, own: OURS } };
    await using there = await KernelScene.open(cases);
    const { scene } = there;
    scene.cygnet.process.kill('SIGKILL');
    await until('it is dead', () => scene.cygnet.process.signalCode !== null);
    cases['net'] = { ...NET, settings: GCM };
    assert.match(await there.ip('link'), /\bipsec0/);
    await scene.startCygnet('again');
    await until('it is gone', async () => !/\bipsec0/.test(await there.ip('link')));
  });

  test("somebody else's is used where it fits, and told of where it does not; neither is touched", async () => {
    const other = { xfrm_interface: 'other0', if_id_in: '44', if_id_out: '44' };
    await using there = await KernelScene.open(
      { net: { ...NET, settings: BOTH, own: OURS }, wrong: { ...NET, settings: GCM, own: other } },
      {
        cygnetThrough: () => [
          'sh',
          '-c',
          'ip link add ipsec0 type xfrm if_id 42; ip link set ipsec0 up; ip link add other0 type xfrm if_id 45; exec "$@"',
          'sh',
        ],
      },
    );
    const { scene } = there;
    await theirInterface(there, 'ipsec0', '42');
    assert.match(
      scene.cygnet.log,
      /the interface other0 cannot be made: there is one already, with other numbers or addresses, and it is not ours/,
    );
    await there.cygnet.initiate('net');
    assert.match(await there.pings(NET.ping, 2), / 0% packet loss/);
    assert.equal(await stop(scene.cygnet.process), 0);
    const links = await there.ip('link');
    assert.match(links, /\bipsec0/);
    assert.match(links, /\bother0/);
  });

  test('numbers of its own for each SA, or for each IKE SA, are kept through rekeys', async () => {
    const unique = { if_id_in: '%unique', if_id_out: '%unique' };
    await using there = await KernelScene.open({
      one: { ...NET, settings: { ...GCM, ...unique } },
      two: { ...NET, settings: { ...GCM, ...unique }, local: '10.1.1.0/24', remote: '10.2.1.0/24' },
      dir: {
        ...NET,
        settings: { ...GCM, if_id_in: '%unique-dir', if_id_out: '%unique-dir' },
        local: '10.1.2.0/24',
        remote: '10.2.2.0/24',
      },
      whole: { ...NET, settings: GCM, connection: unique, local: '10.1.3.0/24', remote: '10.2.3.0/24' },
      fixed: {
        ...NET,
        settings: GCM,
        connection: { if_id_in: '7000', if_id_out: '7001' },
        local: '10.1.4.0/24',
        remote: '10.2.4.0/24',
      },
    });
    const { alice, bob } = there.scene;
    for (const [child, count] of [
      ['one', 1],
      ['dir', 2],
      ['whole', 1],
      ['fixed', 2],
    ] as const) {
      await there.cygnet.initiate(child);
      const mine = await numbers(alice, 'state');
      const detail = `${child}: ${mine}`;
      assert.equal(mine.length, count, detail);
      assert.deepEqual(await numbers(alice, 'policy'), mine, detail);
      assert.equal((await numbers(bob, 'state')).length, count, `charon, ${child}`);
      if (child === 'fixed') assert.deepEqual(mine, [7000, 7001]);
      const isOfIke = child === 'whole' || child === 'fixed';
      for (const [daemon, host] of [
        [there.cygnet, alice],
        [there.charon, bob],
      ] as const)
        assert.deepEqual(await daemon.ikeInterfaces(), isOfIke ? await numbers(host, 'state') : [], detail);
      const before = await there.cygnet.spis(child);
      await there.charon.rekey(child);
      await there.cygnet.renewed(child, before);
      assert.deepEqual(await numbers(alice, 'policy'), mine, `${detail}, rekeyed`);
      await there.cygnet.rekeyIke(`ike-${child}`);
      assert.deepEqual(await numbers(alice, 'policy'), mine, `${detail}, its IKE SA rekeyed`);
      await there.terminate(child);
    }
    await there.cygnet.initiate('one');
    await there.cygnet.initiate('two');
    assert.equal((await numbers(alice, 'policy')).length, 2);
  });

  test('an updown script makes the interface of an SA that has a number of its own', async () => {
    await using there = await KernelScene.open({
      net: {
        ...NET,
        settings: { ...GCM, if_id_in: '%unique', if_id_out: '%unique' },
        own: { updown: `"${SCRIPT}"` },
      },
    });
    await there.charon.initiate('net');
    const [id = 0] = await numbers(there.scene.alice, 'state');
    const name = `sa${id}`;
    await until('the interface', async () => (await there.ip('link')).includes(name));
    const theirs = (await numbers(there.scene.bob, 'state'))[0] ?? 0;
    await theirInterface(there, 'ipsec0', `${theirs}`);
    await until('a packet', () => there.passes(NET.ping));
    assert.match(await there.ip('-s', 'link', 'show', name), /RX:[^\n]*\n\s+\d+\s+[1-9]/);
    await there.cygnet.terminate('ike-net');
    await until('it is gone', async () => !(await there.ip('link')).includes(name));
  });
});

/** As strongSwan's own scripts for such interfaces go. */
const SCRIPT = [
  'case $PLUTO_VERB in',
  'up-client) ip link add sa$PLUTO_IF_ID_OUT type xfrm if_id $PLUTO_IF_ID_OUT && ip link set sa$PLUTO_IF_ID_OUT up',
  '&& ip route add $PLUTO_PEER_CLIENT dev sa$PLUTO_IF_ID_OUT src 10.1.0.1 ;;',
  'down-client) ip link del sa$PLUTO_IF_ID_OUT ;;',
  'esac',
].join(' ');
