import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V1ExchangeType, V1HeaderFlag, V1Notify } from '../../src/iana/ikev1.ts';
import { SECOND } from '../../src/lib/time.ts';
import { onlyIke } from '../sim/ends.ts';
import { withScriptedPeerV1 } from '../sim/pair-v1.ts';
import {
  deleteOfChild,
  notifyOf,
  type V1Quick,
  type V1Received,
  type V1ScriptedPeer,
} from '../sim/scripted-peer-v1.ts';

/*
 * The commit bit (RFC 2408 §3.1): whoever does not set it waits for CONNECTED before it sends by the SA. Nobody vouches for the bit,
 * and many set it that never say CONNECTED: nothing waits longer than it takes to send twice.
 */

const COMMIT = { flags: V1HeaderFlag.COMMIT } as const;
const CONNECTED = [notifyOf(V1Notify.CONNECTED)];

type Scene = ReturnType<typeof withScriptedPeerV1>;

/** We are the initiator, and the peer's answer has the bit. */
function begunByUs(): Scene & { readonly messageId: number } {
  const scene = withScriptedPeerV1();
  scene.peer.odd.quick = { 2: COMMIT };
  scene.a.initiate('site', 'net');
  scene.sim.run(SECOND);
  return { ...scene, messageId: quickOf(scene.peer) };
}

/** We are the responder, and the peer's message of that number has the bit. */
function begunByPeer(number: 1 | 3): Scene & { readonly messageId: number } {
  const scene = withScriptedPeerV1();
  const { peer, sim } = scene;
  peer.establish();
  const begun: V1Quick = peer.beginQuick(number === 1 ? COMMIT : {});
  assert.ok(peer.quickAnswer(begun) !== undefined);
  peer.endQuick(begun, number === 3 ? COMMIT : {});
  sim.run(SECOND);
  return { ...scene, messageId: begun.messageId };
}

const quicks = ({ received }: V1ScriptedPeer): readonly V1Received[] =>
  received.filter(({ header }) => header.exchangeType === V1ExchangeType.QUICK_MODE);

function quickOf(peer: V1ScriptedPeer): number {
  const [quick] = quicks(peer);
  assert.ok(quick !== undefined);
  return quick.header.messageId;
}

const ROLES = [
  ['as initiator', begunByUs],
  ['as responder, set in message 1', () => begunByPeer(1)],
  ['as responder, set in message 3', () => begunByPeer(3)],
] as const;

for (const [role, begin] of ROLES) {
  test(`${role}: nothing is sent by the SA before CONNECTED, which says so`, () => {
    const { sim, a, peer, messageId } = begin();
    assert.equal(a.backEnd.sas.size, 1, 'it receives already');
    assert.equal(a.backEnd.outbound('net'), undefined);
    peer.inform(CONNECTED, { messageId });
    sim.run(SECOND);
    assert.ok(a.backEnd.outbound('net') !== undefined);
    assert.equal(onlyIke(a).children.length, 1);
    assert.deepEqual(onlyIke(a).tasksActive, []);
  });

  test(`${role}: with an IV of its own, as a message that begins something`, () => {
    const { sim, a, peer, messageId } = begin();
    peer.current.ivs.delete(messageId);
    peer.inform(CONNECTED, { messageId });
    sim.run(SECOND);
    assert.ok(a.backEnd.outbound('net') !== undefined);
  });

  test(`${role}: a fourth message of quick mode says as much`, () => {
    const { sim, a, peer, messageId } = begin();
    peer.transmit(peer.seal(V1ExchangeType.QUICK_MODE, messageId, CONNECTED, { fourth: true }));
    sim.run(SECOND);
    assert.ok(a.backEnd.outbound('net') !== undefined);
  });

  test(`${role}: a packet by the SA says as much`, () => {
    const { a } = begin();
    const [sa] = a.backEnd.sas.values();
    assert.ok(sa !== undefined);
    a.backendEvent({ kind: 'inbound', id: sa.sa.id });
    assert.ok(a.backEnd.outbound('net') !== undefined);
  });

  test(`${role}: what is forged, or is not CONNECTED, says nothing; and nothing waits for ever`, () => {
    const { sim, a, peer, messageId } = begin();
    const iv = peer.current.ivs.get(messageId);
    assert.ok(iv !== undefined);
    peer.inform(CONNECTED, { messageId, iv, hash: hash => hash.map(octet => octet ^ 1) });
    peer.inform([notifyOf(V1Notify.INITIAL_CONTACT)], { messageId, iv });
    peer.inform(CONNECTED, { messageId, iv, clear: true });
    peer.inform(CONNECTED);
    sim.run(9 * SECOND);
    assert.equal(a.backEnd.outbound('net'), undefined);
    // 4 s, and 7.2 s after the second time.
    sim.run(2 * SECOND);
    assert.ok(a.backEnd.outbound('net') !== undefined);
    assert.equal(onlyIke(a).children.length, 1);
    assert.deepEqual(a.eventsOf('failed'), []);
  });

  test(`${role}: an SA that is deleted before CONNECTED leaves nothing, twice in a row`, () => {
    for (let i = 0; i < 2; i++) {
      const { sim, a, peer, messageId } = begin();
      peer.inform([deleteOfChild(peer.children.at(-1)?.spiIn ?? 0)]);
      peer.inform(CONNECTED, { messageId });
      sim.run(20 * SECOND);
      assert.equal(a.backEnd.sas.size, 0);
      assert.deepEqual(onlyIke(a).children, []);
      assert.deepEqual([...a.backEnd.reserved], []);
    }
  });
}

test('the initiator says its last word again, once, in case it was lost', () => {
  const { sim } = begunByUs();
  const said = (): number => sim.between('a', 'b').recorded.length;
  const before = said();
  sim.run(60 * SECOND);
  assert.equal(said() - before, 1);
});
