import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import { inNetwork, insideNetwork, withoutNamespaces } from '../../test/namespace.ts';
import { formatIp, ip } from '../lib/ip.ts';
import type { Path } from '../policy/sa.ts';
import { SystemFailure } from '../sys/failure.ts';
import { type SystemCalls, systemCalls } from '../sys/system-calls.ts';
import { RoutedWays, unroutedWays } from './ways.ts';

const ANY = [ip('0.0.0.0'), ip('::')].map(address => ({ address, port: 4500, nat: true }));
const PEER = ip('198.51.100.9');

function path(local: string, remote = PEER): Path {
  return { local: { address: ip(local), port: 4500 }, remote: { address: remote, port: 4501 } };
}

/** As `path`, for what is expected: `local remote`. */
function texts(paths: readonly Path[]): readonly string[] {
  return paths.map(({ local, remote }) => `${formatIp(local.address)} ${formatIp(remote.address)}`);
}

/** An interface, its addresses, and the order in which the routing table has it as a way out. */
interface Wire {
  readonly index: number;
  readonly addresses: readonly string[];
  readonly loopback?: true;
  readonly down?: true;
  /** No route leads out of it. */
  readonly apart?: true;
}

/** A kernel whose default routes lead out of `wires`, the first that is up before the others; `bySource` has a table for each address. */
function kernel(wires: readonly Wire[], bySource = false) {
  const up = wires.filter(({ down }) => down !== true);
  return () => ({
    links: () =>
      wires.map(({ index, loopback, down }) => ({
        index,
        kind: undefined,
        alias: undefined,
        tunnel: undefined,
        name: `w${index}`,
        up: down !== true,
        loopback: loopback === true,
        mtu: 1500,
      })),
    addresses: () =>
      wires.flatMap(({ index, addresses }) =>
        addresses.map(address => ({
          index,
          address: ip(address),
          prefix: 24,
          scope: address.startsWith('fe80') ? ('link' as const) : ('global' as const),
          unusable: false,
        })),
      ),
    routes: () =>
      up
        .filter(({ loopback, apart }) => loopback !== true && apart !== true)
        .map(({ index }) => ({ destination: ip('0.0.0.0'), prefix: 0, index })),
    lookup: (destination: Uint8Array, options: { readonly source?: Uint8Array } = {}) => {
      const { source } = options;
      const fits = (address: string): boolean => ip(address).length === destination.length;
      const ways = up.filter(
        ({ loopback, apart, addresses }) => loopback !== true && apart !== true && addresses.some(fits),
      );
      const own = ways.find(({ addresses }) => source !== undefined && addresses.includes(formatIp(source)));
      const way = (bySource ? own : undefined) ?? ways[0];
      if (way === undefined) return undefined;
      const chosen = source ?? ip(way.addresses.find(fits) as string);
      return { source: chosen, index: way.index, table: 254, local: false };
    },
    close: () => undefined,
  });
}

const OPTIONS = { listening: ANY, table: 220 };
const NONE_VIRTUAL = (): boolean => false;

if (isMainThread) {
  test('the way that the routing table has, with the ports of before', async () => {
    const ways = new RoutedWays(kernel([{ index: 2, addresses: ['192.0.2.1'] }]), OPTIONS);
    assert.deepEqual(await ways.paths(path('192.0.2.77'), [PEER], NONE_VIRTUAL), [path('192.0.2.1')]);
    const tcp = { ...path('192.0.2.1'), tcp: true } as const;
    assert.deepEqual(await ways.paths(tcp, [PEER], NONE_VIRTUAL), [tcp]);
  });

  test('an address on another interface than the kernel would send by is no way, unless it has a table of its own', async () => {
    const wires = [
      { index: 2, addresses: ['192.0.2.1'] },
      { index: 3, addresses: ['203.0.113.1', '203.0.113.2'] },
    ];
    const present = path('203.0.113.2');
    const plain = new RoutedWays(kernel(wires), OPTIONS);
    assert.deepEqual(texts(await plain.paths(present, [PEER], NONE_VIRTUAL)), ['192.0.2.1 198.51.100.9']);
    const bySource = new RoutedWays(kernel(wires, true), OPTIONS);
    assert.deepEqual(texts(await bySource.paths(present, [PEER], NONE_VIRTUAL)), [
      '192.0.2.1 198.51.100.9',
      '203.0.113.2 198.51.100.9',
      '203.0.113.1 198.51.100.9',
    ]);
  });

  test('each address of the peer by its family; none where there is no way', async () => {
    const wires = [{ index: 2, addresses: ['192.0.2.1', '2001:db8::1', 'fe80::1'] }];
    const ways = new RoutedWays(kernel(wires), OPTIONS);
    assert.deepEqual(texts(await ways.paths(path('192.0.2.1'), [PEER, ip('2001:db8::9')], NONE_VIRTUAL)), [
      '192.0.2.1 198.51.100.9',
      '2001:db8::1 2001:db8::9',
    ]);
    const nowhere = new RoutedWays(kernel([{ index: 2, addresses: ['192.0.2.1'], down: true }]), OPTIONS);
    assert.deepEqual(await nowhere.paths(path('192.0.2.1'), [PEER], NONE_VIRTUAL), []);
  });

  test('an address of the loopback is told to nobody, and kept where it is in use', async () => {
    const wires = [
      { index: 1, addresses: ['10.255.0.1'], loopback: true },
      { index: 2, addresses: ['192.0.2.1'] },
    ] as const;
    const ways = new RoutedWays(kernel(wires), OPTIONS);
    assert.deepEqual(ways.addresses(NONE_VIRTUAL).map(formatIp), ['192.0.2.1']);
    assert.deepEqual(texts(await ways.paths(path('10.255.0.1'), [PEER], NONE_VIRTUAL)), [
      '192.0.2.1 198.51.100.9',
      '10.255.0.1 198.51.100.9',
    ]);
  });

  test('an address of an interface that leads nowhere is kept, and told: routers have them', async () => {
    const wires = [
      { index: 2, addresses: ['192.0.2.1'] },
      { index: 5, addresses: ['203.0.113.9'], apart: true },
    ] as const;
    const ways = new RoutedWays(kernel(wires), OPTIONS);
    assert.deepEqual(ways.addresses(NONE_VIRTUAL).map(formatIp), ['192.0.2.1', '203.0.113.9']);
    assert.deepEqual(texts(await ways.paths(path('203.0.113.9'), [PEER], NONE_VIRTUAL)), [
      '192.0.2.1 198.51.100.9',
      '203.0.113.9 198.51.100.9',
    ]);
    const down = new RoutedWays(kernel([wires[0], { ...wires[1], down: true }]), OPTIONS);
    assert.deepEqual(texts(await down.paths(path('203.0.113.9'), [PEER], NONE_VIRTUAL)), [
      '192.0.2.1 198.51.100.9',
    ]);
  });

  test('virtual IPs and addresses that nothing is bound on are no ways', async () => {
    const wires = [{ index: 2, addresses: ['10.3.0.1', '192.0.2.1', '192.0.2.2'] }];
    const isVirtual = (address: Uint8Array): boolean => formatIp(address) === '10.3.0.1';
    const ways = new RoutedWays(kernel(wires), OPTIONS);
    assert.deepEqual(texts(await ways.paths(path('192.0.2.1'), [PEER], isVirtual)), [
      '192.0.2.1 198.51.100.9',
      '192.0.2.2 198.51.100.9',
    ]);
    const bound = new RoutedWays(kernel(wires), {
      ...OPTIONS,
      listening: [{ address: ip('192.0.2.2'), port: 4500, nat: true }],
    });
    assert.deepEqual(bound.addresses(isVirtual).map(formatIp), ['192.0.2.2']);
    assert.deepEqual(texts(await bound.paths(path('192.0.2.1'), [PEER], isVirtual)), [
      '192.0.2.2 198.51.100.9',
    ]);
  });

  test('a kernel that refuses a question knows no way', async () => {
    const open = kernel([{ index: 2, addresses: ['192.0.2.1'] }]);
    const refusing = () => ({
      ...open(),
      lookup: () => {
        throw new SystemFailure(1, 'netlink');
      },
    });
    assert.deepEqual(
      await new RoutedWays(refusing, OPTIONS).paths(path('192.0.2.1'), [PEER], NONE_VIRTUAL),
      [],
    );
  });

  test('where the kernel cannot be asked the system chooses, among what something is bound on', async () => {
    const loopback = ip('127.0.0.1');
    const ways = unroutedWays(ANY);
    assert.deepEqual(texts(await ways.paths(path('192.0.2.1'), [loopback], NONE_VIRTUAL)), [
      '127.0.0.1 127.0.0.1',
    ]);
    assert.ok(ways.addresses(NONE_VIRTUAL).every(address => formatIp(address) !== '127.0.0.1'));
    assert.deepEqual(await ways.paths(path('127.0.0.1'), [loopback], () => true), []);
    const elsewhere = unroutedWays([{ address: ip('127.0.0.2'), port: 4500, nat: true }]);
    assert.deepEqual(await elsewhere.paths(path('192.0.2.1'), [loopback], NONE_VIRTUAL), []);
    assert.deepEqual(elsewhere.addresses(NONE_VIRTUAL), []);
  });
}

insideNetwork(scenario);
if (isMainThread) {
  test('a kernel of Linux: the better route, the other one while the link is down, and neither', {
    skip: withoutNamespaces,
  }, async () => {
    assert.deepEqual(await inNetwork(import.meta.filename), [
      ['10.91.0.1 198.51.100.9'],
      ['10.92.0.1 198.51.100.9'],
      [],
      ['10.91.0.1 198.51.100.9'],
    ]);
  });
}

async function scenario(): Promise<readonly (readonly string[])[]> {
  const calls = systemCalls() as SystemCalls;
  const routing = calls.routing();
  const tuns = [calls.openTun(), calls.openTun()];
  const ways = new RoutedWays(() => calls.routing(), OPTIONS);
  const look = async (): Promise<readonly string[]> =>
    texts(await ways.paths(path('10.91.0.1'), [PEER], NONE_VIRTUAL));
  const bringUp = (i: number): void => {
    const { index } = tuns[i] as (typeof tuns)[number];
    routing.setLink(index, { up: true });
    routing.addRoute({ destination: ip('0.0.0.0'), prefix: 0, index, metric: 100 * (i + 1) });
  };
  for (const [i, { index }] of tuns.entries()) {
    routing.addAddress(index, ip(`10.9${i + 1}.0.1`), 24);
    bringUp(i);
  }
  const seen = [await look()];
  routing.setLink(tuns[0]?.index ?? 0, { up: false });
  seen.push(await look());
  routing.setLink(tuns[1]?.index ?? 0, { up: false });
  seen.push(await look());
  bringUp(0);
  seen.push(await look());
  for (const tun of tuns) tun.close();
  routing.close();
  return seen;
}
