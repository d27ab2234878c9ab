import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ControlScene } from '../../test/control-scene.ts';
import { ipv4Packet } from '../../test/ip-packets.ts';
import { run } from '../cli/program.ts';
import { manualSaFromTree } from '../config/index.ts';
import { type Message, manualListShape, sectionOf, sectionsOf, statusShape } from '../control/index.ts';
import type { Failure } from '../policy/failure.ts';
import type { ManualSa } from '../policy/manual-sa.ts';
import { NO_BASE } from './live-configuration.ts';
import { ManualSas } from './manual-sas.ts';
import { openGateway } from './open-gateway.ts';

const SETTINGS = {
  local_addr: '192.0.2.1',
  remote_addr: '192.0.2.2',
  spi_in: '0xc1000001',
  spi_out: '0xc1000002',
  esp: 'aes256-sha256',
  encryption_key_in: `0x${'5a'.repeat(31)}01`,
  encryption_key_out: `0x${'5a'.repeat(31)}02`,
  integrity_key_in: `0x${'5a'.repeat(31)}03`,
  integrity_key_out: `0x${'5a'.repeat(31)}04`,
  local_ts: '10.1.0.0/16',
  remote_ts: '10.2.0.0/16',
};

type Settings = Readonly<Record<string, string>>;

function manual(name: string, settings: Settings = {}): ManualSa {
  return manualSaFromTree(name, { ...SETTINGS, ...settings }).sa;
}

async function cygnet(scene: ControlScene, ...args: string[]) {
  const [out, error]: [string[], string[]] = [[], []];
  const terminal = {
    out: (text: string) => void out.push(text),
    error: (text: string) => void error.push(text),
  };
  const code = await run(['--control', scene.server.address, ...args], terminal, '1.2.3');
  const said = [...out, ...error].join('\n');
  assert.doesNotMatch(said, /5a5a/, 'a key was shown');
  return { code, out: out.join('\n'), error: error.join('\n') };
}

function pairs(settings: Settings): string[] {
  return Object.entries(settings).map(([key, value]) => `${key}=${value}`);
}

/** The names of what is in the back end, with their numbers. */
function installed(scene: ControlScene): readonly string[] {
  return [...scene.backend.sas.values()]
    .map(({ parameters }) => `${parameters.name}#${parameters.id}`)
    .sort();
}

test('an SA is added, listed and taken out again by the command line', async () => {
  await using scene = await ControlScene.open();
  const added = await cygnet(scene, 'sa', 'add', 'gw', ...pairs(SETTINGS));
  assert.equal(added.code, 0, added.error);
  assert.match(added.error, /keys on the command line are seen by every user/);
  assert.match(added.error, /no forward secrecy/);
  const [sa] = [...scene.backend.sas.values()];
  assert.deepEqual(sa?.parameters.keysOut.encryption.reveal().at(-1), 2);
  assert.deepEqual([sa?.parameters.spiIn, sa?.parameters.replayWindow, sa?.outbound], [0xc1000001, 0, true]);

  const list = await cygnet(scene, 'sa', 'list');
  assert.match(list.out, /^gw +manual .*192\.0\.2\.1 +192\.0\.2\.2/m);
  assert.match(list.out, /SPIs c1000001 in c1000002 out, aes256-sha256/);
  const json = await cygnet(scene, '--json', 'sa', 'list');
  assert.equal(JSON.parse(json.out).sas[0].configured, false);
  assert.match((await cygnet(scene, 'status')).out, /^gw +manual/m);
  assert.match((await cygnet(scene, 'status', 'gw')).out, /^gw +manual/m);
  const status = statusShape.decode(await scene.client.request('cygnet-status'), 'status');
  assert.equal(status.manual?.[0]?.reqid, 0x8000_0001);

  const seen: Message[] = [];
  await scene.client.stream('list-sas', 'list-sa', {}, message => void seen.push(message));
  const ike = sectionOf(seen[0] ?? {}, 'gw');
  assert.equal(ike['state'], 'MANUAL');
  const [[, child] = []] = sectionsOf(sectionOf(ike, 'child-sas'));
  assert.equal(child?.['spi-in'], 'c1000001');
  await scene.client.stream('list-sas', 'list-sa', { ike: 'other' }, message => void seen.push(message));
  assert.equal(seen.length, 1);

  for (let i = 0; i < 2; i++) {
    const again = await cygnet(scene, 'sa', 'add', 'gw', ...pairs(SETTINGS));
    assert.equal(again.code, 1);
    assert.match(again.error, /there is a manual SA "gw" already/);
    const clash = await cygnet(scene, 'sa', 'add', 'hub', ...pairs(SETTINGS));
    assert.match(clash.error, /spi_in of "hub" is that of the manual SA "gw"/);
  }
  assert.deepEqual(installed(scene).length, 1);
  assert.equal((await cygnet(scene, 'sa', 'del', 'gw')).code, 0);
  assert.equal(scene.backend.sas.size, 0);
  assert.match((await cygnet(scene, 'sa', 'del', 'gw')).error, /there is no manual SA "gw"/);
  assert.match((await cygnet(scene, 'sa', 'list')).out, /there are no manual SAs/);
});

test('what the back end refuses, or the daemon cannot do, leaves nothing behind', async () => {
  await using scene = await ControlScene.open();
  for (let i = 0; i < 2; i++) {
    scene.backend.refuseNext({ code: 'kernel/install', summary: 'the kernel has no aes' });
    const refused = await cygnet(scene, 'sa', 'add', 'gw', ...pairs(SETTINGS));
    assert.match(refused.error, /the kernel has no aes \(kernel\/install\)/);
    const port = await cygnet(scene, 'sa', 'add', 'gw', ...pairs(SETTINGS), 'encap=yes', 'local_port=4501');
    assert.match(port.error, /from UDP port 4501, but the daemon has 4500/);
    const wrong = await cygnet(scene, 'sa', 'add', 'gw', ...pairs({ ...SETTINGS, esp: 'aes128-sha256' }));
    assert.match(wrong.error, /takes 16 octets, encryption_key_in has 32/);
    const odd = await cygnet(scene, 'sa', 'add', 'gw', `0x${'5a'.repeat(32)}`);
    assert.match(odd.error, /a setting is not of the form key=value/);
    const none = await cygnet(scene, 'sa', 'add', 'gw', '--key-file', '/nowhere/keys');
    assert.match(none.error, /cannot read \/nowhere\/keys/);
  }
  assert.equal(scene.backend.sas.size, 0);
  assert.equal(scene.manual.list.length, 0);
  assert.equal((await cygnet(scene, 'sa', 'add', 'gw', ...pairs(SETTINGS))).code, 0);
});

test('a directory that takes over touches just the SAs that it changes', async () => {
  await using scene = await ControlScene.open();
  const apply = async (...sas: readonly ManualSa[]): Promise<readonly string[]> => {
    scene.directory = { ...NO_BASE, manual: sas };
    const planned = await cygnet(scene, 'plan', '/etc/swanctl');
    const applied = await cygnet(scene, 'apply', '/etc/swanctl');
    assert.equal(applied.out, planned.out);
    return applied.out.split('\n');
  };
  const other = { spi_in: '0xc1000003', spi_out: '0xc1000004' };
  assert.deepEqual(await apply(manual('a'), manual('b', other)), [
    '+ add     manual SA a',
    '+ add     manual SA b',
  ]);
  const [a, b] = installed(scene);
  assert.deepEqual(await apply(manual('a'), manual('b', other)), ['nothing changes']);
  assert.deepEqual(installed(scene), [a, b]);
  // Nothing differs but a key, which must not be told.
  const key = { ...other, integrity_key_out: `0x${'5a'.repeat(31)}99` };
  assert.deepEqual(await apply(manual('a'), manual('b', key)), [
    '↻ replace manual SA b (keys out): is taken out and put in anew',
  ]);
  assert.equal(installed(scene)[0], a);
  assert.notEqual(installed(scene)[1], b);
  // SPIs that change hands.
  assert.deepEqual(await apply(manual('b'), manual('a', key)), [
    '↻ replace manual SA b (spi_in, spi_out, keys out): is taken out and put in anew',
    '↻ replace manual SA a (spi_in, spi_out, keys out): is taken out and put in anew',
  ]);
  assert.equal(scene.backend.sas.size, 2);
  assert.deepEqual(
    [...scene.backend.sas.values()].map(({ parameters }) => parameters.keysIn.encryption.reveal().at(-1)),
    [1, 1],
  );
  const kept = await cygnet(scene, 'sa', 'del', 'a');
  assert.match(kept.error, /stands in the configured directory/);
  assert.deepEqual(await apply(), [
    '- drop    manual SA b: is taken out',
    '- drop    manual SA a: is taken out',
  ]);
  assert.equal(scene.backend.sas.size, 0);
});

test('one that cannot be installed is told of, and tried again at the next occasion', async () => {
  await using scene = await ControlScene.open();
  scene.backend.refuseNext({ code: 'kernel/install', summary: 'not now' });
  await scene.manual.take([manual('a'), manual('b', { spi_in: '0xc1000003', spi_out: '0xc1000004' })]);
  assert.deepEqual(
    scene.manual.list.map(({ sa, state, failure }) => [sa.name, state, failure?.summary]),
    [
      ['a', 'FAILED', 'not now'],
      ['b', 'INSTALLED', undefined],
    ],
  );
  const { sas } = manualListShape.decode(await scene.client.request('cygnet-sa-list'), 'list');
  assert.equal(sas[0]?.failure?.code, 'kernel/install');
  await scene.manual.take(scene.manual.list.map(({ sa }) => sa));
  assert.deepEqual(scene.manual.list.map(({ state }) => state).sort(), ['INSTALLED', 'INSTALLED']);
});

test('at the end of its life the traffic of an SA is stopped, not let by in clear', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    await using scene = await ControlScene.open();
    const byTime = manual('a', { life_time: '30d' });
    const byBytes = manual('b', { spi_in: '0xc1000003', spi_out: '0xc1000004', life_bytes: '1m' });
    await scene.manual.take([byTime, byBytes]);
    const [, second] = scene.manual.list;
    scene.backend.emit({ kind: 'expire', id: second?.id ?? 0, hard: false, now: 0 });
    mock.timers.tick(2 ** 31 - 1);
    await scene.manual.settled();
    assert.equal(scene.backend.sas.size, 2);
    scene.backend.emit({ kind: 'expire', id: second?.id ?? 0, hard: true, now: 0 });
    scene.backend.emit({ kind: 'expire', id: second?.id ?? 0, hard: true, now: 0 });
    await scene.manual.settled();
    assert.equal(scene.backend.sas.size, 1);
    mock.timers.tick(30 * 86_400_000 - 2 ** 31 + 1);
    await scene.manual.settled();
    assert.equal(scene.backend.sas.size, 0);
    assert.deepEqual(
      [...scene.backend.policies.values()].map(({ kind }) => kind),
      ['drop', 'drop'],
    );
    assert.deepEqual(
      scene.manual.list.map(({ state }) => state),
      ['EXPIRED', 'EXPIRED'],
    );
    // What is over stays over, until it is configured otherwise.
    await scene.manual.take([byTime, byBytes]);
    assert.equal(scene.backend.sas.size, 0);
    await scene.manual.take([manual('a')]);
    assert.equal(scene.backend.sas.size, 1);
    assert.equal(scene.backend.policies.size, 0);
  } finally {
    mock.timers.reset();
  }
});

test('two gateways in user space carry packets by keys that were given to both', async () => {
  const open = () => openGateway({ connections: {}, addresses: ['127.0.0.1'], port: 0, natPort: 0 });
  const [a, b] = await Promise.all([open(), open()]);
  const failures: Failure[] = [];
  const [atA, atB] = [a, b].map(
    ({ gateway }) => new ManualSas(gateway, (_, failure) => failures.push(failure)),
  );
  assert.ok(atA !== undefined && atB !== undefined);
  try {
    const own = { local_addr: '127.0.0.1', remote_addr: '127.0.0.1', encap: 'yes' };
    await atA.take([manual('x', { ...own, remote_port: String(b.natPort) })]);
    await atB.take([manual('x', { ...exchanged(SETTINGS), ...own, remote_port: String(a.natPort) })]);
    assert.deepEqual(failures, []);
    for (const [from, to, packet] of [
      [a, b, packetFrom('10.1.0.1', '10.2.0.1')],
      [b, a, packetFrom('10.2.0.1', '10.1.0.1')],
    ] as const) {
      const came = new Promise<Uint8Array>(resolve => to.packets.onPacket(one => resolve(one.slice())));
      assert.equal(from.packets.send(packet), true);
      assert.deepEqual(await came, packet);
    }
    const [state] = atA.list;
    assert.ok(state !== undefined);
    assert.equal((await atA.usage(state))?.packetsOut, 1n);
    // Without UDP there is no way in user space.
    await atA.take([manual('x', { ...own, encap: 'no' })]);
    assert.match(failures.map(({ summary }) => summary).join(), /UDP/);
    assert.equal(a.packets.send(packetFrom('10.1.0.1', '10.2.0.1')), false);
  } finally {
    atA.close();
    atB.close();
    await Promise.all([a.gateway.close(0), b.gateway.close(0)]);
  }
});

test('a program gives keys to its gateway, hears what they carry, and is refused what cannot be', async () => {
  const own = { local_addr: '127.0.0.1', remote_addr: '127.0.0.1', encap: 'yes' };
  const open = (settings: Settings) =>
    openGateway({
      connections: {},
      addresses: ['127.0.0.1'],
      port: 0,
      natPort: 0,
      manual: { x: { ...SETTINGS, ...own, ...settings } },
    });
  for (let i = 0; i < 2; i++) {
    await assert.rejects(open({ encap: 'no' }), /plain ESP cannot be carried here/);
    await assert.rejects(open({ esp: 'aes128-sha256' }), /takes 16 octets/);
    const marked = { local: { auth: 'psk' }, remote: { auth: 'psk' }, dscp: '101110' };
    await assert.rejects(
      openGateway({ connections: { marked }, addresses: ['127.0.0.1'], port: 0, natPort: 0 }),
      /marked: node:dgram cannot set a DSCP/,
    );
  }
  const b = await open({ ...exchanged(SETTINGS), life_packets: '1' });
  const a = await open({ remote_port: String(b.natPort) });
  try {
    const [mine, theirs] = [a.manual.list[0], b.manual.list[0]];
    assert.ok(mine !== undefined && theirs !== undefined);
    assert.deepEqual([mine.sa.name, mine.state], ['x', 'INSTALLED']);
    const came = new Promise<void>(resolve => b.packets.onPacket(() => resolve()));
    const over = new Promise<string>(resolve =>
      b.gateway.on(event => event.kind === 'log' && event.level === 'error' && resolve(event.text)),
    );
    assert.equal(a.packets.send(packetFrom('10.1.0.1', '10.2.0.1')), true);
    await came;
    assert.equal((await a.manual.usage(mine))?.packetsOut, 1n);
    assert.match(await over, /life of manual SA "x" is over/);
    assert.equal(b.manual.list[0]?.state, 'EXPIRED');
    assert.equal(b.manual.list[0]?.failure?.code, 'kernel/expired');
  } finally {
    await Promise.all([a.gateway.close(0), b.gateway.close(0)]);
  }
});

test('metrics count them, and explain names them with what became of them', async () => {
  await using scene = await ControlScene.open();
  await cygnet(scene, 'sa', 'add', 'gw', ...pairs(SETTINGS));
  const [id = 0] = scene.backend.sas.keys();
  scene.backend.setUsage(id, { bytesIn: 40n, packetsIn: 2n });
  const text = (await cygnet(scene, 'metrics')).out;
  for (const line of [
    'cygnet_manual_sa_up{sa="gw"} 1',
    'cygnet_manual_sa_bytes_total{sa="gw",direction="in"} 40',
    'cygnet_manual_sa_packets_total{sa="gw",direction="out"} 0',
  ])
    assert.ok(text.includes(`${line}\n`), text);
  const explained = await cygnet(scene, 'explain', 'gw');
  assert.match(explained.out, /^gw is up: an SA with given keys, a client added it$/m);
  assert.match(explained.out, /SPIs c1000001 in c1000002 out/);
  assert.doesNotMatch(explained.out, /nothing came in/);
  assert.equal(JSON.parse((await cygnet(scene, '--json', 'explain', 'gw')).out).sa.name, 'gw');
  scene.backend.emit({ kind: 'expire', id, hard: true, now: 0 });
  await scene.manual.settled();
  assert.match((await cygnet(scene, 'metrics')).out, /^cygnet_manual_sa_up\{sa="gw"\} 0$/m);
  assert.match(
    (await cygnet(scene, 'explain', 'gw')).out,
    /^gw is over[\s\S]*kernel\/expired[\s\S]*give both sides new keys/,
  );
  assert.match((await cygnet(scene, 'explain', 'nobody')).error, /config\/unknown-name/);
});

/** The same SA as the peer has it. */
function exchanged(settings: Settings): Settings {
  const other = (key: string): string => {
    if (/_(in|out)$/.test(key)) return key.replace(/_(in|out)$/, (_, way) => (way === 'in' ? '_out' : '_in'));
    return key.replace(/^(local|remote)_/, (_, side) => (side === 'local' ? 'remote_' : 'local_'));
  };
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [other(key), value]));
}

function packetFrom(source: string, destination: string): Uint8Array {
  return ipv4Packet({ source, destination, protocol: 17, payload: [0, 1, 0, 2, 0, 9, 0, 0, 7] });
}
