import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Malformed } from '../../src/lib/reader.ts';
import { detailDatagram, summarizeDatagram } from '../../src/wire/describe.ts';
import { decodeHeader, HeaderMalformed } from '../../src/wire/header.ts';
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads } from '../../src/wire/v2/message.ts';
import { checkMessage } from '../../src/wire/v2/rules.ts';
import { dataPath, withoutData } from '../data.ts';
import { readTarGz } from '../tar.ts';

const CORPUS = 'corpora/ikev2-parser/messages.tar.gz';
const HOSTILE = 'corpora/hostile-datagrams/pre-authentication.jsonl';

test('every input of the parser corpus is read or refused', { skip: withoutData(CORPUS) }, () => {
  const inputs = readTarGz(dataPath(CORPUS));
  assert.equal(inputs.size, 7848);
  let read = 0;
  for (const [name, input] of inputs) {
    // As it is, and again with a header that lets the payloads be reached.
    const reachable = input.slice();
    if (reachable.length >= 28) {
      reachable[17] = 0x20;
      new DataView(reachable.buffer).setUint32(24, reachable.length);
    }
    for (const datagram of [input, reachable]) {
      try {
        const message = decodeMessage(datagram);
        const { first, bytes } = encodePayloads(message.payloads);
        assert.deepEqual(decodePayloads(first, bytes), message.payloads, name);
        read++;
      } catch (error) {
        assert.ok(error instanceof Malformed, `${name}: ${error}`);
      }
    }
    assert.match(summarizeDatagram(reachable), /^[\x20-\x7e…]+$/, name);
  }
  assert.ok(read > 50, `${read} were read`);
});

interface Hostile {
  readonly id: string;
  readonly hex: string;
  readonly port: number;
}

function hostile(): { readonly id: string; readonly datagram: Uint8Array }[] {
  const lines = readFileSync(dataPath(HOSTILE), 'utf8').trim().split('\n');
  return lines
    .map(line => JSON.parse(line) as Hostile)
    .map(({ id, hex, port }) => {
      const datagram = Uint8Array.from(Buffer.from(hex, 'hex'));
      const marked =
        port === 4500 && datagram.length >= 4 && datagram.subarray(0, 4).every(octet => octet === 0);
      return { id, datagram: marked ? datagram.subarray(4) : datagram };
    });
}

/** Why the parser or the message rules refuse a datagram; undefined where they let it pass. */
function refusal(datagram: Uint8Array): string | undefined {
  try {
    const { header, payloads, encrypted } = decodeMessage(datagram);
    if (encrypted !== undefined) return header.exchangeType === 34 ? 'protected IKE_SA_INIT' : undefined;
    return checkMessage(header.exchangeType, false, payloads)?.kind;
  } catch (error) {
    assert.ok(error instanceof Malformed);
    return error instanceof HeaderMalformed ? error.fault : 'payload';
  }
}

/**
 * What becomes of each hostile IKEv2 datagram here; those that pass are lawful messages whose values others
 * refuse (key lengths, groups, public values), or protected ones of unknown SAs.
 */
const VERDICTS: Readonly<Record<string, string | undefined>> = {
  'poc-2013-6467-00': 'exchange',
  'poc-2013-6467-01': 'payload',
  'poc-2013-6467-02': 'payload',
  'poc-2013-6467-03': 'payload',
  'poc-2013-6467-04': 'payload',
  'poc-2013-6467-05': 'payload',
  'poc-2013-6467-06': 'missing',
  'poc-2013-6467-07': 'missing',
  'poc-2013-6467-08': undefined,
  'poc-2013-6467-09': undefined,
  'v2-valid-init': undefined,
  'v2-empty-payloads': 'payload',
  'v2-len-less': 'length',
  'v2-len-more': 'length',
  'v2-len-huge': 'length',
  'v2-payload-len0': 'payload',
  'v2-payload-len3': 'payload',
  'v2-many-unknown': 'missing',
  'v2-spisize-over': 'payload',
  'v2-no-dh': undefined,
  'v2-encr-null': undefined,
  'v2-keylen-0': undefined,
  'v2-keylen-tlv': undefined,
  'v2-ke-grp1025': undefined,
  'v2-ke-zero': undefined,
  'v2-modp2048-0': undefined,
  'v2-modp2048-1': undefined,
  'v2-modp2048-p-1': undefined,
  'v2-modp2048-p': undefined,
  'v2-modp2048-p+1': undefined,
  'v2-x25519-0': undefined,
  'v2-x25519-loworder': undefined,
  'v2-nonce-0': 'payload',
  'v2-nonce-15': 'payload',
  'v2-nonce-257': 'payload',
  'v2-no-nonce': 'missing',
  'v2-no-ke': 'missing',
  'v2-no-sa': 'missing',
  'v2-notify-unknown-err': undefined,
  'v2-auth-no-sa': undefined,
  'v2-info-no-sa': undefined,
  'v2-ccsa-no-sa': undefined,
  'v2-skf-no-sa': undefined,
  'v2-skf-in-init': 'protected IKE_SA_INIT',
  'v2-v1payloads': 'missing',
  'v2-4500-marker': undefined,
  'v2-4500-short': 'cut-short',
  'v2-4500-marker-only': 'cut-short',
};

test('every hostile IKEv2 datagram meets its verdict', { skip: withoutData(HOSTILE) }, () => {
  const ours = hostile().filter(({ id }) => id in VERDICTS);
  assert.equal(ours.length, Object.keys(VERDICTS).length);
  for (const { id, datagram } of ours) assert.equal(refusal(datagram), VERDICTS[id], id);
});

test('any hostile datagram can be told in words', { skip: withoutData(HOSTILE) }, () => {
  for (const { id, datagram } of hostile()) {
    assert.match(summarizeDatagram(datagram), /^[\x20-\x7e…]+$/, id);
    assert.match(detailDatagram(datagram), /^[\n\x20-\x7e…]+$/, id);
  }
});

const TRANSCRIPT = 'vectors/transcripts/ikev2-psk-aosp.json';

test('the messages of a published exchange come back octet for octet', {
  skip: withoutData(TRANSCRIPT),
}, () => {
  const transcript = JSON.parse(readFileSync(dataPath(TRANSCRIPT), 'utf8')) as Record<string, string>;
  const messages = Object.entries(transcript)
    .filter(([name, value]) => /re(quest|sponse)$/i.test(name) && /^[0-9a-f]{56,}$/.test(value))
    .map(([name, value]) => ({ name, datagram: Uint8Array.from(Buffer.from(value, 'hex')) }));
  assert.ok(messages.length >= 2);
  for (const { name, datagram } of messages) {
    const message = decodeMessage(datagram);
    assert.equal(decodeHeader(datagram).initiatorSpi.toString(16), transcript['SPIi'], name);
    if (message.encrypted === undefined) {
      assert.deepEqual(encodeMessage(message.header, message.payloads), datagram, name);
      const isResponse = (message.header.flags & 0x20) !== 0;
      assert.equal(checkMessage(message.header.exchangeType, isResponse, message.payloads), undefined, name);
    }
  }
});
