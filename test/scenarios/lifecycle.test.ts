import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType, PayloadType } from '../../src/iana/ikev2.ts';
import { NotifyError } from '../../src/iana/notify.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { HOUR, MINUTE, SECOND } from '../../src/lib/time.ts';
import { HeaderFlag } from '../../src/wire/header.ts';
import { encodeMessage } from '../../src/wire/v2/message.ts';
import { child, connection, IKE_LIFETIMES, sharedKey, subnet } from '../sim/configuration.ts';
import { assertEnds, assertSettled, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { connected, type Pair, type PairOptions, pair } from '../sim/pair.ts';

/* What an SA lives through: liveness, loss, new keys, new proofs, other SAs of the same peer, its end. */

const DPD = { dpdDelay: 30 * SECOND } as const;

/** From now on nothing passes, either way. */
function cut({ ab, ba }: Pair): void {
  ab.script = () => 'drop';
  ba.script = () => 'drop';
}

function mend({ ab, ba }: Pair): void {
  ab.script = () => 'pass';
  ba.script = () => 'pass';
}

function requests(made: Pair): number {
  return made.ab.recorded.filter(
    ({ content }) => content.kind === 'ike' && ((content.datagram[19] ?? 0) & HeaderFlag.RESPONSE) === 0,
  ).length;
}

test('liveness is asked when nothing was heard for so long, and no oftener', () => {
  const made = connected({ a: DPD });
  const { sim, a } = made;
  const before = requests(made);
  sim.run(5 * MINUTE + SECOND);
  assert.equal(requests(made) - before, 10);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('without dpdDelay the line is silent', () => {
  const made = connected();
  const before = requests(made);
  made.sim.run(24 * HOUR);
  assert.equal(requests(made), before);
});

for (const dpdAction of ['clear', 'restart'] as const) {
  test(`a peer that is gone: ${dpdAction}`, () => {
    const made = connected({ a: { ...DPD, children: [child({ dpdAction })] } });
    const { sim, a, b } = made;
    cut(made);
    sim.run(4 * MINUTE);
    const [down] = a.eventsOf('ike-down');
    assert.equal(down?.failure?.code, 'peer/dead');
    assert.equal(a.eventsOf('child-down').length, 1);
    assert.equal(a.backEnd.sas.size, 0);
    assert.equal(a.status().length, dpdAction === 'restart' ? 1 : 0);
    mend(made);
    sim.run(10 * MINUTE);
    if (dpdAction === 'restart') {
      assert.equal(onlyChild(a).name, 'net');
      // It said INITIAL_CONTACT: what was left at the other end is gone.
      assertSettled(sim, a, b);
    } else assert.equal(a.status().length, 0);
  });
}

test('a peer that stays away is tried again and again, with pauses that grow', () => {
  const made = connected({ a: { ...DPD, keyingTries: 0, children: [child({ dpdAction: 'restart' })] } });
  cut(made);
  made.sim.run(2 * HOUR);
  const count = made.a.eventsOf('failed').length;
  assert.ok(count > 10 && count < 40, `${count} attempts`);
  mend(made);
  made.sim.run(15 * MINUTE);
  assertSettled(made.sim, made.a, made.b);
});

for (const closeAction of ['none', 'start'] as const) {
  test(`the peer deletes the IKE SA: closeAction ${closeAction}`, () => {
    const { sim, a, b } = connected({ a: { children: [child({ closeAction })] } });
    b.terminate({ connection: 'site' });
    sim.run(MINUTE);
    assert.deepEqual(
      a.eventsOf('ike-down').map(({ failure }) => failure?.code),
      ['peer/deleted'],
    );
    if (closeAction === 'start') assertSettled(sim, a, b);
    else sim.assertEmpty();
  });
}

test('what we end ourselves is not begun anew', () => {
  const { sim, a } = connected({ a: { children: [child({ closeAction: 'start', dpdAction: 'restart' })] } });
  a.terminate({ connection: 'site' });
  sim.run(HOUR);
  sim.assertEmpty();
  assert.deepEqual(
    a.eventsOf('ike-down').map(({ failure }) => failure?.code),
    ['local/stopped'],
  );
});

test('a peer that deletes as soon as it is asked does not make us run in circles', () => {
  const made = connected({ a: { children: [child({ closeAction: 'start' })] } });
  const { sim, a, b } = made;
  const end = sim.now + HOUR;
  while (sim.now < end) {
    b.terminate({});
    sim.run(SECOND);
  }
  const ups = a.eventsOf('ike-up').length;
  assert.ok(ups < 25, `${ups} times in an hour`);
});

test('the IKE SA gets new keys in time, and its children live on', () => {
  const { sim, a, b } = connected({ both: IKE_LIFETIMES });
  const gaps = sim.watch(a, b, 'net');
  sim.run(24 * HOUR);
  assertSettled(sim, a, b);
  assert.ok(a.eventsOf('ike-rekey').length >= 5);
  assert.equal(a.eventsOf('ike-down').length, 0);
  assert.equal(a.eventsOf('child-down').length, 0);
  assert.deepEqual(gaps, []);
});

test('one that cannot get new keys ends when its time is over', () => {
  const made = connected({ a: IKE_LIFETIMES });
  const { sim, a, b } = made;
  b.act((engine, now) => engine.configure([], sharedKey(), now));
  made.ab.script = packet =>
    packet.content.kind === 'ike' && packet.content.datagram[18] === ExchangeType.CREATE_CHILD_SA
      ? 'drop'
      : 'pass';
  sim.run(5 * HOUR);
  assert.equal(a.status().length, 0);
  assert.equal(a.eventsOf('ike-down').length, 1);
});

test('new proofs of identity: the new SA stands before the old one goes', () => {
  const { sim, a, b } = connected({ a: { reauthTime: HOUR, overTime: 5 * MINUTE }, both: { unique: 'no' } });
  const gaps = sim.watch(a, b, 'net');
  const first = onlyIke(a).id;
  sim.run(HOUR + MINUTE);
  assertSettled(sim, a, b);
  assert.notEqual(onlyIke(a).id, first);
  assert.equal(a.eventsOf('ike-up').length, 2);
  assert.deepEqual(gaps, []);
});

test('new proofs that fail leave the old SA until its time is over', () => {
  const { sim, a, b } = connected({ a: { reauthTime: HOUR, overTime: 5 * MINUTE } });
  b.act((engine, now) => engine.configure([connection('b', 'a')], sharedKey('another'), now));
  sim.run(HOUR + MINUTE);
  assert.equal(a.status().filter(({ state }) => state === 'ESTABLISHED').length, 1);
  sim.run(10 * MINUTE);
  assert.equal(a.status().length, 0);
});

/** A second SA from a to b, by an engine of the same identity that has lost its memory or has not. */
function second(
  unique: 'never' | 'no' | 'keep' | 'replace',
  forgets: boolean,
): { made: Pair; at: () => readonly number[] } {
  const options: PairOptions = { b: { unique }, a: { unique: forgets ? 'no' : 'never' } };
  const made = connected(options);
  if (forgets) {
    made.ab.script = () => 'drop';
    made.a.act((engine, now) => engine.abandon({}, now).outputs);
    made.ab.script = () => 'pass';
    made.a.initiate('site', 'net');
  } else {
    // Another connection of the same names.
    made.a.act((engine, now) =>
      engine.configure([connection('a', 'b', { name: 'twin', unique: 'never' })], sharedKey(), now),
    );
    made.a.initiate('twin', 'net');
  }
  made.sim.quiet();
  return { made, at: () => made.b.status().map(({ id }) => id) };
}

const UNIQUE = [
  ['never', false, 2],
  ['no', false, 2],
  ['replace', false, 1],
  ['never', true, 2],
  ['no', true, 1],
  ['keep', true, 1],
  ['replace', true, 1],
] as const;
for (const [unique, forgets, count] of UNIQUE) {
  test(`unique = ${unique}, a second SA ${forgets ? 'with' : 'without'} INITIAL_CONTACT: ${count} left (R075, R076)`, () => {
    const { made, at } = second(unique, forgets);
    // Who seems to make its SA anew has a moment for its children.
    made.sim.run(11 * SECOND);
    const ids = at();
    assert.equal(ids.length, count);
    if (count === 1) assert.notEqual(ids[0], 1, 'the first one goes');
    made.b.terminate({});
    made.sim.run(4 * MINUTE);
    assertEnds(made.sim, made.a);
  });
}

test('both begin at once, and each side replaces: one SA is left, and the child works', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const { sim, a, b } = pair({ seed, both: { unique: 'replace' } });
    a.initiate('site', 'net');
    b.initiate('site', 'net');
    sim.quiet();
    sim.run(MINUTE);
    assertSettled(sim, a, b);
  }
});

test('a hint from nowhere: one liveness check a minute at most, and the SA stays (R017)', () => {
  const made = connected();
  const { sim, a, b } = made;
  const { initiatorSpi, responderSpi } = onlyIke(a);
  const before = requests(made);
  for (let i = 0; i < 50; i++) {
    for (const notifyType of [NotifyError.INVALID_IKE_SPI, NotifyError.AUTHENTICATION_FAILED]) {
      const datagram = encodeMessage(
        {
          initiatorSpi,
          responderSpi,
          exchangeType: ExchangeType.INFORMATIONAL,
          flags: HeaderFlag.RESPONSE,
          messageId: i,
        },
        [{ type: PayloadType.Notify, protocol: 0, spi: EMPTY, notifyType, data: EMPTY }],
      );
      a.act((engine, now) => engine.receive(datagram, onlyIke(a).path, now));
    }
    sim.run(SECOND);
  }
  assert.ok(requests(made) - before <= 1);
  assertSettled(sim, a, b);
});

test('a peer that lost everything is noticed by what it answers, not before the time of liveness', () => {
  const made = connected({ a: { children: [child({ dpdAction: 'restart' })] } });
  const { sim, a, b } = made;
  b.act((engine, now) => engine.abandon({}, now).outputs);
  a.rekey({ child: 'net' });
  sim.run(10 * MINUTE);
  assertSettled(sim, a, b);
});

test('another configuration leaves the SAs that stand (R112)', () => {
  const { sim, a, b } = connected();
  a.act((engine, now) => engine.configure([], { ...sharedKey(), shared: [] }, now));
  a.rekey({ child: 'net' });
  a.rekey({ ike: onlyIke(a).id });
  assertSettles(sim, a, b);
  assertEnds(sim, a);
});

test('shutdown in every state: nothing is left, and what is answered later is undone', () => {
  for (let step = 0; step < 12; step++) {
    const { sim, a, b } = pair();
    a.backEnd.latency = 7;
    b.backEnd.latency = 7;
    a.initiate('site', 'net');
    sim.run(step * 5);
    a.shutdown();
    sim.run(4 * MINUTE);
    sim.check(() => {
      assert.equal(a.status().length, 0);
      a.backEnd.assertEmpty('a');
    });
    b.shutdown();
    sim.run(4 * MINUTE);
    sim.assertEmpty();
    a.initiate('site', 'net');
    b.terminate({});
  }
});

test('an SA that is ended while the back end still works for it: the late answer is undone (C049)', () => {
  for (const late of [1, 3, 5]) {
    const { sim, a, b } = pair();
    a.backEnd.latency = 500;
    b.backEnd.latency = 500;
    a.initiate('site', 'net');
    sim.run(late * 300);
    a.terminate({});
    b.terminate({});
    sim.run(10 * MINUTE);
    sim.assertEmpty();
  }
});

test('what is asked of an SA whose peer has not proved itself waits, and is forgotten with it', () => {
  const { sim, a, b, ab } = pair();
  ab.script = packet =>
    packet.content.kind === 'ike' && packet.content.datagram[18] === ExchangeType.IKE_AUTH ? 'drop' : 'pass';
  a.initiate('site', 'net');
  sim.run(SECOND);
  const [halfOpen] = b.status();
  assert.equal(halfOpen?.state, 'CONNECTING');
  assert.equal(b.rekey({ ike: halfOpen?.id ?? -1 }), 1);
  sim.run(5 * MINUTE);
  sim.assertEmpty();
  assert.equal(b.eventsOf('ike-up').length, 0);
});

test('a packet that waits for an SA makes it, once', () => {
  const { sim, a, b } = pair({ a: { children: [child({ startAction: 'trap' })] } });
  const acquire = {
    kind: 'acquire',
    reqid: 0,
    source: Uint8Array.of(10, 1, 0, 5),
    destination: Uint8Array.of(10, 2, 0, 9),
    protocol: 17,
  } as const;
  for (let packet = 0; packet < 5; packet++) a.act((engine, now) => engine.backendEvent(acquire, now));
  assertSettles(sim, a, b);
  a.act((engine, now) => engine.backendEvent(acquire, now));
  assertSettles(sim, a, b);
  const elsewhere = { ...acquire, destination: Uint8Array.of(10, 99, 0, 9) };
  a.act((engine, now) => engine.backendEvent(elsewhere, now));
  assertSettles(sim, a, b);
});

test('messages and keys are told when asked for, and not otherwise', () => {
  const kinds = (host: Host): ReadonlySet<string> => new Set(host.events.map(({ kind }) => kind));
  const quiet = connected();
  assert.ok(
    !kinds(quiet.a).has('message') && !kinds(quiet.a).has('ike-keys') && !kinds(quiet.a).has('child-keys'),
  );
  const loud = connected({ settings: { traceMessages: true, saveKeys: true } });
  const [keysA] = loud.a.eventsOf('ike-keys');
  const [keysB] = loud.b.eventsOf('ike-keys');
  assert.ok(keysA !== undefined);
  assert.deepEqual(keysA.keys, keysB?.keys);
  assert.equal(loud.a.eventsOf('child-keys').length, 1);
  assert.deepEqual(
    loud.a
      .eventsOf('message')
      .map(({ direction, text }) => `${direction} ${text.slice(0, text.indexOf('[') - 1)}`),
    [
      'out IKE_SA_INIT request 0',
      'in IKE_SA_INIT response 0',
      'out IKE_AUTH request 1',
      'in IKE_AUTH response 1',
    ],
  );
  assert.match(loud.b.eventsOf('message')[2]?.text ?? '', /IDi .*AUTH .*SA .*TSi .*TSr/);
});

test('several peers at once, each with its own', () => {
  const { sim, a, b } = pair({
    children: [
      child(),
      child({ name: 'lab', localTs: [subnet('10.3.0.0/16')], remoteTs: [subnet('10.4.0.0/16')] }),
    ],
  });
  a.initiate('site', 'net');
  a.initiate('site', 'lab');
  assertSettles(sim, a, b, ['net', 'lab']);
  assert.equal(a.eventsOf('ike-up').length, 1);
  a.terminate({ child: 'lab' });
  assertSettles(sim, a, b, ['net']);
  assertEnds(sim, a);
});

test('who only begins is begun with by nobody', () => {
  const { sim, a, b } = pair({ settings: { initiatorOnly: true } });
  b.initiate('site', 'net');
  a.initiate('site', 'net');
  sim.run(5 * MINUTE);
  assert.deepEqual([a.status().length, b.status().length], [0, 0]);
  assert.deepEqual(
    a.eventsOf('failed').map(({ failure }) => failure.code),
    ['peer/silent'],
  );
});

test('beyond a number of IKE SAs no peer begins another', () => {
  for (const [ikeSaLimit, count] of [
    [0, 3],
    [2, 2],
  ] as const) {
    const { sim, a, b } = pair({ settings: { ikeSaLimit, reuseIkeSa: false } });
    for (let i = 0; i < 3; i++) {
      a.initiate('site', 'net');
      sim.run(MINUTE);
    }
    assert.equal(b.status().length, count);
  }
});

test('children go on the IKE SA that is there, or each on one of its own', () => {
  for (const reuseIkeSa of [true, false]) {
    const { sim, a } = pair({ settings: { reuseIkeSa } });
    for (let i = 0; i < 2; i++) {
      a.initiate('site', 'net');
      sim.run(MINUTE);
    }
    assert.equal(a.status().length, reuseIkeSa ? 1 : 2);
  }
});
