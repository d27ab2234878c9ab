import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { Answer, IkeSaStatus, Output, Question } from '../../src/ike/output.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { Secret } from '../../src/lib/secret.ts';
import { type Instant, SECOND } from '../../src/lib/time.ts';
import { UNLIMITED } from '../../src/policy/lifetimes.ts';
import type { ChildSaParameters, Path } from '../../src/policy/sa.ts';
import { FakeBackEnd } from './back-end.ts';
import type { Host, HostEngine } from './host.ts';
import { CALM, Nat } from './network.ts';
import { SeededProvider } from './provider.ts';
import { Random } from './random.ts';
import { Schedule } from './schedule.ts';
import { Simulation } from './simulation.ts';

/** Remembers what came and does what it is told. */
class ToyEngine implements HostEngine {
  readonly came: { readonly text: string; readonly path: Path; readonly at: Instant }[] = [];
  readonly answers: Answer[] = [];
  readonly ticks: Instant[] = [];
  onReceive: (text: string, path: Path) => readonly Output[] = () => [];
  deadline: Instant | undefined;
  active: readonly string[] = [];

  receive(datagram: Uint8Array, path: Path, at: Instant): readonly Output[] {
    const text = String.fromCharCode(...datagram);
    this.came.push({ text, path, at });
    return this.onReceive(text, path);
  }
  answer(_id: number, answer: Answer): readonly Output[] {
    this.answers.push(answer);
    return [];
  }
  tick(now: Instant): readonly Output[] {
    this.ticks.push(now);
    this.deadline = undefined;
    return [];
  }
  initiate(): { ike: number; outputs: readonly Output[] } {
    return { ike: 1, outputs: [] };
  }
  terminate(): { matched: number; outputs: readonly Output[] } {
    return { matched: 0, outputs: [] };
  }
  rekey(): { matched: number; outputs: readonly Output[] } {
    return { matched: 0, outputs: [] };
  }
  backendEvent(): readonly Output[] {
    return [];
  }
  status(): readonly IkeSaStatus[] {
    return [];
  }
  shutdown(): readonly Output[] {
    return [];
  }
}

const NO_CRYPTO = { name: 'none' } as CryptoProvider;
const A = { address: ip('192.0.2.1'), port: 500 };
const B = { address: ip('198.51.100.2'), port: 500 };

interface Pair {
  readonly sim: Simulation;
  readonly a: Host<ToyEngine>;
  readonly b: Host<ToyEngine>;
}

function pair(seed = 1): Pair {
  const sim = new Simulation(seed);
  const add = (name: string, address: Uint8Array): Host<ToyEngine> =>
    sim.addHost({
      name,
      address,
      engine: new ToyEngine(),
      provider: new SeededProvider(NO_CRYPTO, sim.random.fork()),
      resolve: () => ({ kind: 'path', path: { local: A, remote: B } }),
    });
  return { sim, a: add('a', A.address), b: add('b', B.address) };
}

function send(host: Host<ToyEngine>, text: string, path: Path): void {
  host.act(() => [{ kind: 'transmit', datagram: Uint8Array.from(text, c => c.charCodeAt(0)), path }]);
}

const texts = (host: Host<ToyEngine>): string[] => host.engine.came.map(({ text }) => text);
const AB: Path = { local: A, remote: B };

test('the same seed draws the same, another seed draws other', () => {
  const draw = (seed: number): string => toHex(new Random(seed).octets(16));
  assert.equal(draw(7), draw(7));
  assert.notEqual(draw(7), draw(8));
  const random = new Random(3);
  assert.notEqual(toHex(random.fork().octets(8)), toHex(random.fork().octets(8)));
  for (let i = 0; i < 100; i++) assert.ok(random.below(3) < 3);
});

test('scripted octets answer the next call of their length, others are drawn', () => {
  const provider = new SeededProvider(NO_CRYPTO, new Random(1));
  provider.script(Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6));
  assert.notDeepEqual(provider.random(8), Uint8Array.of(1, 2, 3));
  assert.deepEqual(provider.random(3), Uint8Array.of(1, 2, 3));
  assert.equal(provider.unused, 1);
  assert.deepEqual(provider.random(3), Uint8Array.of(4, 5, 6));
});

test('what is due happens in the order of its instant, then of its planning', () => {
  const schedule = new Schedule(1000);
  const done: string[] = [];
  const random = new Random(5);
  for (let i = 0; i < 200; i++) {
    const at = 1000 + random.below(50);
    schedule.at(at, () => done.push(`${at}/${String(i).padStart(3, '0')}`));
  }
  schedule.at(1010, () => done.push('never'))();
  while (schedule.step(2000));
  assert.equal(done.length, 200);
  assert.deepEqual(done, done.toSorted());
  assert.equal(schedule.step(2000), false);
});

test('a datagram arrives after the delay, seen from the other side', () => {
  const { sim, a, b } = pair();
  const start = sim.now;
  send(a, 'hello', AB);
  sim.quiet();
  assert.deepEqual(texts(b), ['hello']);
  assert.equal(b.engine.came[0]?.at, start + CALM.delay);
  assert.deepEqual(b.engine.came[0]?.path, { local: B, remote: A });
});

test('held packets are released in any order, dropped or replayed', () => {
  const { sim, a, b } = pair();
  const ab = sim.between(a, b).hold();
  for (const text of ['1', '2', '3', '4']) send(a, text, AB);
  sim.run(SECOND);
  assert.deepEqual(texts(b), []);
  ab.release(2);
  ab.release(0);
  ab.drop(0);
  ab.flow();
  ab.replay(2);
  assert.deepEqual(texts(b), ['3', '1', '4', '2']);
  send(a, '5', AB);
  sim.quiet();
  assert.equal(texts(b).at(-1), '5');
});

test('a script alters what it likes', () => {
  const { sim, a, b } = pair();
  sim.between(a, b).script = packet => (packet.number === 1 ? Uint8Array.of(0x21) : 'pass');
  send(a, '1', AB);
  send(a, '2', AB);
  sim.quiet();
  assert.deepEqual(texts(b), ['!', '2']);
});

test('weather loses, doubles and reorders by the seed', () => {
  const run = (seed: number): string[] => {
    const { sim, a, b } = pair(seed);
    sim.between(a, b).weather = { ...CALM, loss: 0.3, duplicate: 0.3, jitter: 500 };
    for (let i = 0; i < 50; i++) send(a, String(i), AB);
    sim.quiet();
    return texts(b);
  };
  const first = run(1);
  assert.deepEqual(first, run(1));
  assert.notDeepEqual(first, run(2));
  const kinds = new Set(first);
  assert.ok(kinds.size < 50 && kinds.size > 20, `${kinds.size} arrived`);
  assert.ok(first.length > kinds.size, 'something came twice');
  assert.notDeepEqual(
    first,
    first.toSorted((x, y) => Number(x) - Number(y)),
  );
});

test('what is larger than the path carries vanishes', () => {
  const { sim, a, b } = pair();
  sim.between(a, b).weather = { ...CALM, mtu: 28 + 10 };
  send(a, 'x'.repeat(10), AB);
  send(a, 'x'.repeat(11), AB);
  sim.quiet();
  assert.deepEqual(texts(b), ['x'.repeat(10)]);
});

test('a NAT rewrites the source, lets answers in and strangers not, and gives a new port once rebound', () => {
  const { sim, a, b } = pair();
  const outside = ip('203.0.113.9');
  const nat = new Nat(outside, [A.address]);
  sim.network.addNat(nat);
  b.engine.onReceive = (text, path) => [
    { kind: 'transmit', datagram: Uint8Array.from(`re ${text}`, c => c.charCodeAt(0)), path },
  ];
  send(a, '1', AB);
  sim.quiet();
  const seen = b.engine.came[0]?.path.remote;
  assert.deepEqual(seen?.address, outside);
  assert.notEqual(seen?.port, 500);
  assert.deepEqual(texts(a), ['re 1']);
  assert.deepEqual(a.engine.came[0]?.path, AB);

  nat.rebind();
  send(b, 'late', { local: B, remote: seen ?? A });
  send(b, 'direct', { local: B, remote: { address: outside, port: 1 } });
  sim.quiet();
  assert.deepEqual(texts(a), ['re 1']);
  send(a, '2', AB);
  sim.quiet();
  assert.notEqual(b.engine.came[1]?.path.remote.port, seen?.port);
});

test('a host that moved is found at its new address alone', () => {
  const { sim, a, b } = pair();
  const there = ip('198.51.100.77');
  b.move(there);
  send(a, 'old', AB);
  send(a, 'new', { local: A, remote: { address: there, port: 500 } });
  sim.quiet();
  assert.deepEqual(texts(b), ['new']);
});

test('the engine is woken at its deadline, and one that never moves is found out', () => {
  const { sim, a } = pair();
  const due = sim.now + 90 * SECOND;
  a.act(engine => {
    engine.deadline = due;
    return [];
  });
  sim.run(1000 * SECOND);
  assert.deepEqual(a.engine.ticks, [due]);

  a.engine.tick = () => {
    a.engine.deadline = sim.now;
    return [];
  };
  const stuck = (): void =>
    a.act(engine => {
      engine.deadline = sim.now;
      return [];
    });
  assert.throws(stuck, /does not move on[\s\S]*seed 1/);
});

const SELECTOR = { start: ip('10.0.0.0'), end: ip('10.0.0.255'), protocol: 0, startPort: 0, endPort: 65535 };

function childSa(overrides: Partial<ChildSaParameters>): ChildSaParameters {
  const keys = (fill: number): ChildSaParameters['keysIn'] => ({
    encryption: new Secret(new Uint8Array(20).fill(fill)),
    integrity: new Secret(new Uint8Array(0)),
  });
  return {
    id: 1,
    name: 'net',
    protocol: 'esp',
    mode: 'tunnel',
    algorithms: { encryption: 20, keyLength: 128, integrity: 0, esn: false },
    spiIn: 0x100,
    spiOut: 0x200,
    keysIn: keys(1),
    keysOut: keys(2),
    path: AB,
    udpEncapsulation: false,
    localTs: [SELECTOR],
    remoteTs: [SELECTOR],
    replayWindow: 32,
    tfcPadding: 0,
    reqid: 1,
    lifetimes: UNLIMITED,
    ...overrides,
  };
}

function install(host: Host<ToyEngine>, sa: ChildSaParameters, outbound = true): void {
  host.backEnd.reserved.add(sa.spiIn);
  const question: Question = { kind: 'install', sa, outbound };
  host.act(() => [{ kind: 'ask', id: 1, question }]);
}

test('the back end answers in order, after its latency', () => {
  const { sim, a } = pair();
  a.backEnd.latency = 40;
  a.act(() => [
    { kind: 'ask', id: 1, question: { kind: 'allocate-spi', protocol: 'esp', path: AB } },
    { kind: 'ask', id: 2, question: { kind: 'allocate-spi', protocol: 'esp', path: AB } },
  ]);
  sim.run(50);
  assert.equal(a.engine.answers.length, 1);
  sim.quiet();
  assert.deepEqual(
    a.engine.answers.map(({ kind }) => kind),
    ['spi', 'spi'],
  );
  assert.equal(a.backEnd.reserved.size, 2);
  assert.throws(() => sim.assertEmpty(), /reserved/);
});

test('a refusal of the back end is an answer', () => {
  const { sim, a } = pair();
  const failure = { code: 'kernel/install', summary: 'no' } as const;
  a.backEnd.refusals.set('install', failure);
  install(a, childSa({}));
  sim.quiet();
  assert.deepEqual(a.engine.answers, [{ kind: 'failed', failure }]);
  assert.equal(a.backEnd.sas.size, 0);
});

test('what no back end could do is caught where it happens', () => {
  const attempt = (outputs: readonly Output[], prepare?: (host: Host<ToyEngine>) => void): (() => void) => {
    const { sim, a } = pair();
    return () => {
      prepare?.(a);
      sim.quiet();
      a.act(() => outputs);
      sim.quiet();
    };
  };
  const again: Output = {
    kind: 'ask',
    id: 9,
    question: { kind: 'install', sa: childSa({}), outbound: true },
  };
  const command = (kind: 'remove' | 'activate-outbound'): Output => ({
    kind: 'command',
    command: { kind, id: 1 },
  });
  assert.throws(
    attempt([again], host => install(host, childSa({}))),
    /a second time/,
  );
  assert.throws(
    attempt(
      [{ kind: 'ask', id: 9, question: { kind: 'install', sa: childSa({ id: 2 }), outbound: true } }],
      host => install(host, childSa({})),
    ),
    /installed twice/,
  );
  assert.throws(attempt([again]), /was not reserved/);
  assert.throws(attempt([command('remove')]), /not installed/);
  assert.throws(
    attempt([command('activate-outbound')], host => install(host, childSa({}))),
    /active already/,
  );
  assert.throws(
    attempt([{ kind: 'command', command: { kind: 'release-spi', protocol: 'esp', spi: 7 } }]),
    /was not reserved/,
  );
  const wiped = new Secret(new Uint8Array(20));
  assert.throws(
    attempt([], host => install(host, childSa({ keysIn: { encryption: wiped, integrity: wiped } }))),
    /wiped before/,
  );
});

test('a watch tells when one end sends what the other cannot receive', () => {
  const { sim, a, b } = pair();
  const atA = childSa({});
  const atB = childSa({ spiIn: 0x200, spiOut: 0x100, keysIn: atA.keysOut, keysOut: atA.keysIn });
  install(a, atA);
  install(b, atB);
  sim.quiet();
  const gaps = sim.watch(a, b, 'net');
  sim.run(1);
  assert.equal(gaps.length, 0);
  assert.equal(a.sendPacket('net'), true);
  sim.quiet();
  assert.equal(b.backEnd.sas.get(1)?.received, 1);
  b.act(() => [{ kind: 'command', command: { kind: 'remove', id: 1 } }]);
  sim.quiet();
  assert.match(gaps.map(({ why }) => why).join(), /b cannot receive/);
});

test('two ends with different keys are found out', () => {
  const { sim, a, b } = pair();
  install(a, childSa({}));
  install(b, childSa({ spiIn: 0x200, spiOut: 0x100 }));
  sim.quiet();
  sim.watch(a, b, 'net');
  assert.throws(() => install(a, childSa({ id: 2, spiIn: 0x101 })), /different keys/);
});

test('a back end on its own starts with nothing', () => {
  new FakeBackEnd(new Schedule(0), new Random(1)).assertEmpty('x');
});
