import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR, MINUTE, SECOND } from '../../src/lib/time.ts';
import type { ChildConfig } from '../../src/policy/connection.ts';
import { CHILD_LIFETIMES, child, IKE_LIFETIMES, subnet } from '../sim/configuration.ts';
import { assertSettled } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { CALM } from '../sim/network.ts';
import { connected, type Pair, type PairOptions } from '../sim/pair.ts';

/*
 * Two hosts and a bad network for hours, both with the same lifetimes so that their rekeys meet. Whatever
 * happens: no packet is lost that the network did not lose, and at the end there is one IKE SA with one child of each
 * name. A failure tells its seed; SOAK_SEED repeats it, SOAK_RUNS asks for more of them.
 */

interface Kind {
  readonly name: string;
  readonly both: PairOptions['both'];
  readonly children: readonly ChildConfig[];
  readonly hours: number;
  /** The least number of rekeys each end must have seen. */
  readonly least: { readonly child: number; readonly ike: number };
}

const other = (config: Partial<ChildConfig>): ChildConfig =>
  child({ name: 'other', localTs: [subnet('10.11.0.0/16')], remoteTs: [subnet('10.12.0.0/16')], ...config });

const KINDS: readonly Kind[] = [
  {
    name: 'a day with the lifetimes of the field',
    both: { ...IKE_LIFETIMES, dpdDelay: 5 * MINUTE },
    children: [
      child(CHILD_LIFETIMES),
      other({ ...CHILD_LIFETIMES, rekeyTime: 40 * MINUTE, lifeTime: 50 * MINUTE }),
    ],
    hours: 24,
    least: { child: 50, ike: 5 },
  },
  {
    // Nothing is jittered: every rekey of one end meets that of the other.
    name: 'an hour of rekeys that always meet',
    both: { rekeyTime: 7 * MINUTE, overTime: 10 * MINUTE, dpdDelay: 50 * SECOND },
    children: [
      child({ rekeyTime: 2 * MINUTE, lifeTime: 20 * MINUTE }),
      other({ rekeyTime: 3 * MINUTE, lifeTime: 20 * MINUTE }),
    ],
    hours: 1,
    least: { child: 30, ike: 5 },
  },
];
const NAMES = ['net', 'other'];

function live(
  seed: number,
  { both = {}, children, hours }: Kind,
): Pair & { readonly gaps: readonly unknown[] } {
  const made = connected({ seed, both, children });
  const { sim, a, b, ab, ba } = made;
  const { random } = sim;
  for (const host of [a, b]) host.backEnd.latency = random.below(30);
  const weather = {
    ...CALM,
    delay: 10 + random.below(200),
    jitter: random.below(3000),
    loss: random.below(11) / 100,
    duplicate: random.below(20) / 100,
  };
  ab.weather = weather;
  ba.weather = weather;
  const gaps = NAMES.flatMap(name => sim.watch(a, b, name));
  for (let hour = 0; hour < hours; hour++) {
    sim.run(HOUR - 90 * SECOND);
    // What a person might do on top of it, at both ends and close together.
    for (const host of [a, b]) {
      if (random.chance(0.5)) host.rekey({ child: NAMES[random.below(2)] ?? 'net' });
      if (random.chance(0.2)) host.rekey({ connection: 'site', ike: host.status()[0]?.id ?? -1 });
      sim.run(random.below(2000));
    }
    sim.run(80 * SECOND);
  }
  return { ...made, gaps };
}

const first = Number(process.env['SOAK_SEED'] ?? 1);
const runs = Number(process.env['SOAK_RUNS'] ?? 1);

for (const kind of KINDS) {
  for (let seed = first; seed < first + runs; seed++) {
    test(`${kind.name}, seed ${seed}`, () => {
      const { sim, a, b, ab, ba, gaps } = live(seed, kind);
      ab.weather = CALM;
      ba.weather = CALM;
      // Whatever is under way comes to its end; between two rekeys there is rest.
      sim.run(20 * MINUTE);
      sim.until(() => isAtRest(a) && isAtRest(b));
      assertSettled(sim, a, b, NAMES);
      sim.check(() => {
        assert.deepEqual(gaps.slice(0, 3), []);
        for (const host of [a, b]) {
          const count = (name: 'child-up' | 'child-rekey' | 'ike-rekey'): number =>
            host.eventsOf(name).length;
          assert.equal(count('child-up'), NAMES.length, `${host.name}: a child had to be made anew`);
          assert.ok(count('child-rekey') >= kind.least.child, `${host.name}: ${count('child-rekey')} rekeys`);
          assert.ok(count('ike-rekey') >= kind.least.ike, `${host.name}: ${count('ike-rekey')} IKE rekeys`);
        }
      });
      sim.unwatch();
      a.terminate({});
      sim.run(5 * MINUTE);
      sim.assertEmpty();
    });
  }
}

/** One IKE SA, its children alone, and nothing that still receives for a replaced one. */
function isAtRest(host: Host): boolean {
  const [ike, ...more] = host.status();
  return (
    ike !== undefined &&
    more.length === 0 &&
    ike.tasksActive.length === 0 &&
    ike.children.length === NAMES.length &&
    host.backEnd.sas.size === NAMES.length
  );
}
