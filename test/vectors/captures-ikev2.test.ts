import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Malformed } from '../../src/lib/reader.ts';
import { decodeMessage, encodeMessage } from '../../src/wire/v2/message.ts';
import { checkMessage } from '../../src/wire/v2/rules.ts';
import { dataPath, withoutData } from '../data.ts';
import { ikeMessages } from '../pcap.ts';

const INDEX = 'captures/index.json';

interface Capture {
  readonly file: string;
  /** Messages by `v<major>/<exchange type>`, as another dissector counted them. */
  readonly exchanges: Readonly<Record<string, number>>;
}

/** Made by hand: its ID payload ends 39 octets before the message does. */
const UNSOUND = 'tcpdump/ikev2-id-normal.pcap';
/** Made by hand too: CERT stands in an IKE_SA_INIT. */
const UNLAWFUL = 'arkime/ike-cert_synthetic.pcap';

function captures(): Capture[] {
  if (withoutData(INDEX) !== false) return [];
  return (JSON.parse(readFileSync(dataPath(INDEX), 'utf8')) as Capture[]).filter(({ exchanges }) =>
    Object.keys(exchanges).some(key => key.startsWith('v2/')),
  );
}

test('there are captures to read', { skip: withoutData(INDEX) }, () => {
  assert.ok(captures().length >= 10);
});

for (const { file, exchanges } of captures()) {
  test(`capture ${file}: every IKEv2 message`, () => {
    const counted: Record<string, number> = {};
    for (const { payload } of ikeMessages(dataPath(`captures/${file}`))) {
      if ((payload[17] as number) >> 4 !== 2) continue;
      const key = `v2/${payload[18]}`;
      counted[key] = (counted[key] ?? 0) + 1;
      if (file === UNSOUND) {
        assert.throws(() => decodeMessage(payload), Malformed);
        continue;
      }
      const { header, payloads, encrypted } = decodeMessage(payload);
      if (encrypted !== undefined) continue;
      assert.deepEqual(encodeMessage(header, payloads), payload);
      const violation = checkMessage(header.exchangeType, (header.flags & 0x20) !== 0, payloads);
      assert.equal(violation?.kind, file === UNLAWFUL ? 'unexpected' : undefined);
    }
    const expected = Object.entries(exchanges).filter(([key]) => key.startsWith('v2/'));
    assert.deepEqual(counted, Object.fromEntries(expected));
  });
}
