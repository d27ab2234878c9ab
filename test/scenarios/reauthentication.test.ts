import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/engine/engine.ts';
import { ip } from '../../src/lib/ip.ts';
import { HOUR, MINUTE, SECOND } from '../../src/lib/time.ts';
import type { ChildConfig, Connection } from '../../src/policy/connection.ts';
import type { Pool } from '../../src/policy/pool.ts';
import { child, connection, mirrored, sharedKey, subnet } from '../sim/configuration.ts';
import { assertEnds, assertSettled, assertSettles, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { ADDRESS_B, addEngine, connected, type Pair, type PairOptions, pair } from '../sim/pair.ts';
import type { Gap } from '../sim/simulation.ts';

/* IKE SAs of IKEv2 that are made anew (RFC 7296 §2.8.3): before the old ones go, or afterwards. */

const UNIQUE = ['never', 'no', 'keep', 'replace'] as const;
const NAMES = ['net', 'lab', 'dmz'];
const THREE: readonly ChildConfig[] = NAMES.map((name, i) =>
  child({ name, localTs: [subnet(`10.1.${i}.0/24`)], remoteTs: [subnet(`10.2.${i}.0/24`)] }),
);

function anew(host: Host<Engine>): void {
  host.act((engine, now) => engine.reauthenticate({}, now).outputs);
}

/** Three children, watched from now on. */
function three(options: PairOptions = {}): { readonly made: Pair; readonly gaps: () => readonly Gap[] } {
  const made = connected({
    children: THREE,
    a: { remoteAddresses: ['198.51.100.2'] },
    b: { remoteAddresses: ['192.0.2.1'] },
    ...options,
  });
  const watched = NAMES.map(name => made.sim.watch(made.a, made.b, name));
  return { made, gaps: () => watched.flat() };
}

for (const unique of UNIQUE)
  for (const side of ['a', 'b'] as const)
    test(`made anew by ${side} with all its children, without a gap (unique = ${unique})`, () => {
      const { made, gaps } = three({ both: { unique } });
      const { sim, a, b } = made;
      const { id } = onlyIke(made[side]);
      anew(made[side]);
      assertSettles(sim, a, b, NAMES);
      assert.deepEqual(gaps(), []);
      assert.notEqual(onlyIke(made[side]).id, id);
      assert.equal(onlyIke(made[side]).role, 'initiator');
      assert.equal(a.eventsOf('failed').length, 0);
      assertEnds(sim, a);
    });

test('both make it anew at once: no gap, and one is left', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { made, gaps } = three({ seed, both: { unique: seed % 2 === 0 ? 'no' : 'replace' } });
    const { sim, a, b } = made;
    const pause = sim.random.below(45);
    anew(a);
    sim.run(pause);
    anew(b);
    assertSettles(sim, a, b, NAMES);
    assert.deepEqual(gaps(), [], `seed ${seed}, b begins ${pause} ms later`);
    assertEnds(sim, a);
  }
});

test('whose peer has just made it anew does not do so again', () => {
  const { made } = three();
  const { sim, a, b } = made;
  anew(a);
  sim.until(() => b.status().filter(({ establishedAt }) => establishedAt !== undefined).length === 2);
  const before = sim.network.ladder.length;
  b.act((engine, now) => engine.reauthenticate({ ike: 1 }, now).outputs);
  assertSettles(sim, a, b, NAMES);
  assert.ok(sim.network.ladder.length > before);
  assert.equal(b.eventsOf('ike-up').length, 2);
});

test('new keys of the old SA meanwhile: what they made goes, not the new one', () => {
  for (const rekeys of ['a', 'b'] as const) {
    const { made, gaps } = three();
    const { sim, a, b } = made;
    made[rekeys].rekey({ connection: 'site' });
    sim.run(5);
    anew(a);
    assertSettles(sim, a, b, NAMES);
    assert.deepEqual(gaps(), []);
    assertEnds(sim, a);
  }
});

test('answers that are lost cost time, and no packet', () => {
  for (let lost = 0; lost < 4; lost++) {
    const { made, gaps } = three();
    const { sim, a, b, ba } = made;
    let passed = 0;
    ba.script = () => (passed++ === lost ? 'drop' : 'pass');
    anew(a);
    sim.run(MINUTE);
    assertSettled(sim, a, b, NAMES);
    assert.deepEqual(gaps(), [], `answer ${lost}`);
  }
});

test('the responder sends by the old SA until something comes by the new one', () => {
  const { sim, a, b, ab } = connected();
  const old = b.backEnd.outbound('net')?.sa.id;
  ab.script = () => 'pass';
  anew(a);
  sim.until(() => b.backEnd.sas.size === 2);
  assert.equal(b.backEnd.outbound('net')?.sa.id, old);
  sim.until(() => a.backEnd.sas.size === 2);
  a.sendPacket('net');
  // From here on the initiator is silent: the old SA stays.
  ab.script = ({ content }) => (content.kind === 'esp' ? 'pass' : 'drop');
  sim.run(SECOND);
  assert.notEqual(b.backEnd.outbound('net')?.sa.id, old);
});

test('told that the old SA ends, the responder goes over to the new one before it answers', () => {
  const { sim, a, b, ab } = connected();
  const receive = b.engine.receive.bind(b.engine);
  const steps: string[] = [];
  b.engine.receive = (...datagram) => {
    const outputs = receive(...datagram);
    const kinds = outputs.map(output => (output.kind === 'command' ? output.command.kind : output.kind));
    if (kinds.includes('deactivate-outbound')) steps.push(...kinds.filter(kind => kind !== 'event'));
    return outputs;
  };
  // Nothing comes by the new one.
  ab.script = ({ content }) => (content.kind === 'esp' ? 'drop' : 'pass');
  anew(a);
  sim.until(() => b.status().length === 2);
  sim.until(() => b.status().length === 1);
  // Once the answer is there the peer receives nothing by the old one any more.
  assert.deepEqual(steps, ['activate-outbound', 'deactivate-outbound', 'transmit']);
});

test('what comes by the old SA after its IKE SA has gone is received for a while', () => {
  const { sim, a, b, ab } = connected();
  const old = a.backEnd.outbound('net')?.sa;
  assert.ok(old !== undefined);
  anew(a);
  sim.until(() => b.status().length === 2);
  sim.until(() => b.status().length === 1);
  // An old packet that the delete overtook.
  assert.ok(b.backEnd.inbound(old.spiOut) !== undefined, 'it receives');
  assert.notEqual(b.backEnd.outbound('net')?.sa.spiIn, old.spiOut);
  ab.script = () => 'pass';
  sim.run(6 * SECOND);
  assert.equal(b.backEnd.inbound(old.spiOut), undefined);
  assertSettled(sim, a, b);
});

test('or for five seconds: the old one may be the one that nobody receives by', () => {
  const { sim, a, b } = connected({ a: { unique: 'never' } });
  const old = b.backEnd.outbound('net')?.sa.id;
  // The peer is another one of the same name, which knows nothing of the old SA and says nothing of that.
  const again = addEngine(sim, 'again', ip('192.0.2.9'), {
    connections: [connection('a', 'b', { unique: 'never' })],
    path: { local: { address: ip('192.0.2.9'), port: 500 }, remote: { address: ADDRESS_B, port: 500 } },
  });
  a.act((engine, now) => engine.abandon({}, now).outputs);
  again.initiate('site', 'net');
  sim.quiet();
  assert.equal(b.backEnd.outbound('net')?.sa.id, old);
  sim.run(5 * SECOND);
  assert.notEqual(b.backEnd.outbound('net')?.sa.id, old);
});

test('a child that the peer no longer wants is told of, and holds nothing up', () => {
  const { made } = three();
  const { sim, a, b } = made;
  b.act((engine, now) =>
    engine.configure([connection('b', 'a', { children: THREE.slice(0, 2).map(mirrored) })], sharedKey(), now),
  );
  sim.unwatch();
  anew(a);
  assertSettles(sim, a, b, NAMES.slice(0, 2));
  assert.deepEqual(
    a.eventsOf('failed').map(failed => failed.child),
    ['dmz'],
  );
});

test('unique = keep: who comes from elsewhere is refused, twice in a row', () => {
  const { sim, a, b } = connected({ both: { unique: 'keep' } });
  const there = ip('192.0.2.9');
  const other = addEngine(sim, 'other', there, {
    connections: [connection('a', 'b', { unique: 'never' })],
    path: { local: { address: there, port: 500 }, remote: { address: ADDRESS_B, port: 500 } },
  });
  for (const count of [1, 2]) {
    other.initiate('site', 'net');
    sim.quiet();
    assert.equal(b.eventsOf('failed').length, count);
    assert.equal(b.eventsOf('failed').at(-1)?.failure.code, 'local/superseded');
  }
  assertSettled(sim, a, b);
});

// ── who cannot begin itself ──

const POOL: Pool = { name: 'four', start: ip('10.3.0.1'), end: ip('10.3.0.9'), attributes: [] };
const OWN = child({
  localTs: [{ dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 }],
});

for (const makeBeforeBreak of [true, false])
  test(`a gateway does not call a client that has an address of its pool, which does so itself (make_before_break = ${makeBeforeBreak})`, () => {
    const made = pair({
      children: [OWN],
      a: { vips: ['0.0.0.0'] },
      b: { pools: ['four'], reauthTime: HOUR, overTime: 6 * MINUTE, remoteAddresses: ['192.0.2.1'] },
      settings: { makeBeforeBreak },
    });
    const { sim, a, b } = made;
    b.leases.configure([POOL]);
    a.initiate('site', 'net');
    sim.quiet();
    anew(b);
    sim.quiet();
    assert.deepEqual([onlyIke(a).id, onlyIke(b).id], [1, 1]);
    assert.equal(b.eventsOf('log').filter(({ level }) => level === 'warn').length, 1);
    // The client has no reauth_time: it goes by what the gateway told it.
    assert.equal(onlyIke(a).reauthAt, (onlyIke(a).establishedAt ?? 0) + HOUR);
    sim.run(HOUR + MINUTE);
    assert.notEqual(onlyIke(a).id, 1);
    assert.equal(onlyIke(a).role, 'initiator');
    assert.deepEqual(onlyIke(a).localVips, ['10.3.0.1']);
    assertEnds(sim, a);
  });

test('AUTH_LIFETIME: the sooner of both holds, by over_time or a fifth sooner than the peer says', () => {
  const at = (theirs: number, ours: Partial<Connection>): number => {
    const { a } = connected({ a: ours, b: { reauthTime: theirs } });
    return (onlyIke(a).reauthAt ?? 0) - (onlyIke(a).establishedAt ?? 0);
  };
  assert.equal(at(HOUR, { overTime: 5 * MINUTE }), 55 * MINUTE);
  assert.equal(at(HOUR, { overTime: 59 * MINUTE }), 48 * MINUTE);
  assert.equal(at(HOUR, { reauthTime: 20 * MINUTE }), 20 * MINUTE);
  assert.equal(at(SECOND, {}), 10 * SECOND);
});

// ── break before make ──

const BREAK: PairOptions = { settings: { makeBeforeBreak: false } };

for (const side of ['a', 'b'] as const)
  test(`make_before_break = no, by ${side}: the old one goes first, then all is made again`, () => {
    const { made, gaps } = three(BREAK);
    const { sim, a, b } = made;
    const { id } = onlyIke(made[side]);
    anew(made[side]);
    sim.until(() => a.status().length === 0 || b.status().length === 0);
    assertSettles(sim, a, b, NAMES);
    assert.ok(gaps().length > 0, 'nothing carries traffic in between');
    assert.notEqual(onlyIke(made[side]).id, id);
    assertEnds(sim, a);
  });

test('make_before_break = no: in its time, by the configured attempts, and not when stopped', () => {
  const { sim, a, b, ab } = connected({
    ...BREAK,
    a: { reauthTime: HOUR, overTime: 5 * MINUTE, keyingTries: 2 },
  });
  sim.run(HOUR + MINUTE);
  assertSettled(sim, a, b);
  assert.equal(a.eventsOf('ike-down').length, 1);
  // The peer takes leave, and is not to be reached at first.
  anew(a);
  sim.until(() => b.status().length === 0);
  ab.script = () => 'drop';
  sim.run(2 * MINUTE);
  ab.script = () => 'pass';
  sim.run(3 * MINUTE);
  assertSettled(sim, a, b);
  anew(a);
  a.act((engine, now) => engine.shutdown(now));
  sim.run(MINUTE);
  assert.equal(a.status().length, 0);
});
