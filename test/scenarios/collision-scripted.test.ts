import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { ExchangeType, PayloadType, ProtocolId } from '../../src/iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../../src/iana/notify.ts';
import { KeMethod } from '../../src/iana/transforms.ts';
import { EMPTY, equal } from '../../src/lib/bytes.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { DeletePayload, NotifyPayload } from '../../src/wire/v2/payload.ts';
import { child } from '../sim/configuration.ts';
import { nonce, onlyChild, onlyIke } from '../sim/ends.ts';
import { type PairOptions, withScriptedPeer } from '../sim/pair.ts';
import { find, has, notifies, type Received, type ScriptedPeer, spiOctets } from '../sim/scripted-peer.ts';

const { CREATE_CHILD_SA, INFORMATIONAL } = ExchangeType;
const NET = { child: 'net' };
type Scene = ReturnType<typeof withScriptedPeer>;

/** An engine and a scripted peer with one IKE SA and one child between them. */
function scene(
  begunBy: 'engine' | 'peer' = 'engine',
  options: PairOptions = {},
): Scene & { readonly child: ScriptedPeer['children'][number] } {
  const made = withScriptedPeer(options);
  if (begunBy === 'peer') made.peer.establish();
  else made.a.initiate('site', 'net');
  made.sim.quiet();
  const [child] = made.peer.children;
  assert.ok(child !== undefined && onlyChild(made.a).spiOut === child.spiIn);
  return { ...made, child };
}

const TWO_GROUPS: PairOptions = {
  children: [child({ proposals: parseProposals('aes128gcm16-ecp256-x25519', 'esp') })],
};

const deletes = (...spis: readonly number[]): DeletePayload => ({
  type: PayloadType.Delete,
  protocol: ProtocolId.ESP,
  spiSize: 4,
  spis: spis.map(spiOctets),
});
const error = (notifyType: number, data: Uint8Array = EMPTY): NotifyPayload => ({
  type: PayloadType.Notify,
  protocol: 0,
  spi: EMPTY,
  notifyType,
  data,
});
const isRekey = (message: Received): boolean => notifies(message).includes(NotifyStatus.REKEY_SA);

test('regular_responder_lost_sa: what the peer does not know is dropped silently and made from scratch', () => {
  const { sim, a, peer } = scene();
  const lost = onlyChild(a);
  peer.answer = message => {
    if (!isRekey(message)) return peer.honest(message);
    const { protocol, spi } = find(message, PayloadType.Notify);
    peer.respond(message, [{ ...error(NotifyError.CHILD_SA_NOT_FOUND), protocol, spi }]);
  };
  a.rekey(NET);
  sim.quiet();
  const made = onlyChild(a);
  assert.notEqual(made.id, lost.id);
  assert.equal(peer.children.at(-1)?.spiIn, made.spiOut);
  assert.ok(
    !peer.received.some(message => has(message, PayloadType.Delete)),
    'no DELETE for what is not there',
  );
  assert.deepEqual([...a.backEnd.sas.keys()], [made.id]);
  assert.deepEqual(a.up.children, [made.id]);
});

for (const when of ['before', 'after'] as const) {
  test(`regular_responder_incorrect_delete: the peer deletes the old SA itself, ${when} it answers`, () => {
    const { sim, a, peer, child } = scene();
    peer.answer = message => {
      if (!isRekey(message)) return peer.honest(message);
      if (when === 'before') peer.request(INFORMATIONAL, [deletes(child.spiIn)]);
      peer.honest(message);
      if (when === 'after') peer.request(INFORMATIONAL, [deletes(child.spiIn)]);
    };
    a.rekey(NET);
    sim.quiet();
    sim.run(10 * SECOND);
    const made = onlyChild(a);
    assert.equal(made.spiOut, peer.children.at(-1)?.spiIn);
    assert.equal(a.backEnd.outbound('net')?.sa.id, made.id, 'traffic goes by the new one');
    assert.deepEqual([...a.backEnd.sas.keys()], [made.id]);
    assert.deepEqual(a.up.children, [made.id]);
    assert.equal(a.eventsOf('child-down').length, 0);
  });
}

test('collision_responder_incorrect_delete: the peer deletes the old SA although it lost', () => {
  const { sim, a, peer, child } = scene();
  a.provider.script(new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(0xff));
  peer.answer = message => {
    if (!isRekey(message)) return peer.honest(message);
    // Its own rekey, with the lowest nonce there can be, and a deletion that it has no business with.
    peer.request(CREATE_CHILD_SA, [
      peer.rekeyNotify(child.spiIn),
      ...peer.childRequest(undefined, new Uint8Array(32)),
    ]);
    peer.honest(message);
    sim.schedule.at(sim.now + 15, () => peer.request(INFORMATIONAL, [deletes(child.spiIn)]));
  };
  a.rekey(NET);
  sim.quiet();
  sim.run(10 * MINUTE);
  const made = onlyChild(a);
  assert.equal(a.backEnd.outbound('net')?.sa.id, made.id);
  assert.deepEqual(
    [...a.backEnd.sas.keys()],
    [made.id],
    'the redundant one is gone though nobody deleted it',
  );
  assert.deepEqual(a.up.children, [made.id]);
});

test('a rekey of an unknown SA is answered CHILD_SA_NOT_FOUND with the SPI it named', () => {
  const { a, peer } = scene('peer');
  const before = onlyChild(a).id;
  const answer = peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(0x0909_0909), ...peer.childRequest()]);
  assert.deepEqual(notifies(answer), [NotifyError.CHILD_SA_NOT_FOUND]);
  const { protocol, spi } = find(answer, PayloadType.Notify);
  assert.equal(protocol, ProtocolId.ESP);
  assert.deepEqual(spi, spiOctets(0x0909_0909));
  assert.equal(onlyChild(a).id, before);
});

test('a second rekey of an SA that the peer has replaced already is put off', () => {
  const { a, peer, child } = scene('peer');
  const first = peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(child.spiIn), ...peer.childRequest()]);
  assert.ok(has(first, PayloadType.SA));
  const second = peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(child.spiIn), ...peer.childRequest()]);
  assert.deepEqual(notifies(second), [NotifyError.TEMPORARY_FAILURE]);
  assert.equal(a.backEnd.sas.size, 2);
});

test('nor is a second rekey taken while our own of the same SA is under way', () => {
  const { sim, a, peer, child } = scene('peer');
  const held: Received[] = [];
  peer.answer = message => held.push(message);
  a.rekey(NET);
  const first = peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(child.spiIn), ...peer.childRequest()]);
  assert.ok(has(first, PayloadType.SA));
  const second = peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(child.spiIn), ...peer.childRequest()]);
  assert.deepEqual(notifies(second), [NotifyError.TEMPORARY_FAILURE]);
  sim.run(SECOND);
  assert.equal(a.backEnd.sas.size, 2);
});

test('the group that a peer asks for is remembered though the rekey is put off', () => {
  const { sim, a, peer } = scene('peer', TWO_GROUPS);
  const methods: number[] = [];
  peer.answer = message => {
    if (!isRekey(message)) return peer.honest(message);
    methods.push(find(message, PayloadType.KE).method);
    const refusal =
      methods.length === 1
        ? error(NotifyError.INVALID_KE_PAYLOAD, Uint8Array.of(0, KeMethod.CURVE25519))
        : error(NotifyError.TEMPORARY_FAILURE);
    if (methods.length < 3) peer.respond(message, [refusal]);
    else peer.honest(message);
  };
  a.rekey(NET);
  sim.run(MINUTE);
  assert.deepEqual(methods, [KeMethod.ECP256, KeMethod.CURVE25519, KeMethod.CURVE25519]);
  assert.equal(onlyChild(a).spiOut, peer.children.at(-1)?.spiIn);
});

/** Both ends rekey the IKE SA; the answer to the engine's request is held. */
function ikeCollision(nonces: { readonly engine: number; readonly peer: number }) {
  const made = scene('peer');
  const { sim, a, peer } = made;
  const held: Received[] = [];
  const old = peer.current;
  a.provider.script(nonce(nonces.engine), nonce(0x80));
  peer.answer = message => {
    if (message.header.exchangeType === CREATE_CHILD_SA) held.push(message);
    else peer.honest(message);
  };
  a.rekey({ ike: onlyIke(a).id });
  const finish = peer.beginIkeRekey(nonce(nonces.peer), old);
  sim.run(SECOND);
  const theirs = finish();
  const [request] = held;
  assert.ok(request !== undefined && a.status().length === 2);
  return { ...made, old, theirs, answer: () => peer.honest(request) };
}

test('an IKE SA that lost, and that the peer uses nevertheless, takes nothing over', () => {
  const { sim, a, peer, theirs, answer } = ikeCollision({ engine: 0x70, peer: 0x01 });
  answer();
  sim.quiet();
  const ours = a.status().find(({ role, state }) => role === 'initiator' && state === 'ESTABLISHED');
  assert.equal(ours?.children.length, 1);
  assert.deepEqual(peer.exchange(INFORMATIONAL, [], theirs).payloads, []);
  assert.equal(a.status().find(({ id }) => id === ours?.id)?.children.length, 1);
  assert.equal(a.eventsOf('ike-rekey').length, 1);
  sim.run(5 * MINUTE);
  assert.equal(onlyIke(a).id, ours?.id, 'and goes in the end');
});

test('an IKE SA that would win, and that the peer deletes, wins nothing', () => {
  const { sim, a, peer, theirs, answer } = ikeCollision({ engine: 0x01, peer: 0x70 });
  peer.exchange(
    INFORMATIONAL,
    [{ type: PayloadType.Delete, protocol: ProtocolId.IKE, spiSize: 0, spis: [] }],
    theirs,
  );
  answer();
  sim.quiet();
  assert.equal(onlyIke(a).role, 'initiator');
  assert.equal(onlyIke(a).children.length, 1);
  assert.equal(a.eventsOf('ike-rekey').length, 1);
});

test('an IKE SA of a collision is kept when the peer uses it before our answer is here', () => {
  const { sim, a, peer, theirs } = ikeCollision({ engine: 0x01, peer: 0x70 });
  assert.deepEqual(peer.exchange(INFORMATIONAL, [], theirs).payloads, []);
  const heir = a.status().find(({ children }) => children.length === 1);
  assert.equal(heir?.role, 'responder');
  sim.run(10 * MINUTE);
  assert.equal(onlyIke(a).id, heir?.id);
});

test('who rekeys and deletes its new SA instead of the old one keeps the old one', () => {
  const { sim, a, peer, child } = scene('peer');
  const spiIn = peer.newSpi();
  peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(child.spiIn), ...peer.childRequest(spiIn)]);
  const answer = peer.exchange(INFORMATIONAL, [deletes(spiIn)]);
  assert.equal(find(answer, PayloadType.Delete).spis.length, 1);
  const kept = onlyChild(a);
  assert.equal(kept.state, 'INSTALLED');
  assert.equal(kept.spiOut, child.spiIn);
  a.rekey(NET);
  sim.quiet();
  assert.notEqual(onlyChild(a).id, kept.id, 'and it can be rekeyed from here');
});

test('while our IKE rekey is under way the peer makes and rekeys no children, but may delete them', () => {
  const { a, peer, child } = scene('peer');
  const held: Received[] = [];
  peer.answer = message => held.push(message);
  a.rekey({ ike: onlyIke(a).id });
  const rekey = peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(child.spiIn), ...peer.childRequest()]);
  assert.deepEqual(notifies(rekey), [NotifyError.TEMPORARY_FAILURE]);
  const create = peer.exchange(CREATE_CHILD_SA, peer.childRequest());
  assert.deepEqual(notifies(create), [NotifyError.TEMPORARY_FAILURE]);
  const gone = peer.exchange(INFORMATIONAL, [deletes(child.spiIn)]);
  assert.ok(has(gone, PayloadType.Delete));
  assert.equal(held.length, 1);
});

test('an IKE rekey is put off while a child is made, rekeyed or deleted from here', () => {
  for (const act of ['create', 'rekey', 'delete'] as const) {
    const { sim, a, peer } = scene('peer');
    peer.answer = () => undefined;
    if (act === 'create') a.initiate('site', 'net');
    else if (act === 'rekey') a.rekey(NET);
    else a.terminate(NET);
    sim.run(SECOND);
    const answer = peer.exchange(CREATE_CHILD_SA, peer.ikeRekeyRequest());
    assert.deepEqual(notifies(answer), [NotifyError.TEMPORARY_FAILURE], act);
  }
});

test('DELETEs of SPIs that may yet come to be known are remembered, but not without end', () => {
  const { sim, a, peer } = scene('peer');
  peer.answer = message => {
    if (!isRekey(message)) return peer.honest(message);
    const spis = Array.from({ length: 1000 }, (_, i) => 0x0a00_0000 + i);
    peer.request(INFORMATIONAL, [deletes(...spis)]);
    sim.schedule.at(sim.now + 1, () => peer.honest(message));
  };
  a.rekey(NET);
  sim.quiet();
  sim.run(10 * SECOND);
  assert.equal(a.backEnd.sas.size, 1);
  assert.equal(onlyChild(a).spiOut, peer.children.at(-1)?.spiIn);
});

test('the redundant SA of a collision that the peer never deletes goes in the end', () => {
  const { sim, a, peer, child } = scene('peer');
  a.provider.script(new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(0xff));
  peer.answer = message => {
    if (!isRekey(message)) return peer.honest(message);
    peer.request(CREATE_CHILD_SA, [
      peer.rekeyNotify(child.spiIn),
      ...peer.childRequest(undefined, new Uint8Array(32)),
    ]);
    sim.schedule.at(sim.now + 30, () => peer.honest(message));
  };
  a.rekey(NET);
  sim.run(MINUTE);
  assert.equal(onlyIke(a).children.length, 2);
  sim.run(10 * MINUTE);
  assert.equal(a.backEnd.sas.size, 1);
  assert.equal(a.backEnd.outbound('net')?.sa.id, onlyChild(a).id);
});

test('the SA of an IKE rekey that the peer never deletes goes in the end', () => {
  const { sim, a, peer } = scene('peer');
  const old = onlyIke(a);
  peer.exchange(CREATE_CHILD_SA, peer.ikeRekeyRequest());
  assert.deepEqual(
    a.status().map(({ id, state }) => (id === old.id ? state : 'new')),
    ['REKEYED', 'new'],
  );
  sim.run(5 * MINUTE);
  assert.notEqual(onlyIke(a).id, old.id);
  assert.equal(onlyIke(a).children.length, 1);
});

test('the deletion of the IKE SA is answered before anything else is gone', () => {
  const { sim, a, peer } = scene('peer');
  const answer = peer.exchange(INFORMATIONAL, [
    { type: PayloadType.Delete, protocol: ProtocolId.IKE, spiSize: 0, spis: [] },
  ]);
  assert.deepEqual(answer.payloads, []);
  sim.run(10 * SECOND);
  sim.assertEmpty();
  assert.equal(a.eventsOf('ike-down')[0]?.failure?.code, 'peer/deleted');
});

test('retransmissions are answered with the same octets; other content under a used Message ID is not processed', () => {
  const { sim, a, peer, child } = scene('peer');
  const messageId = peer.request(INFORMATIONAL, []);
  sim.quiet();
  const first = peer.awaitMessage(({ response, header }) => response && header.messageId === messageId);
  const wire = sim.between('b', 'a').recorded.length;
  sim.between('b', 'a').replay(wire);
  sim.quiet();
  const second = peer.awaitMessage(({ response, header }) => response && header.messageId === messageId);
  assert.ok(equal(first.datagram, second.datagram));
  peer.request(INFORMATIONAL, [deletes(child.spiIn)], { messageId });
  sim.quiet();
  assert.equal(onlyChild(a).spiOut, child.spiIn, 'the child is still there');
});

test('requests above the window and answers to nothing are dropped', () => {
  const { sim, a, peer, child } = scene('peer');
  const id = peer.current.nextId;
  peer.request(INFORMATIONAL, [deletes(child.spiIn)], { messageId: id + 1 });
  peer.request(INFORMATIONAL, [deletes(child.spiIn)], { messageId: id + 5, flags: 0x28 });
  sim.quiet();
  assert.equal(onlyChild(a).spiOut, child.spiIn);
  assert.ok(!peer.received.some(({ response, header }) => response && header.messageId > id));
});

test('a peer that rekeys a successor without deleting what it replaced is cleaned up after', () => {
  const { sim, a, peer, child } = scene('peer');
  const second = peer.newSpi();
  peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(child.spiIn), ...peer.childRequest(second)]);
  const third = peer.newSpi();
  const answer = peer.exchange(CREATE_CHILD_SA, [peer.rekeyNotify(second), ...peer.childRequest(third)]);
  assert.ok(has(answer, PayloadType.SA));
  peer.exchange(INFORMATIONAL, [deletes(second)]);
  sim.run(10 * SECOND);
  const made = onlyChild(a);
  assert.equal(made.spiOut, third);
  assert.deepEqual([...a.backEnd.sas.keys()], [made.id]);
  assert.deepEqual(a.up.children, [made.id]);
  assert.equal(a.eventsOf('child-rekey').length, 2);
});

test('where the peer takes no CREATE_CHILD_SA all is made anew in time, and the old SA deleted', () => {
  for (const what of ['child', 'ike'] as const) {
    const { sim, a, peer } = scene();
    const old = onlyIke(a);
    peer.answer = message => {
      if (message.header.exchangeType !== CREATE_CHILD_SA) return peer.honest(message);
      peer.respond(message, [error(NotifyError.NO_ADDITIONAL_SAS)]);
    };
    a.rekey(what === 'child' ? NET : { ike: old.id });
    sim.run(20 * SECOND);
    assert.notEqual(onlyIke(a).id, old.id, what);
    assert.notEqual(onlyChild(a).id, old.children[0]?.id);
    assert.deepEqual([...a.backEnd.sas.keys()], [onlyChild(a).id]);
    assert.deepEqual(a.up.children, [onlyChild(a).id]);
    sim.run(5 * MINUTE);
    assert.equal(onlyIke(a).children.length, 1);
  }
});

test('a peer that takes no padded packets gets none', () => {
  const { sim, a, peer } = scene('engine', { children: [child({ tfcPadding: 1400 })] });
  assert.equal(a.backEnd.outbound('net')?.sa.tfcPadding, 1400);
  const more = peer.exchange(CREATE_CHILD_SA, [
    error(NotifyStatus.ESP_TFC_PADDING_NOT_SUPPORTED),
    ...peer.childRequest(),
  ]);
  assert.ok(has(more, PayloadType.SA));
  sim.quiet();
  assert.equal(a.backEnd.outbound('net')?.sa.tfcPadding, 0);
});
