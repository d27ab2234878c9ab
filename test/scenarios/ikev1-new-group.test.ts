import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModpGroup } from '../../src/crypto/ke/private-group.ts';
import { keyExchangeRow } from '../../src/crypto/ke/registry.ts';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { OakleyAttribute, V1ExchangeType, V1Notify } from '../../src/iana/ikev1.ts';
import { KeMethod } from '../../src/iana/transforms.ts';
import type { Answer } from '../../src/ike/output.ts';
import { proposalOf } from '../../src/ikev1/private-group.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Failure } from '../../src/policy/failure.ts';
import type { V1Attribute, V1SaPayload } from '../../src/wire/v1/payload.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { childV1, pairV1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import { notifyTypes } from '../sim/scripted-peer-v1.ts';

/* New group mode (RFC 2409 §5.6): a group of the peers' own for the PFS of children; and groups that are traps. */

/** Of RFC 7919 appendix A.1: no registry of IKE has it. */
const FFDHE2048 = fromHex(
  'ffffffffffffffffadf85458a2bb4a9aafdc5620273d3cf1d8b9c583ce2d3695a9e13641146433fbcc939dce249b3ef9' +
    '7d2fe363630c75d8f681b202aec4617ad3df1ed5d5fd65612433f51f5f066ed0856365553ded1af3b557135e7f57c935' +
    '984f0c70e0e68b77e2a689daf3efe8721df158a136ade73530acca4f483a797abc0ab182b324fb61d108a94bb2c8e3fb' +
    'b96adab760d7f4681d4f42a3de394df4ae56ede76372bb190b07a7c8ee0a6d709e02fce1cdf7e2ecc03404cd28342f61' +
    '9172fe9ce98583ff8e4f1232eef28183c3fe3b1b4c6fad733bb5fcbc2ec22005c58ef1837d1683b2c6f34a26c1b2effa' +
    '886b423861285c97ffffffffffffffff',
) as Uint8Array;
const GROUP: ModpGroup = { prime: FFDHE2048, generator: Uint8Array.of(2) };
const PRIVATE = 0x8000;
const PFS = [childV1({ proposals: parseProposals('aes128gcm16-ecp256', 'esp') })];

function primeOf(method: number): Uint8Array {
  const primitive = keyExchangeRow(method)?.primitive;
  assert.ok(primitive?.kind === 'modp');
  return primitive.prime;
}

function failuresOf(host: Host): readonly Failure[] {
  return host.eventsOf('failed').map(({ failure }) => failure);
}

for (const begunBy of ['a', 'b'] as const)
  test(`children with PFS go by the group of the two, begun by ${begunBy}`, () => {
    const asked: Uint8Array[] = [];
    const made = pairV1({
      children: PFS,
      [begunBy]: { newGroup: GROUP },
      [begunBy === 'a' ? 'b' : 'a']: { newGroup: 'accept' },
    });
    const { sim, a, b } = made;
    for (const host of [a, b])
      host.checkPrime = prime => {
        asked.push(prime);
        return { kind: 'done' };
      };
    made[begunBy].initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.equal(asked.length, 1);
    for (const host of [a, b]) assert.match(onlyChild(host).proposal, /32768|private/);
    // A rekey by either side goes by it too.
    for (const host of [a, b]) {
      const { id } = onlyChild(host);
      host.rekey({ childId: id });
      sim.run(2 * MINUTE);
      assertSettles(sim, a, b);
      assert.notEqual(onlyChild(host).id, id);
      assert.match(onlyChild(host).proposal, /32768|private/);
    }
    assert.equal(asked.length, 1);
    assertEnds(sim, a);
  });

test('a child without PFS does not care, and a group of the registry needs no test', () => {
  const prime = primeOf(KeMethod.MODP3072);
  const { sim, a, b } = pairV1({
    a: { newGroup: { prime, generator: Uint8Array.of(2) } },
    b: { newGroup: 'accept' },
  });
  b.checkPrime = () => assert.fail('it is known');
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assertEnds(sim, b);
});

test('each message of it lost, or come twice', () => {
  for (let lost = 7; lost <= 10; lost++) {
    const { sim, a, b, ab, ba } = pairV1({
      children: PFS,
      a: { newGroup: GROUP },
      b: { newGroup: 'accept' },
    });
    let seen = 0;
    ab.script = ba.script = () => (++seen === lost ? 'drop' : 'pass');
    a.initiate('site', 'net');
    sim.quiet();
    sim.run(MINUTE);
    assertSettles(sim, a, b);
    assert.match(onlyChild(a).proposal, /32768|private/);
  }
});

const COMPOSITE: Answer = {
  kind: 'failed',
  failure: { code: 'peer/refused', summary: 'the prime of the group is none, or no safe one' },
};

function changed(prime: Uint8Array, last: number): Uint8Array {
  const other = prime.slice();
  other[other.length - 1] = last;
  return other;
}

const TRAPS: readonly (readonly [what: string, group: ModpGroup, why: RegExp, asked: number])[] = [
  ['a composite', { prime: changed(FFDHE2048, 0xfb), generator: Uint8Array.of(2) }, /no safe one/, 1],
  ['1024 bits', { prime: primeOf(KeMethod.MODP1024), generator: Uint8Array.of(2) }, /has 1024 bits/, 0],
  ['no bits', { prime: new Uint8Array(), generator: Uint8Array.of(2) }, /has 0 bits/, 0],
  ['an even number', { prime: changed(FFDHE2048, 0xfe), generator: Uint8Array.of(2) }, /not 3 modulo 4/, 0],
  ['1 modulo 4', { prime: changed(FFDHE2048, 0xfd), generator: Uint8Array.of(2) }, /not 3 modulo 4/, 0],
  ['generator 0', { prime: FFDHE2048, generator: new Uint8Array(1) }, /generator is not between/, 0],
  ['generator 1', { prime: FFDHE2048, generator: Uint8Array.of(1) }, /generator is not between/, 0],
  [
    'generator p − 1',
    { prime: FFDHE2048, generator: changed(FFDHE2048, 0xfe) },
    /generator is not between/,
    0,
  ],
  ['generator p', { prime: FFDHE2048, generator: FFDHE2048 }, /generator is not between/, 0],
  [
    'a generator beyond the prime',
    { prime: FFDHE2048, generator: new Uint8Array(257).fill(9) },
    /generator is larger/,
    0,
  ],
  ['64 kbit', { prime: new Uint8Array(8000).fill(0xff), generator: Uint8Array.of(2) }, /has 64000 bits/, 0],
  [
    '256 kbit',
    { prime: new Uint8Array(32_000).fill(0xff), generator: Uint8Array.of(2) },
    /has 256000 bits/,
    0,
  ],
  ['8200 bits', { prime: new Uint8Array(1025).fill(0xff), generator: Uint8Array.of(2) }, /has 8200 bits/, 0],
];

for (const [what, newGroup, why, tests] of TRAPS)
  test(`a trap: ${what}; both say why, twice in a row`, () => {
    const { sim, a, b } = pairV1({ children: PFS, a: { newGroup }, b: { newGroup: 'accept' } });
    let asked = 0;
    b.checkPrime = () => {
      asked++;
      return COMPOSITE;
    };
    for (let time = 0; time < 2; time++) {
      a.events.length = 0;
      b.events.length = 0;
      a.initiate('site', 'net');
      sim.quiet();
      sim.run(10 * SECOND);
      sim.check(() => {
        assert.equal(asked, tests * (time + 1));
        const [theirs] = failuresOf(b);
        assert.equal(theirs?.notify, 'ATTRIBUTES_NOT_SUPPORTED');
        assert.match(theirs?.summary ?? '', why);
        assert.ok(theirs?.remedy !== undefined);
        const [ours, child] = failuresOf(a);
        assert.match(ours?.summary ?? '', /the peer does not take our group \(ATTRIBUTES_NOT_SUPPORTED\)/);
        assert.match(child?.summary ?? '', /the group of new_group was not agreed upon/);
        assert.deepEqual([onlyIke(a).children, onlyIke(b).children], [[], []]);
      });
      a.terminate({});
      sim.quiet();
      sim.assertEmpty();
    }
  });

test('it is off unless it is asked for', () => {
  const { sim, a, b } = pairV1({ children: PFS, a: { newGroup: GROUP } });
  b.checkPrime = () => assert.fail('nobody asked for it');
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    b.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    assert.match(failuresOf(b)[0]?.summary ?? '', /new_group is not accept here/);
    assert.match(failuresOf(a)[0]?.remedy ?? '', /let new_group of the peer be accept/);
    a.terminate({});
    sim.quiet();
    sim.assertEmpty();
  }
});

test('an SA that goes while the prime is tested leaves nothing behind', () => {
  const { sim, a, b } = pairV1({ children: PFS, a: { newGroup: GROUP }, b: { newGroup: 'accept' } });
  b.primeLatency = 20 * SECOND;
  a.initiate('site', 'net');
  sim.run(5 * SECOND);
  b.terminate({});
  sim.quiet();
  sim.run(MINUTE);
  sim.assertEmpty();
});

function altered(change: (attributes: readonly V1Attribute[]) => readonly V1Attribute[]): V1SaPayload {
  const sa = proposalOf(GROUP);
  const proposals = sa.proposals.map(proposal => ({
    ...proposal,
    transforms: proposal.transforms.map(one => ({ ...one, attributes: change(one.attributes) })),
  }));
  return { ...sa, proposals };
}

function replacing(type: number, value: number): V1SaPayload {
  return altered(list => list.map(one => (one.type === type ? { type, value } : one)));
}

test('what describes no group is refused, and only so many primes of a peer are tested', () => {
  const { sim, a, peer } = withScriptedPeerV1({ a: { newGroup: 'accept' } });
  let asked = 0;
  a.checkPrime = () => {
    asked++;
    return COMPOSITE;
  };
  peer.establish();
  const [proposal] = proposalOf(GROUP).proposals;
  assert.ok(proposal !== undefined);
  const shapes: readonly V1SaPayload[] = [
    replacing(OakleyAttribute.GROUP_DESCRIPTION, 14),
    replacing(OakleyAttribute.GROUP_DESCRIPTION, 0x7fff),
    replacing(OakleyAttribute.GROUP_TYPE, 3),
    replacing(OakleyAttribute.GROUP_PRIME, 23),
    altered(list => list.slice(0, -1)),
    altered(list => [...list, { type: OakleyAttribute.GROUP_ORDER, value: 2 }]),
    altered(list => [...list, ...list]),
    altered(list => [...list.slice(0, -1), ...list.slice(0, 1)]),
    altered(() => []),
    { ...proposalOf(GROUP), proposals: [proposal, proposal] },
    { ...proposalOf(GROUP), proposals: [{ ...proposal, protocol: 3 }] },
    { ...proposalOf(GROUP), situation: 2, proposals: [] },
  ];
  const refusals = (payload: V1SaPayload, oddity = {}): readonly number[] => {
    const messageId = peer.newMessageId();
    peer.transmit(peer.seal(V1ExchangeType.NEW_GROUP_MODE, messageId, [payload], { messageId, ...oddity }));
    return notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL));
  };
  for (const payload of [...shapes, ...shapes])
    assert.deepEqual(refusals(payload), [V1Notify.ATTRIBUTES_NOT_SUPPORTED], String(shapes.indexOf(payload)));
  assert.equal(asked, 0);
  for (let time = 0; time < 5; time++)
    assert.deepEqual(refusals(proposalOf(GROUP)), [V1Notify.ATTRIBUTES_NOT_SUPPORTED]);
  assert.equal(asked, 2);
  // Whose HASH is wrong is not the peer.
  assert.deepEqual(
    refusals(proposalOf(GROUP), { hash: (hash: Uint8Array) => hash.map(octet => octet ^ 1) }),
    [],
  );
  assert.equal(asked, 2);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
  sim.run(SECOND);
});

test('the number that a peer chooses is kept', () => {
  const { sim, a, peer } = withScriptedPeerV1({ a: { newGroup: 'accept' } });
  peer.establish();
  const messageId = peer.newMessageId();
  peer.transmit(
    peer.seal(V1ExchangeType.NEW_GROUP_MODE, messageId, [proposalOf(GROUP, PRIVATE + 77)], { messageId }),
  );
  const answer = peer.await(({ header }) => header.messageId === messageId);
  const [sa] = answer?.payloads.filter(({ type }) => type === proposalOf(GROUP).type) ?? [];
  const { body: _, ...plain } = sa as V1SaPayload;
  assert.deepEqual(plain, proposalOf(GROUP, PRIVATE + 77));
  sim.run(SECOND);
  assert.equal(a.status().length, 1);
});
