import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V1PayloadType } from '../../src/iana/ikev1.ts';
import { ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { issue, makeAuthority } from '../certificate-builder.ts';
import { assertEnds, assertSettles } from '../sim/ends.ts';
import { Nat } from '../sim/network.ts';
import type { Packet } from '../sim/packet.ts';
import { ADDRESS_A, type Pair, type PairOptions } from '../sim/pair.ts';
import { authority, certified, pairV1 } from '../sim/pair-v1.ts';

/* Vendor fragments: messages larger than the path go in pieces. */

/** An extension that nobody needs, and that takes room. */
const BULK = [{ oid: '1.3.6.1.4.1.99999.1', critical: false, der: new Uint8Array(1200).fill(5) }];
const middle = makeAuthority({
  parent: authority(),
  subject: 'C=CH, O=Lab, CN=Middle',
  extensions: BULK,
});
const AGGRESSIVE = { aggressive: true };

/** Certificates with a chain: a proof takes some three thousand octets each way. */
function large(options: PairOptions = {}): Pair {
  const end = (name: string) => ({
    name,
    own: issue(middle, {
      extensions: BULK,
      subject: `C=CH, O=Lab, CN=${name}`,
      names: [`dns:${name}.example.org`],
      key: 'p256',
    }),
    credentials: { certificates: [middle.der] },
  });
  const ends = certified(end('moon'), end('sun'));
  return pairV1({
    ...options,
    ...ends,
    a: { ...ends.a, ...options.a },
    b: { ...ends.b, ...options.b },
  });
}

function sizes(packets: readonly Packet[]): readonly number[] {
  return packets.flatMap(({ content }) => (content.kind === 'ike' ? [content.datagram.length + 28] : []));
}

function fragmentsIn(packets: readonly Packet[]): number {
  return packets.filter(
    ({ content }) => content.kind === 'ike' && content.datagram[16] === V1PayloadType.FRAGMENT,
  ).length;
}

for (const [mode, both] of [
  ['main', {}],
  ['aggressive', AGGRESSIVE],
] as const) {
  test(`${mode} mode: no message is larger than the limit, and all arrives`, () => {
    const { sim, a, b, ab, ba } = large({ both });
    for (const direction of [ab, ba]) direction.weather = { ...direction.weather, mtu: 1280 };
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.ok(fragmentsIn(ab.recorded) >= 3);
    assert.ok(fragmentsIn(ba.recorded) >= 3);
    assert.ok(Math.max(...sizes(ab.recorded), ...sizes(ba.recorded)) <= 1280);
    assertEnds(sim, a);
  });

  test(`${mode} mode: fragments out of order, doubled and lost: a retransmission brings what is missing`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { sim, a, b, ab, ba } = large({ both, seed });
      const calm = ab.weather;
      for (const direction of [ab, ba])
        direction.weather = { ...calm, jitter: 50, loss: 0.15, duplicate: 0.3 };
      a.initiate('site', 'net');
      sim.run(MINUTE);
      for (const direction of [ab, ba]) direction.weather = calm;
      if (a.status().length === 0) a.initiate('site', 'net');
      assertSettles(sim, a, b);
    }
  });
}

for (const fragmentSize of [576, 800, 1500]) {
  test(`a limit of ${fragmentSize} octets`, () => {
    const { sim, a, b, ab, ba } = large({ settings: { fragmentSize } });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.ok(Math.max(...sizes(ab.recorded), ...sizes(ba.recorded)) <= fragmentSize);
  });
}

test('behind a NAT the marker of port 4500 fits too', () => {
  const { sim, a, b, ab } = large({ settings: { fragmentSize: 576 } });
  sim.network.addNat(new Nat(ip('203.0.113.7'), [ADDRESS_A]));
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const floated = ab.recorded.filter(({ to }) => to.port === 4500);
  assert.ok(fragmentsIn(floated) >= 3);
  assert.ok(Math.max(...sizes(floated)) + 4 <= 576);
});

test('what fits into one packet is not made a fragment', () => {
  const { sim, a, b, ab, ba } = pairV1();
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(fragmentsIn([...ab.recorded, ...ba.recorded]), 0);
});

for (const [a, b, fragments] of [
  ['no', 'yes', [false, false]],
  ['yes', 'no', [false, false]],
  ['accept', 'yes', [false, true]],
  ['force', 'accept', [true, false]],
] as const) {
  test(`fragmentation ${a} here and ${b} there`, () => {
    const made = large({ a: { fragmentation: a }, b: { fragmentation: b } });
    made.a.initiate('site', 'net');
    assertSettles(made.sim, made.a, made.b);
    assert.deepEqual(
      [made.ab, made.ba].map(({ recorded }) => fragmentsIn(recorded) > 0),
      fragments,
    );
  });
}

/** The fragments of the initiator's proof, held back. */
function proof(): Pair & { readonly pieces: readonly Packet[] } {
  const made = large({ settings: { fragmentSize: 576 } });
  made.ab.script = ({ content }) =>
    content.kind === 'ike' && content.datagram[16] === V1PayloadType.FRAGMENT ? 'hold' : 'pass';
  made.a.initiate('site', 'net');
  made.sim.run(SECOND);
  return { ...made, pieces: [...made.ab.held] };
}

test('fragments of another kind between: they neither help nor harm for long', () => {
  const { sim, a, b, ab, pieces } = proof();
  const [first, second] = pieces;
  assert.ok(first?.content.kind === 'ike' && second?.content.kind === 'ike');
  const forged = first.content.datagram.slice();
  // Fragment ID, number and flags stand behind the generic header.
  for (const [at, octet] of [
    [33, 0x77],
    [34, 200],
    [34, 0],
    [35, 1],
  ] as const) {
    const datagram = forged.slice();
    datagram[at] = octet;
    sim.network.deliver({ ...first, content: { kind: 'ike', datagram } });
  }
  ab.held.length = 0;
  ab.script = () => 'pass';
  assertSettles(sim, a, b);
});

test('what never becomes whole is forgotten', () => {
  const { sim, b, ab, pieces } = proof();
  for (const piece of pieces.slice(1)) sim.network.deliver(piece);
  ab.script = () => 'drop';
  sim.run(2 * MINUTE);
  assert.equal(b.status().length, 0);
});

test('a whole message of fragments that no key fits is not heeded', () => {
  const { sim, a, b, ab, pieces } = proof();
  for (const [i, packet] of pieces.entries()) {
    assert.ok(packet.content.kind === 'ike');
    const datagram = packet.content.datagram.slice();
    // The first block that is encrypted, behind both headers.
    if (i === 0) datagram[64] = (datagram[64] ?? 0) ^ 1;
    sim.network.deliver({ ...packet, content: { kind: 'ike', datagram } });
    sim.settle();
  }
  assert.equal(b.status()[0]?.state, 'CONNECTING');
  ab.flow();
  assertSettles(sim, a, b);
});

test('a fragment that claims to be a message of fragments goes no further', () => {
  const { sim, a, b, ab, pieces } = proof();
  const [first] = pieces;
  assert.ok(first?.content.kind === 'ike');
  const inner = first.content.datagram;
  const outer = new Uint8Array(36 + inner.length);
  outer.set(inner.subarray(0, 28));
  outer.set([0, 0, (8 + inner.length) >> 8, (8 + inner.length) & 255, 0, 99, 1, 1], 28);
  outer.set(inner, 36);
  new DataView(outer.buffer).setUint32(24, outer.length);
  sim.network.deliver({ ...first, content: { kind: 'ike', datagram: outer } });
  sim.settle();
  ab.flow();
  assertSettles(sim, a, b);
});
