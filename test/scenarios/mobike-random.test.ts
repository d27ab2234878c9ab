import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp, type IpAddress, ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import { OUTSIDE, SECOND_A, SECOND_B, THIRD_A } from '../sim/mobile.ts';
import { CALM, Nat } from '../sim/network.ts';
import { ADDRESS_A, ADDRESS_B, pair } from '../sim/pair.ts';
import { Random } from '../sim/random.ts';

const FIRST = Number(process.env['RANDOM_SEED'] ?? 1);
const RUNS = Number(process.env['RANDOM_RUNS'] ?? 6);
/** These once found something. */
const TELLING = [900_035, 900_329, 900_601, 901_063, 901_073];
const SEEDS = new Set([...TELLING, ...Array.from({ length: RUNS }, (_, index) => FIRST + index)]);

/** The last is behind a NAT. */
const PLACES_A = [ADDRESS_A, SECOND_A, THIRD_A, ip('10.0.0.5')] as const;
const PLACES_B = [ADDRESS_B, SECOND_B] as const;

/** One or two of `places`, in any order. */
function some(random: Random, places: readonly IpAddress[]): readonly IpAddress[] {
  const first = places[random.below(places.length)] as IpAddress;
  const second = places[random.below(places.length)] as IpAddress;
  return random.chance(0.5) || first === second ? [first] : [first, second];
}

for (const seed of SEEDS) {
  test(`whatever moves, and whoever rekeys meanwhile, ends up where it is (seed ${seed}: RANDOM_SEED, RANDOM_RUNS)`, () => {
    const random = new Random(seed);
    const made = pair({ seed, both: { mobike: true, dpdDelay: 20 * SECOND } });
    const { sim, a, b, ab, ba } = made;
    const nat = new Nat(OUTSIDE, [PLACES_A[3]]);
    sim.network.addNat(nat);
    a.roam(ADDRESS_A);
    b.roam(...PLACES_B);
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    const weather = { ...CALM, jitter: 100, loss: 0.1, duplicate: 0.1 };
    ab.weather = weather;
    ba.weather = weather;
    for (let step = 0; step < 25; step++) {
      const end = random.chance(0.5) ? a : b;
      switch (random.below(8)) {
        case 0:
        case 1:
        case 2:
          a.roam(...some(random, PLACES_A));
          break;
        case 3:
          // The one that a knows stays: nobody finds a peer that has left for where it never said that it was.
          b.roam(...(random.chance(0.5) ? PLACES_B : [...PLACES_B].reverse()));
          break;
        case 4:
          nat.rebind();
          break;
        case 5:
          end.rekey({ child: 'net' });
          break;
        case 6:
          end.rekey({ connection: 'site' });
          break;
        case 7:
          a.roam();
          sim.run(random.below(30) * SECOND);
          a.roam(...some(random, PLACES_A));
      }
      sim.run(random.below(40_000));
    }
    ab.weather = CALM;
    ba.weather = CALM;
    sim.run(5 * MINUTE);
    assertSettles(sim, a, b);
    sim.check(() => {
      const [atA, atB] = [onlyIke(a).path, onlyIke(b).path];
      const isHidden = nat.holds(atA.local.address);
      assert.ok(a.addresses.map(formatIp).includes(formatIp(atA.local.address)));
      assert.equal(formatIp(atB.remote.address), formatIp(isHidden ? OUTSIDE : atA.local.address));
      assert.equal(formatIp(atA.remote.address), formatIp(atB.local.address));
      for (const [host, path] of [
        [a, atA],
        [b, atB],
      ] as const) {
        for (const entry of host.backEnd.sas.values()) {
          assert.deepEqual(entry.path, path);
          assert.equal(entry.udpEncapsulation, isHidden);
        }
      }
    });
    assertEnds(sim, a);
  });
}
