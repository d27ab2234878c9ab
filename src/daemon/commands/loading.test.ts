import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { ControlScene, LAB_SECRET, labConnection, pair } from '../../../test/control-scene.ts';
import { listOf, type Message, sectionOf, textOf } from '../../control/index.ts';

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const RSA = generateKeyPairSync('rsa', { modulusLength: 1024 });

test('what a client loads can be listed, and taken out again', async () => {
  await using scene = await ControlScene.open();
  const { client } = scene;
  const list = async (command: string, key: string): Promise<readonly string[]> =>
    listOf(await client.request(command), key);
  const { id } = (await client.request('load-key', { type: 'any', data: pem(RSA.privateKey) })) as {
    id: string;
  };
  assert.match(id, /^[0-9a-f]{40}$/);
  await client.request('load-shared', LAB_SECRET);
  await client.request('load-shared', { ...LAB_SECRET, id: 'eap-1', type: 'EAP' });
  await client.request('load-conn', { lab: labConnection('alice') });
  await client.request('load-pool', { p1: { addrs: '10.78.0.0/24', dns: ['10.2.0.53'] } });
  assert.deepEqual(await list('get-keys', 'keys'), [id]);
  assert.deepEqual(await list('get-shared', 'keys'), ['eap-1', 'ike-1']);
  assert.deepEqual(await list('get-conns', 'conns'), ['lab']);
  const pools = await client.request('get-pools', { leases: 'yes' });
  assert.equal(
    JSON.stringify(pools),
    '{"p1":{"base":"10.78.0.0","size":"254","online":"0","offline":"0","leases":{}}}',
  );
  for (const [command, message] of [
    ['unload-key', { id }],
    ['unload-shared', { id: 'eap-1' }],
    ['unload-conn', { name: 'lab' }],
    ['unload-pool', { name: 'p1' }],
  ] as const) {
    assert.equal(textOf(await client.request(command, message), 'success'), 'yes', command);
    // Whether there was such a secret charon does not tell.
    const again = command === 'unload-shared' ? 'yes' : 'no';
    assert.equal(textOf(await client.request(command, message), 'success'), again, `${command} twice`);
  }
  assert.deepEqual(await list('get-shared', 'keys'), ['ike-1']);
  assert.equal(textOf(await client.request('clear-creds'), 'success'), 'yes');
  assert.deepEqual(await list('get-shared', 'keys'), []);
  assert.deepEqual(await list('get-conns', 'conns'), []);
});

test('what is wrong is refused with the place, and what was there stays', async () => {
  await using scene = await ControlScene.open();
  const { client } = scene;
  await client.request('load-conn', { lab: labConnection('alice') });
  const refused: readonly (readonly [string, Message, RegExp])[] = [
    [
      'load-conn',
      { lab: { ...labConnection('alice'), proposals: ['aes129-sha1-modp1024'] } },
      /load-conn lab\.proposals: .*aes129/,
    ],
    [
      'load-conn',
      { lab: { ...labConnection('alice'), remote_adrs: ['192.0.2.9'] } },
      /load-conn lab\.remote_adrs: .*remote_adrs/,
    ],
    ['load-conn', { a: labConnection('alice'), b: labConnection('bob') }, /one section/],
    ['load-key', { type: 'any', data: 'no key' }, /load-key: .*no private key/],
    ['load-key', { type: 'bliss', data: pem(RSA.privateKey) }, /invalid key type: bliss/],
    ['load-key', { type: 'ecdsa', data: pem(RSA.privateKey) }, /it is of the type rsa/],
    ['load-key', { type: 'any' }, /^key data missing$/],
    ['load-key', { data: 'x' }, /^key type missing$/],
    ['load-cert', {}, /^certificate type missing$/],
    ['load-cert', { type: 'x509' }, /^certificate data missing$/],
    ['load-cert', { type: 'nosuch', data: 'x' }, /^invalid certificate type 'nosuch'$/],
    ['load-shared', {}, /^shared key type missing$/],
    ['load-shared', { type: 'ike' }, /^shared key data missing$/],
    ['unload-conn', {}, /^unload: missing connection name$/],
    ['unload-conn', { name: 'x' }, /^unload: connection 'x' not found$/],
    ['unload-authority', {}, /^unload: missing authority name$/],
    ['unload-authority', { name: 'x' }, /^unload: authority 'x' not found$/],
    ['unload-pool', {}, /^missing pool name to unload$/],
    ['unload-key', {}, /^key id missing$/],
    ['unload-key', { id: 'x' }, /^key not found$/],
    ['unload-shared', {}, /^unique identifier missing$/],
    ['flush-certs', { type: 'nosuch' }, /^invalid certificate type 'nosuch'$/],
    ['load-cert', { type: 'X509', flag: 'NONE', data: 'no certificate' }, /load-cert: /],
    ['load-cert', { type: 'X509', flag: 'BOSS', data: 'x' }, /^invalid certificate flag 'BOSS'$/],
    ['load-cert', { type: 'PUBKEY', data: 'x' }, /load-cert: /],
    ['load-cert', { type: 'PGP', data: 'x' }, /no certificates of the type "PGP"/],
    ['load-shared', { id: 'x', type: 'pin', data: '1234' }, /its type is none of/],
    ['load-token', { handle: '1234' }, /tokens are not supported/],
    ['load-pool', { p1: {} }, /has no addresses/],
    ['load-authority', { ca: { crl_uris: ['http://192.0.2.1/'] } }, /names no certificate/],
  ];
  for (const [command, message, says] of refused) {
    const answer = await client.request(command, message);
    assert.equal(textOf(answer, 'success'), 'no', command);
    assert.match(textOf(answer, 'errmsg') ?? '', says);
    assert.ok(textOf(sectionOf(answer, 'failure'), 'code'), command);
  }
  // Nothing is loaded where nothing is sent.
  for (const command of ['load-conn', 'load-pool', 'load-authority'])
    assert.equal(textOf(await client.request(command, {}), 'success'), 'yes', command);
  assert.equal(scene.live.connections.length, 1);
  assert.deepEqual(scene.live.connection('lab')?.remoteAddresses, ['192.0.2.2']);
});

test('loading the same again touches nothing', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await alice.client.request('initiate', { child: 'net' });
  const before = alice.gateway.status();
  const connection = alice.live.connection('lab');
  await alice.client.request('load-shared', LAB_SECRET);
  await alice.client.request('load-conn', { lab: labConnection('alice') });
  assert.equal(alice.live.connection('lab'), connection, 'not even the object');
  assert.deepEqual(
    alice.gateway.status().map(({ id, children }) => [id, children.map(child => child.id)]),
    before.map(({ id, children }) => [id, children.map(child => child.id)]),
  );
});

test('a change leaves SAs that nobody asked to be started; those that were are begun anew', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await alice.client.request('initiate', { child: 'net' });
  const [first] = alice.gateway.status();
  await alice.client.request('load-conn', { lab: { ...labConnection('alice'), dpd_delay: '30s' } });
  assert.equal(alice.gateway.status()[0]?.id, first?.id);
  const up = new Promise<void>(resolve => {
    const end = alice.gateway.on(event => {
      if (event.kind !== 'child-up') return;
      end();
      resolve();
    });
  });
  await alice.client.request('terminate', { ike: 'lab' });
  await alice.client.request('load-conn', { lab: labConnection('alice', { start_action: 'start' }) });
  await up;
  const [started] = alice.gateway.status();
  const down = new Promise<void>(resolve => {
    alice.gateway.on(event => {
      if (event.kind === 'ike-down' && event.ike.id === started?.id) resolve();
    });
  });
  await alice.client.request('unload-conn', { name: 'lab' });
  await down;
  assert.equal(alice.actions.isWanted('lab', 'net'), false);
});

test('start_action = trap goes with its connection', async () => {
  await using scene = await ControlScene.open();
  const { client, policies } = scene;
  await client.request('load-conn', { lab: labConnection('alice', { start_action: 'trap' }) });
  // What is asked of policies happens in turn: this waits for what loading began.
  await policies.uninstall('nosuch');
  assert.deepEqual(
    policies.list.map(({ child, kind }) => [child, kind]),
    [['net', 'trap']],
  );
  await client.request('load-conn', {
    lab: labConnection('alice', { start_action: 'trap', mode: 'drop' }),
  });
  await policies.uninstall('nosuch');
  assert.deepEqual(
    policies.list.map(({ kind }) => kind),
    ['drop'],
  );
  assert.equal(scene.backend.policies.size, 1);
  await client.request('unload-conn', { name: 'lab' });
  await policies.uninstall('nosuch');
  assert.deepEqual(policies.list, []);
  assert.equal(scene.backend.policies.size, 0);
});

test('what a key of IKEv1 is worth is told once both are there, in either order, and once', async () => {
  for (const order of [
    ['load-conn', 'load-shared'],
    ['load-shared', 'load-conn'],
  ] as const) {
    await using scene = await ControlScene.open();
    const connection = {
      ...labConnection('alice'),
      version: '1',
      proposals: ['aes128-sha256-ecp256'],
      aggressive: 'yes',
    };
    const messages = { 'load-conn': { lab: connection }, 'load-shared': LAB_SECRET };
    for (let time = 0; time < 2; time++)
      for (const name of order) await scene.client.request(name, messages[name]);
    const [told, ...others] = scene.warnings.filter(text => text.includes('guess'));
    assert.match(told ?? '', /connection "lab" has aggressive mode .*"ike-1" is worth about \d+ bits/);
    assert.doesNotMatch(scene.warnings.join(), /labsecret/);
    assert.deepEqual(others, []);
  }
});

test('a raw public key is taken, as swanctl sends those of its folder, and is no certificate', async () => {
  await using alice = await ControlScene.open();
  const { publicKey } = generateKeyPairSync('ed25519');
  const forms = [
    publicKey.export({ type: 'spki', format: 'pem' }),
    publicKey.export({ type: 'spki', format: 'der' }),
  ];
  for (const data of [...forms, ...forms])
    assert.equal(
      textOf(await alice.client.request('load-cert', { type: 'PUBKEY', flag: 'NONE', data }), 'success'),
      'yes',
    );
  assert.deepEqual(alice.live.credentials.certificates, []);
});
