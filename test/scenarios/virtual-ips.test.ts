import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../../src/lib/ip.ts';
import { HOUR, MINUTE } from '../../src/lib/time.ts';
import type { ChildConfig } from '../../src/policy/connection.ts';
import type { Pool } from '../../src/policy/pool.ts';
import { child, subnet } from '../sim/configuration.ts';
import { onlyChild, onlyIke } from '../sim/ends.ts';
import { type Pair, type PairOptions, pair } from '../sim/pair.ts';

const DYNAMIC = { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 } as const;

/** A road warrior's child: all of its own traffic to the network behind the gateway. */
function road(overrides: Partial<ChildConfig> = {}): ChildConfig {
  return child({ localTs: [DYNAMIC], remoteTs: [subnet('10.2.0.0/16')], ...overrides });
}

const FOUR: Pool = {
  name: 'four',
  start: ip('10.3.0.1'),
  end: ip('10.3.0.2'),
  attributes: [
    { kind: 'dns', address: ip('10.2.0.53') },
    { kind: 'split-include', address: ip('10.2.0.0'), prefix: 16 },
    { kind: 'split-exclude', address: ip('10.9.0.0'), prefix: 16 },
  ],
};
const SIX: Pool = {
  name: 'six',
  start: ip('2001:db8:3::1'),
  end: ip('2001:db8:3::2'),
  attributes: [{ kind: 'dns', address: ip('2001:db8:2::53') }],
};

/** a asks, b gives from its pools. */
function remoteAccess(options: PairOptions = {}, pools: readonly Pool[] = [FOUR, SIX]): Pair {
  const made = pair({
    children: [road()],
    ...options,
    a: { vips: ['0.0.0.0'], ...options.a },
    b: { pools: ['four', 'six'], ...options.b },
  });
  made.b.leases.configure(pools);
  return made;
}

function up(made: Pair): Pair {
  made.a.initiate('site');
  made.sim.quiet();
  return made;
}

const codes = (made: Pair, end: 'a' | 'b') => made[end].eventsOf('failed').map(({ failure }) => failure.code);

test('the client gets an address, and its child is about that', () => {
  const made = up(remoteAccess());
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1']);
  assert.deepEqual(onlyIke(made.b).remoteVips, ['10.3.0.1']);
  assert.deepEqual(onlyIke(made.a).received, [
    { kind: 'dns', value: '10.2.0.53' },
    { kind: 'subnet', value: '10.2.0.0/16' },
    { kind: 'dns', value: '2001:db8:2::53' },
  ]);
  assert.deepEqual(onlyChild(made.a).localTs, ['10.3.0.1/32']);
  assert.deepEqual(onlyChild(made.b).remoteTs, ['10.3.0.1/32']);
  assert.deepEqual(made.a.backEnd.history.slice(0, 3), [
    'assign 10.3.0.1',
    `install ${onlyChild(made.a).id}`,
  ]);
  made.a.terminate({ connection: 'site' });
  made.sim.quiet();
  made.sim.assertEmpty();
  assert.deepEqual(
    made.b.leases.view().map(({ online, offline }) => [online, offline]),
    [
      [0, 1],
      [0, 0],
    ],
  );
  up(made);
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1'], 'and the same again');
});

test('addresses of both families make one child', () => {
  const made = up(
    remoteAccess({
      a: { vips: ['0.0.0.0', '::'] },
      children: [road({ remoteTs: [subnet('10.2.0.0/16'), subnet('2001:db8:2::/48')] })],
    }),
  );
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1', '2001:db8:3::1']);
  assert.deepEqual(onlyChild(made.a).localTs, ['10.3.0.1/32', '2001:db8:3::1/128']);
  made.b.terminate({ connection: 'site' });
  made.sim.quiet();
  made.sim.assertEmpty();
});

test('the addresses stay through rekeys of either SA by either side, without a gap', () => {
  const made = up(remoteAccess());
  const gaps = made.sim.watch(made.a, made.b, 'net');
  for (const host of [made.a, made.b]) {
    host.rekey({ connection: 'site' });
    made.sim.quiet();
    made.sim.run(MINUTE);
    host.rekey({ child: 'net' });
    made.sim.quiet();
    made.sim.run(MINUTE);
  }
  assert.deepEqual(gaps, []);
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1']);
  assert.deepEqual(onlyIke(made.b).remoteVips, ['10.3.0.1']);
  assert.deepEqual(onlyChild(made.b).remoteTs, ['10.3.0.1/32']);
  assert.deepEqual(
    made.a.backEnd.history.filter(line => line.includes('assign')),
    ['assign 10.3.0.1'],
  );
  made.sim.unwatch();
  made.a.terminate({ connection: 'site' });
  made.sim.quiet();
  made.sim.assertEmpty();
});

test('an IKE SA made anew keeps the address, which never leaves the host', () => {
  const made = up(remoteAccess({ a: { reauthTime: HOUR, vips: ['0.0.0.0'] } }));
  const { id } = onlyIke(made.a);
  made.sim.run(61 * MINUTE);
  made.sim.quiet();
  assert.notEqual(onlyIke(made.a).id, id);
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1']);
  assert.deepEqual(onlyIke(made.b).remoteVips, ['10.3.0.1']);
  assert.deepEqual([...made.a.backEnd.addresses], [['10.3.0.1', 1]]);
  assert.equal(made.b.leases.online('four'), 1);
  made.a.terminate({ connection: 'site' });
  made.sim.quiet();
  made.sim.assertEmpty();
});

test('a client asks for the address it had, and a gateway that has forgotten gives it', () => {
  const made = up(remoteAccess({}, [{ ...FOUR, start: ip('10.3.0.77'), end: ip('10.3.0.78') }]));
  made.a.terminate({ connection: 'site' });
  made.sim.quiet();
  made.b.leases.configure([]);
  made.b.leases.configure([{ ...FOUR, end: ip('10.3.0.99') }]);
  up(made);
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.77']);
});

test('a client comes in place of itself, whatever it said of that, and has its address', () => {
  const made = up(remoteAccess());
  made.a.act((engine, now) => engine.abandon({ connection: 'site' }, now).outputs);
  assert.equal(made.b.leases.online('four'), 1, 'the gateway knows nothing of it');
  up(made);
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1']);
  made.a.terminate({ connection: 'site' });
  made.sim.quiet();
});

test('when the pool is used up the child fails and the IKE SA stays, twice in a row', () => {
  const made = remoteAccess({}, [{ ...FOUR, end: FOUR.start }]);
  const taken = made.b.leases.lease({
    kind: 'lease',
    id: 999,
    connection: 'site',
    pools: ['four'],
    identity: 'somebody else',
    peer: ip('203.0.113.1'),
    wanted: [ip('0.0.0.0')],
  });
  assert.equal(taken.kind, 'lease');
  for (let time = 1; time <= 2; time++) {
    up(made);
    assert.deepEqual(codes(made, 'a'), Array(time).fill('peer/no-address'));
    assert.deepEqual(codes(made, 'b'), Array(time).fill('local/no-virtual-ip'));
    assert.equal(onlyIke(made.a).children.length, 0);
    assert.equal(onlyIke(made.a).localVips, undefined);
    made.a.terminate({ connection: 'site' });
    made.sim.quiet();
  }
  made.b.leases.release(999);
  up(made);
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1']);
  made.a.terminate({ connection: 'site' });
  made.sim.quiet();
  made.sim.assertEmpty();
});

test('who has pools wants to be asked, and who has none gives nothing; twice in a row', () => {
  for (const [options, atA, atB] of [
    [{ a: { vips: [] } }, 'peer/address-not-asked', 'peer/address-not-asked'],
    [{ b: { pools: [] } }, 'peer/no-address', 'local/no-virtual-ip'],
  ] as const) {
    const made = remoteAccess(options);
    for (let time = 1; time <= 2; time++) {
      up(made);
      assert.deepEqual(codes(made, 'a'), Array(time).fill(atA));
      assert.deepEqual(codes(made, 'b'), Array(time).fill(atB));
      assert.equal(onlyIke(made.b).children.length, 0);
      made.a.terminate({ connection: 'site' });
      made.sim.quiet();
    }
    made.sim.assertEmpty();
  }
});

test('an address that cannot be put on the host takes the child with it at both ends', () => {
  const made = remoteAccess();
  made.a.backEnd.refusals.set('assign-address', { code: 'local/unsupported', summary: 'no addresses here' });
  up(made);
  assert.deepEqual(codes(made, 'a'), ['local/unsupported']);
  assert.equal(onlyIke(made.a).children.length, 0);
  assert.equal(onlyIke(made.b).children.length, 0);
  made.a.terminate({ connection: 'site' });
  made.sim.quiet();
  made.sim.assertEmpty();
});

test('a connection without children gets its address all the same', () => {
  const made = up(remoteAccess({ both: { children: [], childless: 'allow' }, children: [] }));
  assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1']);
  made.a.terminate({ connection: 'site' });
  made.sim.quiet();
  made.sim.assertEmpty();
});

test('an SA that goes while its address is being asked for leaves nothing behind', () => {
  const made = remoteAccess();
  made.a.backEnd.latency = 1000;
  made.a.initiate('site');
  made.sim.until(() => made.a.status().some(({ state }) => state === 'ESTABLISHED'));
  made.a.act((engine, now) => engine.abandon({ connection: 'site' }, now).outputs);
  made.b.act((engine, now) => engine.abandon({ connection: 'site' }, now).outputs);
  made.sim.quiet();
  made.sim.run(MINUTE);
  made.sim.assertEmpty();
});
