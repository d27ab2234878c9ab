import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatIp, ip } from '../../lib/ip.ts';
import { Failed } from '../../policy/failure.ts';
import type { StandingPolicy } from '../../policy/sa.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { Route } from '../../sys/routing/route.ts';
import { SAMPLE_PATH, sampleSa } from '../conformance.ts';
import { type RoutingTables, TunRoutes, type TunRoutesOptions } from './tun-routes.ts';

const EEXIST = 17;
const ESRCH = 3;

interface Kernel extends RoutingTables {
  /** As `ip route` would say it. */
  list(): readonly string[];
  readonly rules: string[];
  refuse: string | undefined;
}

/** A routing table as the kernel keeps it. */
function kernel(addresses: readonly string[] = []): Kernel {
  const routes = new Map<string, Route>();
  const rules: string[] = [];
  const key = ({ destination, prefix }: Route): string => `${formatIp(destination)}/${prefix}`;
  const table: Kernel = {
    refuse: undefined,
    rules,
    list: () =>
      [...routes].map(([to, { kind, index, source }]) =>
        [kind ?? `dev ${index}`, to, ...(source === undefined ? [] : [`src ${formatIp(source)}`])].join(' '),
      ),
    addresses: () =>
      addresses.map(text => ({
        address: ip(text.replace('!', '')),
        unusable: text.endsWith('!'),
        scope: text.startsWith('fe80') ? 'link' : 'global',
      })),
    routes: number => [...routes.values()].filter(({ table = 254 }) => table === number),
    addRoute(route) {
      if (routes.has(key(route)) || key(route) === table.refuse) throw new SystemFailure(EEXIST, 'add');
      routes.set(key(route), route);
    },
    replaceRoute(route) {
      routes.set(key(route), route);
    },
    deleteRoute(route) {
      if (!routes.delete(key(route))) throw new SystemFailure(ESRCH, 'delete');
    },
    addRule({ family, table: number, priority, mark, invert }) {
      const text = `${priority}: ${family} ${invert ? 'not ' : ''}${mark?.value ?? 'all'} ${number}`;
      if (rules.includes(text)) throw new SystemFailure(EEXIST, 'rule');
      rules.push(text);
    },
    deleteRule({ family }) {
      rules.splice(
        rules.findIndex(rule => rule.includes(`: ${family} `)),
        1,
      );
    },
  };
  return table;
}

const over = (routing: Kernel, rest: Partial<TunRoutesOptions> = {}): TunRoutes =>
  new TunRoutes({ routing, tun: 7, table: 220, priority: 220, ...rest });

const selector = (start: string, end = start): TrafficSelector => ({
  start: ip(start),
  end: ip(end),
  protocol: 0,
  startPort: 0,
  endPort: 65535,
});

const sa = (...remoteTs: TrafficSelector[]) => ({ ...sampleSa(), remoteTs });

const policy = (kind: StandingPolicy['kind'], ...remoteTs: TrafficSelector[]): StandingPolicy => {
  const { localTs, path, reqid, mode, protocol } = sampleSa();
  const [local, remote] = [path.local.address, path.remote.address];
  return { id: 1, kind, localTs, remoteTs, protocol, mode, reqid, local, remote };
};

describe('routes into the TUN device', () => {
  test('one for each prefix, from a local address that the SA admits', () => {
    const routing = kernel(['192.0.2.1', '10.1.0.8!', '10.1.0.9', '2001:db8:1::9']);
    const routes = over(routing);
    routes.add(1, {
      ...sa(selector('10.2.0.0', '10.2.2.255'), selector('2001:db8:2::', '2001:db8:2::3')),
      localTs: [selector('10.1.0.0', '10.1.0.255'), selector('2001:db8:1::', '2001:db8:1::ffff')],
    });
    assert.deepEqual(routing.list(), [
      'dev 7 10.2.0.0/23 src 10.1.0.9',
      'dev 7 10.2.2.0/24 src 10.1.0.9',
      'dev 7 2001:db8:2::/126 src 2001:db8:1::9',
    ]);
    assert.deepEqual(routing.rules, ['220: 4 all 220', '220: 6 all 220']);
    routes.remove(1);
    routes.remove(1);
    assert.deepEqual(routing.list(), []);
    routes.close();
    assert.deepEqual(routing.rules, []);
  });

  test('a gateway without an address of its own inside gets routes all the same', () => {
    const routing = kernel(['192.0.2.1']);
    over(routing).add(1, sa(selector('10.2.0.0', '10.2.255.255')));
    assert.deepEqual(routing.list(), ['dev 7 10.2.0.0/16']);
  });

  test('SAs share them: the last one takes them away', () => {
    const routing = kernel();
    const routes = over(routing);
    const net = selector('10.2.0.0', '10.2.255.255');
    routes.add(1, sa(net));
    routes.add(2, sa(net, selector('10.3.0.1')));
    routes.remove(1);
    assert.deepEqual(routing.list(), ['dev 7 10.2.0.0/16', 'dev 7 10.3.0.1/32']);
    routes.remove(2);
    assert.deepEqual(routing.list(), []);
  });

  test('follow the addresses of the host, and come back where the kernel dropped them', () => {
    const addresses = ['192.0.2.1', 'fe80::1'];
    const routing = kernel(addresses);
    const routes = over(routing);
    const locals = [selector('10.1.0.0', '10.1.0.255'), selector('fe80::', 'fe80::ff')];
    routes.add(1, { ...sa(selector('10.2.0.0', '10.2.255.255'), selector('2001:db8::1')), localTs: locals });
    assert.deepEqual(routing.list(), ['dev 7 10.2.0.0/16', 'dev 7 2001:db8::1/128']);
    addresses.push('10.1.0.9');
    assert.deepEqual(routes.refresh(), []);
    assert.deepEqual(routing.list(), ['dev 7 10.2.0.0/16 src 10.1.0.9', 'dev 7 2001:db8::1/128']);
    // As the kernel does when the address goes; the other one goes when the device was down.
    addresses.pop();
    for (const { destination, prefix } of routing.routes(220)) routing.deleteRoute({ destination, prefix });
    assert.deepEqual(routes.refresh(), []);
    assert.deepEqual(routing.list().toSorted(), ['dev 7 10.2.0.0/16', 'dev 7 2001:db8::1/128']);
    routes.close();
    assert.deepEqual(routing.list(), []);
    assert.deepEqual(routes.refresh(), []);
  });

  test('what cannot be put back is told, and tried again at the next change', () => {
    const routing = kernel();
    const routes = over(routing);
    routes.add(1, sa(selector('10.2.0.1'), selector('10.2.0.2')));
    routes.addPolicy(policy('pass', selector('10.2.0.9')));
    const { replaceRoute } = routing;
    for (const { destination, prefix } of routing.routes(220)) routing.deleteRoute({ destination, prefix });
    routing.replaceRoute = route => {
      if (formatIp(route.destination) === '10.2.0.1') throw new SystemFailure(EEXIST, 'replace');
      replaceRoute(route);
    };
    assert.equal(routes.refresh().length, 1);
    assert.deepEqual(routing.list(), ['dev 7 10.2.0.2/32', 'throw 10.2.0.9/32']);
    routing.replaceRoute = replaceRoute;
    assert.equal(routes.refresh().length, 0);
    assert.equal(routing.list().length, 3);
  });

  test('closing takes away what is left, and what somebody else took away is no matter', () => {
    const routing = kernel();
    const routes = over(routing);
    routes.add(1, sa(selector('10.2.0.0'), selector('10.2.0.1')));
    routing.deleteRoute({ destination: ip('10.2.0.1'), prefix: 32 });
    routes.close();
    assert.deepEqual(routing.list(), []);
  });

  test('a rule that was there before stays there', () => {
    const routing = kernel();
    routing.addRule({ family: 4, table: 220, priority: 220 });
    const routes = over(routing);
    routes.add(1, sa(selector('10.2.0.0')));
    routes.close();
    assert.deepEqual(routing.rules, ['220: 4 all 220']);
  });

  test('a refusal leaves nothing behind', () => {
    const routing = kernel();
    const routes = over(routing);
    routing.refuse = '10.2.0.9/32';
    assert.throws(() => routes.add(1, sa(selector('10.2.0.1'), selector('10.2.0.9'))), Failed);
    assert.deepEqual(routing.list(), []);
    routing.refuse = undefined;
    routes.add(1, sa(selector('10.2.0.1'), selector('10.2.0.9')));
    assert.equal(routing.list().length, 2);
  });

  test('selectors that need thousands of routes are refused', () => {
    const routing = kernel();
    const many = Array.from({ length: 20 }, (_, i) => selector(`10.${i}.0.1`, `10.${i}.255.254`));
    const more = Array.from({ length: 30 }, (_, i) =>
      selector(`2001:db8:${i}::1`, `2001:db8:${i}:ffff:ffff:ffff:ffff:fffe`),
    );
    over(routing).add(1, sa(...many));
    assert.throws(() => over(kernel()).add(2, sa(...many, ...more)), Failed);
  });
});

test('the source address is that of the newest SA that has one, and goes with it', () => {
  const addresses: string[] = [];
  const routing = kernel(addresses);
  const routes = over(routing);
  const net = selector('10.2.0.0', '10.2.255.255');
  routes.addPolicy(policy('trap', net));
  assert.deepEqual(routing.list(), ['dev 7 10.2.0.0/16']);
  addresses.push('10.1.0.9');
  routes.add(1, sa(net));
  assert.deepEqual(routing.list(), ['dev 7 10.2.0.0/16 src 10.1.0.9']);
  routes.remove(1);
  assert.deepEqual(routing.list(), ['dev 7 10.2.0.0/16']);
  routes.removePolicy(1);
  assert.deepEqual(routing.list(), []);
});

describe('standing policies', () => {
  test('what passes in clear goes around, inside of what does not', () => {
    const routing = kernel();
    const routes = over(routing);
    routes.add(1, sa(selector('10.0.0.0', '10.255.255.255')));
    routes.addPolicy(policy('pass', selector('10.9.0.0', '10.9.255.255')));
    assert.deepEqual(routing.list(), ['dev 7 10.0.0.0/8', 'throw 10.9.0.0/16']);
    routes.removePolicy(1);
    routes.removePolicy(1);
    assert.deepEqual(routing.list(), ['dev 7 10.0.0.0/8']);
  });

  test('what is dropped comes in', () => {
    const routing = kernel();
    over(routing).addPolicy(policy('drop', selector('10.9.0.0', '10.9.255.255')));
    assert.deepEqual(routing.list(), ['dev 7 10.9.0.0/16']);
  });

  test('a trap keeps its peer reachable', () => {
    const routing = kernel();
    over(routing).addPolicy(policy('trap', selector('0.0.0.0', '255.255.255.255')));
    assert.deepEqual(routing.list(), ['dev 7 0.0.0.0/0', 'throw 192.0.2.2/32']);
  });

  test('passing by port, and passing what an SA protects, are refused', () => {
    const routing = kernel();
    const routes = over(routing);
    const ssh = { ...selector('10.9.0.0'), protocol: 6, startPort: 22, endPort: 22 };
    assert.throws(() => routes.addPolicy(policy('pass', ssh)), Failed);
    routes.add(1, sa(selector('10.2.0.0')));
    assert.throws(() => routes.addPolicy(policy('pass', selector('10.2.0.0'))), Failed);
    assert.deepEqual(routing.list(), ['dev 7 10.2.0.0/32']);
  });
});

describe('the peer inside its own selectors', () => {
  const everything = selector('0.0.0.0', '255.255.255.255');

  test('is reached by the next table, and follows the peer', () => {
    const routing = kernel();
    const routes = over(routing);
    routes.add(1, sa(everything));
    assert.deepEqual(routing.list(), ['dev 7 0.0.0.0/0', 'throw 192.0.2.2/32']);
    routes.move(1, { ...SAMPLE_PATH, remote: { address: ip('192.0.2.3'), port: 4500 } });
    assert.deepEqual(routing.list(), ['dev 7 0.0.0.0/0', 'throw 192.0.2.3/32']);
    routes.move(1, { ...SAMPLE_PATH, remote: { address: ip('2001:db8::3'), port: 4500 } });
    assert.deepEqual(routing.list(), ['dev 7 0.0.0.0/0']);
    routes.move(9, SAMPLE_PATH);
    routes.remove(1);
    assert.deepEqual(routing.list(), []);
  });

  test('may have its way from a program that crashed', () => {
    const routing = kernel();
    routing.addRoute({ destination: ip('192.0.2.2'), prefix: 32, kind: 'throw' });
    const routes = over(routing);
    routes.add(1, sa(everything));
    routes.close();
    assert.deepEqual(routing.list(), []);
  });

  test('cannot be a selector of its own, unless the sockets set a mark', () => {
    const routing = kernel();
    const own = sa(selector('192.0.2.2'));
    assert.throws(() => over(routing).add(1, own), Failed);
    assert.deepEqual(routing.list(), []);
    const marked = kernel();
    const routes = over(marked, { mark: 42 });
    routes.add(1, own);
    routes.add(2, sa(everything));
    assert.deepEqual(marked.list(), ['dev 7 192.0.2.2/32', 'dev 7 0.0.0.0/0']);
    assert.deepEqual(marked.rules, ['220: 4 not 42 220']);
  });
});
