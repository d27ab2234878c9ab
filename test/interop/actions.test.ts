import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stop, until } from './lab.ts';
import { Scene } from './scene.ts';
import { both, set } from './swanctl.ts';

/** A peer has three seconds for an answer: enough for one that has little of its machine. */
const FAST = 'retransmit_timeout = 0.5\n retransmit_tries = 2';

/** cygnet as configured by `settings` of its connection and of its child, the SA up, charon killed without a word. */
async function orphaned(version: '1' | '2', child: Record<string, string>): Promise<Scene> {
  const there = await Scene.open({
    ike: 'aes128-sha256-x25519',
    cygnetSettings: FAST,
    bob: set('connections.lab.version', version),
    alice: both(
      set('connections.lab.version', version),
      set('connections.lab.keyingtries', '0'),
      set('connections.lab.dpd_delay', '1s'),
      set('connections.lab.dpd_timeout', '4s'),
      ...Object.entries(child).map(([key, value]) => set(`connections.lab.children.net.${key}`, value)),
    ),
  });
  await there.up('initiator');
  const { process } = there.charon;
  await there.lab.run(there.bob, [
    'sh',
    '-c',
    'kill -9 $(cat "$0")',
    `${there.charon.directory}/run/charon.pid`,
  ]);
  await stop(process);
  return there;
}

async function traps(there: Scene): Promise<string> {
  return (await there.cygnet.swanctl('--list-pols', '--trap')).stdout.trim();
}

/** Packets ask for the SA, and go by it once it is there. */
async function asked(there: Scene): Promise<void> {
  await until('a packet brought the SA up', async () => {
    const ping = ['ping', '-c', '1', '-W', '1', '-I', '10.1.0.1', '10.2.0.1'];
    return (await there.lab.run(there.alice, ping)).code === 0;
  });
}

describe('a peer that was killed', () => {
  for (const version of ['1', '2'] as const) {
    test(`IKEv${version}, dpd_action = restart: it is called until it is back`, async () => {
      await using there = await orphaned(version, { dpd_action: 'restart' });
      const again = /IKE_SA_INIT|peer\/silent|MAIN|main mode/;
      await until('it was found dead', () => there.cygnet.log.includes('peer/dead'));
      await until(
        'the first new attempts came to nothing',
        () => (there.cygnet.log.match(/peer\/silent/g) ?? []).length >= 2,
        30_000,
      );
      assert.match(there.cygnet.log, again);
      await there.startCharon('again');
      await until(
        'it is up again',
        async () => {
          const [sa] = (await there.cygnet.status()).sas.filter(({ state }) => state === 'ESTABLISHED');
          return sa?.children.some(({ state }) => state === 'INSTALLED');
        },
        60_000,
      );
      await there.pingBothWays();
      assert.equal(await traps(there), '');
    });

    test(`IKEv${version}, dpd_action = trap: the next packet calls it`, async () => {
      await using there = await orphaned(version, { dpd_action: 'trap' });
      await until('the trap stands', async () => (await traps(there)).startsWith('lab/net'));
      assert.deepEqual((await there.cygnet.status()).sas, []);
      await there.startCharon('again');
      assert.deepEqual((await there.cygnet.status()).sas, [], 'not before a packet asks for it');
      await asked(there);
      await there.pingBothWays();
    });
  }

  test('start_action = trap, close_action = none: a deleted child comes back with its traffic, inactivity ends it', async () => {
    await using there = await Scene.open({
      alice: both(
        set('connections.lab.children.net.start_action', 'trap'),
        set('connections.lab.children.net.inactivity', '5s'),
      ),
    });
    for (const _ of ['first', 'again']) {
      await asked(there);
      await there.pingBothWays();
      await until('it went for its inactivity', async () => {
        const { sas } = await there.cygnet.status();
        return sas.length === 1 && sas[0]?.children.length === 0;
      });
      assert.match(there.cygnet.log, /deleting CHILD_SA net\{\d+\} after 5 seconds of CHILD_SA inactivity/);
      assert.match(await traps(there), /^lab\/net/);
    }
  });
});
