import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp, ip } from '../../lib/ip.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { Route } from '../../sys/routing/route.ts';
import { type Routed, type RoutingTables, SourceRoutes } from './source-routes.ts';

const ENOENT = 2;
const EEXIST = 17;
const ESRCH = 3;

function ts(start: string, end = start): TrafficSelector {
  return { start: ip(start), end: ip(end), protocol: 0, startPort: 0, endPort: 65535 };
}

/** A host at 192.0.2.1 with a gateway, and 10.1.0.1 inside; `routes` is what table 220 holds, as text. */
function host(options: { readonly rule?: 'taken'; readonly refuse?: string; readonly gateway?: false } = {}) {
  const table = new Map<string, string>();
  const rules = new Set<number>();
  const shown = new Map<string, Route>();
  const network = {
    addresses: ['127.0.0.1', '192.0.2.1', '10.1.0.1', '2001:db8:1::1'] as readonly string[],
    gateway: '192.0.2.254' as string | undefined,
    refuse: options.refuse,
    main: [] as readonly Route[],
    /** The look-up finds the way in our own table. */
    ownTable: false,
    writes: 0,
    /** With its interface, or by somebody. */
    drop: (place: string) => {
      shown.delete(place);
      table.delete(place);
    },
  };
  const key = ({ destination, prefix }: Route): string => `${formatIp(destination)}/${prefix}`;
  const routing: RoutingTables = {
    addresses: () =>
      network.addresses.map((address, i) => ({
        index: i,
        address: ip(address),
        prefix: 24,
        scope: address === '127.0.0.1' ? 'host' : 'global',
        unusable: false,
      })),
    lookup: destination =>
      destination.length === 16 || network.gateway === undefined
        ? undefined
        : {
            source: ip('192.0.2.1'),
            index: 4,
            table: network.ownTable ? 220 : 254,
            local: false,
            ...(options.gateway !== false && { gateway: ip(network.gateway) }),
          },
    replaceRoute: route => {
      network.writes++;
      if (key(route) === network.refuse) throw new SystemFailure(ENOENT, 'route');
      shown.set(key(route), route);
      const gateway = route.gateway === undefined ? '' : ` via ${formatIp(route.gateway)}`;
      table.set(
        key(route),
        `${key(route)}${gateway} dev ${route.index} src ${formatIp(route.source ?? ip('::'))}`,
      );
    },
    routes: number => (number === 220 ? [...shown.values()] : network.main),
    deleteRoute: route => {
      shown.delete(key(route));
      if (!table.delete(key(route))) throw new SystemFailure(ESRCH, 'route');
    },
    addRule: ({ family }) => {
      if (options.rule === 'taken') throw new SystemFailure(EEXIST, 'rule');
      rules.add(family);
    },
    deleteRule: ({ family }) => {
      rules.delete(family);
    },
  };
  const routes = new SourceRoutes({ routing, table: 220, priority: 220 });
  return { routes, table: () => [...table.values()], rules, network };
}

const site: Routed = {
  mode: 'tunnel',
  localTs: [ts('10.1.0.0', '10.1.255.255')],
  remoteTs: [ts('10.2.0.0', '10.2.255.255')],
  peer: ip('192.0.2.2'),
};

test('a route names the local address that the selectors cover, by the way to the peer', () => {
  const { routes, table, rules } = host();
  routes.set('1', site);
  assert.deepEqual(table(), ['10.2.0.0/16 via 192.0.2.254 dev 4 src 10.1.0.1']);
  assert.deepEqual([...rules], [4]);
  routes.clear('1');
  assert.deepEqual(table(), []);
  routes.close();
  assert.deepEqual([...rules], []);
});

test('no route where none is of use', () => {
  const { routes, table } = host();
  // No address of the selectors, transport mode, no way to the peer.
  routes.set('1', { ...site, localTs: [ts('10.9.0.0', '10.9.255.255')] });
  routes.set('3', { ...site, mode: 'transport' });
  routes.set('4', { ...site, peer: ip('2001:db8::2') });
  assert.deepEqual(table(), []);
});

test('selectors of every address make a route that names none', () => {
  const { routes, table } = host();
  const everything = [ts('0.0.0.0', '255.255.255.255')];
  routes.set('1', { ...site, localTs: everything, remoteTs: everything });
  assert.deepEqual(table(), ['0.0.0.0/0 via 192.0.2.254 dev 4 src ::']);
});

test('a peer on the wire is its own gateway', () => {
  const { routes, table } = host({ gateway: false });
  routes.set('1', { ...site, localTs: [ts('192.0.2.1')], remoteTs: [ts('192.0.2.2')] });
  assert.deepEqual(table(), ['192.0.2.2/32 via 192.0.2.2 dev 4 src 192.0.2.1']);
});

test('an IPv6 net over an IPv4 peer goes by the interface alone', () => {
  const { routes, table } = host();
  routes.set('1', {
    ...site,
    localTs: [ts('2001:db8:1::', '2001:db8:1:ffff:ffff:ffff:ffff:ffff')],
    remoteTs: [ts('2001:db8:2::1')],
  });
  assert.deepEqual(table(), ['2001:db8:2::1/128 dev 4 src 2001:db8:1::1']);
});

test('a route that several SAs want stays until the last of them goes', () => {
  const { routes, table } = host();
  routes.set('1', site);
  routes.set('2', site);
  routes.clear('2');
  assert.equal(table().length, 1);
  routes.set('1', { ...site, remoteTs: [ts('10.3.0.0', '10.3.255.255')] });
  assert.deepEqual(table(), ['10.3.0.0/16 via 192.0.2.254 dev 4 src 10.1.0.1']);
  routes.close();
  assert.deepEqual(table(), []);
});

test("somebody else's rule is used and left alone", () => {
  const { routes, table, rules } = host({ rule: 'taken' });
  routes.set('1', site);
  assert.equal(table().length, 1);
  routes.close();
  assert.equal(rules.size, 0);
});

test('a refusal leaves no route behind', () => {
  const { routes, table } = host({ refuse: '10.3.0.0/16' });
  const twice = { ...site, remoteTs: [...site.remoteTs, ts('10.3.0.0', '10.3.255.255')] };
  assert.throws(() => routes.set('1', twice), SystemFailure);
  assert.deepEqual(table(), []);
});

test('another way to the peer, another address, a route that somebody took: all is made anew, and nothing twice', () => {
  const world = host();
  const { routes, table, network } = world;
  routes.set('1', site);
  routes.set('2', { ...site, remoteTs: [ts('10.3.0.0', '10.3.255.255')], peer: ip('192.0.2.3') });
  const before = table();
  const writes = network.writes;
  assert.deepEqual(routes.refresh(), []);
  assert.equal(network.writes, writes, 'nothing had changed');
  network.gateway = '192.0.2.253';
  routes.refresh();
  assert.deepEqual(
    table(),
    before.map(route => route.replace('.254', '.253')),
  );
  network.addresses = ['192.0.2.1', '10.1.0.7'];
  routes.refresh();
  assert.ok(table().every(route => route.endsWith('src 10.1.0.7')));
  network.drop('10.3.0.0/16');
  routes.refresh();
  assert.equal(table().length, 2);
  // No way at all for a while.
  network.gateway = undefined;
  network.drop('10.2.0.0/16');
  routes.refresh();
  assert.deepEqual(table(), []);
  network.gateway = '192.0.2.254';
  routes.refresh();
  assert.equal(table().length, 2);
  routes.close();
  assert.deepEqual(table(), []);
});

test('what is refused is told, and tried again at the next change', () => {
  const { routes, table, network } = host();
  routes.set('1', site);
  network.gateway = '192.0.2.253';
  network.refuse = '10.2.0.0/16';
  assert.equal(routes.refresh().length, 1);
  assert.deepEqual(table(), []);
  assert.equal(routes.refresh().length, 1);
  network.refuse = undefined;
  assert.deepEqual(routes.refresh(), []);
  assert.deepEqual(table(), ['10.2.0.0/16 via 192.0.2.253 dev 4 src 10.1.0.1']);
});

test('a route of our own to the peer is not taken for the way to it', () => {
  const { routes, table, network } = host();
  const everything = { ...site, remoteTs: [ts('0.0.0.0', '255.255.255.255')] };
  network.main = [
    { destination: ip('0.0.0.0'), prefix: 0, index: 9, gateway: ip('192.0.2.9') },
    { destination: ip('192.0.2.0'), prefix: 24, index: 7, metric: 5 },
    { destination: ip('192.0.2.0'), prefix: 24, index: 8, metric: 4 },
    { destination: ip('192.0.2.2'), prefix: 32, kind: 'blackhole', index: 1 },
    { destination: ip('2001:db8::'), prefix: 0, index: 3 },
  ];
  routes.set('1', everything);
  network.ownTable = true;
  routes.refresh();
  assert.deepEqual(table(), ['0.0.0.0/0 via 192.0.2.2 dev 8 src 10.1.0.1']);
});

test('through an interface: no gateway, also for what others send, and not to the peer itself', () => {
  const { routes, table } = host();
  const through = { ...site, device: 12, localTs: [ts('10.9.0.0', '10.9.255.255')] };
  routes.set('1', { ...through, remoteTs: [...site.remoteTs, ts('192.0.0.0', '192.255.255.255')] });
  assert.deepEqual(table(), ['10.2.0.0/16 dev 12 src ::']);
  routes.set('1', { ...site, device: 12 });
  assert.deepEqual(table(), ['10.2.0.0/16 dev 12 src 10.1.0.1']);
});
