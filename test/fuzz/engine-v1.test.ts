import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { splitV1Message } from '../../src/wire/v1/fragments.ts';
import { assertSettles } from '../sim/ends.ts';
import { certified, pairV1, V1 } from '../sim/pair-v1.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';
import { end, told, withLength, wounding } from './wounds.ts';

/*
 * Wounded datagrams to a whole engine at each stage of phase 1 and after, from a stranger and in the peer's place: no
 * defect of ours (the simulation fails on one), nothing kept, and the honest peer gets through.
 */

const MODES = {
  'main mode': {},
  'aggressive mode': { both: { ...V1, aggressive: true }, settings: { allowAggressivePsk: true } },
  'main mode with certificates': certified({ name: 'moon' }, { name: 'sun' }),
} as const;

for (const [mode, options] of Object.entries(MODES))
  test(`${mode}: each message wounded on its way (seed ${FUZZ_SEED})`, () => {
    const random = new Random(FUZZ_SEED);
    for (let run = fuzzRuns(15); run > 0; run--) {
      const { sim, a, b, ab, ba } = pairV1(told({ seed: random.below(1 << 30), ...options }));
      ab.script = ba.script = wounding(random);
      a.initiate('site', 'net');
      sim.run(5 * MINUTE);
      ab.script = ba.script = () => 'pass';
      end(sim, a, b);
      a.initiate('site', 'net');
      assertSettles(sim, a, b);
    }
  });

test(`wounded copies of all that two ends say, from elsewhere and again (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED + 1);
  for (const options of Object.values(MODES)) {
    const { sim, a, b, ab, ba } = pairV1(told({ seed: 7, ...options }));
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    a.rekey({ child: 'net' });
    sim.run(MINUTE);
    const said = [...ab.recorded, ...ba.recorded].filter(({ content }) => content.kind === 'ike');
    const ids = a.status().map(({ id }) => id);
    for (let run = fuzzRuns(600); run > 0; run--) {
      const packet = said[random.below(said.length)];
      if (packet?.content.kind !== 'ike') continue;
      const { datagram } = packet.content;
      const whole = random.chance(0.8) || datagram.length < 100;
      const pieces = whole ? [datagram] : splitV1Message(datagram, 90, 1 + random.below(3));
      const piece = pieces[random.below(pieces.length)] ?? datagram;
      const from = random.chance(0.5) ? packet.from : { ...packet.from, port: 1000 + random.below(3) };
      sim.network.deliver({
        ...packet,
        from,
        content: { kind: 'ike', datagram: withLength(mutate(piece, random)) },
      });
      if (run % 50 === 0) sim.run(SECOND);
    }
    sim.run(10 * MINUTE);
    assert.deepEqual(
      a.status().map(({ id }) => id),
      ids,
    );
    assertSettles(sim, a, b);
  }
});
