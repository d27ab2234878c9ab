import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { V1ExchangeType } from '../../src/iana/ikev1.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { decodeV1Message, encodeV1Message } from '../../src/wire/v1/message.ts';
import type { V1Payload } from '../../src/wire/v1/payload.ts';
import { checkV1Message } from '../../src/wire/v1/rules.ts';
import { dataPath, withoutData } from '../data.ts';
import { ikeMessages } from '../pcap.ts';

const INDEX = 'captures/index.json';

interface Capture {
  readonly file: string;
  /** Messages by `v<major>/<exchange type>`, as another dissector counted them. */
  readonly exchanges: Readonly<Record<string, number>>;
}

/** Made by hand: two of its messages carry an SA without proposals, two no payload at all. */
const UNSOUND = 'arkime/ike-cert_synthetic.pcap';

function captures(): Capture[] {
  if (withoutData(INDEX) !== false) return [];
  return (JSON.parse(readFileSync(dataPath(INDEX), 'utf8')) as Capture[]).filter(({ exchanges }) =>
    Object.keys(exchanges).some(key => key.startsWith('v1/')),
  );
}

/** Whether some message of the exchange may look so: a capture may begin anywhere and repeat what was lost. */
function lawful(exchange: number, payloads: readonly V1Payload[]): boolean {
  return [1, 2, 3, 4].some(number => checkV1Message(exchange, number, false, payloads) === undefined);
}

test('there are captures to read', { skip: withoutData(INDEX) }, () => {
  assert.ok(captures().length >= 12);
});

for (const { file, exchanges } of captures()) {
  test(`capture ${file}: every IKEv1 message`, () => {
    const counted: Record<string, number> = {};
    let unsound = 0;
    for (const { payload } of ikeMessages(dataPath(`captures/${file}`))) {
      if ((payload[17] as number) >> 4 !== 1) continue;
      const key = `v1/${payload[18]}`;
      counted[key] = (counted[key] ?? 0) + 1;
      try {
        const { header, payloads, encrypted } = decodeV1Message(payload);
        if (encrypted) continue;
        assert.deepEqual(encodeV1Message(header, payloads), payload);
        if (!lawful(header.exchangeType, payloads)) unsound++;
        else assert.notEqual(header.exchangeType, V1ExchangeType.QUICK_MODE);
      } catch (error) {
        assert.ok(error instanceof Malformed);
        unsound++;
      }
    }
    assert.equal(unsound, file === UNSOUND ? 4 : 0);
    const expected = Object.entries(exchanges).filter(([key]) => key.startsWith('v1/'));
    assert.deepEqual(counted, Object.fromEntries(expected));
  });
}
