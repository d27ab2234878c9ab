import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlScene, LAB_SECRET, labConnection, Wire } from '../../../test/control-scene.ts';
import { failureOf, type Message, numberOf, sectionOf, textOf } from '../../control/index.ts';

type Changes = Record<string, Record<string, string>>;

/** Two hosts whose connection has these children, each as `net` but for what is said; `more` is said of the connection. */
async function pairWith(
  children: Changes,
  more: Record<string, string | string[]> = {},
): Promise<AsyncDisposable & { readonly alice: ControlScene }> {
  const wire = new Wire();
  const alice = await ControlScene.open(wire);
  const bob = await ControlScene.open(wire, '192.0.2.2', '192.0.2.1');
  for (const [scene, who] of [
    [alice, 'alice'],
    [bob, 'bob'],
  ] as const) {
    const { net } = labConnection(who).children;
    const own = Object.entries(children).map(([name, change]) => [name, { ...net, ...change }]);
    const lab = { ...labConnection(who), ...more, children: Object.fromEntries(own) };
    await scene.client.request('load-shared', LAB_SECRET);
    const loaded = await scene.client.request('load-conn', { lab });
    assert.equal(textOf(loaded, 'success'), 'yes', textOf(loaded, 'errmsg'));
  }
  return {
    alice,
    [Symbol.asyncDispose]: async () => {
      await alice[Symbol.asyncDispose]();
      await bob[Symbol.asyncDispose]();
    },
  };
}

async function initiated(
  { client }: ControlScene,
  child: string,
  more: Message = {},
): Promise<{ readonly answer: Message; readonly lines: readonly string[] }> {
  const lines: string[] = [];
  const answer = await client.stream('initiate', 'control-log', { child, ...more }, line => {
    lines.push(`${textOf(line, 'level')} ${textOf(line, 'msg')}`);
  });
  return { answer, lines };
}

test('a child that is up is not made twice: charon fails, and so does this, each time', async () => {
  await using scene = await pairWith({ net: {} });
  const { alice } = scene;
  const { answer: first } = await initiated(alice, 'net');
  assert.equal(textOf(first, 'success'), 'yes');
  for (let time = 0; time < 2; time++) {
    const { answer, lines } = await initiated(alice, 'net');
    assert.equal(textOf(answer, 'success'), 'no');
    assert.equal(failureOf(answer)?.code, 'local/duplicate');
    for (const name of ['ike-id', 'child-id']) assert.equal(numberOf(answer, name), numberOf(first, name));
    assert.equal(lines.length, 1);
    assert.match(
      lines[0] ?? '',
      /^1 not establishing CHILD_SA net\{\d+\} due to existing duplicate \{\d+\} with SPIs [0-9a-f]{8}_i [0-9a-f]{8}_o and TS 10\.1\.0\.0\/16 === 10\.2\.0\.0\/16$/,
    );
  }
  assert.equal(alice.gateway.status()[0]?.children.length, 1);
});

test('who does not wait for the outcome is not told of it', async () => {
  await using scene = await pairWith({ net: {} });
  const { alice } = scene;
  await initiated(alice, 'net');
  const { answer, lines } = await initiated(alice, 'net', { timeout: '-1' });
  assert.deepEqual({ ...answer }, { success: 'yes' });
  assert.equal(lines.length, 1);
});

test('a child that was configured alike by another name is a duplicate; one that differs is not', async () => {
  await using scene = await pairWith({ net: {}, same: {}, other: { rekey_time: '50m' } });
  const { alice } = scene;
  await initiated(alice, 'net');
  const { answer, lines } = await initiated(alice, 'same');
  assert.equal(textOf(answer, 'success'), 'no');
  assert.match(lines[0] ?? '', /^1 not establishing CHILD_SA same\{\d+\} due to existing duplicate/);
  assert.equal(textOf((await initiated(alice, 'other')).answer, 'success'), 'yes');
  assert.deepEqual(
    alice.gateway.status()[0]?.children.map(({ name }) => name),
    ['net', 'other'],
  );
});

test('with numbers of its own another is made each time, with those of the IKE SA none', async () => {
  await using scene = await pairWith(
    { own: { mark_in: '%unique', mark_out: '%unique' }, shared: {} },
    { if_id_in: '%unique', if_id_out: '%unique' },
  );
  const { alice } = scene;
  const made = async (child: string): Promise<void> => {
    const { answer } = await initiated(alice, child);
    assert.equal(textOf(answer, 'success'), 'yes', textOf(answer, 'errmsg'));
  };
  for (let time = 0; time < 3; time++) await made('own');
  await made('shared');
  assert.equal(textOf((await initiated(alice, 'shared')).answer, 'success'), 'no');
  const [ike] = alice.gateway.status();
  const { children = [], interfaces } = ike ?? {};
  assert.deepEqual(
    children.map(({ name }) => name),
    ['own', 'own', 'own', 'shared'],
  );
  assert.equal(new Set(children.map(({ kernel }) => kernel?.markIn?.value)).size, 4);
  assert.ok(interfaces?.interfaceIn !== undefined && interfaces.interfaceIn === interfaces.interfaceOut);
  for (const { kernel } of children) assert.equal(kernel?.interfaceIn, interfaces.interfaceIn);
});

test('the interfaces of an IKE SA are told, go over to its successor, and are new with a new IKE SA', async () => {
  await using scene = await pairWith({ net: {} }, { if_id_in: '%unique-dir', if_id_out: '%unique-dir' });
  const { alice } = scene;
  const told = async (): Promise<readonly (string | undefined)[]> => {
    const found: Message[] = [];
    await alice.client.stream('list-sas', 'list-sa', {}, sa => void found.push(sectionOf(sa, 'lab')));
    assert.equal(found.length, 1);
    return ['if-id-in', 'if-id-out'].map(name => textOf(found[0] ?? {}, name));
  };
  const over = async (kind: string, request: Message): Promise<void> => {
    const happened = new Promise<void>(resolve => {
      const end = alice.gateway.on(event => {
        if (event.kind !== kind) return;
        end();
        resolve();
      });
    });
    await alice.client.request('rekey', { ike: 'lab', ...request });
    await happened;
  };
  await initiated(alice, 'net');
  const first = await told();
  assert.match(first.join(' '), /^[0-9a-f]{8} [0-9a-f]{8}$/);
  assert.notEqual(first[0], first[1]);
  await over('ike-rekey', {});
  assert.deepEqual(await told(), first);
  await over('ike-down', { reauth: 'yes' });
  assert.notDeepEqual(await told(), first);
});

test('in IKEv1 it succeeds, and nothing is made', async () => {
  await using scene = await pairWith({ net: {} }, { version: '1', proposals: ['aes128-sha256-modp2048'] });
  const { alice } = scene;
  await initiated(alice, 'net');
  for (let time = 0; time < 2; time++) {
    const { answer, lines } = await initiated(alice, 'net');
    assert.equal(textOf(answer, 'success'), 'yes');
    assert.match(lines.join('\n'), /^1 CHILD_SA net\{\d+\} is established already$/);
  }
  assert.equal(alice.gateway.status()[0]?.children.length, 1);
});
