import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V1ExchangeType, V1Notify, V1PayloadType } from '../../src/iana/ikev1.ts';
import { vendorIdOctets } from '../../src/iana/vendor-ids.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { HOUR, MINUTE, SECOND } from '../../src/lib/time.ts';
import type { V1NotifyPayload, V1Payload } from '../../src/wire/v1/payload.ts';
import { assertSettled, assertSettles, onlyIke } from '../sim/ends.ts';
import type { PairOptions } from '../sim/pair.ts';
import { childV1, connectedV1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import { aliveNotify, notifyOf, spiOctets, type V1ScriptedPeer } from '../sim/scripted-peer-v1.ts';

/* Dead peer detection (RFC 3706). */

const DPD: V1Payload = { type: V1PayloadType.VID, data: vendorIdOctets('DPD') };

type Scripted = ReturnType<typeof withScriptedPeerV1>;

/** A peer that knows of dead peer detection, with an SA and a child. */
function established(options: PairOptions = {}): Scripted {
  const made = withScriptedPeerV1(options);
  made.peer.offer({ payloads: payloads => [...payloads, DPD] });
  made.peer.share();
  assert.ok(made.peer.prove() !== undefined);
  made.peer.quick();
  return made;
}

/** The DPD notifies that came since the last look. */
function heard(peer: V1ScriptedPeer): readonly V1NotifyPayload[] {
  return peer
    .take(V1ExchangeType.INFORMATIONAL)
    .flat()
    .filter((payload): payload is V1NotifyPayload => payload.type === V1PayloadType.N);
}

function numberIn({ data }: V1NotifyPayload): number {
  return new DataView(data.buffer, data.byteOffset, 4).getUint32(0);
}

function ask(peer: V1ScriptedPeer, sequence: number): readonly number[] {
  peer.inform([aliveNotify(peer.current, V1Notify.R_U_THERE, sequence)]);
  return heard(peer)
    .filter(({ notifyType }) => notifyType === V1Notify.R_U_THERE_ACK)
    .map(numberIn);
}

test('a peer that answers is left alone for as long as it was heard of', () => {
  const { sim, a, b, ab } = connectedV1({ a: { dpdDelay: 30 * SECOND } });
  const before = ab.recorded.length;
  sim.run(10 * MINUTE);
  const asked = ab.recorded.length - before;
  assert.ok(asked >= 19 && asked <= 20, `asked ${asked} times in ten minutes`);
  assertSettled(sim, a, b);
});

test('questions go up by one, and name the SA', () => {
  const { sim, peer } = established({ a: { dpdDelay: 30 * SECOND } });
  sim.run(5 * MINUTE);
  const asked = heard(peer).filter(({ notifyType }) => notifyType === V1Notify.R_U_THERE);
  const numbers = asked.map(numberIn);
  assert.ok(numbers.length >= 9);
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => (numbers[0] ?? 0) + i),
  );
  assert.ok((numbers[0] ?? 0) < 2 ** 31);
  for (const { spi } of asked) assert.deepEqual(spi, aliveNotify(peer.current, V1Notify.R_U_THERE, 0).spi);
});

test('who has not said that it knows the question is not asked', () => {
  const { sim, a, peer } = withScriptedPeerV1({ a: { dpdDelay: 30 * SECOND } });
  peer.establish();
  sim.run(HOUR);
  assert.deepEqual(heard(peer), []);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

for (const [what, times] of [
  ['as often as any message is sent', { dpdDelay: 30 * SECOND }],
  ['for dpd_timeout', { dpdDelay: 30 * SECOND, dpdTimeout: 2 * MINUTE }],
] as const) {
  test(`a silent peer is asked ${what}, and then everything it had is gone`, () => {
    const { sim, a, b, ab, ba } = connectedV1({ a: times });
    sim.run(5 * MINUTE);
    assertSettled(sim, a, b);
    const before = ab.recorded.length;
    ba.script = () => 'drop';
    sim.run('dpdTimeout' in times ? 110 * SECOND : 150 * SECOND);
    assert.equal(a.status().length, 1);
    sim.run(90 * SECOND);
    assert.equal(a.status().length, 0);
    assert.equal(a.eventsOf('ike-down')[0]?.failure?.code, 'peer/dead');
    a.backEnd.assertEmpty('a');
    assert.ok(ab.recorded.length - before >= 5);
  });
}

test('a peer that comes back in time was never dead', () => {
  const { sim, a, b, ba } = connectedV1({ a: { dpdDelay: 30 * SECOND } });
  ba.script = () => 'drop';
  sim.run(110 * SECOND);
  ba.script = () => 'pass';
  sim.run(5 * MINUTE);
  assertSettled(sim, a, b);
  assert.equal(a.eventsOf('ike-down').length, 0);
});

test('restart: the dead peer is called again until it answers', () => {
  const { sim, a, b, ab, ba } = connectedV1({
    children: [childV1({ dpdAction: 'restart' })],
    a: { dpdDelay: 30 * SECOND, keyingTries: 0 },
  });
  ab.script = () => 'drop';
  ba.script = () => 'drop';
  sim.run(10 * MINUTE);
  assert.equal(a.eventsOf('ike-down')[0]?.failure?.code, 'peer/dead');
  ab.flow();
  ba.flow();
  sim.run(5 * MINUTE);
  assertSettles(sim, a, b);
});

test('the peer is answered, each question once, whatever number it begins with', () => {
  const { a, peer } = established();
  assert.deepEqual(ask(peer, 0x7fff_0000), [0x7fff_0000]);
  assert.deepEqual(ask(peer, 0x7fff_0001), [0x7fff_0001]);
  // With the same number in another exchange some ask again until they have their answer.
  assert.deepEqual(ask(peer, 0x7fff_0001), [0x7fff_0001]);
  // What is older than the last was recorded.
  assert.deepEqual(ask(peer, 0x7fff_0000), []);
  assert.deepEqual(ask(peer, 3), []);
  assert.deepEqual(ask(peer, 0x7fff_0010), [0x7fff_0010]);
  assert.equal(onlyIke(a).children.length, 1);
});

test('a question with more or less than a number is not answered', () => {
  const { peer } = established();
  for (const data of [EMPTY, new Uint8Array(3), new Uint8Array(8)]) {
    peer.inform([notifyOf(V1Notify.R_U_THERE, data)]);
    assert.deepEqual(heard(peer), []);
  }
});

test('the same datagram again brings the same answer, and no new one', () => {
  const { sim, peer } = established();
  const datagram = peer.inform([aliveNotify(peer.current, V1Notify.R_U_THERE, 5)]);
  assert.equal(heard(peer).length, 1);
  const last = peer.datagrams.at(-1);
  peer.transmit(datagram);
  sim.run(SECOND);
  assert.deepEqual(peer.datagrams.at(-1), last);
  assert.equal(heard(peer).length, 0);
});

test('answers to questions that were not asked do not keep a dead peer alive', () => {
  const { sim, a, peer } = established({ a: { dpdDelay: 30 * SECOND, dpdTimeout: 2 * MINUTE } });
  peer.answer = () => undefined;
  sim.run(31 * SECOND);
  const [question] = heard(peer);
  assert.ok(question !== undefined);
  for (let i = 0; i < 40; i++) {
    sim.run(5 * SECOND);
    const wrong = [numberIn(question) - 1, numberIn(question) + 100, 0][i % 3] ?? 0;
    if (a.status().length === 0) break;
    // By itself any authentic message is a sign of life; one made before is not: here the peer only repeats.
    const datagram = peer.seal(V1ExchangeType.INFORMATIONAL, 99, [
      aliveNotify(peer.current, V1Notify.R_U_THERE_ACK, wrong),
    ]);
    peer.transmit(datagram);
    peer.current.ivs.delete(99);
  }
  assert.deepEqual(a.status(), []);
});

test('somebody who says in the clear that the SA is gone has the peer asked, once in a while', () => {
  const { sim, a, peer } = established();
  const before = peer.datagrams.length;
  for (let i = 0; i < 20; i++) {
    peer.transmit(
      peer.seal(V1ExchangeType.INFORMATIONAL, peer.newMessageId(), [notifyOf(V1Notify.INVALID_COOKIE)], {
        clear: true,
      }),
    );
    sim.run(SECOND);
  }
  assert.ok(peer.datagrams.length - before <= 1, `${peer.datagrams.length - before} answers`);
  sim.run(10 * MINUTE);
  assert.equal(onlyIke(a).children.length, 1);
});

test('INVALID-SPI under the keys: the child is made anew', () => {
  const { sim, a, peer } = established();
  const [child] = peer.children;
  const before = onlyIke(a).children.map(({ id }) => id);
  peer.inform([notifyOf(V1Notify.INVALID_SPI, spiOctets(child?.spiIn ?? 0), { protocol: 3 })]);
  sim.run(10 * SECOND);
  const after = onlyIke(a).children.map(({ id }) => id);
  assert.equal(after.length, 1);
  assert.notDeepEqual(after, before);
});
