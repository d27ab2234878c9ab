import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { VENDOR_IDS, vendorNameOf } from '../../src/iana/vendor-ids.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { HeaderMalformed } from '../../src/wire/header.ts';
import { decodeV1Message, decodeV1Payloads, encodeV1Message } from '../../src/wire/v1/message.ts';
import { checkV1Message } from '../../src/wire/v1/rules.ts';
import { dataPath, withoutData } from '../data.ts';

const HOSTILE = 'corpora/hostile-datagrams/pre-authentication.jsonl';
const TRANSCRIPTS = 'vectors/transcripts/ikev1-rub-nds.json';
const REGISTRIES = 'specs/registries.csv';

/** Why the parser or the message rules refuse a first message; undefined where they let it pass. */
function refusal(datagram: Uint8Array): string | undefined {
  try {
    const { header, payloads, encrypted } = decodeV1Message(datagram);
    return checkV1Message(header.exchangeType, 1, encrypted, payloads)?.kind;
  } catch (error) {
    assert.ok(error instanceof Malformed);
    return error instanceof HeaderMalformed ? error.fault : 'payload';
  }
}

/**
 * What becomes of each hostile IKEv1 datagram here; those that pass are lawful messages whose values others
 * refuse (situations, key lengths, methods), or unprotected ones that nobody may act on.
 */
const VERDICTS: Readonly<Record<string, string | undefined>> = {
  'poc-2009-0790': 'length',
  'poc-2015-3204-a': undefined,
  'poc-2015-3204-b': 'missing',
  'poc-2022-23094-0': 'payload',
  'poc-2020-1763-a': 'unexpected',
  'poc-2020-1763-b': 'unexpected',
  'v1-v2payloads': 'missing',
  'v1-valid-mm1': undefined,
  'v1-hdr-only': 'payload',
  'v1-len0': 'payload',
  'v1-sa-short': 'payload',
  'v1-spi-255': 'payload',
  'v1-keylen-des': undefined,
  'v1-rsaenc-weak': undefined,
  'v1-cr-underflow': 'payload',
  'v1-delete-spis': 'payload',
  'v1-delete-plain': undefined,
  'v1-dpd-plain': undefined,
  'v1-frag-len4': 'payload',
  'v1-frag-len7': 'payload',
  'v1-frag-empty': 'payload',
  'v1-frag-num0': 'payload',
  'v1-frag-num255': 'unexpected',
  'v1-aggr-nopayloads': 'missing',
  'v1-aggr-psk': undefined,
};

test('every hostile IKEv1 datagram meets its verdict', { skip: withoutData(HOSTILE) }, () => {
  const lines = readFileSync(dataPath(HOSTILE), 'utf8').trim().split('\n');
  const ours = lines
    .map(line => JSON.parse(line) as { readonly id: string; readonly hex: string })
    .filter(({ id }) => id in VERDICTS);
  assert.equal(ours.length, Object.keys(VERDICTS).length);
  for (const { id, hex } of ours) {
    assert.equal(refusal(Uint8Array.from(Buffer.from(hex, 'hex'))), VERDICTS[id], id);
  }
});

interface Transcript {
  readonly name: string;
  readonly messages: readonly { readonly hex: string }[];
  readonly quickModePlain: readonly string[];
}

test('the messages of published exchanges are lawful and come back octet for octet', {
  skip: withoutData(TRANSCRIPTS),
}, () => {
  const { transcripts } = JSON.parse(readFileSync(dataPath(TRANSCRIPTS), 'utf8')) as {
    transcripts: Transcript[];
  };
  assert.equal(transcripts.length, 2);
  for (const { name, messages, quickModePlain } of transcripts) {
    const numbers = new Map<number, number>();
    for (const { hex } of messages) {
      const datagram = fromHex(hex) as Uint8Array;
      const { header, payloads, encrypted } = decodeV1Message(datagram);
      const number = (numbers.get(header.exchangeType) ?? 0) + 1;
      numbers.set(header.exchangeType, number);
      if (encrypted) continue;
      assert.equal(checkV1Message(header.exchangeType, number, false, payloads), undefined, name);
      assert.deepEqual(encodeV1Message(header, payloads), datagram, name);
    }
    assert.equal(quickModePlain.length, 3);
    quickModePlain.forEach((plain, i) => {
      const { payloads } = decodeV1Payloads(8, fromHex(plain) as Uint8Array);
      assert.equal(checkV1Message(32, i + 1, true, payloads), undefined, `${name} ${i}`);
    });
  }
});

test('the table of vendor IDs has every verified row of the digest', {
  skip: withoutData(REGISTRIES),
}, () => {
  const rows = readFileSync(dataPath(REGISTRIES), 'utf8')
    .split('\n')
    .filter(line => line.startsWith('vendor-id,') && line.includes(',VERIFIED,'))
    .map(line => line.split(',')[1] as string);
  assert.ok(rows.length > 80);
  for (const hex of rows) {
    assert.notEqual(vendorNameOf(fromHex(hex) as Uint8Array), undefined, hex);
    assert.ok(
      Object.values(VENDOR_IDS).some(known => hex.startsWith(known)),
      hex,
    );
  }
});
