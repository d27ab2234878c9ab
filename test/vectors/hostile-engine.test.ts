import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { keyExchangeOf } from '../../src/crypto/ke/key-exchange.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { Engine } from '../../src/engine/engine.ts';
import { ExchangeType, PayloadType } from '../../src/iana/ikev2.ts';
import { KeMethod } from '../../src/iana/transforms.ts';
import type { Output } from '../../src/ike/output.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import type { Path } from '../../src/policy/sa.ts';
import { decodeMessage, encodeMessage } from '../../src/wire/index.ts';
import { dataPath, withoutData } from '../data.ts';
import { connection, sharedKey } from '../sim/configuration.ts';
import { readTarGz } from '../tar.ts';

/** Everything a stranger may send, to a whole engine: nothing thrown, no state kept, and an honest peer answered afterwards. */

const NOW = Date.UTC(2030, 0, 1);
const HOSTILE = 'corpora/hostile-datagrams/pre-authentication.jsonl';
const PARSER = 'corpora/ikev2-parser/messages.tar.gz';

function engine(): Engine {
  return new Engine({
    provider: nodeProvider(),
    connections: [connection('b', 'a')],
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

/** No answer larger than its question, unless it is the one that an honest request deserves. */
function harmless(question: Uint8Array, outputs: readonly Output[]): boolean {
  const answers = transmitted(outputs);
  const octets = answers.reduce((sum, answer) => sum + answer.length, 0);
  return (
    octets <= Math.max(question.length, 0) ||
    answers.every(answer => decodeMessage(answer).payloads.some(payload => payload.type === PayloadType.SA))
  );
}

test('every pre-authentication datagram: survived, bounded, forgotten', {
  skip: withoutData(HOSTILE),
}, () => {
  const rows = readFileSync(dataPath(HOSTILE), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { id: string; port: number; hex: string });
  assert.equal(rows.length, 75);
  const one = engine();
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
