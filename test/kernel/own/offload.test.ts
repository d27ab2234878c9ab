import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mustRun } from '../../interop/lab.ts';
import { withoutOwnKernel } from '../availability.ts';
import { type Case, KernelScene, NET, settles } from '../lab-case.ts';

/** charon 5.9.8 says `yes` for what is `crypto` today, and knows no `packet`. */
const both = (offload: 'crypto' | 'auto'): Case => ({
  ...NET,
  settings: { esp_proposals: 'aes128gcm16', hw_offload: offload === 'auto' ? 'auto' : 'yes' },
  own: { hw_offload: offload },
});
const alone = (offload: string, proposals = 'aes128gcm16'): Case => ({
  ...NET,
  settings: { esp_proposals: proposals },
  own: { hw_offload: offload },
});

const CASES = {
  crypto: both('crypto'),
  auto: both('auto'),
  'crypto-alone': alone('crypto'),
  'auto-alone': alone('auto'),
  packet: alone('packet'),
  // The device of the kernel's own tests knows AES-GCM alone.
  cbc: alone('crypto', 'aes128-sha256'),
  'auto-cbc': alone('auto', 'aes128-sha256'),
};

describe('with a network card that has the ciphers of ESP', { skip: withoutOwnKernel }, () => {
  let there: KernelScene;
  before(async () => {
    there = await KernelScene.open(CASES);
  });
  after(() => there?.[Symbol.asyncDispose]());

  const refused = async (child: string, reason: RegExp): Promise<void> => {
    for (let turn = 0; turn < 2; turn++) {
      const { code, stderr } = await there.scene.cygnet.cli('up', `ike-${child}/${child}`);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /the network card with the address 10\.9\.0\.1 cannot do what hw_offload = /);
      assert.match(stderr, reason);
      assert.match(stderr, /set hw_offload = auto, or leave it out/);
      await there.terminate(child);
    }
  };

  const offloaded = async (namespace: string): Promise<readonly string[]> => {
    const text = await mustRun('ip', ['-n', namespace, 'xfrm', 'state']);
    return [...text.matchAll(/crypto offload parameters: dev (\S+ dir \w+)/g)]
      .map(one => one[1] ?? '')
      .sort();
  };

  test('a card without: crypto and packet are refused, auto does without', async () => {
    await refused('crypto-alone', /it has no such function/);
    await refused('packet', /hw_offload = packet asks of it: /);
    await there.cygnet.initiate('auto-alone');
    assert.deepEqual(await offloaded(there.scene.alice), []);
    assert.match(await there.pings(NET.ping, 1), / 0% packet loss/);
    await there.terminate('auto-alone');
  });

  test('a card with it: the address moves there', async () => {
    for (const [namespace, address, number] of [
      [there.scene.alice, '10.9.0.1', 1],
      [there.scene.bob, '10.9.0.2', 2],
    ] as const) {
      const ip = (...command: string[]) => mustRun('ip', ['-n', namespace, ...command]);
      const wire = /^\d+: ([^@\s]+)/.exec(await ip('-o', 'addr', 'show', 'to', address))?.[1] ?? '';
      const make = `echo ${number} 1 >/sys/bus/netdevsim/new_device`;
      const { code, stderr } = await there.scene.lab.run(namespace, ['sh', '-c', make]);
      assert.equal(code, 0, stderr);
      const card = /\d+: (e[^@:]+)/.exec(await ip('-o', 'link'))?.[1] ?? '';
      await ip('link', 'set', card, 'up');
      await ip('addr', 'add', `10.9.0.1${number}/24`, 'dev', wire);
      await ip('addr', 'del', `${address}/24`, 'dev', wire);
      await ip('addr', 'add', `${address}/32`, 'dev', card);
      await ip('route', 'replace', '10.9.0.0/24', 'dev', wire, 'src', address);
    }
  });

  for (const wanted of ['crypto', 'auto'] as const) {
    for (const role of ['initiator', 'responder'] as const) {
      test(`hw_offload = ${wanted}, cygnet as ${role}: as charon has it, through a rekey`, async () => {
        await (role === 'initiator' ? there.cygnet : there.charon).initiate(wanted);
        const cards = await offloaded(there.scene.alice);
        assert.deepEqual(
          cards.map(card => card.split(' ').at(-1)),
          ['in', 'out'],
        );
        await settles(async () => {
          const [ours, theirs] = await there.views();
          assert.deepEqual(ours.states, theirs.states);
          assert.deepEqual(ours.policies, theirs.policies);
        });
        assert.match(await there.pings(NET.ping, 1), / 0% packet loss/);
        const before = await there.cygnet.spis(wanted);
        await there.cygnet.rekey(wanted);
        await there.cygnet.renewed(wanted, before);
        assert.ok((await offloaded(there.scene.alice)).length >= 2);
        assert.match(await there.pings(NET.ping, 1), / 0% packet loss/);
        await there.terminate(wanted);
      });
    }
  }

  test('what the card cannot do is refused with its own words; auto does without', async () => {
    await refused('packet', /Unrecognized flags in offload request/);
    await refused('cbc', /hw_offload = crypto asks of it: \S/);
    await there.cygnet.initiate('auto-cbc');
    assert.deepEqual(await offloaded(there.scene.alice), []);
    await there.terminate('auto-cbc');
  });
});
