import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspTransform, V1ExchangeType, V1IdType, V1Notify, V1PayloadType } from '../../src/iana/ikev1.ts';
import { type Message, Refused } from '../../src/ikev1/flow.ts';
import { serveQuickMode } from '../../src/ikev1/flows/quick-responder.ts';
import type { IsakmpSa } from '../../src/ikev1/isakmp-sa.ts';
import { concat } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Failure } from '../../src/policy/failure.ts';
import { V1Reassembly } from '../../src/wire/v1/fragments.ts';
import { encodeV1Message } from '../../src/wire/v1/message.ts';
import type { V1Payload, V1SaPayload } from '../../src/wire/v1/payload.ts';
import { assertChildless, assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import { ADDRESS_A, ADDRESS_B } from '../sim/pair.ts';
import { certified, connectedV1, pairV1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import {
  aliveNotify,
  deleteOfIsakmp,
  espSa,
  notifyOf,
  notifyTypes,
  phaseOneSa,
  type V1Oddity,
} from '../sim/scripted-peer-v1.ts';
import type { Simulation } from '../sim/simulation.ts';
import { V1_SAMPLES } from '../wire-samples.ts';

/*
 * What IKEv1 must survive, by the rows of the list that ikev1-attack-lists.test.ts goes through: here are those that
 * no other scenario shows.
 */

type Scripted = ReturnType<typeof withScriptedPeerV1>;
type Change = (payloads: readonly V1Payload[]) => readonly V1Payload[];

const HERE = { address: ADDRESS_A, port: 500 };

function from(address: string, port = 500): { readonly address: Uint8Array; readonly port: number } {
  return { address: ip(address), port };
}

/** A first message of main mode. */
function firstMessage(initiatorSpi: bigint, payloads: readonly V1Payload[] = [phaseOneSa()]): Uint8Array {
  const exchangeType = V1ExchangeType.MAIN_MODE;
  return encodeV1Message({ initiatorSpi, responderSpi: 0n, exchangeType, flags: 0, messageId: 0 }, payloads);
}

/** A datagram from somewhere else, at once. */
function deliver({ network }: Simulation, datagram: Uint8Array, sender: ReturnType<typeof from>): void {
  network.deliver({ number: 0, from: sender, to: HERE, content: { kind: 'ike', datagram } });
}

/** The SA and its child are there, and another child can be made. */
function assertUnharmed({ sim, a, peer }: Scripted, children = 1): void {
  assert.equal(onlyIke(a).children.length, children);
  peer.received.length = 0;
  peer.quick();
  sim.run(SECOND);
  assert.ok(a.backEnd.outbound('net') !== undefined);
}

function established(): Scripted {
  const made = withScriptedPeerV1();
  made.peer.establish();
  made.peer.quick();
  return made;
}

test('(R003) what is not answered goes again, octet by octet, at growing pauses, and is given up', () => {
  const { sim, a, b, ab } = pairV1();
  const times: number[] = [];
  ab.script = () => {
    times.push(sim.now);
    return 'drop';
  };
  a.initiate('site', 'net');
  sim.run(10 * MINUTE);
  const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  assert.equal(times.length, 6);
  assert.deepEqual(
    pauses,
    pauses.toSorted((one, other) => one - other),
  );
  assert.ok((pauses.at(-1) ?? 0) > 5 * (pauses[0] ?? 0));
  const datagrams = ab.recorded.flatMap(({ content }) => (content.kind === 'ike' ? [content.datagram] : []));
  for (const datagram of datagrams) assert.deepEqual(datagram, datagrams[0]);
  assert.equal(a.eventsOf('failed')[0]?.failure.code, 'peer/silent');
  assert.deepEqual([...a.status(), ...b.status()], []);
});

test('(R004, R005, C051) one cookie in two first messages, or from two addresses: states of their own', () => {
  const { sim, a, peer } = established();
  const cookie = peer.current.initiatorSpi;
  const others = [phaseOneSa(), { type: V1PayloadType.VID, data: new Uint8Array(16).fill(7) }] as const;
  deliver(sim, firstMessage(cookie, others), from('203.0.113.7'));
  deliver(sim, firstMessage(cookie), from('203.0.113.8'));
  deliver(sim, firstMessage(cookie, others), from('203.0.113.8'));
  sim.run(SECOND);
  const states = a.status().map(({ state }) => state);
  assert.deepEqual(states.toSorted(), ['CONNECTING', 'CONNECTING', 'CONNECTING', 'ESTABLISHED']);
  assert.equal(new Set(a.status().map(({ responderSpi }) => responderSpi)).size, 4);
  sim.run(MINUTE);
  assert.equal(onlyIke(a).initiatorSpi, cookie);
  assert.equal(onlyIke(a).children.length, 1);
});

test('(R006) answers to what was not asked are dropped', () => {
  const made = established();
  const { sim, peer } = made;
  const before = peer.datagrams.length;
  const nonce: V1Payload = { type: V1PayloadType.NONCE, data: new Uint8Array(32).fill(3) };
  for (const [exchange, payloads] of [
    [V1ExchangeType.QUICK_MODE, [espSa(peer.newSpi()), nonce]],
    [V1ExchangeType.QUICK_MODE, []],
    [V1ExchangeType.TRANSACTION, (V1_SAMPLES[V1PayloadType.ATTRIBUTES] ?? []).slice(0, 1)],
  ] as const)
    peer.transmit(
      peer.seal(exchange, peer.newMessageId(), payloads, { hash: hash => hash.map(octet => octet ^ 1) }),
    );
  sim.run(SECOND);
  assert.equal(peer.datagrams.length, before);
  assertUnharmed(made);
});

test('(R019, C031) a question or a Delete for an SA that is gone is not answered, and makes nothing', () => {
  const { sim, a, peer } = established();
  const sa = peer.current;
  a.terminate({});
  sim.run(10 * MINUTE);
  assert.deepEqual(a.status(), []);
  const before = peer.datagrams.length;
  peer.inform([aliveNotify(sa, V1Notify.R_U_THERE, 1)]);
  peer.inform([aliveNotify(sa, V1Notify.R_U_THERE, 2)], { clear: true });
  peer.inform([deleteOfIsakmp(sa)]);
  peer.beginQuick();
  sim.run(SECOND);
  assert.equal(peer.datagrams.length, before);
  assert.deepEqual(a.status(), []);
  assert.equal(a.backEnd.reserved.size, 0);
});

test('(R025, C010) payloads of no type that IKEv1 has are passed over, in the clear and under encryption', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  // 33 to 48 are those of IKEv2, 250 is for private use.
  const strange = [33, 34, 39, 46, 48, 250].map(
    (number): V1Payload => ({ type: 'unknown', number, data: new Uint8Array(20).fill(number) }),
  );
  const more: Change = all => [...all, ...strange];
  const among: Change = all => [...strange.slice(0, 3), ...all, ...strange.slice(3)];
  assert.ok(peer.offer({ payloads: more }) !== undefined);
  assert.ok(peer.share({ payloads: among }) !== undefined);
  assert.ok(peer.prove({ payloads: among }) !== undefined);
  const begun = peer.beginQuick({ payloads: among });
  assert.ok(peer.quickAnswer(begun) !== undefined);
  peer.endQuick(begun, { payloads: () => strange });
  sim.run(SECOND);
  assert.ok(a.backEnd.outbound('net') !== undefined);
});

test('(R027) what is reserved may be anything', () => {
  const { a, sim, peer } = withScriptedPeerV1();
  // The octet behind Next Payload of the first payload, and the flags that have no name.
  const marked = (datagram: Uint8Array): Uint8Array => {
    const copy = datagram.slice();
    copy[29] = 0xff;
    copy[19] = (copy[19] ?? 0) | 0xf8;
    return copy;
  };
  assert.ok(peer.offer({ mangle: marked }) !== undefined);
  assert.ok(peer.share({ mangle: marked }) !== undefined);
  assert.ok(peer.prove() !== undefined);
  peer.quick();
  sim.run(SECOND);
  assert.equal(onlyIke(a).children.length, 1);
  // And is zero in what goes out.
  for (const datagram of peer.datagrams) assert.equal((datagram[19] ?? 0) & 0xf8, 0);
});

test('(R028) payloads in an order that nobody sends', () => {
  const { a, sim, peer } = withScriptedPeerV1();
  const vendor: V1Payload = { type: V1PayloadType.VID, data: utf8('somebody') };
  assert.ok(peer.offer({ payloads: all => [...all, vendor] }) !== undefined);
  assert.ok(peer.share({ payloads: all => [vendor, ...all.toReversed()] }) !== undefined);
  assert.ok(peer.prove({ payloads: all => all.toReversed() }) !== undefined);
  // HASH stays in front, and IDci before IDcr.
  const begun = peer.beginQuick({ payloads: ([sa, ...others]) => (sa === undefined ? [] : [...others, sa]) });
  assert.ok(peer.quickAnswer(begun) !== undefined);
  peer.endQuick(begun);
  sim.run(SECOND);
  assert.equal(onlyIke(a).children.length, 1);
});

test('(R029, C008) another major version is not IKEv1, a later minor one is', () => {
  for (const [version, answers] of [
    [0x1f, 1],
    [0x11, 1],
    [0x30, 0],
    [0x00, 0],
  ] as const) {
    const { sim, a, peer } = withScriptedPeerV1();
    const answered = sim.between(a.name, peer.name);
    answered.script = () => 'drop';
    const datagram = firstMessage(5n);
    datagram[17] = version;
    peer.transmit(datagram);
    sim.run(SECOND);
    assert.equal(a.status().length, answers, `version ${version.toString(16)}`);
    const [answer] = answered.recorded.flatMap(({ content }) =>
      content.kind === 'ike' ? [content.datagram] : [],
    );
    // Who speaks a version that we do not is told which we do (RFC 7296 §2.5), in no more than it sent.
    assert.equal(answer?.[17], { 31: 0x10, 17: 0x10, 48: 0x20, 0: undefined }[version]);
    assert.ok((answer?.length ?? 0) <= 1.5 * datagram.length);
  }
});

test('(R039, R040, R041, R047, C125, C128) a flood of first messages is bounded, forgotten, and shuts nobody out', () => {
  const { sim, a, peer } = withScriptedPeerV1({ settings: { halfOpenLimit: 50 } });
  const sent = { datagrams: 0, octets: 0 };
  for (let i = 0; i < 400; i++) {
    const datagram = firstMessage(BigInt(i + 1));
    sent.datagrams++;
    sent.octets += datagram.length;
    deliver(sim, datagram, from(`203.0.${i >> 8}.${i & 0xff}`));
    sim.settle();
  }
  sim.run(SECOND);
  assert.equal(a.status().length, 50);
  // The honest one comes last, and is served.
  peer.establish();
  assert.equal(a.status().filter(({ state }) => state === 'ESTABLISHED').length, 1);
  sim.run(5 * MINUTE);
  assert.equal(onlyIke(a).children.length, 0);
});

test('(R039) one address holds no more than its share, and others get in', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  for (let i = 0; i < 50; i++) deliver(sim, firstMessage(BigInt(i + 1)), from('203.0.113.7', 1000 + i));
  sim.run(SECOND);
  assert.ok(a.status().length <= 5, `${a.status().length} half open`);
  peer.establish();
});

test('(R052) of two that answer, the first that is right counts', () => {
  const { sim, a, b, ba } = pairV1();
  let doubled = false;
  ba.script = packet => {
    if (packet.content.kind !== 'ike' || doubled) return 'pass';
    doubled = true;
    // Somebody else’s answer, with a cookie of its own, is quicker by a moment.
    const other = packet.content.datagram.slice();
    other[8] = (other[8] ?? 0) ^ 0xff;
    sim.network.deliver({ ...packet, content: { kind: 'ike', datagram: other } });
    return 'pass';
  };
  a.initiate('site', 'net');
  sim.quiet();
  sim.run(10 * MINUTE);
  // It was taken in, and nothing went on from there: the next attempt finds the way.
  assert.equal(a.eventsOf('ike-up').length, 0);
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

for (const [what, spi] of [
  ['0', 0],
  ['1', 1],
  ['255', 255],
] as const)
  test(`(R056) an SPI of ${what} is none`, () => {
    const made = withScriptedPeerV1();
    made.peer.establish();
    made.peer.beginQuick({ payloads: all => [espSa(spi), ...all.slice(1)] });
    assert.deepEqual(notifyTypes(made.peer.take(V1ExchangeType.INFORMATIONAL)), [
      V1Notify.NO_PROPOSAL_CHOSEN,
    ]);
    assertUnharmed(made, 0);
  });

test('(R055) an SPI of any other length than four is none', () => {
  for (const length of [0, 1, 3, 5, 8, 255]) {
    const made = withScriptedPeerV1();
    made.peer.establish();
    const spi = new Uint8Array(length).fill(9);
    made.peer.beginQuick({
      payloads: changed(sa => ({ ...sa, proposals: sa.proposals.map(one => ({ ...one, spi })) })),
    });
    assert.deepEqual(
      notifyTypes(made.peer.take(V1ExchangeType.INFORMATIONAL)),
      [V1Notify.NO_PROPOSAL_CHOSEN],
      `${length} octets`,
    );
    assertUnharmed(made, 0);
  }
});

/** The offer of a quick mode with something else in each of its transforms. */
function changed(change: (sa: V1SaPayload) => V1SaPayload): Change {
  return all => all.map(payload => (payload.type === V1PayloadType.SA ? change(payload) : payload));
}

test('(R064) ciphers without a proof of integrity are not chosen', () => {
  for (const id of [
    EspTransform.ESP_AES_CBC,
    EspTransform.ESP_3DES,
    EspTransform.ESP_NULL,
    EspTransform.ESP_AES_CTR,
  ]) {
    const made = withScriptedPeerV1();
    made.peer.establish();
    made.peer.beginQuick({
      payloads: changed(sa => ({
        ...sa,
        proposals: sa.proposals.map(proposal => ({
          ...proposal,
          transforms: proposal.transforms.map(transform => ({ ...transform, id })),
        })),
      })),
    });
    assert.deepEqual(notifyTypes(made.peer.take(V1ExchangeType.INFORMATIONAL)), [
      V1Notify.NO_PROPOSAL_CHOSEN,
    ]);
    assertUnharmed(made, 0);
  }
});

for (const [what, idType, data] of [
  ['a range that ends before it begins', V1IdType.ID_IPV4_ADDR_RANGE, concat(ip('10.2.9.0'), ip('10.2.0.0'))],
  ['an address of three octets', V1IdType.ID_IPV4_ADDR, Uint8Array.of(10, 2, 0)],
  ['a subnet without its mask', V1IdType.ID_IPV4_ADDR_SUBNET, ip('10.2.0.0')],
  ['an IPv6 subnet of eight octets', V1IdType.ID_IPV6_ADDR_SUBNET, new Uint8Array(8)],
  ['a range of nothing', V1IdType.ID_IPV4_ADDR_RANGE, new Uint8Array(0)],
  ['a type nobody has', 77, ip('10.2.0.0')],
  ['a name', V1IdType.ID_USER_FQDN, utf8('carol@example.org')],
] as const)
  test(`(R067) selectors: ${what}: refused, and the SA stays`, () => {
    const made = withScriptedPeerV1();
    const { sim, a, peer } = made;
    peer.establish();
    let first = true;
    peer.beginQuick({
      payloads: all =>
        all.map(payload => {
          if (payload.type !== V1PayloadType.ID || !first) return payload;
          first = false;
          return { ...payload, idType, data };
        }),
    });
    sim.run(SECOND);
    assert.deepEqual(notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL)), [V1Notify.INVALID_ID_INFORMATION]);
    assert.equal(a.backEnd.reserved.size, 0);
    assertUnharmed(made, 0);
  });

test('(R083) Deletes of one SA that cross: gone once at each end', () => {
  const { sim, a, b } = connectedV1();
  a.terminate({ child: 'net' });
  b.terminate({ child: 'net' });
  assertChildless(sim, a, b);
  assert.equal(a.eventsOf('child-down').length, 1);
  assert.equal(b.eventsOf('child-down').length, 1);

  a.terminate({});
  b.terminate({});
  sim.quiet();
  sim.run(10 * SECOND);
  sim.assertEmpty();
  assert.equal(a.eventsOf('ike-down').length, 1);
});

test('(R087) no peer gets more than its thousand children', () => {
  // All that is looked at before anything of the message is.
  const sa = { current: { children: new Array(1024) } } as unknown as IsakmpSa;
  const served = serveQuickMode(sa, { payloads: [] } as unknown as Message);
  assert.throws(
    () => served.next(),
    (error: unknown) =>
      error instanceof Refused &&
      error.notifyType === V1Notify.NO_PROPOSAL_CHOSEN &&
      /more than 1024 children/.test(error.failure.summary),
  );
});

test('(R088) hashes of NAT detection that are missing, short, long or alone say nothing of a NAT', () => {
  for (const payloads of [
    [],
    [new Uint8Array(0)],
    [new Uint8Array(3), new Uint8Array(300)],
    [new Uint8Array(32)],
  ].map(
    (data): Change =>
      all => [...all, ...data.map((one): V1Payload => ({ type: V1PayloadType.NAT_D, data: one }))],
  )) {
    const { sim, a, peer } = withScriptedPeerV1();
    // The Vendor ID of RFC 3947.
    const vendor = Uint8Array.from(Buffer.from('4a131c81070358455c5728f20e95452f', 'hex'));
    assert.ok(
      peer.offer({ payloads: all => [...all, { type: V1PayloadType.VID, data: vendor }] }) !== undefined,
    );
    if (peer.share({ payloads }) === undefined) continue;
    assert.ok(peer.prove() !== undefined);
    sim.run(SECOND);
    assert.equal(onlyIke(a).state, 'ESTABLISHED');
  }
});

test('(R095) the last fragment of an answered message again brings the answer again, and nothing new', () => {
  const { sim, a, b, ab, ba } = pairV1({
    both: { fragmentation: 'force' },
    settings: { fragmentSize: 500 },
    ...certified({ name: 'moon' }, { name: 'sun' }),
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const fragments = ab.recorded.filter(
    ({ content }) => content.kind === 'ike' && content.datagram[16] === 132,
  );
  assert.ok(fragments.length > 1, 'nothing went in fragments');
  const [before, children] = [ba.recorded.length, onlyChild(b).id];
  const last = fragments.at(-1);
  assert.ok(last !== undefined);
  for (let time = 0; time < 3; time++) sim.network.deliver(last);
  sim.run(MINUTE);
  assert.ok(ba.recorded.length - before <= 3);
  assert.equal(onlyChild(b).id, children);
  assertEnds(sim, a);
});

test('(R104) transactions before phase 1 is done, or out of turn, are not served', () => {
  const made = withScriptedPeerV1();
  const { sim, a, peer } = made;
  const [attributes] = V1_SAMPLES[V1PayloadType.ATTRIBUTES] ?? [];
  assert.ok(attributes !== undefined);
  peer.offer();
  peer.share();
  const before = peer.datagrams.length;
  peer.transmit(peer.seal(V1ExchangeType.TRANSACTION, peer.newMessageId(), [attributes]));
  peer.transmit(peer.seal(V1ExchangeType.TRANSACTION, peer.newMessageId(), [attributes], { clear: true }));
  sim.run(SECOND);
  assert.equal(peer.datagrams.length, before);
  assert.deepEqual(
    a.status().map(({ state }) => state),
    ['CONNECTING'],
  );
  assert.ok(peer.prove() !== undefined);
  assertUnharmed(made, 0);
});

const NO_ROOM: Failure = { code: 'kernel/install', summary: 'no memory for another SA' };

for (const end of ['a', 'b'] as const)
  for (const kind of ['allocate-spi', 'install'] as const)
    test(`(R111) the back end of ${end} refuses ${kind}: told on both sides, nothing left, and the next one stands`, () => {
      const { sim, a, b } = pairV1();
      const which = end === 'a' ? a : b;
      for (let time = 0; time < 2; time++) {
        which.backEnd.refusals.set(kind, NO_ROOM);
        a.initiate('site', 'net');
        sim.quiet();
        sim.run(MINUTE);
        assertChildless(sim, a, b);
        assert.ok(
          which.eventsOf('failed').some(({ failure }) => failure.summary.includes('no memory')),
          `${end} does not say why`,
        );
        assert.ok(a.eventsOf('failed').length > time);
      }
      a.initiate('site', 'net');
      assertSettles(sim, a, b);
    });

test('(R113, C030, C137) names and notifies that would break a line are one line, and cut', () => {
  const evil = `"; touch /tmp/x; \n\r\u001b[2J${'A'.repeat(60_000)}`;
  const { sim, a, peer } = withScriptedPeerV1();
  const oddity: V1Oddity = {
    payloads: all =>
      all.map(payload => (payload.type === V1PayloadType.ID ? { ...payload, data: utf8(evil) } : payload)),
  };
  peer.offer({ payloads: all => [...all, { type: V1PayloadType.VID, data: utf8(evil.slice(0, 500)) }] });
  peer.share();
  peer.prove(oddity);
  sim.run(MINUTE);
  peer.received.length = 0;
  peer.establish();
  peer.inform([notifyOf(9999, utf8(evil.slice(0, 2000)))]);
  peer.inform([notifyOf(V1Notify.NO_PROPOSAL_CHOSEN, utf8(evil.slice(0, 2000)))]);
  sim.run(SECOND);
  const texts = a.events.flatMap(event =>
    event.kind === 'failed' ? [event.failure.summary] : event.kind === 'log' ? [event.text] : [],
  );
  assert.ok(texts.length > 0);
  for (const text of texts) {
    assert.ok(text.length < 1000, `a text of ${text.length} characters`);
    assert.doesNotMatch(text, /\p{Cc}/u);
  }
});

test('(R043) a heap of certificates that nobody asked for does not matter', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  const junk = Array.from(
    { length: 100 },
    (_, i): V1Payload => ({
      type: V1PayloadType.CERT,
      encoding: 4,
      data: new Uint8Array(500).fill(i),
    }),
  );
  peer.offer();
  peer.share();
  assert.ok(peer.prove({ payloads: all => [...all, ...junk] }) !== undefined);
  sim.run(SECOND);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('(R089) what comes from elsewhere under the keys does not move an SA without a NAT', () => {
  const made = established();
  const { sim, a, peer } = made;
  const question = peer.seal(V1ExchangeType.INFORMATIONAL, peer.newMessageId(), [
    aliveNotify(peer.current, V1Notify.R_U_THERE, 5),
  ]);
  deliver(sim, question, from('203.0.113.9'));
  sim.run(SECOND);
  assert.deepEqual(onlyIke(a).path.remote.address, ADDRESS_B);
  assertUnharmed(made);
});

test('(R092) fragments of a message that says it is longer than before begin anew', () => {
  const piece = (fragmentId: number, fragmentNumber: number, last: boolean, octet: number) => ({
    type: V1PayloadType.FRAGMENT,
    fragmentId,
    fragmentNumber,
    last,
    data: new Uint8Array(30).fill(octet),
  });
  const reassembly = new V1Reassembly();
  assert.equal(reassembly.add(piece(1, 1, false, 1)), undefined);
  assert.equal(reassembly.add(piece(2, 1, false, 2)), undefined);
  const whole = reassembly.add(piece(2, 2, true, 3));
  assert.deepEqual(whole, concat(new Uint8Array(30).fill(2), new Uint8Array(30).fill(3)));
});
