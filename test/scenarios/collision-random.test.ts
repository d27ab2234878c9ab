import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { child, subnet } from '../sim/configuration.ts';
import type { Host } from '../sim/host.ts';
import type { Direction } from '../sim/network.ts';
import { connected, type Pair } from '../sim/pair.ts';
import type { Random } from '../sim/random.ts';

/*
 * Random steps instead of thought-out ones: either end does something, any held message is delivered, lost or
 * repeated, in any order, with time passing between. Then all flows freely, and the two ends must agree. A failure
 * tells its seed; RANDOM_SEED repeats it, RANDOM_RUNS asks for more of them.
 */

const CHILDREN = [
  child(),
  child({ name: 'other', localTs: [subnet('10.11.0.0/16')], remoteTs: [subnet('10.12.0.0/16')] }),
];
const NAMES = ['net', 'other'];
const STEPS = 40;

/** What either end may begin; `rekeys` leave what there is as it is, `changes` do not. */
const REKEYS: readonly ((host: Host, random: Random) => void)[] = [
  (host, random) => host.rekey({ child: NAMES[random.below(2)] ?? 'net' }),
  host => host.rekey({ connection: 'site', ike: host.status()[0]?.id ?? -1 }),
  (host, random) => {
    const [ike] = host.status();
    const chosen = ike?.children[random.below(ike.children.length)];
    if (chosen !== undefined) host.expire(chosen.id, false);
  },
  (host, random) => {
    host.sendPacket(NAMES[random.below(2)] ?? 'net');
  },
];
const CHANGES: typeof REKEYS = [
  ...REKEYS,
  (host, random) => host.terminate({ child: NAMES[random.below(2)] ?? 'net' }),
  (host, random) => {
    const [ike] = host.status();
    const chosen = ike?.children[random.below(ike.children.length)];
    if (chosen !== undefined) host.terminate({ childId: chosen.id });
  },
  (host, random) => {
    const [ike] = host.status();
    const chosen = ike?.children[random.below(ike.children.length)];
    if (chosen !== undefined) host.expire(chosen.id, true);
  },
  (host, random) => {
    if (host.status().length > 0) host.initiate('site', NAMES[random.below(2)] ?? 'net');
  },
];

function step({ sim, a, b, ab, ba }: Pair, actions: typeof REKEYS, random: Random): void {
  const host = random.chance(0.5) ? a : b;
  const direction = random.chance(0.5) ? ab : ba;
  const dice = random.below(100);
  if (dice < 25) actions[random.below(actions.length)]?.(host, random);
  else if (dice < 75) deliver(direction, random);
  else if (dice < 80) lose(direction, random);
  else if (dice < 85) repeat(direction, random);
  else sim.run(random.below(dice < 95 ? 500 : 6000));
}

function deliver(direction: Direction, random: Random): void {
  // Mostly in order.
  if (direction.held.length > 0)
    direction.release(random.chance(0.7) ? 0 : random.below(direction.held.length));
}

function lose(direction: Direction, random: Random): void {
  if (direction.held.length > 0) direction.drop(random.below(direction.held.length));
}

function repeat(direction: Direction, random: Random): void {
  direction.replay(1 + random.below(direction.recorded.length));
}

function play(seed: number, actions: typeof REKEYS): Pair & { readonly gaps: readonly unknown[] } {
  const made = connected({ seed, children: CHILDREN, begunBy: seed % 2 === 0 ? 'a' : 'b' });
  const { sim, a, b, ab, ba } = made;
  const random = sim.random.fork();
  for (const host of [a, b]) host.backEnd.latency = random.chance(0.5) ? 0 : random.below(200);
  const gaps = actions === REKEYS ? NAMES.flatMap(name => sim.watch(a, b, name)) : [];
  ab.hold();
  ba.hold();
  for (let i = 0; i < STEPS; i++) step(made, actions, random);
  ab.flow();
  ba.flow();
  sim.run(15 * MINUTE);
  sim.quiet();
  sim.run(10 * SECOND);
  return { ...made, gaps };
}

/** Both ends hold the same SAs, back ends and events agree with them, and every one of them carries packets. */
function assertAgreement({ sim, a, b }: Pair): void {
  sim.check(() => {
    const spis = (host: Host): unknown =>
      host.status().map(({ initiatorSpi, responderSpi, state }) => ({ initiatorSpi, responderSpi, state }));
    assert.deepEqual(spis(a), spis(b));
    assert.ok(a.status().length <= 1);
    const pairs = (host: Host, mirror: boolean): readonly string[] =>
      host
        .status()
        .flatMap(({ children }) => children)
        .map(({ name, state, spiIn, spiOut }) =>
          mirror ? `${name} ${state} ${spiOut} ${spiIn}` : `${name} ${state} ${spiIn} ${spiOut}`,
        )
        .sort();
    assert.deepEqual(pairs(a, false), pairs(b, true));
    for (const host of [a, b]) {
      const ids = host
        .status()
        .flatMap(({ children }) => children)
        .map(({ id }) => id)
        .sort();
      assert.deepEqual([...host.backEnd.sas.keys()].sort(), ids, `${host.name}: the back end holds others`);
      assert.deepEqual([...host.backEnd.reserved], [], `${host.name}: SPIs are left reserved`);
      assert.deepEqual([...host.up.children].sort(), ids, `${host.name}: events say otherwise`);
    }
  });
}

const first = Number(process.env['RANDOM_SEED'] ?? 1);
const runs = Number(process.env['RANDOM_RUNS'] ?? 20);

test('rekeys at any time, messages in any order: nothing is left over, nothing is lost', () => {
  for (let seed = first; seed < first + runs; seed++) {
    const made = play(seed, REKEYS);
    assertAgreement(made);
    made.sim.check(() => {
      for (const name of NAMES) {
        const count = made.a.status()[0]?.children.filter(child => child.name === name).length;
        assert.equal(count, 1, `${count} children ${name}`);
      }
      assert.deepEqual(made.gaps.slice(0, 3), []);
    });
  }
});

test('whatever both ends begin, and in whatever order it arrives: they agree in the end', () => {
  for (let seed = first; seed < first + runs; seed++) {
    const made = play(seed, CHANGES);
    assertAgreement(made);
    made.a.terminate({});
    made.b.terminate({});
    made.sim.run(10 * MINUTE);
    made.sim.assertEmpty();
  }
});
