import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlScene, labConnection, pair } from '../../../test/control-scene.ts';
import { failureOf, listOf, type Message, sectionOf, textOf } from '../../control/index.ts';

async function initiated(
  scene: ControlScene,
  more: Message = {},
): Promise<{ answer: Message; lines: string[] }> {
  const lines: string[] = [];
  const answer = await scene.client.stream('initiate', 'control-log', { child: 'net', ...more }, line => {
    lines.push(`[${textOf(line, 'group')}] ${textOf(line, 'msg')}`);
  });
  return { answer, lines };
}

async function sas(scene: ControlScene): Promise<readonly Message[]> {
  const found: Message[] = [];
  await scene.client.stream('list-sas', 'list-sa', {}, sa => {
    found.push(sectionOf(sa, 'lab'));
  });
  return found;
}

test('initiate streams what happens in the words of charon, and answers once it stands', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  const { answer, lines } = await initiated(alice, { timeout: '60000', loglevel: '1' });
  assert.equal(textOf(answer, 'success'), 'yes');
  for (const expected of [
    /^\[IKE\] initiating IKE_SA lab\[1\] to 192\.0\.2\.2$/,
    /^\[ENC\] generating IKE_SA_INIT request 0 \[ SA KE No N\(NATD_S_IP\) N\(NATD_D_IP\) .*\]$/,
    /^\[NET\] sending packet: from 192\.0\.2\.1\[500\] to 192\.0\.2\.2\[500\] \(\d+ bytes\)$/,
    /^\[NET\] received packet: from 192\.0\.2\.2\[500\] to 192\.0\.2\.1\[500\] \(\d+ bytes\)$/,
    /^\[ENC\] parsed IKE_AUTH response 1 \[ .*\]$/,
    /^\[CFG\] selected proposal: IKE:AES_GCM_16_128\/PRF_HMAC_SHA2_256\/CURVE_25519$/,
    /^\[IKE\] IKE_SA lab\[1\] established between 192\.0\.2\.1\[alice\.lab\]\.\.\.192\.0\.2\.2\[bob\.lab\]$/,
    /^\[CFG\] selected proposal: ESP:AES_GCM_16_128\/NO_EXT_SEQ$/,
    /^\[IKE\] CHILD_SA net\{\d+\} established with SPIs [0-9a-f]{8}_i [0-9a-f]{8}_o and TS 10\.1\.0\.0\/16 === 10\.2\.0\.0\/16$/,
  ])
    assert.ok(
      lines.some(line => expected.test(line)),
      `${expected} in\n${lines.join('\n')}`,
    );
  const order = lines.map(line => line.slice(0, 20)).findIndex(line => line.startsWith('[NET] received'));
  assert.match(lines[order + 1] ?? '', /^\[ENC\] parsed/, 'a packet is received before it is parsed');
});

test('the control log is as loud as asked for', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  const { lines } = await initiated(alice, { loglevel: '0' });
  assert.ok(lines.length > 0);
  assert.deepEqual(
    lines.filter(line => !line.startsWith('[IKE]')),
    [],
  );
});

test('an answer at once, and one after the time that was given', async () => {
  const { alice, bob, wire } = await pair();
  await using _a = alice;
  await using _b = bob;
  wire.cut = true;
  const early = await alice.client.request('initiate', { child: 'net', timeout: '-1000' });
  assert.deepEqual({ ...early }, { success: 'yes' });
  const late = await alice.client.request('initiate', { child: 'net', timeout: '1' });
  assert.equal(textOf(late, 'errmsg'), "CHILD_SA 'net' not established after 1ms");
});

test('what is not configured is refused by name', async () => {
  await using alice = await ControlScene.open();
  for (const [request, message, errmsg] of [
    ['initiate', { child: 'nosuch' }, "CHILD_SA config 'nosuch' not found"],
    ['initiate', {}, 'missing configuration name'],
    ['initiate', { ike: 'nosuch' }, "IKE_SA config 'nosuch' not found"],
    ['install', {}, 'missing configuration name'],
    ['uninstall', {}, 'missing configuration name'],
    ['install', { child: 'nosuch' }, "CHILD_SA config 'nosuch' not found"],
    ['uninstall', { child: 'nosuch' }, "policy 'nosuch' not found"],
    ['terminate', { ike: 'lab' }, 'no matching SAs to terminate found'],
    ['terminate', {}, 'missing terminate selector'],
    ['rekey', {}, 'missing rekey selector'],
    ['rekey', { child: 'net' }, 'no matching SAs to rekey found'],
    ['redirect', { ike: 'lab', gateway: '192.0.2.9' }, 'no matching SAs to redirect found'],
  ] as const) {
    const answer = await alice.client.request(request, message);
    assert.equal(textOf(answer, 'success'), 'no', request);
    assert.equal(textOf(answer, 'errmsg'), errmsg);
  }
  const terminated = await alice.client.request('terminate', { ike: 'lab' });
  assert.deepEqual([textOf(terminated, 'matches'), textOf(terminated, 'terminated')], ['0', '0']);
});

test('a name that is nearly one is met with the one that was meant', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  for (const [request, message, remedy] of [
    ['initiate', { ike: 'lap' }, 'did you mean "lab"? configured are: lab'],
    ['initiate', { ike: 'lab', child: 'nett' }, 'did you mean "net"? configured are: net'],
    ['terminate', { ike: 'lap' }, 'there is no connection "lap": did you mean "lab"? configured are: lab'],
    ['terminate', { ike: 'lab' }, 'see what is up with: cygnet status'],
    ['cygnet-explain', { connection: 'something else' }, 'configured are: lab'],
  ] as const)
    for (let i = 0; i < 2; i++)
      assert.equal(failureOf(await alice.client.request(request, message))?.remedy, remedy, request);
});

test('terminate ends a child, then the IKE SA, and counts them', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await initiated(alice);
  const child = await alice.client.request('terminate', { child: 'net' });
  assert.deepEqual([textOf(child, 'success'), textOf(child, 'terminated')], ['yes', '1']);
  const [sa] = await sas(alice);
  assert.deepEqual(Object.keys(sectionOf(sa as Message, 'child-sas')), []);
  const ike = await alice.client.request('terminate', { ike: 'lab', timeout: '60000' });
  assert.deepEqual(
    [textOf(ike, 'success'), textOf(ike, 'matches'), textOf(ike, 'terminated')],
    ['yes', '1', '1'],
  );
  assert.deepEqual(await sas(alice), []);
});

test('a peer that is gone: terminate tells so, and does not wait for it when forced', async () => {
  const { alice, bob, wire } = await pair();
  await using _a = alice;
  await using _b = bob;
  await initiated(alice);
  wire.cut = true;
  const late = await alice.client.request('terminate', { ike: 'lab', timeout: '1' });
  assert.equal(textOf(late, 'errmsg'), 'not all matching SAs could be terminated');
  const forced = await alice.client.request('terminate', { ike: 'lab', force: 'yes' });
  assert.equal(textOf(forced, 'success'), 'yes');
  assert.deepEqual(await sas(alice), []);
});

test('rekeying a child, an IKE SA, and making one anew', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await initiated(alice);
  const [before] = alice.gateway.status();
  const spi = before?.children[0]?.spiIn;
  const happened = (kind: string): Promise<void> =>
    new Promise(resolve => {
      const end = alice.gateway.on(event => {
        if (event.kind !== kind) return;
        end();
        resolve();
      });
    });
  let done = happened('child-rekey');
  assert.equal(textOf(await alice.client.request('rekey', { child: 'net' }), 'matches'), '1');
  await done;
  assert.notEqual(alice.gateway.status()[0]?.children.find(({ state }) => state === 'INSTALLED')?.spiIn, spi);
  done = happened('ike-rekey');
  assert.equal(textOf(await alice.client.request('rekey', { ike: 'lab' }), 'success'), 'yes');
  await done;
  done = happened('ike-down');
  assert.equal(textOf(await alice.client.request('rekey', { ike: 'lab', reauth: 'yes' }), 'matches'), '1');
  await done;
  const after = alice.gateway.status();
  assert.equal(after.length, 1);
  assert.equal(after[0]?.state, 'ESTABLISHED');
  assert.ok(alice.counters.global['ike-init-out-req'] >= 2, 'a new IKE SA was made');
  const counted = await alice.client.request('get-counters', { name: 'lab' });
  const values = sectionOf(sectionOf(counted, 'counters'), 'lab');
  assert.equal(textOf(values, 'ike-rekey-init'), '1');
  assert.equal(textOf(values, 'child-rekey'), '1');
});

test('a child that is named is rekeyed, and no IKE SA made anew, whatever else is asked', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await initiated(alice);
  const [before] = alice.gateway.status();
  const rekeyed = new Promise<void>(resolve => {
    alice.gateway.on(event => {
      if (event.kind === 'child-rekey') resolve();
    });
  });
  const answer = await alice.client.request('rekey', { child: 'net', reauth: 'yes' });
  assert.deepEqual([textOf(answer, 'success'), textOf(answer, 'matches')], ['yes', '1']);
  await rekeyed;
  assert.equal(alice.gateway.status()[0]?.id, before?.id);
  for (const message of [{ child: 'nosuch' }, { 'child-id': '4711' }] as const) {
    const none = await alice.client.request('rekey', { ...message, reauth: 'yes' });
    assert.deepEqual([textOf(none, 'success'), textOf(none, 'matches')], ['no', '0']);
  }
  assert.deepEqual(
    alice.gateway.status().map(({ id }) => id),
    [before?.id],
  );
});

test('the name of a child says which children are listed, not of which IKE SAs', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await initiated(alice);
  const listed = async (message: Message): Promise<readonly number[]> => {
    const found: number[] = [];
    await alice.client.stream('list-sas', 'list-sa', message, sa => {
      found.push(Object.keys(sectionOf(sectionOf(sa, 'lab'), 'child-sas')).length);
    });
    return found;
  };
  assert.deepEqual(await listed({}), [1]);
  assert.deepEqual(await listed({ child: 'net' }), [1]);
  assert.deepEqual(await listed({ child: 'other' }), [0]);
  assert.deepEqual(await listed({ 'child-id': '4711' }), [0]);
  // charon takes what is no number for none.
  assert.deepEqual(await listed({ 'ike-id': 'x', 'child-id': 'x' }), [1]);
  for (const message of [{ ike: 'other' }, { 'ike-id': '4711' }]) assert.deepEqual(await listed(message), []);
});

test('a trap goes in and out, and shows what it is', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  const policies = async (message: Message = {}): Promise<readonly Message[]> => {
    const found: Message[] = [];
    await alice.client.stream('list-policies', 'list-policy', message, policy => {
      found.push(policy);
    });
    return found;
  };
  assert.equal(textOf(await alice.client.request('install', { child: 'net' }), 'success'), 'yes');
  assert.equal(alice.backend.policies.size, 1);
  const [policy] = await policies({ trap: 'yes' });
  const section = sectionOf(policy as Message, 'lab/net');
  assert.equal(textOf(section, 'mode'), 'TUNNEL');
  assert.deepEqual(listOf(section, 'remote-ts'), ['10.2.0.0/16']);
  assert.deepEqual(await policies({ drop: 'yes' }), []);
  const [standing] = [...alice.backend.policies.values()];
  const up = new Promise<void>(resolve => {
    alice.gateway.on(event => {
      if (event.kind === 'child-up') resolve();
    });
  });
  alice.backend.emit({
    kind: 'acquire',
    reqid: standing?.reqid ?? 0,
    source: Uint8Array.of(10, 1, 0, 1),
    destination: Uint8Array.of(10, 2, 0, 1),
    protocol: 1,
  });
  await up;
  assert.equal(
    alice.gateway.status()[0]?.children[0]?.reqid,
    standing?.reqid,
    'the SA has the number of its trap',
  );
  assert.equal(textOf(await alice.client.request('uninstall', { child: 'net' }), 'success'), 'yes');
  assert.equal(alice.backend.policies.size, 0);
});

test('no policy is installed for a child whose numbers only an SA has: twice', async () => {
  await using alice = await ControlScene.open();
  const children = { own: { mark_in: '%unique' } };
  const loaded = await alice.client.request('load-conn', { marked: { ...labConnection('alice'), children } });
  assert.equal(textOf(loaded, 'success'), 'yes', textOf(loaded, 'errmsg'));
  for (let time = 0; time < 2; time++) {
    const answer = await alice.client.request('install', { child: 'own' });
    assert.match(textOf(answer, 'errmsg') ?? '', /"own" cannot have a policy before it has an SA: .*%unique/);
    assert.equal(alice.backend.policies.size, 0);
  }
});
