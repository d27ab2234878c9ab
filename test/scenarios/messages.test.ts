import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType, PayloadType, ProtocolId } from '../../src/iana/ikev2.ts';
import { NotifyError } from '../../src/iana/notify.ts';
import { equal } from '../../src/lib/bytes.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { HeaderFlag } from '../../src/wire/header.ts';
import type { Payload } from '../../src/wire/v2/payload.ts';
import { assertSettled, assertSettles, onlyIke } from '../sim/ends.ts';
import { connected, pair, withScriptedPeer } from '../sim/pair.ts';
import type { ScriptedPeer } from '../sim/scripted-peer.ts';

/* Message IDs, windows, duplicates and retransmission: RFC 7296 §2.1 to §2.3. */

const { INFORMATIONAL, CREATE_CHILD_SA } = ExchangeType;

/** A scripted initiator with an established SA. */
function established(): ReturnType<typeof withScriptedPeer> {
  const made = withScriptedPeer();
  made.peer.establish();
  made.peer.received.length = 0;
  return made;
}

/** What was sent to the peer since the last look, datagram by datagram. */
function looker(made: ReturnType<typeof withScriptedPeer>): () => readonly Uint8Array[] {
  const { recorded } = made.sim.between(made.a, made.peer.name);
  let seen = recorded.length;
  return () => {
    made.sim.settle();
    const fresh = recorded.slice(seen);
    seen = recorded.length;
    return fresh.flatMap(({ content }) => (content.kind === 'ike' ? [content.datagram] : []));
  };
}

const unwanted: Payload = { type: PayloadType.Delete, protocol: ProtocolId.ESP, spiSize: 4, spis: [] };

test('a request that comes again gets the stored answer, bit for bit, and is not served again (R001)', () => {
  const made = established();
  const { sim, a, peer } = made;
  const sent = looker(made);
  const messageId = peer.current.nextId;
  let first: Uint8Array | undefined;
  const spiIn = peer.newSpi();
  peer.request(CREATE_CHILD_SA, peer.childRequest(spiIn), {
    mangle: datagram => {
      first = datagram;
      return datagram;
    },
  });
  sim.run(SECOND);
  const [answer, ...more] = sent();
  assert.ok(answer !== undefined && first !== undefined && more.length === 0);
  const children = onlyIke(a).children.length;
  for (let time = 0; time < 3; time++) {
    peer.transmit(first);
    sim.run(SECOND);
    const [again, ...others] = sent();
    assert.ok(again !== undefined && equal(again, answer));
    assert.equal(others.length, 0);
  }
  assert.equal(onlyIke(a).children.length, children);
  assert.equal(peer.current.nextId, messageId + 1);
});

test('an answer is never sent on a timer (R002)', () => {
  const made = established();
  const sent = looker(made);
  made.peer.request(INFORMATIONAL, []);
  made.sim.run(SECOND);
  assert.equal(sent().length, 1);
  made.sim.run(30 * MINUTE);
  assert.equal(sent().length, 0);
});

test('the same Message ID with other content and a good ICV: the stored answer (R013)', () => {
  const made = established();
  const { sim, a, peer } = made;
  const sent = looker(made);
  const messageId = peer.request(INFORMATIONAL, []);
  sim.run(SECOND);
  const [answer] = sent();
  peer.request(
    INFORMATIONAL,
    [{ type: PayloadType.Delete, protocol: ProtocolId.IKE, spiSize: 0, spis: [] }],
    {
      messageId,
    },
  );
  sim.run(SECOND);
  const [again] = sent();
  assert.ok(answer !== undefined && again !== undefined && equal(answer, again));
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('the same Message ID, and a wrong ICV: nothing', () => {
  const made = established();
  const sent = looker(made);
  const messageId = made.peer.request(INFORMATIONAL, []);
  made.sim.run(SECOND);
  sent();
  made.peer.request(INFORMATIONAL, [], {
    messageId,
    mangle: datagram => datagram.with(datagram.length - 1, (datagram.at(-1) ?? 0) ^ 1),
  });
  made.sim.run(SECOND);
  assert.equal(sent().length, 0);
});

for (const [where, ids] of [
  ['below the window (R007)', [0]],
  ['above the window (R008)', [4, 100, 0xffff_ffff]],
] as const) {
  test(`a request ${where} is dropped`, () => {
    const made = established();
    const { sim, a, peer } = made;
    peer.exchange(INFORMATIONAL, []);
    const sent = looker(made);
    for (const messageId of ids) {
      peer.request(
        INFORMATIONAL,
        [{ type: PayloadType.Delete, protocol: ProtocolId.IKE, spiSize: 0, spis: [] }],
        {
          messageId,
        },
      );
      sim.run(SECOND);
    }
    assert.equal(sent().length, 0);
    assert.equal(onlyIke(a).state, 'ESTABLISHED');
    peer.exchange(INFORMATIONAL, []);
  });
}

test('answers to nothing, or with another Message ID or exchange, are dropped (R006)', () => {
  const made = established();
  const { sim, a, peer } = made;
  const sent = looker(made);
  const flags = HeaderFlag.RESPONSE | HeaderFlag.INITIATOR;
  for (const messageId of [0, 1, 2, 77]) peer.request(INFORMATIONAL, [unwanted], { messageId, flags });
  sim.run(SECOND);
  assert.equal(sent().length, 0);
  const asked: number[] = [];
  peer.answer = request => {
    asked.push(request.header.messageId);
    // The right one comes last.
    peer.respond(request, [], { messageId: request.header.messageId + 1 });
    const exchangeType = request.header.exchangeType === INFORMATIONAL ? CREATE_CHILD_SA : INFORMATIONAL;
    peer.respond({ ...request, header: { ...request.header, exchangeType } }, []);
    peer.honest(request);
  };
  a.rekey({ child: 'net' });
  sim.run(MINUTE);
  assert.ok(asked.length > 0);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
  assert.equal(onlyIke(a).children.length, 1);
  assert.equal(a.eventsOf('failed').length, 0);
});

test('our request is sent again as it was, with growing pauses, and then the SA is given up (R003)', () => {
  const { sim, a, b, ab } = connected();
  const from = sim.now;
  const times: number[] = [];
  const datagrams: Uint8Array[] = [];
  ab.script = ({ content }) => {
    if (content.kind !== 'ike') return 'pass';
    times.push(Math.round((sim.now - from) / SECOND));
    datagrams.push(content.datagram.slice());
    return 'drop';
  };
  a.rekey({ child: 'net' });
  sim.run(4 * MINUTE);
  assert.deepEqual(times, [0, 4, 11, 24, 47, 89]);
  const [first] = datagrams;
  assert.ok(first !== undefined && datagrams.every(datagram => equal(datagram, first)));
  const [down] = a.eventsOf('ike-down');
  assert.equal(down?.failure?.code, 'peer/dead');
  assert.equal(Math.round(((down?.at ?? 0) - from) / SECOND), 165);
  assert.equal(a.status().length, 0);
  assert.equal(a.backEnd.sas.size + a.backEnd.reserved.size, 0);
  b.terminate({});
  ab.script = () => 'pass';
  sim.run(4 * MINUTE);
  sim.assertEmpty();
});

test('IKE_SA_INIT that nobody answers: silence is told, and keyingTries begins anew', () => {
  const { sim, a, ab } = pair({ a: { keyingTries: 3 } });
  const spis = new Set<bigint>();
  ab.script = ({ content }) => {
    if (content.kind === 'ike')
      spis.add(new DataView(content.datagram.buffer, content.datagram.byteOffset).getBigUint64(0));
    return 'drop';
  };
  a.initiate('site', 'net');
  sim.run(20 * MINUTE);
  const failed = a.eventsOf('failed');
  assert.deepEqual(
    failed.map(({ failure }) => failure.code),
    ['peer/silent', 'peer/silent', 'peer/silent'],
  );
  assert.match(failed[0]?.failure.summary ?? '', /no answer from .* to IKE_SA_INIT, sent 6 times/);
  assert.equal(spis.size, 3);
  sim.assertEmpty();
});

test('keyingTries 0 goes on for ever, and comes through in the end', () => {
  const { sim, a, b, ab } = pair({ a: { keyingTries: 0 } });
  ab.script = () => 'drop';
  a.initiate('site', 'net');
  sim.run(60 * MINUTE);
  assert.ok(a.eventsOf('failed').length > 5);
  ab.script = () => 'pass';
  sim.run(10 * MINUTE);
  assertSettled(sim, a, b);
});

test('a terminated connection is not begun anew', () => {
  const { sim, a, ab } = pair({ a: { keyingTries: 0 } });
  ab.script = () => 'drop';
  a.initiate('site', 'net');
  sim.run(3 * MINUTE);
  assert.ok(a.terminate({ connection: 'site' }) > 0);
  sim.run(30 * MINUTE);
  sim.assertEmpty();
});

test('the two ends count their requests apart (R011)', () => {
  const { sim, a, b, ab, ba } = connected({ begunBy: 'b' });
  ab.hold();
  ba.hold();
  a.rekey({ child: 'net' });
  b.initiate('site', 'net');
  sim.settle();
  ab.flow();
  ba.flow();
  sim.quiet();
  for (const host of [a, b]) assert.equal(onlyIke(host).children.length, 2);
});

test('everything captured and sent once more after the end finds nothing (R015)', () => {
  const { sim, a, b, ab } = connected();
  a.rekey({ child: 'net' });
  sim.quiet();
  sim.run(10 * SECOND);
  const captured = [...ab.recorded];
  a.terminate({});
  sim.quiet();
  for (const packet of captured.slice(1)) sim.network.deliver(packet);
  sim.quiet();
  assert.equal(b.status().length, 0);
  // The very first message alone can begin something, which comes to nothing.
  for (const packet of captured) sim.network.deliver(packet);
  sim.run(2 * MINUTE);
  sim.assertEmpty();
});

test('IKE_SA_INIT again from the same place: the same answer, one SA, one key exchange (R004)', () => {
  const made = withScriptedPeer();
  const { sim, a, peer } = made;
  const sent = looker(made);
  let copy: Uint8Array | undefined;
  peer.attempt({
    mangleInit: datagram => {
      copy = datagram;
      return datagram;
    },
    auth: () => [],
  });
  const [answer] = sent();
  assert.ok(copy !== undefined && answer !== undefined);
  assert.equal(a.status().length, 0);
  peer.transmit(copy);
  peer.transmit(copy);
  sim.run(SECOND);
  const [one, two] = sent();
  assert.ok(one !== undefined && two !== undefined && equal(one, two));
  assert.equal(a.status().length, 1);
});

test('the same SPIi with another first message: another SA, and the one that stands stays (R005)', () => {
  const made = established();
  const { sim, a, peer } = made;
  const standing = onlyIke(a).id;
  const { initiatorSpi } = peer.current;
  const view = (datagram: Uint8Array): Uint8Array => {
    new DataView(datagram.buffer, datagram.byteOffset).setBigUint64(0, initiatorSpi);
    return datagram;
  };
  peer.attempt({ mangleInit: view });
  sim.run(SECOND);
  assert.ok(a.status().some(({ id, state }) => id === standing && state === 'ESTABLISHED'));
});

test('after a rekey of the IKE SA both count from 0 (R086)', () => {
  const { sim, a, b, ab } = connected();
  a.rekey({ ike: onlyIke(a).id });
  assertSettles(sim, a, b);
  ab.recorded.length = 0;
  a.rekey({ child: 'net' });
  assertSettles(sim, a, b);
  const [request] = ab.recorded;
  assert.ok(request?.content.kind === 'ike');
  const { datagram } = request.content;
  assert.equal(new DataView(datagram.buffer, datagram.byteOffset).getUint32(20), 0);
});

test('before IKE_AUTH nothing but IKE_AUTH is served (CVE-2019-12312, CVE-2014-2338)', () => {
  const requests: readonly (readonly [number, (peer: ScriptedPeer) => readonly Payload[]])[] = [
    [INFORMATIONAL, () => []],
    [CREATE_CHILD_SA, peer => peer.childRequest()],
    [CREATE_CHILD_SA, peer => peer.ikeRekeyRequest()],
    [ExchangeType.IKE_INTERMEDIATE, () => []],
    [99, () => []],
  ];
  for (const [authExchange, payloads] of requests) {
    const { sim, a, peer } = withScriptedPeer();
    const answer = peer.attempt({ authExchange, auth: () => payloads(peer) });
    assert.equal(answer, undefined);
    sim.run(MINUTE);
    assert.equal(a.status().length, 0);
    assert.equal(a.eventsOf('ike-up').length, 0);
  }
});

test('IKE_AUTH on an SA that stands is not served', () => {
  const made = established();
  const sent = looker(made);
  made.peer.request(ExchangeType.IKE_AUTH, [unwanted]);
  made.sim.run(SECOND);
  assert.equal(sent().length, 0);
  assert.equal(onlyIke(made.a).state, 'ESTABLISHED');
});

test('INVALID_SYNTAX closes the SA, after it was answered (R032)', () => {
  const made = established();
  const { peer, a, sim } = made;
  const answer = peer.exchange(INFORMATIONAL, [{ type: PayloadType.Nonce, data: new Uint8Array(16) }]);
  const [payload] = answer.payloads;
  assert.ok(payload?.type === PayloadType.Notify && payload.notifyType === NotifyError.INVALID_SYNTAX);
  sim.settle();
  assert.equal(a.status().length, 0);
  assert.equal(a.backEnd.sas.size, 0);
});

test('a critical payload that is not known: the request is refused, the SA stays (R024)', () => {
  const { peer, a } = established();
  const answer = peer.exchange(INFORMATIONAL, [
    { type: 'unknown', number: 213, critical: true, data: new Uint8Array(4) },
  ]);
  const [payload] = answer.payloads;
  assert.ok(payload?.type === PayloadType.Notify);
  assert.equal(payload.notifyType, NotifyError.UNSUPPORTED_CRITICAL_PAYLOAD);
  assert.deepEqual([...payload.data], [213]);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
  assert.equal(peer.exchange(INFORMATIONAL, []).payloads.length, 0);
});

test('one that is not critical is passed over (R025)', () => {
  const { peer, a } = established();
  const answer = peer.exchange(INFORMATIONAL, [
    { type: 'unknown', number: 213, critical: false, data: new Uint8Array(4) },
  ]);
  assert.equal(answer.payloads.length, 0);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});
