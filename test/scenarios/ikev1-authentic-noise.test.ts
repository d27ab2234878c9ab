import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V1ExchangeType, V1Notify, V1PayloadType } from '../../src/iana/ikev1.ts';
import { MINUTE } from '../../src/lib/time.ts';
import type { V1Payload, V1SaPayload } from '../../src/wire/v1/payload.ts';
import { withScriptedPeerV1 } from '../sim/pair-v1.ts';
import type { Random } from '../sim/random.ts';
import {
  aliveNotify,
  deleteOfChild,
  deleteOfIsakmp,
  espSa,
  notifyOf,
  type V1ScriptedPeer,
} from '../sim/scripted-peer-v1.ts';
import { V1_SAMPLES } from '../wire-samples.ts';

/*
 * A peer with the right keys sends messages that are wrong in random places: octets under a HASH that covers them,
 * payloads in another order, said twice or left out, domains and attributes that nobody has. Whatever comes of it: no
 * defect of ours, nothing left behind, and a good peer is served afterwards. A failure tells its seed.
 */

const { QUICK_MODE, INFORMATIONAL, TRANSACTION, NEW_GROUP_MODE } = V1ExchangeType;
type Scripted = ReturnType<typeof withScriptedPeerV1>;

/** What a peer may rightly send, to be spoilt. */
const MESSAGES: readonly ((peer: V1ScriptedPeer) => readonly [number, readonly V1Payload[]])[] = [
  peer => [QUICK_MODE, peer.quickPayloads(peer.newSpi(), peer.provider.random(32))],
  peer => [QUICK_MODE, peer.quickPayloads(peer.newSpi(), peer.provider.random(32))],
  peer => [INFORMATIONAL, [deleteOfChild(peer.children.at(-1)?.spiIn ?? 1)]],
  peer => [INFORMATIONAL, [deleteOfIsakmp(peer.current)]],
  peer => [INFORMATIONAL, [aliveNotify(peer.current, V1Notify.R_U_THERE, 7)]],
  () => [INFORMATIONAL, [notifyOf(V1Notify.INVALID_SPI), notifyOf(V1Notify.INITIAL_CONTACT)]],
  () => [TRANSACTION, [...(V1_SAMPLES[V1PayloadType.ATTRIBUTES] ?? [])].slice(0, 1)],
  peer => [NEW_GROUP_MODE, [espSa(peer.newSpi())]],
];

const SAMPLES: readonly V1Payload[] = Object.values(V1_SAMPLES)
  .flat()
  .filter(({ type }) => type !== V1PayloadType.FRAGMENT);

/** The payloads in another shape: one more, one less, two changed about, one said again; or a field with another value. */
function reshape(random: Random, payloads: readonly V1Payload[]): readonly V1Payload[] {
  const all = [...payloads];
  const at = random.below(all.length + 1);
  const one = all[at];
  switch (random.below(7)) {
    case 0:
      all.splice(at, 0, SAMPLES[random.below(SAMPLES.length)] as V1Payload);
      return all;
    case 1:
      all.splice(at, 1);
      return all;
    case 2:
      return all.reverse();
    case 3:
      if (one !== undefined) for (let times = 1 + random.below(130); times > 0; times--) all.push(one);
      return all;
    case 4:
      return all.map(payload => ('doi' in payload ? { ...payload, doi: random.below(4) } : payload));
    case 5:
      return all.map(payload =>
        payload.type === V1PayloadType.SA && payload.proposals[0] !== undefined
          ? { ...payload, proposals: manyAttributes(random, payload.proposals[0]) }
          : payload,
      );
    default:
      return all;
  }
}

function manyAttributes(
  random: Random,
  proposal: V1SaPayload['proposals'][number],
): readonly V1SaPayload['proposals'][number][] {
  const attributes = Array.from({ length: random.below(70) }, () => ({
    type: random.below(20),
    value: random.chance(0.5) ? random.below(0x10000) : random.octets(random.below(9)),
  }));
  const transforms = Array.from({ length: 1 + random.below(200) }, (_, i) => ({
    number: i + 1,
    id: random.below(30),
    attributes: attributes.slice(0, random.below(attributes.length + 1)),
  }));
  return random.chance(0.5)
    ? [{ ...proposal, transforms }]
    : [
        proposal,
        {
          ...proposal,
          number: random.below(3),
          protocol: random.below(6),
          transforms: transforms.slice(0, 3),
        },
      ];
}

/** One to three wounds to the octets that the HASH covers: changed, taken out, said twice, cut off. */
function spoil(random: Random): (octets: Uint8Array) => Uint8Array {
  return octets => {
    let wounded = octets.slice();
    for (let wounds = 1 + random.below(3); wounds > 0; wounds--) {
      const at = random.below(wounded.length + 1);
      const length = random.below(12);
      const dice = random.below(10);
      if (dice < 6) {
        if (at < wounded.length) wounded[at] = random.below(256);
      } else if (dice < 7)
        wounded = Uint8Array.from([...wounded.subarray(0, at), ...wounded.subarray(at + length)]);
      else if (dice < 8)
        wounded = Uint8Array.from([
          ...wounded.subarray(0, at),
          ...wounded.subarray(Math.max(0, at - length)),
        ]);
      else wounded = wounded.slice(0, at);
    }
    return wounded;
  };
}

const first = Number(process.env['NOISE_SEED'] ?? 1);
const runs = Number(process.env['NOISE_RUNS'] ?? 8);

/** Runs `play` for each seed; a failure tells which. */
function forSeeds(play: (seed: number) => void): void {
  for (let seed = first; seed < first + runs; seed++) {
    try {
      play(seed);
    } catch (error) {
      throw new Error(`NOISE_SEED=${seed} NOISE_RUNS=1`, { cause: error });
    }
  }
}

test('messages that are authentic and wounded', () => {
  forSeeds(seed => {
    const made = withScriptedPeerV1({ seed });
    const { sim, a, peer } = made;
    const random = sim.random.fork();
    peer.establish();
    for (let i = 0; i < 24; i++) {
      if (a.status().every(({ state }) => state !== 'ESTABLISHED')) {
        sim.run(5 * MINUTE);
        peer.received.length = 0;
        peer.establish();
      }
      const [exchange, payloads] = MESSAGES[random.below(MESSAGES.length)]?.(peer) ?? [INFORMATIONAL, []];
      const spoiling = random.chance(0.5) ? { covered: spoil(random) } : {};
      const reshaped = random.chance(0.6) ? reshape(random, payloads) : payloads;
      peer.transmit(peer.seal(exchange, peer.newMessageId(), reshaped, spoiling));
      sim.run(50);
    }
    end(made);
    servesAGoodPeer(made);
  });
});

test('answers that are authentic and wounded', () => {
  forSeeds(seed => {
    const made = withScriptedPeerV1({ seed });
    const { sim, a, peer } = made;
    const random = sim.random.fork();
    const wounds = (): { readonly covered?: (octets: Uint8Array) => Uint8Array } =>
      random.chance(0.5) ? { covered: spoil(random) } : {};
    for (let i = 0; i < 12; i++) {
      peer.odd.quick = {};
      if (a.status().length === 0) {
        a.initiate('site', 'net');
        sim.run(MINUTE);
      }
      peer.odd.quick = { 2: { payloads: all => reshape(random, all), ...wounds() } };
      const dice = random.below(3);
      if (dice === 0) a.rekey({ child: 'net' });
      else if (dice === 1) a.initiate('site', 'net');
      else a.terminate({ child: 'net' });
      sim.run(random.below(MINUTE));
    }
    end(made);
  });
});

test('main mode with wounds in any of its messages, on both sides', () => {
  forSeeds(seed => {
    const made = withScriptedPeerV1({ seed });
    const { sim, a, peer } = made;
    const random = sim.random.fork();
    for (let i = 0; i < 8; i++) {
      const number = 1 + random.below(3);
      const oddity = (at: number): { payloads?: (all: readonly V1Payload[]) => readonly V1Payload[] } =>
        at === number ? { payloads: all => reshape(random, all) } : {};
      if (random.chance(0.5)) {
        if (peer.offer(oddity(1)) !== undefined && peer.share(oddity(2)) !== undefined) peer.prove(oddity(3));
      } else {
        peer.odd.main = { 2: oddity(1), 4: oddity(2), 6: oddity(3) };
        a.initiate('site', 'net');
        sim.run(10 * MINUTE);
        peer.odd.main = {};
      }
      end(made);
    }
    servesAGoodPeer(made);
  });
});

function servesAGoodPeer(made: Scripted): void {
  const { peer } = made;
  peer.received.length = 0;
  peer.establish();
  peer.quick();
  end(made);
}

function end({ sim, a }: Scripted): void {
  a.terminate({});
  sim.run(30 * MINUTE);
  sim.check(() => {
    for (const { id } of a.status()) a.terminate({ ike: id });
  });
  sim.run(10 * MINUTE);
  sim.check(() => a.backEnd.assertEmpty(a.name));
  assert.deepEqual([...a.up.children, ...a.up.ikes], []);
}
