import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CfgType, PayloadType } from '../../src/iana/ikev2.ts';
import { EMPTY, fromHex, toHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { HOUR, MINUTE } from '../../src/lib/time.ts';
import type { ChildConfig } from '../../src/policy/connection.ts';
import type { Pool } from '../../src/policy/pool.ts';
import { toWireSelector } from '../../src/policy/traffic-selector.ts';
import type { CpPayload, Payload } from '../../src/wire/v2/payload.ts';
import { child, connection, subnet } from '../sim/configuration.ts';
import { onlyChild, onlyIke } from '../sim/ends.ts';
import {
  ADDRESS_A,
  ADDRESS_B,
  addEngine,
  type Pair,
  type PairOptions,
  pair,
  withScriptedPeer,
} from '../sim/pair.ts';
import { ScriptedPeer } from '../sim/scripted-peer.ts';
import { Simulation } from '../sim/simulation.ts';

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

test('when both ends rekey the IKE SA at once, the one that is left has the addresses', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const made = up(remoteAccess({ seed }));
    for (let time = 0; time < 2; time++) {
      for (const direction of [made.ab, made.ba]) direction.hold();
      for (const host of [made.a, made.b]) host.rekey({ connection: 'site' });
      for (const direction of [made.ab, made.ba]) direction.flow();
      made.sim.quiet();
      made.sim.run(MINUTE);
      assert.deepEqual(onlyIke(made.a).localVips, ['10.3.0.1']);
      assert.deepEqual(onlyIke(made.b).remoteVips, ['10.3.0.1']);
      assert.equal(made.b.leases.online('four'), 1);
    }
    made.a.terminate({ connection: 'site' });
    made.sim.quiet();
    made.sim.assertEmpty();
  }
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
    assert.deepEqual(codes(made, 'a'), Array(2 * time - 1).fill('peer/no-address'));
    assert.deepEqual(codes(made, 'b'), Array(time).fill('local/no-virtual-ip'));
    // Another child of the IKE SA would be of an address that nobody meant: the peer is not even asked.
    up(made);
    assert.deepEqual(codes(made, 'a'), Array(2 * time).fill('peer/no-address'));
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

test('further children are of the same address, whoever asks for them, through a rekey of the IKE SA too', () => {
  const children = [road(), road({ name: 'more', remoteTs: [subnet('10.4.0.0/16')] })];
  const made = up(remoteAccess({ children }));
  made.a.rekey({ connection: 'site' });
  made.sim.quiet();
  made.a.initiate('site', 'more');
  made.sim.quiet();
  assert.deepEqual(onlyChild(made.a, 'more').localTs, ['10.3.0.1/32']);
  made.a.terminate({ child: 'more' });
  made.sim.quiet();
  made.b.initiate('site', 'more');
  made.sim.quiet();
  assert.deepEqual(onlyChild(made.a, 'more').localTs, ['10.3.0.1/32']);
  assert.deepEqual(onlyChild(made.b, 'more').remoteTs, ['10.3.0.1/32']);
  made.b.terminate({ connection: 'site' });
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

/** A CP payload with these attributes, values in hex. */
function cp(cfgType: number, ...attributes: readonly (readonly [type: number, hex: string])[]): CpPayload {
  return {
    type: PayloadType.CP,
    cfgType,
    attributes: attributes.map(([type, hex]) => ({ type, value: fromHex(hex) ?? EMPTY })),
  };
}

test('a gateway that gives what cannot be an address, or nothing at all, loses its child and no more', () => {
  for (const configuration of [
    [],
    [cp(CfgType.CFG_REPLY)],
    [cp(CfgType.CFG_REPLY, [1, '00000000'], [1, '7f000001'], [1, 'e0000001'], [1, '0a03'], [8, ''])],
    [cp(CfgType.CFG_REPLY, [8, '20010db8000000000000000000000001'])],
    [cp(CfgType.CFG_REQUEST, [1, '0a030001'])],
  ]) {
    const { sim, a, peer } = withScriptedPeer({ children: [road()], a: { vips: ['0.0.0.0'] } });
    peer.configuration = configuration;
    a.initiate('site');
    sim.quiet();
    assert.deepEqual(
      a.eventsOf('failed').map(({ failure }) => failure.code),
      ['peer/no-address'],
    );
    assert.equal(onlyIke(a).children.length, 0);
    assert.equal(peer.children.length, 0, 'the peer was told to delete what it thinks there is');
    a.shutdown();
    sim.quiet();
    sim.assertEmpty();
  }
});

test('of what a gateway gives too much of, what was asked for is taken; the answer does not widen the selectors', () => {
  const { sim, a, peer } = withScriptedPeer({ children: [road()], a: { vips: ['0.0.0.0'] } });
  const addresses = Array.from(
    { length: 1000 },
    (_, i) => [1, `0a03${toHex(Uint8Array.of(i >> 8, i & 255))}`] as const,
  );
  const servers = Array.from({ length: 20 }, () => [3, '0a020035'] as const);
  peer.configuration = [cp(CfgType.CFG_REPLY, ...addresses, ...servers)];
  a.initiate('site');
  sim.quiet();
  assert.deepEqual(onlyIke(a).localVips, ['10.3.0.0']);
  // It answers with the selectors that it was offered: the whole family.
  assert.deepEqual(onlyChild(a).localTs, ['10.3.0.0/32']);
  assert.equal(onlyIke(a).received?.length, 20);
  a.shutdown();
  sim.quiet();
  sim.assertEmpty();
});

test('whatever a client asks for, the gateway gives at most what there is and stays as it was', () => {
  for (const [attributes, given] of [
    [[[1, '']], '10.3.0.1'],
    [
      [
        [1, '0a03'],
        [3, ''],
        [0x7fff, 'ff'],
        [1, ''],
      ],
      '10.3.0.1',
    ],
    [[...Array.from({ length: 900 }, () => [1, ''] as const)], '10.3.0.1 10.3.0.2'],
    [[[1, 'ffffffff']], '10.3.0.1'],
    [
      [
        [1, '0a03'],
        [8, '00'],
      ],
      '',
    ],
  ] as const) {
    const sim = new Simulation();
    const b = addEngine(sim, 'b', ADDRESS_B, {
      connections: [
        connection('b', 'a', {
          pools: ['four'],
          children: [child({ localTs: [subnet('10.2.0.0/16')], remoteTs: [DYNAMIC] })],
        }),
      ],
      path: { local: { address: ADDRESS_B, port: 500 }, remote: { address: ADDRESS_A, port: 500 } },
    });
    b.leases.configure([FOUR]);
    const peer = new ScriptedPeer(sim, {
      name: 'a',
      address: ADDRESS_A,
      id: 'a',
      remote: { address: ADDRESS_B, port: 500 },
    });
    peer.establish({
      auth: ([idi, auth, ...rest]) => [
        idi as Payload,
        auth as Payload,
        cp(CfgType.CFG_REQUEST, ...attributes),
        ...rest.map(anyTo),
      ],
    });
    sim.quiet();
    assert.equal(onlyIke(b).remoteVips?.join(' ') ?? '', given);
    assert.equal(onlyIke(b).children.length, given === '' ? 0 : 1);
    b.shutdown();
    sim.quiet();
    sim.assertEmpty();
  }
});

/** The peer offers all of IPv4 for itself. */
function anyTo(payload: Payload): Payload {
  if (payload.type !== PayloadType.TSi && payload.type !== PayloadType.TSr) return payload;
  const range = payload.type === PayloadType.TSi ? subnet('0.0.0.0/0') : subnet('10.2.0.0/16');
  return { ...payload, selectors: [toWireSelector(range)] };
}
