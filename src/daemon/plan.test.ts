import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlScene, labConnection, pair } from '../../test/control-scene.ts';
import { configurationFrom, type ProgramConfiguration } from '../config/index.ts';
import { planShape } from '../control/index.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import type { Base } from './live-configuration.ts';

function base(connections: ProgramConfiguration['connections']): Base {
  const { connections: list, credentials } = configurationFrom(
    { connections, secrets: [{ secret: 'labsecret', owners: ['alice.lab', 'bob.lab'] }] },
    nodeProvider(),
  );
  return { connections: list, credentials, pools: [], manual: [] };
}

async function ask(scene: ControlScene, command: 'cygnet-plan' | 'cygnet-apply'): Promise<readonly string[]> {
  const { steps, secrets } = planShape.decode(
    await scene.client.request(command, { directory: '/etc/swanctl' }),
    'plan',
  );
  const lines = steps.map(
    ({ action, connection, child, keys, sas }) =>
      `${action} ${child === undefined ? connection : `${connection}/${child}`} [${keys.join(' ')}] ${sas.length}`,
  );
  return secrets ? [...lines, 'secrets'] : lines;
}

test('nothing is planned where nothing differs', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  alice.directory = base({ lab: labConnection('alice') });
  assert.deepEqual(await ask(alice, 'cygnet-plan'), []);
});

test('each kind of change is told apart, with live SAs and without', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  const other = labConnection('alice');
  const cases: readonly (readonly [string, ProgramConfiguration['connections'], string, string])[] = [
    ['another connection', { lab: other, more: other }, 'add more [] 0', 'add more [] 0'],
    [
      'what SAs do not depend on',
      { lab: { ...other, keyingtries: '3' } },
      'change lab [keyingtries] 0',
      'change lab [keyingtries] 0',
    ],
    [
      'what SAs were made by',
      { lab: { ...other, dpd_delay: '9s' } },
      'change lab [dpd_delay] 0',
      'rekey lab [dpd_delay] 1',
    ],
    [
      'of a child',
      { lab: labConnection('alice', { esp_proposals: 'aes256gcm16' }) },
      'change lab/net [esp_proposals] 0',
      'rekey lab/net [esp_proposals] 1',
    ],
    [
      'of a child, for later',
      { lab: labConnection('alice', { start_action: 'start' }) },
      'change lab/net [start_action] 0',
      'change lab/net [start_action] 0',
    ],
    ['no child any more', { lab: { ...other, children: {} } }, 'drop lab/net [] 0', 'drop lab/net [] 1'],
    ['nothing any more', {}, 'drop lab [] 0', 'drop lab [] 1'],
  ];
  for (const column of [2, 3] as const) {
    if (column === 3) await alice.client.request('initiate', { child: 'net' });
    for (const row of cases) {
      alice.directory = base(row[1]);
      assert.deepEqual(await ask(alice, 'cygnet-plan'), [row[column]], row[0]);
    }
  }
  assert.equal(alice.gateway.status().length, 1, 'a plan does nothing');
});

test('apply does what was planned: a child goes, an IKE SA is made anew, all goes', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await alice.client.request('initiate', { child: 'net' });
  const next = (kind: string): Promise<void> =>
    new Promise(resolve => {
      const end = alice.gateway.on(event => {
        if (event.kind !== kind) return;
        end();
        resolve();
      });
    });
  const [before] = alice.gateway.status();
  alice.directory = base({ lab: { ...labConnection('alice'), dpd_delay: '9s' } });
  let done = next('ike-down');
  assert.deepEqual(await ask(alice, 'cygnet-apply'), ['rekey lab [dpd_delay] 1']);
  await done;
  const [after] = alice.gateway.status();
  assert.notEqual(after?.id, before?.id);
  assert.deepEqual(
    after?.children.map(({ name, state }) => [name, state]),
    [['net', 'INSTALLED']],
  );
  assert.deepEqual(await ask(alice, 'cygnet-apply'), [], 'what is done is done');
  alice.directory = base({ lab: { ...labConnection('alice'), dpd_delay: '9s', children: {} } });
  done = next('child-down');
  assert.deepEqual(await ask(alice, 'cygnet-apply'), ['drop lab/net [] 1']);
  await done;
  assert.equal(alice.gateway.status()[0]?.id, after?.id);
  alice.directory = base({});
  done = next('ike-down');
  assert.deepEqual(await ask(alice, 'cygnet-apply'), ['drop lab [] 1']);
  await done;
  assert.deepEqual(alice.gateway.status(), []);
});

test('a plan needs the path of a directory', async () => {
  await using scene = await ControlScene.open();
  for (const message of [{}, { directory: 'etc' }]) {
    const answer = await scene.client.request('cygnet-plan', message);
    assert.equal(answer['success'], 'no');
  }
});
