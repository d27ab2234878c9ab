import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { keyExchangeOf } from '../../src/crypto/ke/key-exchange.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { Engine } from '../../src/engine/engine.ts';
import { V1ExchangeType, V1PayloadType } from '../../src/iana/ikev1.ts';
import { ExchangeType, PayloadType } from '../../src/iana/ikev2.ts';
import { KeMethod } from '../../src/iana/transforms.ts';
import type { Output } from '../../src/ike/output.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import type { Connection } from '../../src/policy/connection.ts';
import type { Path } from '../../src/policy/sa.ts';
import { decodeMessage, encodeMessage } from '../../src/wire/index.ts';
import { decodeV1Message, encodeV1Message } from '../../src/wire/v1/message.ts';
import { dataPath, withoutData } from '../data.ts';
import { ikeMessages } from '../pcap.ts';
import { connection, sharedKey } from '../sim/configuration.ts';
import { phaseOneSa } from '../sim/scripted-peer-v1.ts';
import { readTarGz } from '../tar.ts';

/** Everything a stranger may send, to a whole engine: nothing thrown, no state kept, and an honest peer answered afterwards. */

const NOW = Date.UTC(2030, 0, 1);
const HOSTILE = 'corpora/hostile-datagrams/pre-authentication.jsonl';
const CAPTURES = 'captures/index.json';
const PARSER = 'corpora/ikev2-parser/messages.tar.gz';

/** One that answers IKEv2 alone; or one that lets IKEv1 in by every door it has, with old algorithms too. */
const BOTH: Partial<Connection> = {
  version: 0,
  aggressive: true,
  proposals: [
    ...connection('b', 'a').proposals,
    ...parseProposals(
      'aes128-sha256-ecp256,aes256-sha1-modp1536-modp1024,3des-md5-sha1-modp1024,des-md5-modp768',
      'ike',
    ),
  ],
};

function engine(overrides: Partial<Connection> = {}): Engine {
  return new Engine({
    provider: nodeProvider(),
    settings: { allowAggressivePsk: true },
    connections: [connection('b', 'a', overrides)],
    credentials: sharedKey(),
    features: {
      modes: ['tunnel'],
      protocols: ['esp'],
      esn: true,
      forceUdpEncapsulation: false,
      maximumReplayWindow: 128,
    },
  });
}

function pathFrom(host: number, port = 500): Path {
  return {
    local: { address: ip('192.0.2.1'), port },
    remote: { address: Uint8Array.of(198, 51, 100, host), port: 500 },
  };
}

function transmitted(outputs: readonly Output[]): readonly Uint8Array[] {
  return outputs.flatMap(output => (output.kind === 'transmit' ? [output.datagram] : []));
}

/** The CONTROL of the corpus: a sound IKE_SA_INIT, which must get a sound answer. */
function control(one: Engine, initiatorSpi: bigint): void {
  const provider = nodeProvider();
  const ke = keyExchangeOf(provider, KeMethod.CURVE25519);
  assert.ok(ke);
  const [proposal] = connection('a', 'b').proposals;
  assert.ok(proposal);
  const request = encodeMessage(
    { initiatorSpi, responderSpi: 0n, exchangeType: ExchangeType.IKE_SA_INIT, flags: 0x08, messageId: 0 },
    [
      {
        type: PayloadType.SA,
        proposals: [{ number: 1, protocol: 1, spi: new Uint8Array(0), transforms: proposal.transforms }],
      },
      { type: PayloadType.KE, method: KeMethod.CURVE25519, data: ke.initiate().publicValue },
      { type: PayloadType.Nonce, data: provider.random(32) },
    ],
  );
  const [answer] = transmitted(one.receive(request, pathFrom(250), NOW + 60_000));
  assert.ok(answer, 'CONTROL was not answered');
  const { payloads } = decodeMessage(answer);
  assert.ok(
    payloads.some(
      payload =>
        payload.type === PayloadType.SA ||
        (payload.type === PayloadType.Notify && payload.notifyType === 16_390),
    ),
    'CONTROL got neither a choice nor a cookie',
  );
}

/** A sound first message of main mode, which must get a sound answer. */
function controlV1(one: Engine, initiatorSpi: bigint): void {
  const fields = {
    initiatorSpi,
    responderSpi: 0n,
    exchangeType: V1ExchangeType.MAIN_MODE,
    flags: 0,
    messageId: 0,
  };
  const request = encodeV1Message(fields, [phaseOneSa()]);
  const [answer] = transmitted(one.receive(request, pathFrom(251), NOW + 60_000));
  assert.ok(answer !== undefined, 'main mode was not answered');
  assert.equal(answer[18], V1ExchangeType.MAIN_MODE);
}

const SA_TYPES: readonly unknown[] = [PayloadType.SA, V1PayloadType.SA];

/** No answer larger than its question, unless it is the one that an honest request deserves. */
function harmless(question: Uint8Array, outputs: readonly Output[]): boolean {
  assertNoDefect(outputs);
  const answers = transmitted(outputs);
  const octets = answers.reduce((sum, answer) => sum + answer.length, 0);
  return (
    octets <= Math.max(question.length, 0) ||
    answers.every(answer => payloadsOf(answer).some(({ type }) => SA_TYPES.includes(type)))
  );
}

function assertNoDefect(outputs: readonly Output[]): void {
  for (const output of outputs)
    if (output.kind === 'event' && output.event.kind === 'log')
      assert.notEqual(output.event.level, 'error', output.event.text);
}

function payloadsOf(answer: Uint8Array): readonly { readonly type: unknown }[] {
  return (answer[17] ?? 0) >> 4 === 1 ? decodeV1Message(answer).payloads : decodeMessage(answer).payloads;
}

for (const [what, overrides] of [
  ['IKEv2 alone', {}],
  ['both versions', BOTH],
] as const)
  test(`every pre-authentication datagram, ${what}: survived, bounded, forgotten`, {
    skip: withoutData(HOSTILE),
  }, () => {
    const rows = readFileSync(dataPath(HOSTILE), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { id: string; port: number; hex: string });
    assert.equal(rows.length, 75);
    const one = engine(overrides);
    rows.forEach(({ id, port, hex }, i) => {
      const datagram = fromHex(hex);
      assert.ok(datagram, id);
      // Twice: the second time must find nothing left over by the first.
      for (let time = 0; time < 2; time++) {
        const outputs = one.receive(datagram.slice(), pathFrom(1 + (i % 200), port), NOW + i);
        assert.ok(harmless(datagram, outputs), `${id}: the answer is larger than the question`);
      }
    });
    control(one, 0x1111n);
    if (overrides.version === 0) controlV1(one, 0x1112n);
    // What honest-looking requests among them left half-open goes with the half-open time.
    one.tick(NOW + 10 * 60_000);
    assert.deepEqual(one.status(), []);
  });

test('every input of the parser corpus, to the engine', { skip: withoutData(PARSER) }, () => {
  const one = engine();
  let count = 0;
  for (const data of readTarGz(dataPath(PARSER)).values()) {
    const outputs = one.receive(data.slice(), pathFrom(1 + (count % 200)), NOW + count);
    assert.ok(harmless(data, outputs));
    count++;
  }
  assert.equal(count, 7848);
  control(one, 0x2222n);
  one.tick(NOW + 10 * 60_000);
  assert.deepEqual(one.status(), []);
});

/** What others recorded of IKEv1, and every message of theirs with the cookies of a half-open SA of ours. */
test('every recorded message of IKEv1, to the engine', { skip: withoutData(CAPTURES) }, () => {
  const one = engine(BOTH);
  const files = JSON.parse(readFileSync(dataPath(CAPTURES), 'utf8')) as { file: string }[];
  let count = 0;
  let answered = 0;
  for (const { file } of files)
    for (const { payload } of ikeMessages(dataPath(`captures/${file}`))) {
      if ((payload[17] ?? 0) >> 4 !== 1) continue;
      const path = pathFrom(1 + (count % 200));
      const outputs = one.receive(payload.slice(), path, NOW + count);
      assert.ok(harmless(payload, outputs), file);
      for (const answer of transmitted(outputs)) {
        answered++;
        const ours = payload.slice();
        ours.set(answer.subarray(0, 16));
        assertNoDefect(one.receive(ours, path, NOW + count));
      }
      count++;
    }
  assert.ok(count > 100 && answered > 5, `${count} messages, ${answered} answers`);
  one.tick(NOW + 10 * 60_000);
  assert.deepEqual(one.status(), []);
  controlV1(one, 0x3333n);
});
