import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type VendorName, vendorIdOctets } from '../../src/iana/vendor-ids.ts';
import { ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { ALL_FEATURES } from '../sim/back-end.ts';
import { assertEnds, assertSettled, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { type Direction, Nat, type Verdict } from '../sim/network.ts';
import type { Packet } from '../sim/packet.ts';
import { ADDRESS_A, ADDRESS_B, type Pair, type PairOptions } from '../sim/pair.ts';
import { certified, childV1, pairV1 } from '../sim/pair-v1.ts';

/* NAT traversal of IKEv1 (RFC 3947), and as the drafts before it had it. */

const OUTSIDE = ip('203.0.113.7');
const AGGRESSIVE = { both: { aggressive: true }, settings: { allowAggressivePsk: true } } as const;
const RFC: VendorName = 'RFC 3947';
const DRAFT_03: VendorName = 'draft-ietf-ipsec-nat-t-ike-03';
const DRAFT_02_LF: VendorName = 'draft-ietf-ipsec-nat-t-ike-02 LF';
const DRAFT_02: VendorName = 'draft-ietf-ipsec-nat-t-ike-02';

function behindNat(options: PairOptions = {}): Pair & { readonly nat: Nat } {
  const made = pairV1(options);
  const nat = new Nat(OUTSIDE, [ADDRESS_A]);
  made.sim.network.addNat(nat);
  return { ...made, nat };
}

/** Ports of a, and the same as b sees it; the back ends send where IKE goes. */
function ports({ a, b }: Pair): readonly number[] {
  const { local, remote } = onlyIke(a).path;
  const there = onlyIke(b);
  assert.equal(there.path.local.port, remote.port);
  if (!there.natRemote) assert.equal(there.path.remote.port, local.port);
  for (const { path } of b.backEnd.sas.values()) assert.deepEqual(path, there.path);
  for (const { path } of a.backEnd.sas.values()) assert.deepEqual(path, onlyIke(a).path);
  return [local.port, remote.port];
}

/** Renews the child, and lets the old one go. */
function rekeyed({ sim, a, b }: Pair, by: Host = a): void {
  by.rekey({ child: 'net' });
  sim.quiet();
  sim.run(MINUTE);
  assertSettled(sim, a, b);
}

function keepalives({ sim, a, b }: Pair): number {
  return sim.between(a, b).recorded.filter(({ content }) => content.kind === 'keepalive').length;
}

/** Makes unknown Vendor IDs of these, as though the sender did not have them. */
function without(direction: Direction, ...names: readonly VendorName[]): void {
  direction.script = (packet: Packet): Verdict => {
    if (packet.content.kind !== 'ike') return 'pass';
    const octets = Buffer.from(packet.content.datagram.slice());
    for (const name of names) {
      const at = octets.indexOf(vendorIdOctets(name));
      if (at >= 0) octets.fill(0x5a, at, at + 16);
    }
    return Uint8Array.from(octets);
  };
}

/** The first payload types of the clear messages of `direction`, in order of the messages. */
function clearTypes(direction: Direction): readonly number[] {
  return direction.recorded.flatMap(({ content }) => {
    if (content.kind !== 'ike' || ((content.datagram[19] ?? 0) & 1) !== 0) return [];
    const types: number[] = [];
    const view = new DataView(content.datagram.buffer, content.datagram.byteOffset, content.datagram.length);
    for (let type = view.getUint8(16), at = 28; type !== 0; ) {
      types.push(type);
      type = view.getUint8(at);
      at += view.getUint16(at + 2);
    }
    return types;
  });
}

for (const [mode, options] of [
  ['main', {}],
  ['aggressive', AGGRESSIVE],
] as const) {
  test(`${mode} mode without a NAT: nothing moves`, () => {
    const made = pairV1(options);
    made.a.initiate('site', 'net');
    assertSettles(made.sim, made.a, made.b);
    assert.deepEqual(ports(made), [500, 500]);
    assert.equal(onlyChild(made.a).udpEncapsulation, false);
  });

  test(`${mode} mode behind a NAT: both see it, IKE moves to port 4500 and ESP into UDP`, () => {
    const made = behindNat(options);
    const { sim, a, b } = made;
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.deepEqual(ports(made), [4500, 4500]);
    assert.deepEqual([onlyIke(a).natLocal, onlyIke(a).natRemote], [true, false]);
    assert.deepEqual([onlyIke(b).natLocal, onlyIke(b).natRemote], [false, true]);
    assert.deepEqual(
      [onlyChild(a), onlyChild(b)].map(({ udpEncapsulation }) => udpEncapsulation),
      [true, true],
    );
    assert.deepEqual(onlyIke(b).path.remote.address, OUTSIDE);
    rekeyed(made);
    assert.equal(onlyChild(b).udpEncapsulation, true);
    assertEnds(sim, a);
  });

  test(`${mode} mode behind a NAT, a quarter of all packets lost`, () => {
    for (let seed = 1; seed <= 6; seed++) {
      const { sim, a, b, ab, ba } = behindNat({ ...options, seed });
      const calm = ab.weather;
      for (const direction of [ab, ba])
        direction.weather = { ...calm, loss: 0.25, duplicate: 0.2, jitter: 40 };
      a.initiate('site', 'net');
      sim.run(2 * MINUTE);
      for (const direction of [ab, ba]) direction.weather = calm;
      if (a.status().length === 0) a.initiate('site', 'net');
      assertSettles(sim, a, b);
    }
  });
}

test('signatures behind a NAT', () => {
  const made = behindNat(certified({ name: 'moon' }, { name: 'sun' }));
  made.a.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
  assert.deepEqual(ports(made), [4500, 4500]);
});

for (const [peer, hidden, types] of [
  ['draft 03', [RFC], [130]],
  ['draft 02 with a line feed', [RFC, DRAFT_03], [130]],
  ['draft 02', [RFC, DRAFT_03, DRAFT_02_LF], [130]],
  ['RFC 3947 alone', [DRAFT_03, DRAFT_02_LF, DRAFT_02], [20]],
] as const) {
  for (const [mode, options] of [
    ['main', {}],
    ['aggressive', certified({ name: 'moon' }, { name: 'sun' })],
  ] as const) {
    test(`an initiator that has ${peer}, ${mode} mode`, () => {
      const both = { ...('both' in options ? {} : { aggressive: mode === 'aggressive' }) };
      const made = behindNat({ ...options, both });
      const { sim, a, b, ab, ba } = made;
      without(ab, ...hidden);
      a.initiate('site', 'net');
      assertSettles(sim, a, b);
      assert.deepEqual(ports(made), [4500, 4500]);
      const natD = [20, 130, 21, 131];
      const said = [...new Set([...clearTypes(ab), ...clearTypes(ba)].filter(type => natD.includes(type)))];
      assert.deepEqual(said, [...types]);
    });
  }
}

test('a peer that has none of it: no NAT is looked for', () => {
  const { sim, a, b, ab } = pairV1();
  without(ab, RFC, DRAFT_03, DRAFT_02_LF, DRAFT_02);
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(a).path.remote.port, 500);
});

for (const [why, options] of [
  ['encap of the initiator', { a: { encap: true } }],
  ['encap of the responder', { b: { encap: true } }],
  ['a back end without plain ESP', { features: { b: { ...ALL_FEATURES, forceUdpEncapsulation: true } } }],
] as const) {
  test(`${why}: a NAT is pretended, and both ends put ESP in UDP`, () => {
    const made = pairV1(options);
    const { sim, a, b } = made;
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.deepEqual(ports(made), [4500, 4500]);
    assert.equal(onlyChild(a).udpEncapsulation && onlyChild(b).udpEncapsulation, true);
    assertEnds(sim, a);
  });
}

test('the mapping is held open while nothing else is sent, by whom is behind the NAT alone', () => {
  const made = behindNat();
  const { sim, a, b, nat } = made;
  nat.idle = 30 * SECOND;
  a.initiate('site', 'net');
  sim.quiet();
  sim.run(10 * MINUTE);
  assert.equal(keepalives(made), 30);
  assert.equal(
    sim.between(b, a).recorded.some(({ content }) => content.kind === 'keepalive'),
    false,
  );
  rekeyed(made, b);
  assertEnds(sim, a);
  const before = keepalives(made);
  sim.run(5 * MINUTE);
  assert.equal(keepalives(made), before);
});

test('the SA that re-authentication makes goes by the port of NAT traversal at once', () => {
  const made = behindNat();
  const { sim, a, b } = made;
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  a.rekey({ ike: onlyIke(a).id });
  sim.quiet();
  sim.run(MINUTE);
  assertSettles(sim, a, b);
  assert.deepEqual(ports(made), [4500, 4500]);
  assert.deepEqual([onlyIke(a).natLocal, onlyIke(b).natRemote], [true, true]);
  sim.run(5 * MINUTE);
  assert.ok(keepalives(made) > 10);
});

test('the NAT forgets and gives another port: the other end follows what is authentic', () => {
  const made = behindNat();
  const { sim, a, b, nat } = made;
  a.initiate('site', 'net');
  sim.quiet();
  const before = onlyIke(b).path.remote.port;
  nat.rebind();
  rekeyed(made);
  assert.notEqual(onlyIke(b).path.remote.port, before);
  for (const { path } of b.backEnd.sas.values()) assert.deepEqual(path, onlyIke(b).path);
});

test('the back end says that ESP comes from elsewhere: IKE and ESP go there', () => {
  const made = behindNat();
  const { sim, a, b, nat } = made;
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const { path } = onlyIke(b);
  nat.rebind();
  const remote = nat.outward(onlyIke(a).path.local, onlyIke(a).path.remote, sim.now);
  const [id] = [...b.backEnd.sas.keys()];
  assert.ok(id !== undefined);
  b.backendEvent({ kind: 'mapping', id, path: { local: path.local, remote } });
  assert.equal(onlyIke(b).path.remote.port, remote.port);
  rekeyed(made, b);
});

test('nobody follows a replay, from wherever it comes', () => {
  const { sim, a, b, ab } = behindNat();
  a.initiate('site', 'net');
  sim.quiet();
  a.rekey({ child: 'net' });
  sim.quiet();
  const { path } = onlyIke(b);
  // All but the very first, with which anybody may begin.
  const old = ab.recorded.filter(({ content }) => content.kind === 'ike').slice(1);
  assert.equal(old.length, 6);
  for (const packet of old) {
    sim.network.deliver({ ...packet, from: { address: ip('203.0.113.66'), port: 4500 } });
    sim.settle();
  }
  assert.deepEqual(onlyIke(b).path, path);
  assert.deepEqual(
    sim.network.ladder.filter(line => line.includes('nobody at 203.0.113.66')),
    [],
  );
});

test('who is behind a NAT itself does not follow', () => {
  const { sim, a, b, ba } = behindNat();
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const { path } = onlyIke(a);
  ba.script = packet => {
    if (packet.content.kind === 'ike')
      a.act((engine, now) =>
        engine.receive(
          packet.content.kind === 'ike' ? packet.content.datagram : new Uint8Array(),
          { local: path.local, remote: { address: ADDRESS_B, port: 4501 } },
          now,
        ),
      );
    return 'drop';
  };
  b.rekey({ child: 'net' });
  sim.run(5 * SECOND);
  assert.deepEqual(onlyIke(a).path, path);
});

test('transport mode behind a NAT: selectors mean what each end sees', () => {
  const dynamic = { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 } as const;
  const { sim, a, b } = behindNat({
    children: [childV1({ mode: 'transport', localTs: [dynamic], remoteTs: [dynamic] })],
  });
  a.initiate('site', 'net');
  sim.quiet();
  assertTransport(a, ['192.0.2.1/32'], ['198.51.100.2/32']);
  assertTransport(b, ['198.51.100.2/32'], ['203.0.113.7/32']);
});

function assertTransport(host: Host, local: readonly string[], remote: readonly string[]): void {
  const { mode, localTs, remoteTs, udpEncapsulation } = onlyChild(host);
  assert.deepEqual(
    { mode, localTs, remoteTs, udpEncapsulation },
    { mode: 'transport', localTs: local, remoteTs: remote, udpEncapsulation: true },
  );
}
