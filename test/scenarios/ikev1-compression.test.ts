import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EncapMode,
  IpsecAttribute,
  V1ExchangeType,
  V1Notify,
  V1PayloadType,
  V1ProtocolId,
} from '../../src/iana/ikev1.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { V1Payload, V1Proposal, V1SaPayload } from '../../src/wire/v1/payload.ts';
import { ALL_FEATURES } from '../sim/back-end.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { PairOptions } from '../sim/pair.ts';
import { childV1, pairV1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import { find, notifyTypes, type V1ScriptedPeer } from '../sim/scripted-peer-v1.ts';

/* Compression of packets in IKEv1: a proposal for IPComp beside that for ESP, under the same number (RFC 2408 §4.2). */

const COMPRESSING = childV1({ ipcomp: true });
const { ipcomp: _, ...PLAIN } = ALL_FEATURES;

test('both ends want it: each tells the other its CPI, and a rekey does so anew', () => {
  const { sim, a, b } = pairV1({ children: [COMPRESSING] });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const first = onlyChild(a).ipcomp;
  assert.ok(first !== undefined);
  assert.deepEqual(onlyChild(b).ipcomp, { cpiIn: first.cpiOut, cpiOut: first.cpiIn });
  for (const host of [a, b]) {
    const before = onlyChild(host).ipcomp?.cpiIn;
    host.rekey({ child: 'net' });
    sim.run(MINUTE);
    assertSettles(sim, a, b);
    assert.ok(onlyChild(host).ipcomp !== undefined && onlyChild(host).ipcomp?.cpiIn !== before);
  }
  assertEnds(sim, a);
});

const ONE_SIDED: Readonly<Record<string, PairOptions>> = {
  'the responder does not want it': { a: { children: [COMPRESSING] } },
  'the initiator does not want it': {
    b: {
      children: [childV1({ ipcomp: true, localTs: COMPRESSING.remoteTs, remoteTs: COMPRESSING.localTs })],
    },
  },
  'the back end of the responder cannot': { children: [COMPRESSING], features: { b: PLAIN } },
  'the back end of the initiator cannot': { children: [COMPRESSING], features: { a: PLAIN } },
  'a NAT is pretended': { children: [COMPRESSING], a: { encap: true } },
};
for (const [why, options] of Object.entries(ONE_SIDED))
  test(`${why}: packets go uncompressed, now and after a rekey`, () => {
    const { sim, a, b } = pairV1(options);
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    b.rekey({ child: 'net' });
    sim.run(MINUTE);
    assertSettles(sim, a, b);
    assert.deepEqual([onlyChild(a).ipcomp, onlyChild(b).ipcomp], [undefined, undefined]);
    assertEnds(sim, a);
  });

const DEFLATE = 2;
const LZS = 3;

/** A proposal for IPComp, as peers write it. */
function compress(number: number, spi: readonly number[], ...ids: readonly number[]): V1Proposal {
  const attributes = [{ type: IpsecAttribute.ENCAPSULATION_MODE, value: EncapMode.TUNNEL }];
  const transforms = ids.map((id, i) => ({ number: i + 1, id, attributes }));
  return { number, protocol: V1ProtocolId.PROTO_IPCOMP, spi: Uint8Array.from(spi), transforms };
}

function beside(...more: readonly V1Proposal[]): (payloads: readonly V1Payload[]) => readonly V1Payload[] {
  return changed(sa => ({ ...sa, proposals: [...sa.proposals, ...more] }));
}

function changed(change: (sa: V1SaPayload) => V1SaPayload) {
  return (payloads: readonly V1Payload[]): readonly V1Payload[] =>
    payloads.map(payload => (payload.type === V1PayloadType.SA ? change(payload) : payload));
}

/** The SA of the answer to a quick mode of the peer's. */
function answerTo(peer: V1ScriptedPeer, payloads: ReturnType<typeof beside>): V1SaPayload | undefined {
  const begun = peer.beginQuick({ payloads });
  const answer = peer.quickAnswer(begun);
  if (answer === undefined || answer.payloads.every(({ type }) => type !== V1PayloadType.SA))
    return undefined;
  peer.endQuick(begun);
  return find(answer.payloads, V1PayloadType.SA);
}

test('DEFLATE is taken with ESP, and both come back under their number', () => {
  for (const [more, cpi] of [
    [compress(1, [0x12, 0x34], DEFLATE), 0x1234],
    [compress(1, [0, 0, 0x12, 0x34], DEFLATE), 0x1234],
    [compress(1, [0x12, 0x34], LZS, DEFLATE), 0x1234],
  ] as const) {
    const { sim, a, peer } = withScriptedPeerV1({ children: [COMPRESSING] });
    peer.establish();
    const answer = answerTo(peer, beside(more));
    sim.run(SECOND);
    const made = onlyIke(a).children[0]?.ipcomp;
    assert.equal(made?.cpiOut, cpi);
    assert.deepEqual(
      answer?.proposals.map(({ number, protocol, spi, transforms }) => [
        number,
        protocol,
        spi.length,
        transforms[0]?.id,
      ]),
      [
        [1, V1ProtocolId.PROTO_IPSEC_ESP, 4, 20],
        [1, V1ProtocolId.PROTO_IPCOMP, 2, DEFLATE],
      ],
    );
    const [, ours] = answer?.proposals ?? [];
    assert.deepEqual([...(ours?.spi ?? [])], [(made?.cpiIn ?? 0) >> 8, (made?.cpiIn ?? 0) & 0xff]);
  }
});

test('what goes together is taken together or not at all: another one without it is', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.establish();
  const answer = answerTo(
    peer,
    changed(sa => {
      const [esp] = sa.proposals;
      assert.ok(esp !== undefined);
      return { ...sa, proposals: [esp, compress(1, [0x12, 0x34], DEFLATE), { ...esp, number: 2 }] };
    }),
  );
  sim.run(SECOND);
  assert.deepEqual(
    answer?.proposals.map(({ number }) => number),
    [2],
  );
  assert.equal(onlyIke(a).children[0]?.ipcomp, undefined);
});

test('a peer that has nothing without it is refused, and told why on this side, twice', () => {
  const { a, sim, peer } = withScriptedPeerV1();
  peer.establish();
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    peer.beginQuick({ payloads: beside(compress(1, [0x12, 0x34], DEFLATE)) });
    sim.run(SECOND);
    assert.deepEqual(notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL)), [V1Notify.NO_PROPOSAL_CHOSEN]);
    const failure = a.eventsOf('failed')[0]?.failure;
    assert.match(failure?.summary ?? '', /compression \(IPComp\).*this child is not to be compressed/);
    assert.match(failure?.remedy ?? '', /ipcomp/);
    assert.equal(a.backEnd.reserved.size, 0);
  }
});

for (const [what, more] of [
  ['another algorithm', [compress(1, [0x12, 0x34], LZS)]],
  ['a CPI that is reserved', [compress(1, [0, 2], DEFLATE)]],
  ['a CPI of zero', [compress(1, [0, 0], DEFLATE)]],
  ['a CPI of four octets that is none', [compress(1, [1, 0, 0x12, 0x34], DEFLATE)]],
  ['a CPI of one octet', [compress(1, [9], DEFLATE)]],
  ['no transform', [compress(1, [0x12, 0x34])]],
  ['compression twice', [compress(1, [0x12, 0x34], DEFLATE), compress(1, [0x12, 0x35], DEFLATE)]],
  ['AH beside ESP', [{ ...compress(1, [0, 0, 0x12, 0x34], 5), protocol: V1ProtocolId.PROTO_IPSEC_AH }]],
] as const)
  test(`${what}: that proposal is none`, () => {
    const { a, sim, peer } = withScriptedPeerV1({ children: [COMPRESSING] });
    peer.establish();
    peer.beginQuick({ payloads: beside(...more) });
    sim.run(SECOND);
    assert.deepEqual(notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL)), [V1Notify.NO_PROPOSAL_CHOSEN]);
    assert.equal(a.backEnd.reserved.size, 0);
    peer.quick();
  });

test('charon answers with what it chose, and once more without compression', () => {
  const { sim, a, peer } = withScriptedPeerV1({ children: [COMPRESSING] });
  peer.establish();
  peer.odd.quick = {
    2: {
      payloads: changed(sa => {
        const [esp] = sa.proposals;
        assert.ok(esp !== undefined);
        return { ...sa, proposals: [esp, compress(1, [0x12, 0x34], DEFLATE), { ...esp, number: 2 }] };
      }),
    },
  };
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(onlyIke(a).children[0]?.ipcomp?.cpiOut, 0x1234);
});

test('an answer that compresses as it was not asked to makes no child, twice', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.establish();
  peer.odd.quick = { 2: { payloads: beside(compress(1, [0x12, 0x34], DEFLATE)) } };
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    const [failed] = a.eventsOf('failed');
    assert.equal(failed?.failure.code, 'peer/malformed');
    assert.match(failed?.failure.summary ?? '', /compresses/);
    assert.equal(onlyIke(a).children.length, 0);
    sim.run(MINUTE);
  }
});
