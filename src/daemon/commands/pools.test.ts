import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ControlScene, labConnection, pair } from '../../../test/control-scene.ts';
import { poolFromTree } from '../../config/index.ts';
import { listOf, type Message, sectionOf, textOf } from '../../control/index.ts';
import { NO_BASE } from '../live-configuration.ts';

/** alice asks, bob gives. */
async function remoteAccess(): Promise<{ readonly alice: ControlScene; readonly bob: ControlScene }> {
  const { alice, bob } = await pair();
  const [client, gateway] = [labConnection('alice'), labConnection('bob')];
  await alice.client.request('load-conn', {
    lab: {
      ...client,
      vips: ['0.0.0.0'],
      children: { net: { ...client.children.net, local_ts: ['dynamic'] } },
    },
  });
  await bob.client.request('load-conn', {
    lab: {
      ...gateway,
      pools: ['p1'],
      children: { net: { ...gateway.children.net, remote_ts: ['dynamic'] } },
    },
  });
  await bob.client.request('load-pool', { p1: { addrs: '10.78.0.0/24', dns: ['10.2.0.53'] } });
  return { alice, bob };
}

async function initiate({ client }: ControlScene): Promise<string | undefined> {
  return textOf(await client.request('initiate', { child: 'net', timeout: '60000' }), 'success');
}

async function sa(scene: ControlScene): Promise<Message> {
  let found: Message = {};
  await scene.client.stream('list-sas', 'list-sa', {}, each => {
    found = sectionOf(each, 'lab');
  });
  return found;
}

test("a client's pool hides the directory's, which stays when a client takes out what is listed", async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  const base = async (): Promise<string | undefined> => {
    const pools = await bob.client.request('get-pools');
    return pools['p1'] === undefined ? undefined : textOf(sectionOf(pools, 'p1'), 'base');
  };
  bob.live.replaceBase({ ...NO_BASE, pools: [poolFromTree('p1', { addrs: '10.77.0.0/24' })] });
  for (const _ of ['once', 'twice'])
    assert.equal(textOf(await bob.client.request('unload-pool', { name: 'p1' }), 'success'), 'yes');
  assert.equal(await base(), '10.77.0.0');
  await bob.client.request('load-pool', { p1: { addrs: '10.78.0.0/24' } });
  assert.equal(await base(), '10.78.0.0');
  await bob.client.request('unload-pool', { name: 'p1' });
  assert.equal(await base(), '10.77.0.0');
  assert.equal(textOf(await bob.client.request('unload-pool', { name: 'p2' }), 'success'), 'no');
});

test('who has an address of a pool is listed, at both ends', async () => {
  const { alice, bob } = await remoteAccess();
  await using _a = alice;
  await using _b = bob;
  assert.equal(await initiate(alice), 'yes');
  assert.deepEqual(listOf(await sa(alice), 'local-vips'), ['10.78.0.1']);
  assert.deepEqual(listOf(await sa(bob), 'remote-vips'), ['10.78.0.1']);
  assert.deepEqual([...alice.backend.addresses], ['10.78.0.1']);
  const lease = { address: '10.78.0.1', identity: 'alice.lab' };
  const pool = { base: '10.78.0.0', size: '254' };
  const pools = async (): Promise<unknown> =>
    JSON.parse(JSON.stringify(await bob.client.request('get-pools', { leases: 'yes' })));
  assert.deepEqual(await pools(), {
    p1: { ...pool, online: '1', offline: '0', leases: { 0: { ...lease, status: 'online' } } },
  });
  await alice.client.request('terminate', { ike: 'lab' });
  assert.deepEqual(await pools(), {
    p1: { ...pool, online: '0', offline: '1', leases: { 0: { ...lease, status: 'offline' } } },
  });
  assert.deepEqual([...alice.backend.addresses], []);
});

test('a pool in use is neither unloaded nor moved, twice in a row; what it says besides may change', async () => {
  const { alice, bob } = await remoteAccess();
  await using _a = alice;
  await using _b = bob;
  assert.equal(await initiate(alice), 'yes');
  const refused = async (command: string, message: Message, why: RegExp): Promise<void> => {
    for (let time = 0; time < 2; time++) {
      const answer = await bob.client.request(command, message);
      assert.equal(textOf(answer, 'success'), 'no');
      assert.match(textOf(answer, 'errmsg') ?? '', why);
    }
  };
  await refused('unload-pool', { name: 'p1' }, /"p1" has 1 addresses in use, unable to unload/);
  await refused('load-pool', { p1: { addrs: '10.79.0.0/24' } }, /in use, unable to replace/);
  await refused('load-pool', { p2: { addrs: '10.78.0.128/25' } }, /addresses that pool "p1" has too/);
  await refused('unload-pool', { name: 'p2' }, /^p2 not found$/);
  const loaded = await bob.client.request('load-pool', { p1: { addrs: '10.78.0.0/24', dns: ['10.2.0.54'] } });
  assert.equal(textOf(loaded, 'success'), 'yes');
  assert.deepEqual(listOf(await sa(bob), 'remote-vips'), ['10.78.0.1']);
  await alice.client.request('terminate', { ike: 'lab' });
  assert.equal(textOf(await bob.client.request('unload-pool', { name: 'p1' }), 'success'), 'yes');
  const alerts: Message[] = [];
  await alice.client.subscribe('alert', alert => alerts.push(alert));
  assert.equal(await initiate(alice), 'no', 'there is no pool any more');
  assert.deepEqual(
    alerts.map(alert => textOf(alert, 'type')),
    ['vip-failure'],
  );
});
