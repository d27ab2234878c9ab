import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { selectorForHost } from '../../src/policy/traffic-selector.ts';
import { ALL_FEATURES } from '../sim/back-end.ts';
import { child } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import { Nat } from '../sim/network.ts';
import { ADDRESS_A, type Pair, type PairOptions, pair } from '../sim/pair.ts';

const OUTSIDE = ip('203.0.113.7');

/** Host a is behind a NAT. */
function behindNat(options: PairOptions = {}): Pair & { readonly nat: Nat } {
  const made = pair(options);
  const nat = new Nat(OUTSIDE, [ADDRESS_A]);
  made.sim.network.addNat(nat);
  return { ...made, nat };
}

/** Of a, which b must see alike where there is no NAT; and ESP goes where IKE goes. */
function ports(pairOf: Pair): readonly number[] {
  const { local, remote } = onlyIke(pairOf.a).path;
  const there = onlyIke(pairOf.b);
  assert.equal(there.path.local.port, remote.port);
  if (!there.natRemote) assert.equal(there.path.remote.port, local.port);
  for (const { path } of pairOf.b.backEnd.sas.values()) assert.deepEqual(path, there.path);
  return [local.port, remote.port];
}

test('without a NAT nothing moves', () => {
  const made = pair();
  const { sim, a, b } = made;
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.deepEqual(ports(made), [500, 500]);
  assert.equal(onlyChild(a).udpEncapsulation, false);
});

test('behind a NAT: both see it, IKE moves to port 4500 and ESP into UDP', () => {
  const made = behindNat();
  const { sim, a, b } = made;
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.deepEqual(ports(made), [4500, 4500]);
  assert.deepEqual([onlyIke(a).natLocal, onlyIke(a).natRemote], [true, false]);
  assert.deepEqual([onlyIke(b).natLocal, onlyIke(b).natRemote], [false, true]);
  assert.equal(onlyChild(a).udpEncapsulation, true);
  assert.equal(onlyChild(b).udpEncapsulation, true);
  assert.deepEqual(onlyIke(b).path.remote.address, OUTSIDE);
  assertEnds(sim, a);
});

test('the responder behind a NAT that forwards to it', () => {
  const made = behindNat();
  const { sim, a, b } = made;
  // The mapping is there because a once sent something out by it.
  a.initiate('site', 'net');
  sim.quiet();
  a.terminate({});
  sim.quiet();
  b.resolve = () => ({
    kind: 'path',
    path: {
      local: { address: ip('198.51.100.2'), port: 4500 },
      remote: {
        address: OUTSIDE,
        port: made.nat.outward(
          { address: ADDRESS_A, port: 4500 },
          { address: ip('198.51.100.2'), port: 4500 },
          sim.now,
        ).port,
      },
    },
  });
  b.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(b).natRemote, true);
});

test('the mapping is held open while nothing else is sent', () => {
  const { sim, a, b, nat } = behindNat();
  nat.idle = 30 * SECOND;
  a.initiate('site', 'net');
  sim.quiet();
  sim.run(10 * MINUTE);
  const keepalives = sim.between(a, b).recorded.filter(({ content }) => content.kind === 'keepalive').length;
  assert.equal(keepalives, 30);
  b.rekey({ child: 'net' });
  assertSettles(sim, a, b);
});

test('keepalives can be turned off, and stop with the SA', () => {
  const count = (made: Pair): number =>
    made.sim.between(made.a, made.b).recorded.filter(({ content }) => content.kind === 'keepalive').length;
  const off = behindNat({ settings: { natKeepAlive: 0 } });
  off.a.initiate('site', 'net');
  off.sim.quiet();
  off.sim.run(5 * MINUTE);
  assert.equal(count(off), 0);
  const on = behindNat();
  on.a.initiate('site', 'net');
  on.sim.quiet();
  on.sim.run(MINUTE);
  assertEnds(on.sim, on.a);
  const before = count(on);
  on.sim.run(5 * MINUTE);
  assert.equal(count(on), before);
});

test('the NAT forgets and gives another port: the other end follows what is authentic', () => {
  const made = behindNat();
  const { sim, a, b, nat } = made;
  a.initiate('site', 'net');
  sim.quiet();
  const before = onlyIke(b).path.remote.port;
  nat.rebind();
  a.rekey({ child: 'net' });
  assertSettles(sim, a, b);
  const after = onlyIke(b).path.remote.port;
  assert.notEqual(after, before);
  for (const { path } of b.backEnd.sas.values()) assert.equal(path.remote.port, after);
});

test('nobody follows a replay: an old request from another port is answered there, and the SA stays', () => {
  const made = behindNat();
  const { sim, a, b } = made;
  a.initiate('site', 'net');
  sim.quiet();
  a.rekey({ child: 'net' });
  sim.quiet();
  const { path } = onlyIke(b);
  const old = sim
    .between(a, b)
    .recorded.filter(({ content }) => content.kind === 'ike')
    .slice(-2);
  for (const packet of old) {
    sim.network.deliver({ ...packet, from: { address: ip('203.0.113.66'), port: 4500 } });
    sim.settle();
  }
  assert.deepEqual(onlyIke(b).path, path);
});

test('who is behind a NAT itself does not follow (RFC 7296 §2.23)', () => {
  const { sim, a, b } = behindNat();
  a.initiate('site', 'net');
  sim.quiet();
  const { path } = onlyIke(a);
  b.rekey({ child: 'net' });
  sim.quiet();
  assert.deepEqual(onlyIke(a).path, path);
});

for (const [why, options] of [
  ['encap', { a: { encap: true } }],
  ['a back end without plain ESP', { features: { a: { ...ALL_FEATURES, forceUdpEncapsulation: true } } }],
] as const) {
  test(`${why}: a NAT is pretended, and both ends put ESP in UDP`, () => {
    const made = pair(options);
    const { sim, a, b } = made;
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.deepEqual(ports(made), [4500, 4500]);
    assert.equal(onlyChild(a).udpEncapsulation, true);
    assert.equal(onlyChild(b).udpEncapsulation, true);
    assertEnds(sim, a);
  });
}

test('a responder that pretends, likewise', () => {
  const { sim, a, b } = pair({ b: { encap: true } });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.deepEqual([onlyIke(a).natFake, onlyIke(b).natFake], [undefined, true]);
  assert.equal(onlyChild(a).udpEncapsulation, true);
  assert.equal(onlyChild(b).udpEncapsulation, true);
});

test('IKE_SA_INIT goes to the port of NAT traversal at once', () => {
  const made = pair();
  const { sim, a, b } = made;
  a.resolve = () => ({
    kind: 'path',
    path: {
      local: { address: ADDRESS_A, port: 4500 },
      remote: { address: ip('198.51.100.2'), port: 4500 },
    },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.deepEqual(ports(made), [4500, 4500]);
});

test('transport mode behind a NAT: selectors mean what each end sees (RFC 7296 §2.23.1)', () => {
  const dynamic = { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 } as const;
  const { sim, a, b } = behindNat({
    children: [child({ mode: 'transport', localTs: [dynamic], remoteTs: [dynamic] })],
  });
  a.initiate('site', 'net');
  sim.quiet();
  assert.deepEqual(onlyChild(a).localTs, ['192.0.2.1/32']);
  assert.deepEqual(onlyChild(b).remoteTs, ['203.0.113.7/32']);
  assert.equal(onlyChild(b).mode, 'transport');
  // The same after a rekey, whichever end begins it.
  for (const starter of [b, a]) {
    const before = onlyChild(a).id;
    starter.rekey({ child: 'net' });
    sim.run(MINUTE);
    assert.notEqual(onlyChild(a).id, before);
    assert.deepEqual(onlyChild(a).localTs, ['192.0.2.1/32']);
    assert.deepEqual(onlyChild(b).remoteTs, ['203.0.113.7/32']);
  }
});

test('transport mode behind a NAT, refused: the tunnel has the selectors that were sent', () => {
  const dynamic = { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 } as const;
  const { sim, a, b } = behindNat({
    a: { children: [child({ mode: 'transport', localTs: [dynamic], remoteTs: [dynamic] })] },
    b: { children: [child({ localTs: [dynamic], remoteTs: [selectorForHost(ADDRESS_A)] })] },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyChild(a).mode, 'tunnel');
  assert.deepEqual(onlyChild(b).remoteTs, ['192.0.2.1/32']);
});

test('the IKE SA that a rekey makes inherits what is known of the NAT', () => {
  const { sim, a, b } = behindNat();
  a.initiate('site', 'net');
  sim.quiet();
  a.rekey({ ike: onlyIke(a).id });
  assertSettles(sim, a, b);
  assert.equal(onlyIke(a).natLocal, true);
  assert.equal(onlyIke(b).natRemote, true);
  sim.run(5 * MINUTE);
  const keepalives = sim.between(a, b).recorded.filter(({ content }) => content.kind === 'keepalive').length;
  assert.ok(keepalives >= 14 && keepalives <= 17, `${keepalives} keepalives`);
});
