import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../../src/lib/ip.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { ChildConfig } from '../../src/policy/connection.ts';
import type { Pool } from '../../src/policy/pool.ts';
import { child, mirrored, subnet } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import { CALM } from '../sim/network.ts';
import type { Packet } from '../sim/packet.ts';
import type { Pair } from '../sim/pair.ts';
import { childV1, pairV1 } from '../sim/pair-v1.ts';
import { type UserOptions, withUser } from '../sim/user-v1.ts';

/* Mode config: a client has an address of the server's, asked for (pull) or told (push), after whatever phase 1. */

const TRANSACTION = 6;

const POOL: Pool = {
  name: 'staff',
  start: ip('10.77.0.1'),
  end: ip('10.77.0.9'),
  attributes: [
    { kind: 'netmask', address: ip('255.255.255.0') },
    { kind: 'dns', address: ip('10.2.0.53') },
    { kind: 'dns', address: ip('10.2.0.54') },
    { kind: 'nbns', address: ip('10.2.0.137') },
    { kind: 'subnet', address: ip('10.2.0.0'), prefix: 16 },
    { kind: 'split-include', address: ip('10.2.0.0'), prefix: 16 },
    { kind: 'split-include', address: ip('10.3.0.0'), prefix: 16 },
    { kind: 'split-include', address: ip('10.3.0.0'), prefix: 16 },
    { kind: 'split-exclude', address: ip('192.168.0.0'), prefix: 24 },
    { kind: 'numbered', type: 28_672, value: utf8('Welcome\u001b[2J') },
    { kind: 'numbered', type: 28_674, value: utf8('example.org') },
    { kind: 'numbered', type: 28_673, value: utf8('1') },
  ],
};

const DYNAMIC = { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 } as const;

/** The client's side of the child is its address, whatever that is. */
function road(overrides: Partial<ChildConfig> = {}): ChildConfig {
  return childV1({ localTs: [DYNAMIC], ...overrides });
}

interface Options extends UserOptions {
  readonly pull?: boolean;
  readonly users?: boolean;
  readonly pool?: Pool;
  readonly vips?: readonly string[];
}

/** `client` has a virtual IP from the other end's pool. */
function withPool(options: Options = {}): Pair {
  const { pull = true, users = false, pool = POOL, vips = ['0.0.0.0'], client = 'a', ...rest } = options;
  const server = client === 'a' ? 'b' : 'a';
  const ends = {
    [client]: { vips, pull, ...rest[client] },
    [server]: { pools: [pool.name], pull, ...rest[server] },
  };
  const children = [client === 'a' ? road() : mirrored(road())];
  const pair = (users ? withUser : pairV1)({ children, ...rest, ...(users ? { client } : {}), ...ends });
  pair[server].leases.configure([pool]);
  return pair;
}

function exchangeOf({ content }: Packet): number | undefined {
  return content.kind === 'ike' ? content.datagram[18] : undefined;
}

function codes(host: Pair['a']): readonly string[] {
  return host.eventsOf('failed').map(({ failure }) => failure.code);
}

// Who is to be asked does not begin: its child would be there before the client's address.
for (const users of [false, true])
  for (const pull of [true, false])
    for (const aggressive of [false, true])
      for (const client of pull ? (['a'] as const) : (['a', 'b'] as const)) {
        const how = `${pull ? 'pull' : 'push'}${users ? ' after XAUTH' : ''}, ${aggressive ? 'aggressive' : 'main'} mode`;
        test(`${how}: the ${client === 'a' ? 'initiator' : 'responder'} has an address, and the child is for it`, () => {
          const pair = withPool({
            users,
            pull,
            client,
            both: { aggressive },
            settings: { allowAggressivePsk: true },
          });
          const { sim, a, b } = pair;
          a.initiate('site', 'net');
          assertSettles(sim, a, b);
          const [at, server] = client === 'a' ? [a, b] : [b, a];
          assert.deepEqual(onlyIke(at).localVips, ['10.77.0.1']);
          assert.deepEqual(onlyIke(server).remoteVips, ['10.77.0.1']);
          assert.deepEqual(onlyChild(at).localTs, ['10.77.0.1/32']);
          assert.deepEqual(onlyChild(server).remoteTs, ['10.77.0.1/32']);
          assert.deepEqual([...at.backEnd.addresses], [['10.77.0.1', 1]]);
          assertEnds(sim, a);
        });
      }

test('what the pool says reaches the client, and its texts cannot move the cursor', () => {
  const { sim, a } = withPool();
  a.initiate('site', 'net');
  sim.quiet();
  assert.deepEqual(
    onlyIke(a).received?.map(({ kind, value }) => `${kind} ${value}`),
    [
      'netmask 255.255.255.0',
      'dns 10.2.0.53',
      'dns 10.2.0.54',
      'nbns 10.2.0.137',
      'subnet 10.2.0.0/16',
      'banner Welcome [2J',
      'domain example.org',
      'numbered 0001',
      'split-include 10.2.0.0/16',
      'split-include 10.3.0.0/16',
      'split-include 10.3.0.0/16',
      'split-exclude 192.168.0.0/24',
      'numbered 6379676e6574',
    ],
  );
});

test('an address of IPv6 too: one child for each family', () => {
  const pool6: Pool = { name: 'six', start: ip('2001:db8:77::1'), end: ip('2001:db8:77::9'), attributes: [] };
  const both = road({ remoteTs: [subnet('10.2.0.0/16'), subnet('2001:db8:2::/64')] });
  const { sim, a, b } = withPool({
    vips: ['0.0.0.0', '::'],
    children: [both],
    b: { pools: [POOL.name, pool6.name] },
  });
  b.leases.configure([POOL, pool6]);
  a.initiate('site', 'net');
  sim.quiet();
  assert.deepEqual(onlyIke(a).localVips, ['10.77.0.1', '2001:db8:77::1']);
  assert.deepEqual(
    onlyIke(a)
      .children.map(({ localTs, remoteTs }) => `${localTs} ${remoteTs}`)
      .sort(),
    ['10.77.0.1/32 10.2.0.0/16', '2001:db8:77::1/128 2001:db8:2::/64'],
  );
  assertEnds(sim, a);
});

test('made anew, the SA has the same address, without a gap', () => {
  for (const users of [false, true])
    for (const pull of [true, false]) {
      const { sim, a, b } = withPool({
        users,
        pull,
        both: { reauthTime: 10 * MINUTE, overTime: MINUTE, pull },
      });
      a.initiate('site', 'net');
      sim.quiet();
      const { id } = onlyIke(a);
      const gaps = sim.watch(a, b, 'net');
      sim.run(35 * MINUTE);
      sim.unwatch();
      assert.deepEqual(gaps, []);
      assert.notEqual(onlyIke(a).id, id);
      assert.deepEqual(onlyIke(a).localVips, ['10.77.0.1']);
      assert.deepEqual(onlyIke(b).remoteVips, ['10.77.0.1']);
      assert.deepEqual([...a.backEnd.addresses], [['10.77.0.1', 1]]);
      assert.deepEqual(
        a.backEnd.history.filter(line => line.startsWith('unassign')).length,
        a.backEnd.history.filter(line => line.startsWith('assign')).length - 1,
      );
      assertEnds(sim, a);
    }
});

test('no address is left: both say why, twice in a row, and one that comes free is given', () => {
  const one: Pool = { ...POOL, end: POOL.start };
  const { sim, a, b } = withPool({ pool: one });
  b.leases.lease({
    id: 999,
    connection: 'site',
    pools: [one.name],
    identity: 'somebody',
    peer: ip('203.0.113.9'),
    kind: 'lease',
    wanted: [ip('0.0.0.0')],
  });
  for (let time = 1; time <= 2; time++) {
    a.initiate('site', 'net');
    sim.quiet();
    sim.run(MINUTE);
    assert.deepEqual(a.status(), []);
    assert.deepEqual(b.status(), []);
    assert.equal(codes(a).filter(code => code === 'peer/no-address').length, time);
    assert.equal(codes(b).filter(code => code === 'local/no-virtual-ip').length, time);
    assert.deepEqual([...a.backEnd.addresses], []);
  }
  b.leases.release(999);
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

test('a server without a pool gives none, and says so', () => {
  const { sim, a, b } = withPool({ b: { pools: [] } });
  a.initiate('site', 'net');
  sim.quiet();
  sim.run(MINUTE);
  sim.assertEmpty();
  assert.deepEqual(codes(a), ['peer/no-address']);
  assert.deepEqual(codes(b), ['local/no-virtual-ip']);
});

test('one end waits to be told and the other to be asked: given up, and both say so', () => {
  const { sim, a, b } = withPool({ a: { pull: false }, b: { pull: true } });
  a.initiate('site', 'net');
  sim.quiet();
  sim.run(10 * MINUTE);
  sim.assertEmpty();
  assert.ok(codes(a).includes('peer/no-address'), codes(a).join());
  assert.deepEqual(b.eventsOf('child-up'), []);
});

test('both begin: one address', () => {
  const { sim, a, b } = withPool({ a: { pull: true }, b: { pull: false } });
  a.initiate('site', 'net');
  sim.quiet();
  sim.run(MINUTE);
  assert.deepEqual(onlyIke(a).localVips, ['10.77.0.1']);
  assert.deepEqual(onlyIke(b).remoteVips, ['10.77.0.1']);
  assert.deepEqual([...a.backEnd.addresses], [['10.77.0.1', 1]]);
  assertEnds(sim, a);
});

test('the address cannot be put on this host: nothing is left, and the peer is told', () => {
  for (const pull of [true, false]) {
    const { sim, a, b } = withPool({ pull });
    a.backEnd.refusals.set('assign-address', { code: 'kernel/install', summary: 'no' });
    a.initiate('site', 'net');
    sim.quiet();
    sim.run(MINUTE);
    sim.assertEmpty();
    assert.deepEqual(codes(a), ['kernel/install']);
    assert.deepEqual(b.eventsOf('child-up'), []);
  }
});

for (const pull of [true, false])
  for (const from of ['ab', 'ba'] as const)
    test(`the ${pull ? 'pull' : 'push'} message of ${from} is lost: it is sent again`, () => {
      const pair = withPool({ pull });
      let seen = 0;
      pair[from].script = packet => (exchangeOf(packet) === TRANSACTION && ++seen === 1 ? 'drop' : 'pass');
      pair.a.initiate('site', 'net');
      assertSettles(pair.sim, pair.a, pair.b);
      assert.ok(seen > 1);
      assertEnds(pair.sim, pair.a);
    });

test('a request that overtakes the end of XAUTH waits for it', () => {
  const { sim, a, b, ab } = withPool({ users: true });
  let transactions = 0;
  // The user's second message acknowledges the status; the third asks for the address.
  ab.script = packet => (exchangeOf(packet) === TRANSACTION && ++transactions === 2 ? 'drop' : 'pass');
  a.initiate('site', 'net');
  sim.until(() => transactions === 3);
  sim.run(SECOND);
  assert.deepEqual(b.leases.view()[0]?.online, 0);
  assertSettles(sim, a, b);
  assert.deepEqual(onlyIke(a).localVips, ['10.77.0.1']);
});

for (let seed = 1; seed <= 8; seed++)
  test(`a quarter of all packets is lost: all or nothing, and no address twice (seed ${seed})`, () => {
    const { sim, a, b, ab, ba } = withPool({ seed, users: seed % 2 === 0, pull: seed % 3 !== 0 });
    const bad = { ...CALM, loss: 0.25, duplicate: 0.2, jitter: 400 };
    ab.weather = bad;
    ba.weather = bad;
    a.initiate('site', 'net');
    sim.quiet(20 * MINUTE);
    ab.weather = CALM;
    ba.weather = CALM;
    sim.run(10 * MINUTE);
    for (const host of [a, b])
      assert.ok(
        host.status().every(({ state }) => state === 'ESTABLISHED'),
        host.name,
      );
    a.terminate({ connection: 'site' });
    b.terminate({ connection: 'site' });
    sim.run(10 * MINUTE);
    sim.assertEmpty();
  });

test('a child of another family than the address is refused before anything is sent', () => {
  const { sim, a } = withPool({ children: [child({ ...road(), remoteTs: [subnet('2001:db8:2::/64')] })] });
  a.initiate('site', 'net');
  sim.quiet();
  assert.deepEqual(codes(a), ['config/invalid-value']);
});

/** A client that asks for everything, and a server with two networks that it names. */
function unity(
  options: { readonly client?: Partial<ChildConfig>; readonly server?: Partial<ChildConfig> } = {},
): Pair {
  const pair = pairV1({
    a: { vips: ['0.0.0.0'], children: [road({ remoteTs: [subnet('0.0.0.0/0')], ...options.client })] },
    b: {
      pools: [POOL.name],
      children: [
        childV1({
          localTs: [subnet('10.2.0.0/16'), subnet('10.3.0.0/16')],
          remoteTs: [DYNAMIC],
          ...options.server,
        }),
      ],
    },
  });
  pair.b.leases.configure([POOL]);
  return pair;
}

const NETWORKS = ['10.2.0.0/16', '10.3.0.0/16'];

test('everything is asked for and agreed upon, and the networks that the server has named are installed', () => {
  const { sim, a, b } = unity();
  a.initiate('site', 'net');
  sim.quiet();
  assert.deepEqual(onlyChild(a).remoteTs, NETWORKS);
  assert.deepEqual(onlyChild(b).localTs, NETWORKS);
  assert.deepEqual(onlyChild(b).remoteTs, ['10.77.0.1/32']);
  assertEnds(sim, a);
});

for (const by of ['client', 'server'] as const)
  test(`rekeyed by the ${by}, the networks stay, without a gap`, () => {
    const { sim, a, b } = unity({ [by]: { rekeyTime: 10 * MINUTE, lifeTime: 20 * MINUTE } });
    a.initiate('site', 'net');
    sim.quiet();
    const { id } = onlyChild(a);
    const gaps = sim.watch(a, b, 'net');
    sim.run(25 * MINUTE);
    sim.unwatch();
    sim.quiet();
    assert.deepEqual(gaps, []);
    assert.notEqual(onlyChild(a).id, id);
    assert.deepEqual(onlyChild(a).remoteTs, NETWORKS);
    assert.deepEqual(onlyChild(b).localTs, NETWORKS);
  });

test('a peer without an address of ours that asks for everything gets what there is', () => {
  const { sim, a, b } = pairV1({
    a: { children: [childV1({ remoteTs: [subnet('0.0.0.0/0')] })] },
    b: { pools: [POOL.name], children: [mirrored(childV1())] },
  });
  a.initiate('site', 'net');
  sim.quiet();
  assert.deepEqual(onlyChild(a).remoteTs, ['10.2.0.0/16']);
  assert.deepEqual(onlyChild(b).localTs, ['10.2.0.0/16']);
});
