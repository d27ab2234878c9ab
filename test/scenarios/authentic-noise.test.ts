import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType, PayloadType, ProtocolId } from '../../src/iana/ikev2.ts';
import { MINUTE } from '../../src/lib/time.ts';
import type { PayloadChain } from '../../src/wire/chain.ts';
import type { Payload } from '../../src/wire/v2/payload.ts';
import { withScriptedPeer } from '../sim/pair.ts';
import type { Random } from '../sim/random.ts';
import { type ScriptedPeer, spiOctets } from '../sim/scripted-peer.ts';

/*
 * A peer with the right keys sends requests and answers whose octets are wrong in random places. Whatever comes of
 * it: no defect of ours, nothing left behind, and a good peer is served afterwards. A failure tells its seed.
 */

const { CREATE_CHILD_SA, INFORMATIONAL } = ExchangeType;

/** What a peer may rightly send, to be spoilt. */
const REQUESTS: readonly ((peer: ScriptedPeer) => readonly [number, readonly Payload[]])[] = [
  peer => [CREATE_CHILD_SA, peer.childRequest()],
  peer => [CREATE_CHILD_SA, [peer.rekeyNotify(peer.children.at(-1)?.spiIn ?? 1), ...peer.childRequest()]],
  peer => [CREATE_CHILD_SA, peer.ikeRekeyRequest()],
  peer => [
    INFORMATIONAL,
    [
      {
        type: PayloadType.Delete,
        protocol: ProtocolId.ESP,
        spiSize: 4,
        spis: [spiOctets(peer.children.at(-1)?.spiIn ?? 1)],
      },
    ],
  ],
  () => [INFORMATIONAL, []],
];

/** One to three wounds: an octet changed, some taken out, some said twice, the first type another. */
function spoil(random: Random): (chain: PayloadChain) => PayloadChain {
  return ({ first, bytes }) => {
    let wounded = bytes.slice();
    let type = first;
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
      else if (dice < 9) wounded = wounded.slice(0, at);
      else type = 30 + random.below(30);
    }
    return { first: type, bytes: wounded };
  };
}

const first = Number(process.env['NOISE_SEED'] ?? 1);
const runs = Number(process.env['NOISE_RUNS'] ?? 8);

test('requests that are authentic and wounded', () => {
  for (let seed = first; seed < first + runs; seed++) {
    const { sim, a, peer } = withScriptedPeer({ seed });
    const random = sim.random.fork();
    peer.establish();
    for (let i = 0; i < 20; i++) {
      if (a.status().every(({ state }) => state !== 'ESTABLISHED')) {
        sim.run(5 * MINUTE);
        peer.establish();
      }
      const [exchange, payloads] = REQUESTS[random.below(REQUESTS.length)]?.(peer) ?? [INFORMATIONAL, []];
      peer.request(exchange, payloads, random.chance(0.9) ? { chain: spoil(random) } : {});
      sim.run(50);
    }
    end(sim, a);
  }
});

test('answers that are authentic and wounded', () => {
  for (let seed = first; seed < first + runs; seed++) {
    const { sim, a, peer } = withScriptedPeer({ seed });
    const random = sim.random.fork();
    for (let i = 0; i < 12; i++) {
      const [ike] = a.status();
      peer.spoil = undefined;
      if (ike === undefined) {
        a.initiate('site', 'net');
        sim.run(MINUTE);
      }
      peer.spoil = spoil(random);
      const dice = random.below(4);
      if (dice === 0) a.rekey({ child: 'net' });
      else if (dice === 1) a.rekey({ ike: a.status()[0]?.id ?? -1 });
      else if (dice === 2) a.initiate('site', 'net');
      else a.terminate({ child: 'net' });
      sim.run(random.below(MINUTE));
    }
    peer.spoil = undefined;
    end(sim, a);
  }
});

function end(
  sim: ReturnType<typeof withScriptedPeer>['sim'],
  a: ReturnType<typeof withScriptedPeer>['a'],
): void {
  a.terminate({});
  sim.run(30 * MINUTE);
  sim.check(() => {
    for (const { id } of a.status()) a.terminate({ ike: id });
  });
  sim.run(10 * MINUTE);
  sim.check(() => a.backEnd.assertEmpty(a.name));
  assert.deepEqual([...a.up.children, ...a.up.ikes], []);
}
