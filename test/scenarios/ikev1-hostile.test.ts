import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Doi,
  EncapMode,
  IpsecAttribute,
  V1ExchangeType,
  V1HeaderFlag,
  V1IdType,
  V1Notify,
  V1PayloadType,
  V1ProtocolId,
} from '../../src/iana/ikev1.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { encodeV1Message } from '../../src/wire/v1/message.ts';
import type { V1Payload, V1SaPayload } from '../../src/wire/v1/payload.ts';
import { onlyChild, onlyIke } from '../sim/ends.ts';
import { ADDRESS_B, type PairOptions } from '../sim/pair.ts';
import { pairV1, V1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import {
  aliveNotify,
  cookiesOf,
  deleteOfChild,
  deleteOfIsakmp,
  espSa,
  notifyOf,
  notifyTypes,
  phaseOneSa,
  spiOctets,
  type V1Oddity,
} from '../sim/scripted-peer-v1.ts';

/* What a peer, or somebody beside it, may send that no honest peer would: nothing follows that should not. */

type Scripted = ReturnType<typeof withScriptedPeerV1>;

/** An SA with a child, made by the peer. */
function established(options: PairOptions = {}): Scripted & {
  readonly child: { readonly spiIn: number; readonly spiOut: number };
} {
  const made = withScriptedPeerV1(options);
  made.peer.establish();
  return { ...made, child: made.peer.quick() };
}

/** The SA and its child are as they were, and a new child can be made. */
function assertUnharmed({ sim, a, peer }: Scripted, children = 1): void {
  assert.equal(onlyIke(a).children.length, children);
  peer.received.length = 0;
  peer.quick();
  sim.run(SECOND);
  assert.ok(onlyIke(a).children.length > 0);
}

/** How many datagrams the engine sends while `action` is done. */
function answersTo({ sim, peer }: Scripted, action: () => void): number {
  const before = peer.datagrams.length;
  action();
  sim.run(SECOND);
  return peer.datagrams.length - before;
}

// ── before there are keys ──

test('a first message that no connection fits leaves nothing behind, and is refused once', () => {
  const made = withScriptedPeerV1();
  const { a, peer } = made;
  const weak = (payloads: readonly V1Payload[]): readonly V1Payload[] =>
    payloads.map(payload =>
      payload.type === V1PayloadType.SA ? { ...payload, proposals: [withGroup(payload, 2)] } : payload,
    );
  for (let time = 0; time < 2; time++) {
    const answers = answersTo(made, () => assert.equal(peer.offer({ payloads: weak }), undefined));
    assert.equal(answers, 1);
    assert.deepEqual(notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL)), [V1Notify.NO_PROPOSAL_CHOSEN]);
    assert.deepEqual(a.status(), []);
  }
  // The refusal names no cookie by which anything could go on.
  const [refusal] = peer.datagrams;
  assert.deepEqual(refusal?.subarray(8, 16), new Uint8Array(8));
});

function withGroup({ proposals }: V1SaPayload, group: number): V1SaPayload['proposals'][number] {
  const [proposal] = proposals;
  assert.ok(proposal !== undefined);
  return {
    ...proposal,
    transforms: proposal.transforms.map(transform => ({
      ...transform,
      attributes: transform.attributes.map(one => (one.type === 4 ? { ...one, value: group } : one)),
    })),
  };
}

test('the first message has one answer, not much larger, and none by the clock', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.offer();
  sim.run(20 * SECOND);
  const { recorded } = sim.between(peer.name, a.name);
  const sizeOf = (packets: typeof recorded): number =>
    packets.reduce((sum, { content }) => sum + (content.kind === 'ike' ? content.datagram.length : 0), 0);
  assert.equal(peer.datagrams.length, 1);
  assert.ok(sizeOf(sim.between(a.name, peer.name).recorded) <= 1.5 * sizeOf(recorded));
  sim.run(MINUTE);
  assert.equal(peer.datagrams.length, 1);
  assert.deepEqual(a.status(), []);
});

test('the first message again, octet by octet: one answer each, the same, and one SA', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  peer.offer();
  const ba = sim.between(peer.name, a.name);
  assert.equal(
    answersTo(made, () => {
      for (let time = 0; time < 3; time++) ba.replay(1);
    }),
    3,
  );
  const [first, ...others] = peer.datagrams;
  for (const other of others) assert.deepEqual(other, first);
  assert.equal(a.status().length, 1);
  assert.ok(peer.share() !== undefined && peer.prove() !== undefined);
});

test('the third message from elsewhere, again: nobody else is answered', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  peer.offer();
  peer.share();
  const packet = sim.between(peer.name, a.name).recorded[1];
  assert.ok(packet !== undefined);
  sim.network.deliver({ ...packet, from: { address: ip('203.0.113.66'), port: 500 } });
  sim.run(SECOND);
  assert.equal(
    sim.network.ladder.some(line => line.includes('203.0.113.66:500') && line.includes('nobody')),
    false,
  );
  assert.ok(peer.prove() !== undefined);
});

for (const [what, oddity] of [
  ['no cookie', { mangle: datagram => filled(datagram, 0, 8, 0) }],
  ['a cookie of ours', { mangle: datagram => filled(datagram, 8, 16, 7) }],
  ['a Message ID', { messageId: 7 }],
  ['the encryption flag', { flags: V1HeaderFlag.ENCRYPTION }],
  ['two SAs', { payloads: ([sa]) => (sa === undefined ? [] : [sa, sa]) }],
  ['no SA', { payloads: () => [{ type: V1PayloadType.VID, data: new Uint8Array(16) }] }],
  [
    'a key exchange already',
    { payloads: all => [...all, { type: V1PayloadType.KE, data: new Uint8Array(64) }] },
  ],
  ['half a payload', { mangle: datagram => resized(datagram.slice(0, -3)) }],
  ['a wrong length', { mangle: datagram => datagram.slice(0, -3) }],
] satisfies readonly (readonly [string, V1Oddity])[]) {
  test(`a first message with ${what} is not answered`, () => {
    const made = withScriptedPeerV1();
    assert.equal(
      answersTo(made, () => assert.equal(made.peer.offer(oddity), undefined)),
      0,
    );
    assert.deepEqual(made.a.status(), []);
  });
}

function filled(datagram: Uint8Array, from: number, to: number, octet: number): Uint8Array {
  return datagram.slice().fill(octet, from, to);
}

/** With the length that it has. */
function resized(datagram: Uint8Array): Uint8Array {
  const copy = datagram.slice();
  new DataView(copy.buffer).setUint32(24, copy.length);
  return copy;
}

test('another domain or situation than IPsec is refused by name', () => {
  const { a, peer } = withScriptedPeerV1();
  for (const [change, notify] of [
    [{ doi: 7 }, V1Notify.DOI_NOT_SUPPORTED],
    [{ situation: 4 }, V1Notify.SITUATION_NOT_SUPPORTED],
  ] as const) {
    peer.offer({ payloads: () => [{ ...phaseOneSa(), ...change }] });
    assert.deepEqual(notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL)), [notify]);
    assert.deepEqual(a.status(), []);
  }
});

test('exchanges without an SA are not answered: quick mode, informational, those nobody has', () => {
  const made = withScriptedPeerV1();
  const { a, peer } = made;
  for (const exchangeType of [1, 3, 5, 6, 32, 33, 34, 239]) {
    for (const flags of [0, V1HeaderFlag.ENCRYPTION]) {
      const fields = { initiatorSpi: 7n, responderSpi: 9n, exchangeType, flags, messageId: 5 };
      const datagram = encodeV1Message(fields, [phaseOneSa()]);
      assert.equal(
        answersTo(made, () => peer.transmit(datagram)),
        0,
        `exchange ${exchangeType}`,
      );
    }
  }
  assert.deepEqual(a.status(), []);
});

test('fragments for no SA are not kept', () => {
  const made = withScriptedPeerV1();
  const fields = { initiatorSpi: 7n, responderSpi: 0n, exchangeType: 2, flags: 0, messageId: 0 };
  const piece = (fragmentNumber: number): Uint8Array =>
    encodeV1Message(fields, [
      {
        type: V1PayloadType.FRAGMENT,
        fragmentId: 1,
        fragmentNumber,
        last: false,
        data: new Uint8Array(1000),
      },
    ]);
  assert.equal(
    answersTo(made, () => {
      for (let i = 1; i < 200; i++) made.peer.transmit(piece(i));
    }),
    0,
  );
  assert.deepEqual(made.a.status(), []);
});

for (const [what, change] of [
  ['a public value that is no point', share(new Uint8Array(64).fill(3))],
  ['a public value of nothing but zeros', share(new Uint8Array(64))],
  ['a public value that is too short', share(new Uint8Array(63).fill(1))],
  ['a public value that is too long', share(new Uint8Array(65).fill(1))],
  ['no public value', share(EMPTY)],
] as const) {
  test(`${what} ends phase 1, twice in a row`, () => {
    const { sim, a, peer } = withScriptedPeerV1();
    for (let time = 0; time < 2; time++) {
      peer.offer();
      assert.equal(peer.share({ payloads: change }), undefined);
      const told = notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL));
      assert.ok(
        told.every(type => type === V1Notify.INVALID_KEY_INFORMATION),
        String(told),
      );
      sim.run(MINUTE);
      assert.deepEqual(a.status(), []);
    }
  });
}

function share(data: Uint8Array): (payloads: readonly V1Payload[]) => readonly V1Payload[] {
  return payloads =>
    payloads.map(payload => (payload.type === V1PayloadType.KE ? { ...payload, data } : payload));
}

test('nonces of impossible lengths do not go through', () => {
  for (const length of [0, 7, 257]) {
    const { a, peer } = withScriptedPeerV1();
    peer.offer();
    const change = (payloads: readonly V1Payload[]): readonly V1Payload[] =>
      payloads.map(payload =>
        payload.type === V1PayloadType.NONCE ? { ...payload, data: new Uint8Array(length) } : payload,
      );
    assert.equal(peer.share({ payloads: change }), undefined, `${length} octets`);
    assert.notEqual(a.status()[0]?.state, 'ESTABLISHED');
  }
});

test('a wrong proof is told and waited past: the right one still counts', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.offer();
  peer.share();
  const wrong: readonly V1Payload[] = [
    { type: V1PayloadType.ID, idType: V1IdType.ID_FQDN, protocol: 0, port: 0, data: utf8('b') },
    { type: V1PayloadType.HASH, data: new Uint8Array(32).fill(1) },
  ];
  peer.transmit(peer.seal(V1ExchangeType.MAIN_MODE, 0, wrong, { iv: peer.current.firstIv }));
  sim.run(SECOND);
  assert.equal(peer.datagrams.length, 3);
  assert.equal(a.status()[0]?.state, 'CONNECTING');
  assert.ok(peer.prove() !== undefined);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('a wrong proof and nothing else: no SA, and the shared key is named', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    peer.offer();
    peer.share();
    assert.equal(peer.prove({ hash: hash => hash.map(octet => octet ^ 1) }), undefined);
    sim.run(MINUTE);
    assert.deepEqual(a.status(), []);
    assert.deepEqual(
      a.eventsOf('failed').map(({ failure }) => failure.code),
      ['auth/wrong-key'],
    );
  }
});

test('an identity in the clear is not heeded (RFC 2409 §5.4)', () => {
  const { a, peer } = withScriptedPeerV1();
  peer.offer();
  peer.share();
  peer.transmit(
    peer.seal(
      V1ExchangeType.MAIN_MODE,
      0,
      [
        { type: V1PayloadType.ID, idType: V1IdType.ID_FQDN, protocol: 0, port: 0, data: utf8('b') },
        { type: V1PayloadType.HASH, data: new Uint8Array(32) },
      ],
      { clear: true },
    ),
  );
  assert.equal(a.status()[0]?.state, 'CONNECTING');
  assert.ok(peer.prove() !== undefined);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('accept_unencrypted_mainmode_messages: an identity and proof in the clear are taken, false ones are not', () => {
  const settings = { acceptUnencryptedMainMode: true };
  const { a, peer } = withScriptedPeerV1({ settings });
  peer.offer();
  peer.share();
  const id = {
    type: V1PayloadType.ID,
    idType: V1IdType.ID_FQDN,
    protocol: 0,
    port: 0,
    data: utf8('b'),
  } as const;
  const proof = { type: V1PayloadType.HASH, data: new Uint8Array(32) } as const;
  peer.transmit(peer.seal(V1ExchangeType.MAIN_MODE, 0, [id, proof], { clear: true }));
  assert.equal(a.status()[0]?.state, 'CONNECTING');
  assert.ok(peer.prove({ clear: true }) !== undefined, 'our proof comes under encryption');
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('garbage under encryption does not disturb phase 1, nor the IVs', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.offer();
  peer.share();
  const sa = peer.current;
  for (let seed = 1; seed <= 8; seed++) {
    const datagram = encodeV1Message(
      {
        initiatorSpi: sa.initiatorSpi,
        responderSpi: sa.responderSpi,
        exchangeType: V1ExchangeType.MAIN_MODE,
        flags: V1HeaderFlag.ENCRYPTION,
        messageId: 0,
      },
      [{ type: 'unknown', number: 5, data: sim.random.octets(16 * seed - 4) }],
    );
    peer.transmit(datagram);
  }
  sim.run(SECOND);
  assert.ok(peer.prove() !== undefined);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('children are not made before phase 1 is done, and then each once', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.offer();
  peer.share();
  const sa = peer.current;
  // Under keys that are right, but with an IV that can only be guessed.
  peer.beginQuick({ iv: sa.firstIv });
  sim.run(SECOND);
  assert.equal(a.status()[0]?.children.length, 0);
  assert.ok(peer.prove() !== undefined);
  assert.equal(onlyIke(a).children.length, 0);
  peer.quick();
  assert.equal(onlyIke(a).children.length, 1);
});

// ── an initiator among liars ──

test('answers that hold our own values do not make an SA with ourselves', () => {
  const { sim, a, ab, ba } = pairV1();
  ba.script = () => 'drop';
  ab.script = packet => {
    if (packet.content.kind === 'ike') sim.network.deliver({ ...packet, from: packet.to, to: packet.from });
    return 'drop';
  };
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(a.eventsOf('ike-up').length, 0);
  sim.assertEmpty();
});

for (const [what, change] of [
  ['another transform', (sa: V1SaPayload) => ({ ...sa, proposals: [withGroup(sa, 2)] })],
  ['two transforms', (sa: V1SaPayload) => ({ ...sa, proposals: sa.proposals.map(doubled) })],
  ['no transform', (sa: V1SaPayload) => ({ ...sa, proposals: [] })],
] as const) {
  test(`an answer with ${what} is not taken`, () => {
    const { sim, a, peer } = withScriptedPeerV1();
    peer.odd.main = {
      2: {
        payloads: payloads =>
          payloads.map(payload => (payload.type === V1PayloadType.SA ? change(payload) : payload)),
      },
    };
    a.initiate('site', 'net');
    sim.quiet();
    assert.equal(a.eventsOf('ike-up').length, 0);
    assert.equal(a.eventsOf('failed').length, 1);
    sim.assertEmpty();
  });
}

function doubled(proposal: V1SaPayload['proposals'][number]): V1SaPayload['proposals'][number] {
  const [one] = proposal.transforms;
  assert.ok(one !== undefined);
  return { ...proposal, transforms: [one, { ...one, number: 2 }] };
}

test('a wrong proof of the responder: no SA, and it is told', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.odd.main = { 6: { hash: hash => hash.map(octet => octet ^ 1) } };
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(a.eventsOf('ike-up').length, 0);
  assert.equal(a.eventsOf('failed')[0]?.failure.code, 'auth/wrong-key');
  assert.ok(notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL)).includes(V1Notify.AUTHENTICATION_FAILED));
});

for (const [what, oddity] of [
  ['another transform', changeSa(sa => ({ ...sa, proposals: sa.proposals.map(withLength(256)) }))],
  [
    'an SPI of zero',
    changeSa(sa => ({ ...sa, proposals: sa.proposals.map(one => ({ ...one, spi: new Uint8Array(4) })) })),
  ],
  [
    'another protocol',
    changeSa(sa => ({ ...sa, proposals: sa.proposals.map(one => ({ ...one, protocol: 2 })) })),
  ],
  [
    'a key exchange nobody asked for',
    (all: readonly V1Payload[]) => [
      ...all,
      { type: V1PayloadType.KE, data: new Uint8Array(64).fill(1) } as const,
    ],
  ],
  [
    'other identities',
    (all: readonly V1Payload[]) =>
      all
        .map(one =>
          one.type === V1PayloadType.ID
            ? { ...one, body: EMPTY, data: Uint8Array.of(10, 9, 0, 0, 255, 255, 0, 0) }
            : one,
        )
        .map(withoutBody),
  ],
  ['no nonce', (all: readonly V1Payload[]) => all.filter(({ type }) => type !== V1PayloadType.NONCE)],
] as const) {
  test(`an answer to quick mode with ${what}: no child, and the SA stays`, () => {
    const { sim, a, peer } = withScriptedPeerV1();
    peer.odd.quick = { 2: { payloads: oddity } };
    a.initiate('site', 'net');
    sim.run(10 * SECOND);
    assert.equal(onlyIke(a).children.length, 0);
    assert.equal(a.backEnd.sas.size, 0);
    assert.equal(a.eventsOf('failed').length, 1);
    delete peer.odd.quick;
    a.initiate('site', 'net');
    sim.run(10 * SECOND);
    assert.equal(onlyChild(a).state, 'INSTALLED');
  });
}

function changeSa(
  change: (sa: V1SaPayload) => V1SaPayload,
): (payloads: readonly V1Payload[]) => readonly V1Payload[] {
  return payloads => payloads.map(one => (one.type === V1PayloadType.SA ? change(one) : one));
}

function withLength(bits: number) {
  return (proposal: V1SaPayload['proposals'][number]): V1SaPayload['proposals'][number] => ({
    ...proposal,
    transforms: proposal.transforms.map(transform => ({
      ...transform,
      attributes: transform.attributes.map(one =>
        one.type === IpsecAttribute.KEY_LENGTH ? { ...one, value: bits } : one,
      ),
    })),
  });
}

function withoutBody(payload: V1Payload): V1Payload {
  if (payload.type !== V1PayloadType.ID) return payload;
  const { body: _, ...rest } = payload;
  return rest;
}

// ── Informational messages ──

const TROUBLE = (made: Scripted): readonly (readonly [string, readonly V1Payload[]])[] => {
  const { peer } = made;
  const [child] = peer.children;
  return [
    ['Delete of the ISAKMP SA', [deleteOfIsakmp(peer.current)]],
    ['Delete of the child', [deleteOfChild(child?.spiIn ?? 0)]],
    ['INITIAL-CONTACT', [notifyOf(V1Notify.INITIAL_CONTACT, EMPTY, { spi: cookiesOf(peer.current) })]],
    ['INVALID-SPI', [notifyOf(V1Notify.INVALID_SPI, spiOctets(child?.spiIn ?? 0))]],
    ['AUTHENTICATION-FAILED', [notifyOf(V1Notify.AUTHENTICATION_FAILED)]],
    ['R-U-THERE', [aliveNotify(peer.current, V1Notify.R_U_THERE, 1)]],
  ];
};

test('in the clear nothing is heeded, nor answered', () => {
  const made = established();
  for (const [what, payloads] of TROUBLE(made)) {
    const answers = answersTo(made, () => {
      made.peer.transmit(
        encodeV1Message(
          {
            initiatorSpi: made.peer.current.initiatorSpi,
            responderSpi: made.peer.current.responderSpi,
            exchangeType: V1ExchangeType.INFORMATIONAL,
            flags: 0,
            messageId: made.peer.newMessageId(),
          },
          payloads,
        ),
      );
    });
    assert.equal(answers, 0, what);
    assert.equal(onlyIke(made.a).children.length, 1, what);
  }
  assertUnharmed(made);
});

for (const [how, oddity] of [
  ['a wrong HASH', { hash: hash => hash.map(octet => octet ^ 1) }],
  ['a HASH cut short', { hash: hash => hash.slice(0, 16) }],
  ['an empty HASH', { hash: () => EMPTY }],
] satisfies readonly (readonly [string, V1Oddity])[]) {
  test(`with ${how} nothing is heeded, nor answered; other exchanges go on`, () => {
    const made = established();
    const { peer } = made;
    const begun = peer.beginQuick();
    const answer = peer.quickAnswer(begun);
    assert.ok(answer !== undefined);
    for (const [what, payloads] of TROUBLE(made)) {
      peer.inform(payloads, oddity);
      assert.deepEqual(peer.take(V1ExchangeType.INFORMATIONAL), [], what);
      assert.equal(onlyIke(made.a).children.length, 2, what);
    }
    peer.endQuick(begun);
    made.sim.run(SECOND);
    assertUnharmed(made, 2);
  });
}

test('without a HASH nothing is heeded', () => {
  const made = established();
  const { peer } = made;
  for (const [what, payloads] of TROUBLE(made)) {
    const sa = peer.current;
    const messageId = peer.newMessageId();
    // As though the first payload were the HASH.
    const datagram = peer.seal(V1ExchangeType.INFORMATIONAL, messageId, payloads);
    datagram[16] = payloads[0]?.type === V1PayloadType.D ? V1PayloadType.D : V1PayloadType.N;
    assert.equal(
      answersTo(made, () => peer.transmit(datagram)),
      0,
      what,
    );
    assert.equal(onlyIke(made.a).initiatorSpi, sa.initiatorSpi);
  }
  assertUnharmed(made);
});

test('what goes by the wrong IV is not heeded, and the Message ID is still free', () => {
  const made = established();
  const { peer } = made;
  const messageId = peer.newMessageId();
  const payloads = [aliveNotify(peer.current, V1Notify.R_U_THERE, 5)];
  assert.equal(
    answersTo(made, () => peer.inform(payloads, { messageId, iv: new Uint8Array(16).fill(9) })),
    0,
  );
  assert.equal(
    answersTo(made, () => peer.inform(payloads, { messageId })),
    1,
  );
});

test('a Delete of the ISAKMP SA acts once, and nothing else in its message does', () => {
  const made = established();
  const { sim, a, peer } = made;
  const farewell = [
    deleteOfIsakmp(peer.current),
    notifyOf(V1Notify.INITIAL_CONTACT, EMPTY, { spi: cookiesOf(peer.current) }),
    aliveNotify(peer.current, V1Notify.R_U_THERE, 1),
    deleteOfIsakmp(peer.current),
  ];
  assert.equal(
    answersTo(made, () => {
      peer.transmit(peer.inform(farewell));
      peer.inform(farewell);
    }),
    0,
  );
  // The child waits for a new SA.
  assert.deepEqual(
    a.status().map(({ state, children }) => [state, children.length]),
    [['DELETING', 1]],
  );
  sim.run(5 * MINUTE);
});

test('Deletes of what there is not, and of cookies that are not these, do nothing', () => {
  const made = established();
  const { peer } = made;
  const sa = peer.current;
  for (const payloads of [
    [deleteOfChild(0)],
    [deleteOfChild(0xdeadbeef)],
    [
      {
        ...deleteOfChild(1),
        spiSize: 4,
        spis: Array.from({ length: 200 }, (_, i) => spiOctets(0x7000_0000 + i)),
      },
    ],
    [{ ...deleteOfChild(1), protocol: V1ProtocolId.PROTO_IPSEC_AH, spis: [spiOctets(made.child.spiIn)] }],
    [{ ...deleteOfChild(1), spiSize: 2, spis: [Uint8Array.of(1, 2)] }],
  ]) {
    assert.equal(
      answersTo(made, () => peer.inform(payloads)),
      0,
    );
    assert.equal(onlyIke(made.a).initiatorSpi, sa.initiatorSpi);
    assert.equal(onlyIke(made.a).children.length, 1);
  }
  assertUnharmed(made);
});

test('INITIAL-CONTACT late is no lever', () => {
  const made = established();
  made.peer.inform([notifyOf(V1Notify.INITIAL_CONTACT, EMPTY, { spi: cookiesOf(made.peer.current) })]);
  made.sim.run(SECOND);
  assertUnharmed(made);
});

test('notifies nobody knows are passed over', () => {
  const made = established();
  for (const type of [0, 31, 8191, 8192, 9999, 16_384, 24_575, 30_000, 40_501, 65_535])
    made.peer.inform([notifyOf(type, new Uint8Array(3), { spi: spiOctets(made.child.spiIn), protocol: 3 })]);
  made.sim.run(SECOND);
  assertUnharmed(made);
});

test('an exchange nobody has is refused under encryption, and leaves the SA alone', () => {
  const made = established();
  const { peer } = made;
  for (const exchange of [1, 3, 35, 250]) {
    peer.transmit(peer.seal(exchange, peer.newMessageId(), [notifyOf(1)]));
    made.sim.run(SECOND);
  }
  assertUnharmed(made);
});

// ── quick mode ──

test('a first message again: the same answer, one SA; later, from an end that is done, likewise', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  peer.establish();
  const begun = peer.beginQuick();
  assert.ok(peer.quickAnswer(begun) !== undefined);
  const before = peer.datagrams.at(-1);
  assert.equal(
    answersTo(made, () => peer.transmit(begun.datagram)),
    1,
  );
  assert.deepEqual(peer.datagrams.at(-1), before);
  peer.endQuick(begun);
  sim.run(SECOND);
  for (const wait of [SECOND, 10 * MINUTE]) {
    sim.run(wait);
    peer.transmit(begun.datagram);
    sim.run(SECOND);
    assert.equal(onlyIke(a).children.length, 1);
    assert.equal(a.backEnd.reserved.size, 0);
  }
});

test('the same Message ID with another content begins nothing', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  peer.establish();
  const sa = peer.current;
  const begun = peer.beginQuick();
  assert.ok(peer.quickAnswer(begun) !== undefined);
  const iv = sa.ivs.get(begun.messageId);
  assert.ok(iv !== undefined);
  sa.ivs.delete(begun.messageId);
  assert.equal(
    answersTo(made, () => peer.beginQuick({ messageId: begun.messageId })),
    0,
  );
  sa.ivs.set(begun.messageId, iv);
  peer.endQuick(begun);
  sim.run(SECOND);
  assert.equal(onlyIke(a).children.length, 1);
});

test('the third message is lost: the second comes again, and again; nothing is half there in the end', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  peer.establish();
  const begun = peer.beginQuick();
  assert.ok(peer.quickAnswer(begun) !== undefined);
  sim.run(10 * SECOND);
  assert.ok(peer.datagrams.length >= 4);
  assert.equal(
    onlyIke(a).children.some(({ state }) => state === 'INSTALLED' && a.backEnd.outbound('net') !== undefined),
    false,
  );
  sim.run(5 * MINUTE);
  assert.equal(a.backEnd.sas.size, 0);
  assert.equal(onlyIke(a).children.length, 0);
  peer.endQuick(begun);
  sim.run(SECOND);
  assert.equal(a.backEnd.sas.size, 0);
  assertUnharmed(made, 0);
});

test('the third message doubled, or wrong first: one SA', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  peer.establish();
  const begun = peer.beginQuick();
  assert.ok(peer.quickAnswer(begun) !== undefined);
  const iv = peer.current.ivs.get(begun.messageId);
  assert.ok(iv !== undefined);
  peer.endQuick(begun, { hash: hash => hash.map(octet => octet ^ 1), iv });
  sim.run(SECOND);
  assert.equal(a.backEnd.outbound('net'), undefined);
  const third = peer.seal(V1ExchangeType.QUICK_MODE, begun.messageId, []);
  for (let time = 0; time < 3; time++) peer.transmit(third);
  sim.run(SECOND);
  assert.equal(onlyIke(a).children.length, 1);
  assert.ok(a.backEnd.outbound('net') !== undefined);
});

const OFFERS: readonly (readonly [
  string,
  (payloads: readonly V1Payload[]) => readonly V1Payload[],
  number,
])[] = [
  [
    'an identity that is a name (CVE-2023-38711)',
    all =>
      all.map((payload, i) =>
        payload.type === V1PayloadType.ID && i === all.length - 1
          ? { ...payload, idType: V1IdType.ID_FQDN, data: utf8('a') }
          : payload,
      ),
    V1Notify.INVALID_ID_INFORMATION,
  ],
  [
    'a mask with holes',
    all =>
      all.map(payload =>
        payload.type === V1PayloadType.ID
          ? { ...payload, data: Uint8Array.of(10, 2, 0, 0, 255, 0, 255, 0) }
          : payload,
      ),
    V1Notify.INVALID_ID_INFORMATION,
  ],
  [
    'other traffic than is configured',
    all =>
      all.map(payload =>
        payload.type === V1PayloadType.ID
          ? { ...payload, data: Uint8Array.of(10, 77, 0, 0, 255, 255, 0, 0) }
          : payload,
      ),
    V1Notify.INVALID_ID_INFORMATION,
  ],
  [
    'an SPI of zero',
    all => [{ ...espSa(0) }, ...all.filter(({ type }) => type !== V1PayloadType.SA)],
    V1Notify.NO_PROPOSAL_CHOSEN,
  ],
  [
    'an SPI of eight octets',
    changeSa(sa => ({
      ...sa,
      proposals: sa.proposals.map(one => ({ ...one, spi: new Uint8Array(8).fill(1) })),
    })),
    V1Notify.NO_PROPOSAL_CHOSEN,
  ],
  [
    'a key length nobody has',
    changeSa(sa => ({ ...sa, proposals: sa.proposals.map(withLength(129)) })),
    V1Notify.NO_PROPOSAL_CHOSEN,
  ],
  [
    'an attribute nobody knows',
    changeSa(sa => ({
      ...sa,
      proposals: sa.proposals.map(proposal => ({
        ...proposal,
        transforms: proposal.transforms.map(transform => ({
          ...transform,
          attributes: [...transform.attributes, { type: 777, value: new Uint8Array(2000).fill(7) }],
        })),
      })),
    })),
    V1Notify.NO_PROPOSAL_CHOSEN,
  ],
  [
    'a transform nobody knows',
    changeSa(sa => ({
      ...sa,
      proposals: sa.proposals.map(proposal => ({
        ...proposal,
        transforms: proposal.transforms.map(transform => ({ ...transform, id: 200 })),
      })),
    })),
    V1Notify.NO_PROPOSAL_CHOSEN,
  ],
];

for (const [what, payloads, notify] of OFFERS) {
  test(`quick mode with ${what} is refused, and the SA stays`, () => {
    const made = withScriptedPeerV1();
    const { sim, a, peer } = made;
    peer.establish();
    for (let time = 0; time < 2; time++) {
      peer.beginQuick({ payloads });
      sim.run(SECOND);
      assert.deepEqual(notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL)), [notify]);
      assert.equal(a.backEnd.sas.size + a.backEnd.reserved.size, 0);
    }
    assertUnharmed(made, 0);
  });
}

for (const [what, payloads] of [
  ['no nonce', (all: readonly V1Payload[]) => all.filter(({ type }) => type !== V1PayloadType.NONCE)],
  ['no SA', (all: readonly V1Payload[]) => all.filter(({ type }) => type !== V1PayloadType.SA)],
  ['one identity', (all: readonly V1Payload[]) => all.slice(0, -1)],
  ['two SAs', (all: readonly V1Payload[]) => [...all.slice(0, 1), ...all]],
  ['nothing', () => []],
] as const) {
  test(`quick mode with ${what}: nothing comes of it, and the SA stays`, () => {
    const made = withScriptedPeerV1();
    const { sim, a, peer } = made;
    peer.establish();
    peer.beginQuick({ payloads });
    sim.run(SECOND);
    assert.equal(a.backEnd.sas.size + a.backEnd.reserved.size, 0);
    assertUnharmed(made, 0);
  });
}

test('a peer that never ends what it begins fills nothing up', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  peer.establish();
  for (let i = 0; i < 300; i++) peer.beginQuick();
  sim.run(SECOND);
  assert.ok(a.backEnd.sas.size <= 32, `${a.backEnd.sas.size} SAs`);
  sim.run(10 * MINUTE);
  assert.equal(a.backEnd.sas.size + a.backEnd.reserved.size, 0);
  assertUnharmed(made, 0);
});

// ── what names an SA that is there ──

test('main mode packets that name an established SA leave it alone', () => {
  const made = established();
  const { sim, a, peer } = made;
  const sa = peer.current;
  for (const datagram of sim
    .between(peer.name, a.name)
    .recorded.flatMap(({ content }) => (content.kind === 'ike' ? [content.datagram] : [])))
    peer.transmit(datagram);
  for (const exchangeType of [V1ExchangeType.MAIN_MODE, V1ExchangeType.AGGRESSIVE])
    for (const payloads of [[phaseOneSa()], [{ type: V1PayloadType.KE, data: new Uint8Array(64) } as const]])
      peer.transmit(
        encodeV1Message(
          {
            initiatorSpi: sa.initiatorSpi,
            responderSpi: sa.responderSpi,
            exchangeType,
            flags: 0,
            messageId: 0,
          },
          payloads,
        ),
      );
  sim.run(SECOND);
  const there = a.status().filter(({ state }) => state === 'ESTABLISHED');
  assert.deepEqual(
    there.map(({ initiatorSpi, children }) => [initiatorSpi, children.length]),
    [[sa.initiatorSpi, 1]],
  );
  assert.deepEqual(a.eventsOf('ike-down'), []);
});

test('everything again, from the first to the last: nothing new', () => {
  const made = established();
  const { sim, a, peer } = made;
  const all = sim.between(peer.name, a.name).recorded.slice(1);
  const children = onlyIke(a).children.map(({ id }) => id);
  for (const packet of all) sim.network.deliver(packet);
  sim.run(10 * MINUTE);
  for (const packet of all) sim.network.deliver(packet);
  sim.run(SECOND);
  assert.deepEqual(
    onlyIke(a).children.map(({ id }) => id),
    children,
  );
});

test('our own messages turned round are not the peer speaking', () => {
  const { sim, a, peer } = established();
  const path = { local: { address: ADDRESS_B, port: 500 }, remote: onlyIke(a).path.local };
  a.rekey({ child: 'net' });
  sim.run(MINUTE);
  const events = a.events.length;
  for (const datagram of peer.datagrams.slice()) {
    sim.network.send({ kind: 'ike', datagram }, path);
    sim.settle();
  }
  sim.run(SECOND);
  assert.deepEqual(
    a.events.slice(events).filter(({ kind }) => kind !== 'message' && kind !== 'log'),
    [],
  );
});

// ── aggressive mode ──

test('aggressive mode with only some of its payloads is not answered, nor by the cookie of a refusal', () => {
  const { sim, a, ab, ba } = pairV1({
    both: { ...V1, aggressive: true },
    settings: { allowAggressivePsk: true },
  });
  ab.script = () => 'drop';
  a.initiate('site', 'net');
  sim.run(SECOND);
  const [first] = ab.recorded;
  assert.ok(first?.content.kind === 'ike');
  const { datagram } = first.content;
  const payloads = payloadsOf(datagram);
  assert.ok(payloads.length >= 4);
  for (let without = 0; without < 4; without++) {
    const rest = payloads.filter((_, i) => i !== without);
    const octets = chained(datagram, rest);
    sim.network.deliver({ ...first, content: { kind: 'ike', datagram: octets } });
    sim.settle();
  }
  assert.equal(
    ba.recorded.filter(({ content }) => content.kind === 'ike' && content.datagram[18] === 4).length,
    0,
  );
});

interface Raw {
  readonly type: number;
  readonly octets: Uint8Array;
}

function payloadsOf(datagram: Uint8Array): readonly Raw[] {
  const found: Raw[] = [];
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  for (let type = view.getUint8(16), at = 28; type !== 0; ) {
    const length = view.getUint16(at + 2);
    found.push({ type, octets: datagram.slice(at, at + length) });
    type = view.getUint8(at);
    at += length;
  }
  return found;
}

function chained(datagram: Uint8Array, payloads: readonly Raw[]): Uint8Array {
  const octets = [...datagram.subarray(0, 28)];
  octets[16] = payloads[0]?.type ?? 0;
  for (const [i, { octets: payload }] of payloads.entries())
    octets.push(payloads[i + 1]?.type ?? 0, ...payload.subarray(1));
  return resized(Uint8Array.from(octets));
}

// ── all fields, one after the other ──

for (const mode of ['main', 'aggressive'] as const) {
  test(`${mode} mode: each octet of the first message changed in turn`, () => {
    const both = { ...V1, aggressive: mode === 'aggressive' };
    const { sim, a, b, ab } = pairV1({ both, settings: { allowAggressivePsk: true } });
    ab.script = () => 'drop';
    a.initiate('site', 'net');
    sim.run(SECOND);
    const [first] = ab.recorded;
    assert.ok(first?.content.kind === 'ike');
    const { datagram } = first.content;
    for (let at = 0; at < datagram.length; at++)
      for (const octet of [0, 0xff, (datagram[at] ?? 0) + 1]) {
        const changed = datagram.slice();
        changed[at] = octet;
        sim.network.deliver({ ...first, content: { kind: 'ike', datagram: changed } });
      }
    sim.settle();
    assert.equal(b.eventsOf('ike-up').length, 0);
    assert.ok(b.status().length <= 1000);
    sim.run(5 * MINUTE);
    assert.deepEqual(b.status(), []);
  });
}

test('each octet of a quick mode changed in turn, before and under the HASH', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  peer.establish();
  const { datagram } = peer.beginQuick({}, true);
  for (let at = 16; at < datagram.length; at += 1) {
    const changed = datagram.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x11;
    peer.transmit(changed);
  }
  sim.run(SECOND);
  assert.equal(a.backEnd.sas.size + a.backEnd.reserved.size, 0);
  const text = [
    { type: V1PayloadType.SA, doi: Doi.IPSEC, situation: 1, proposals: [] } as const,
    { type: 'unknown', number: 200, data: new Uint8Array(5) } as const,
  ];
  for (let i = 0; i < 60; i++) peer.beginQuick({ payloads: all => [...all.slice(0, i % 5), ...text] });
  sim.run(SECOND);
  assertUnharmed(made, 0);
});

for (const [what, mode] of [
  ['transport mode', EncapMode.TRANSPORT],
  ['UDP where there is no NAT', EncapMode.UDP_TUNNEL],
  ['no mode that there is', 77],
] as const) {
  test(`a child in ${what} is refused where it is to be a tunnel`, () => {
    const made = withScriptedPeerV1();
    made.peer.establish();
    made.peer.beginQuick({
      payloads: changeSa(sa => ({
        ...sa,
        proposals: sa.proposals.map(proposal => ({
          ...proposal,
          transforms: proposal.transforms.map(transform => ({
            ...transform,
            attributes: transform.attributes.map(one =>
              one.type === IpsecAttribute.ENCAPSULATION_MODE ? { ...one, value: mode } : one,
            ),
          })),
        })),
      })),
    });
    assert.deepEqual(notifyTypes(made.peer.take(V1ExchangeType.INFORMATIONAL)), [
      V1Notify.NO_PROPOSAL_CHOSEN,
    ]);
    assertUnharmed(made, 0);
  });
}
