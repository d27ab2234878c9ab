import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import { inNetwork, insideNetwork, withoutNamespaces } from '../../../test/namespace.ts';
import { fromHex } from '../../lib/bytes.ts';
import { formatIp, ip } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { systemCalls } from '../system-calls.ts';
import { encodeAddress, readAddress } from './address.ts';
import { encodeLink, readLink } from './link.ts';
import { encodeLookup, encodeRoute, readLookup, readRoute } from './route.ts';
import { encodeRule } from './rule.ts';

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) as Uint8Array;
const calls = systemCalls();
const without = calls === undefined ? 'no native calls on this platform' : false;

const privileged = calls?.capabilities().netAdmin === true;

insideNetwork(scenario);
if (isMainThread) {
  test('routes, rules and links are asked for in the octets that iproute2 sends', () => {
    assert.deepEqual(
      encodeRoute({ destination: ip('10.9.0.0'), prefix: 16, index: 3, source: ip('10.1.2.3'), table: 220 }),
      hex(`02 10 00 00 dc 04 fd 01 00000000 0800 0100 0a090000 0800 0700 0a010203 0800 0400 03000000`),
    );
    assert.deepEqual(
      encodeRoute({ destination: ip('10.7.0.1'), prefix: 32, table: 220, kind: 'throw' }),
      hex('02 20 00 00 dc 04 00 09 00000000 0800 0100 0a070001'),
    );
    assert.deepEqual(
      encodeRoute({ destination: ip('2001:db8::1'), prefix: 128, table: 1000, kind: 'throw' }),
      hex('0a 80 00 00 00 04 00 09 00000000 1400 0100 20010db8000000000000000000000001 0800 0f00 e8030000'),
    );
    assert.deepEqual(
      encodeRoute({ destination: ip('10.8.0.0'), prefix: 16, gateway: ip('10.1.2.1'), mtu: 1400, metric: 5 }),
      hex(`02 10 00 00 fe 04 00 01 00000000 0800 0100 0a080000 0800 0500 0a010201
      0800 0600 05000000 0c00 0800 0800 0200 78050000`),
    );
    assert.deepEqual(
      encodeRoute({ destination: ip('10.8.0.0'), prefix: 16, gateway: ip('10.1.2.1'), metric: 5 }, true),
      hex('02 10 00 00 fe 04 ff 01 00000000 0800 0100 0a080000 0800 0500 0a010201 0800 0600 05000000'),
    );
    assert.deepEqual(
      encodeRule({ family: 4, table: 220, priority: 220 }),
      hex('02 00 00 00 dc 00 00 01 00000000 0800 0600 dc000000 0800 0f00 dc000000'),
    );
    assert.deepEqual(
      encodeRule({ family: 6, table: 1000, priority: 1, invert: true, mark: { value: 0x10, mask: 0xff } }),
      hex(`0a 00 00 00 00 00 00 01 02000000 0800 0600 01000000 0800 0f00 e8030000
      0800 0a00 10000000 0800 1000 ff000000`),
    );
    assert.deepEqual(
      encodeLookup(ip('10.1.2.9')),
      hex('02 20 00 00 00 00 00 00 00100000 0800 0100 0a010209'),
    );
    assert.deepEqual(
      encodeLink(3, { mtu: 1400 }),
      hex('00000000 03000000 00000000 00000000 0800 0400 78050000'),
    );
    assert.deepEqual(encodeLink(3, { up: false }), hex('00000000 03000000 00000000 01000000'));
  });

  test('what is asked for reads back', () => {
    const message = (body: Uint8Array) => ({ type: 0, flags: 0, sequence: 0, port: 0, body });
    for (const route of [
      {
        destination: ip('10.9.0.0'),
        prefix: 16,
        table: 220,
        kind: 'unicast',
        index: 3,
        source: ip('10.1.2.3'),
      },
      {
        destination: ip('2001:db8::'),
        prefix: 32,
        table: 1000,
        kind: 'unicast',
        gateway: ip('fe80::1'),
        index: 2,
      },
      { destination: ip('0.0.0.0'), prefix: 0, table: 254, kind: 'blackhole', metric: 9, mtu: 1280 },
    ] as const) {
      assert.deepEqual(readRoute(message(encodeRoute(route))), route);
    }
    assert.deepEqual(readAddress(message(encodeAddress(5, ip('10.3.0.1'), 32))), {
      index: 5,
      address: ip('10.3.0.1'),
      prefix: 32,
      scope: 'global',
      unusable: false,
    });
    assert.deepEqual(readLink(message(encodeLink(3, { up: true, mtu: 9000 }))), {
      index: 3,
      kind: undefined,
      alias: undefined,
      tunnel: undefined,
      name: '',
      up: true,
      loopback: false,
      mtu: 9000,
    });
  });

  test('answers that are cut short are malformed, those of other families are passed over', () => {
    const message = (body: Uint8Array) => ({ type: 0, flags: 0, sequence: 0, port: 0, body });
    for (const read of [readLink, readAddress, readRoute, readLookup])
      assert.throws(() => read(message(new Uint8Array(7))), Malformed);
    const bridge = encodeRoute({ destination: ip('10.0.0.0'), prefix: 8 });
    bridge[0] = 7;
    assert.equal(readRoute(message(bridge)), undefined);
    assert.equal(readAddress(message(new Uint8Array(8))), undefined);
  });

  test('the loopback interface is found, and leads to itself', { skip: without }, () => {
    const routing = calls?.routing();
    assert.ok(routing);
    try {
      const link = routing.link('lo');
      assert.ok(link?.loopback);
      const found = routing.lookup(ip('127.0.0.1'));
      assert.deepEqual(found?.source, ip('127.0.0.1'));
      assert.equal(found.index, link.index);
      assert.ok(found.local);
      assert.deepEqual(routing.routes(4321), []);
      assert.equal(routing.link('no-such-link'), undefined);
    } finally {
      routing.close();
    }
  });

  test('without the privilege a change is refused by name', { skip: without }, () => {
    const module = new URL('../system-calls.ts', import.meta.url).href;
    const script = `import { systemCalls } from ${JSON.stringify(module)};
      try { systemCalls().routing().setLink(1, { mtu: 65535 }); console.log('done'); }
      catch (error) { console.log(error.name, error.code); }`;
    const node = [process.execPath, '--input-type=module', '--eval', script];
    // Root runs it without capabilities, others have none.
    const [command, ...args] = privileged
      ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all', ...node]
      : node;
    assert.equal(execFileSync(command as string, args, { encoding: 'utf8' }).trim(), 'SystemFailure EPERM');
  });

  test('links, addresses, routes and rules of a namespace', { skip: withoutNamespaces }, async () => {
    const result = await inNetwork(import.meta.filename);
    assert.deepEqual(result, {
      tun: { up: true, mtu: 1400, loopback: false },
      addresses: ['10.1.2.3/32 global', '2001:db8:1::3/128 global'],
      twice: 'EEXIST',
      lookup: {
        before: undefined,
        after: '10.1.2.3 by cygt0 in 220',
        excepted: undefined,
        from: '10.1.2.3',
        v6: '2001:db8:1::3',
      },
      table: ['10.9.0.0/16 unicast 10.1.2.3', '10.9.7.7/32 throw', '2001:db8:9::/48 unicast 2001:db8:1::3'],
      cleared: [],
      gone: 'ESRCH',
      changes: true,
      deleted: true,
    });
  });
}

/** In an empty namespace: what the last test compares. */
async function scenario(): Promise<unknown> {
  const tun = calls?.openTun('cygt%d');
  const routing = calls?.routing();
  assert.ok(calls !== undefined && tun !== undefined && routing !== undefined);
  const { promise: changed, resolve } = Promise.withResolvers<boolean>();
  const end = routing.onChange(() => resolve(true));
  routing.setLink(tun.index, { up: true, mtu: 1400 });
  const found = routing.link(tun.name);
  const [v4, v6] = [ip('10.1.2.3'), ip('2001:db8:1::3')];
  routing.addAddress(tun.index, v4, 32);
  routing.addAddress(tun.index, v6, 128);
  const twice = codeOf(() => routing.addAddress(tun.index, v4, 32));
  const addresses = routing
    .addresses()
    .filter(({ index, scope }) => index === tun.index && scope === 'global')
    .map(({ address, prefix, scope }) => `${formatIp(address)}/${prefix} ${scope}`);

  const before = routing.lookup(ip('10.9.1.1'));
  const rules = ([4, 6] as const).map(family => ({ family, table: 220, priority: 220 }));
  const routes = [
    { destination: ip('10.9.0.0'), prefix: 16, index: tun.index, source: v4, table: 220 },
    { destination: ip('10.9.7.7'), prefix: 32, table: 220, kind: 'throw' },
    { destination: ip('2001:db8:9::'), prefix: 48, index: tun.index, source: v6, table: 220 },
  ] as const;
  for (const rule of rules) routing.addRule(rule);
  for (const route of routes) routing.addRoute(route);
  routing.replaceRoute(routes[0]);
  const after = routing.lookup(ip('10.9.1.1'));
  const table = routing
    .routes(220)
    .map(({ destination, prefix, kind, source }) =>
      [`${formatIp(destination)}/${prefix}`, kind, source && formatIp(source)].filter(Boolean).join(' '),
    );
  const lookup = {
    before,
    after: after && `${formatIp(after.source)} by ${tun.name} in ${after.table}`,
    excepted: routing.lookup(ip('10.9.7.7')),
    from: formatIp(routing.lookup(ip('10.9.1.1'), { source: v4, mark: 9 })?.source ?? ip('::')),
    v6: formatIp(routing.lookup(ip('2001:db8:9::1'))?.source ?? ip('::')),
  };
  for (const route of routes) routing.deleteRoute(route);
  for (const rule of rules) routing.deleteRule(rule);
  const cleared = routing.routes(220);
  const gone = codeOf(() => routing.deleteRoute(routes[0]));
  routing.deleteAddress(tun.index, v4, 32);
  const changes = await changed;
  end();
  routing.deleteLink(tun.index);
  const deleted = routing.link(tun.name) === undefined;
  tun.close();
  routing.close();
  const { up, mtu, loopback } = found ?? {};
  return { tun: { up, mtu, loopback }, addresses, twice, lookup, table, cleared, gone, changes, deleted };
}

function codeOf(attempt: () => void): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}
