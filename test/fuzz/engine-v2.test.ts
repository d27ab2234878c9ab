import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { PayloadChain } from '../../src/wire/chain.ts';
import { child, subnet } from '../sim/configuration.ts';
import { assertSettles } from '../sim/ends.ts';
import { impair } from '../sim/impairment.ts';
import { type PairOptions, pair } from '../sim/pair.ts';
import { certified } from '../sim/pair-v1.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';
import { end, told, withLength, wounding } from './wounds.ts';

/*
 * Wounded messages to whole engines at each stage of IKEv2, in the peer's place, from elsewhere, late, twice and out of
 * order, and authentic ones whose payloads are wounded: no defect of ours (the simulation fails on one), nothing kept, and
 * the honest peer gets through afterwards.
 */

const MODES: Readonly<Record<string, PairOptions>> = {
  'shared key': {},
  'certificates in fragments': {
    ...certified({ name: 'moon' }, { name: 'sun' }),
    settings: { fragmentSize: 576 },
  },
  'cookies and compression': {
    settings: { cookieThreshold: 0 },
    children: [child({ ipcomp: true })],
  },
  'a NAT that is pretended, without MOBIKE': { both: { encap: true, mobike: false } },
};

for (const [mode, options] of Object.entries(MODES)) {
  test(`${mode}: each message wounded on its way (seed ${FUZZ_SEED})`, () => {
    const random = new Random(FUZZ_SEED);
    for (let run = fuzzRuns(5); run > 0; run--) {
      const { sim, a, b, ab, ba } = pair(told({ seed: random.below(1 << 30), ...options }));
      const weather = { delay: 20, jitter: 500, loss: 0.05, duplicate: 0.2 };
      for (const way of [ab, ba]) {
        way.script = wounding(random);
        way.weather = { ...way.weather, ...weather };
      }
      a.initiate('site', 'net');
      sim.run(MINUTE);
      if (random.chance(0.5)) a.rekey({ child: 'net' });
      if (random.chance(0.5)) b.rekey({ connection: 'site', ike: b.status()[0]?.id ?? -1 });
      sim.run(5 * MINUTE);
      const calm = { delay: 20, jitter: 0, loss: 0, duplicate: 0 };
      for (const way of [ab, ba]) {
        way.script = () => 'pass';
        way.weather = { ...way.weather, ...calm };
      }
      end(sim, a, b);
      a.initiate('site', 'net');
      assertSettles(sim, a, b);
    }
  });
}

const WHERE = [
  'IKE_AUTH request',
  'IKE_AUTH response',
  'CREATE_CHILD_SA request',
  'CREATE_CHILD_SA response',
  'INFORMATIONAL request',
  'INFORMATIONAL response',
];

test(`authentic messages whose payloads are wounded (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED + 2);
  for (let run = fuzzRuns(12); run > 0; run--) {
    const options = random.chance(0.5)
      ? certified({ name: 'moon' }, { name: 'sun' })
      : { children: [child({ ipcomp: true, remoteTs: [subnet('10.2.0.0/16'), subnet('10.4.0.0/16')] })] };
    const { sim, a, b, ab, ba } = pair({
      seed: random.below(1 << 30),
      ...options,
      settings: { saveKeys: true, traceMessages: true },
    });
    const where = WHERE[random.below(WHERE.length)] as string;
    const chain = ({ first, bytes }: PayloadChain): PayloadChain => ({
      first: random.chance(0.05) ? 33 + random.below(20) : first,
      bytes: mutate(bytes, random),
    });
    const fields = random.chance(0.1)
      ? { fields: (all: object) => ({ ...all, messageId: random.below(4) }) as never }
      : {};
    const [from, to] = random.chance(0.5) ? [a, b] : [b, a];
    impair(sim, from, to, { where, chain, ...(random.chance(0.7) ? { once: true } : {}), ...fields });
    a.initiate('site', 'net');
    sim.run(MINUTE);
    from.rekey({ child: 'net' });
    sim.run(MINUTE);
    from.rekey({ connection: 'site', ike: from.status()[0]?.id ?? -1 });
    sim.run(MINUTE);
    to.terminate({ child: 'net' });
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
    const { sim, a, b, ab, ba } = pair(told({ seed: 7, ...options }));
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    a.rekey({ child: 'net' });
    sim.run(MINUTE);
    b.rekey({ connection: 'site', ike: b.status()[0]?.id ?? -1 });
    sim.run(MINUTE);
    const said = [...ab.recorded, ...ba.recorded].filter(({ content }) => content.kind === 'ike');
    const ids = a.status().map(({ id }) => id);
    for (let run = fuzzRuns(200); run > 0; run--) {
      const packet = said[random.below(said.length)];
      if (packet?.content.kind !== 'ike') continue;
      const whole = random.chance(0.3);
      const datagram = whole ? packet.content.datagram : withLength(mutate(packet.content.datagram, random));
      const from = random.chance(0.5) ? packet.from : { ...packet.from, port: 1000 + random.below(3) };
      sim.network.deliver({ ...packet, from, content: { kind: 'ike', datagram } });
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
