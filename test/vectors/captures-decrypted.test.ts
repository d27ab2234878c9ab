import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { PacketCipherSpec } from '../../src/crypto/provider.ts';
import { PayloadType } from '../../src/iana/ikev2.ts';
import { Encr, Integ } from '../../src/iana/transforms.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { formatIp } from '../../src/lib/ip.ts';
import { Secret } from '../../src/lib/secret.ts';
import { HeaderFlag } from '../../src/wire/header.ts';
import { decodeV1Message, decodeV1Payloads, encodeV1Payloads } from '../../src/wire/v1/message.ts';
import { openV1Message, sealV1Message } from '../../src/wire/v1/protect.ts';
import { decodeMessage, decodePayloads, encodePayloads, type Message } from '../../src/wire/v2/message.ts';
import type { Payload } from '../../src/wire/v2/payload.ts';
import { type MessageCipher, openMessage, sealMessage } from '../../src/wire/v2/protect.ts';
import { checkMessage } from '../../src/wire/v2/rules.ts';
import { dataPath, withoutData } from '../data.ts';
import { ikeMessages } from '../pcap.ts';

const SESSIONS = 'captures/wireshark-wiki/ikev2+esp_gcm_ctr_cbc';
const AOSP = 'vectors/transcripts/ikev2-psk-aosp.json';
const RUB = 'vectors/transcripts/ikev1-rub-nds.json';

const provider = nodeProvider();

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  assert.ok(bytes, text);
  return bytes;
}

function cipher(
  spec: Omit<PacketCipherSpec, 'encryptionKey' | 'integrityKey'>,
  key: string,
  mac: string,
): MessageCipher {
  const packetCipher = provider.packetCipher({
    ...spec,
    encryptionKey: new Secret(hex(key)),
    integrityKey: new Secret(hex(mac)),
  });
  assert.ok(packetCipher);
  return packetCipher;
}

/** The algorithms as the decryption table names them. */
const ENCRYPTION: Readonly<Record<string, number>> = {
  'AES-GCM-256 with 16 octet ICV [RFC5282]': Encr.ENCR_AES_GCM_16,
  'AES-CTR-256 [RFC5930]': Encr.ENCR_AES_CTR,
  'AES-CBC-256 [RFC3602]': Encr.ENCR_AES_CBC,
};
const INTEGRITY: Readonly<Record<string, number>> = {
  'NONE [RFC4306]': Integ.NONE,
  'HMAC_SHA2_256_128 [RFC4868]': Integ.AUTH_HMAC_SHA2_256_128,
};

interface Keys {
  readonly initiator: MessageCipher;
  readonly responder: MessageCipher;
}

/** By the initiator's SPI in hex. */
function decryptionTable(file: string): ReadonlyMap<string, Keys> {
  const rows = readFileSync(file, 'utf8').trim().split('\n');
  return new Map(
    rows.map(row => {
      const [spi, , ei, er, encr, ai, ar, integ] = row
        .split(',')
        .map(field => field.replaceAll('"', '')) as string[];
      const spec = {
        encryption: ENCRYPTION[encr as string] as number,
        keyLength: 256,
        integrity: INTEGRITY[integ as string] as number,
      };
      const initiator = cipher(spec, ei as string, ai as string);
      return [spi as string, { initiator, responder: cipher(spec, er as string, ar as string) }];
    }),
  );
}

/** Payload types in order, with proposals as 2 and transforms as 3: how the other dissector lists them. */
function typesOf(payloads: readonly Payload[]): number[] {
  return payloads.flatMap(payload => {
    if (payload.type === 'unknown') return [payload.number];
    if (payload.type !== PayloadType.SA) return [payload.type];
    return [payload.type, ...payload.proposals.flatMap(({ transforms }) => [2, ...transforms.map(() => 3)])];
  });
}

/** A message as a row of the table of another dissector. */
function rowOf(
  frame: number,
  { header }: Message,
  outer: readonly number[],
  payloads: readonly Payload[],
): string {
  const of = <T>(pick: (payload: Payload) => readonly T[]): string => payloads.flatMap(pick).join(',');
  const selectors = (end: 'start' | 'end'): string =>
    of(payload =>
      payload.type === PayloadType.TSi || payload.type === PayloadType.TSr
        ? payload.selectors.flatMap(selector => ('unknown' in selector ? [] : [formatIp(selector[end])]))
        : [],
    );
  return [
    frame,
    header.initiatorSpi.toString(16).padStart(16, '0'),
    header.responderSpi.toString(16).padStart(16, '0'),
    header.exchangeType,
    `0x${header.messageId.toString(16).padStart(8, '0')}`,
    header.flags & HeaderFlag.RESPONSE ? 1 : 0,
    [...outer, ...typesOf(payloads)].join(','),
    of(payload => (payload.type === PayloadType.Notify ? [payload.notifyType] : [])),
    of(payload => (payload.type === PayloadType.AUTH ? [payload.method] : [])),
    of(payload => ('idType' in payload ? [payload.idType] : [])),
    selectors('start'),
    selectors('end'),
    of(payload => (payload.type === PayloadType.AUTH ? [toHex(payload.data)] : [])),
  ].join('\t');
}

test('three recorded IKEv2 sessions decrypt to what another dissector saw', {
  skip: withoutData(SESSIONS),
}, () => {
  const expected = readFileSync(dataPath(`${SESSIONS}/expected-decrypted.tsv`), 'utf8')
    .replace(/\n$/, '')
    .split('\n')
    .slice(1);
  const table = decryptionTable(dataPath(`${SESSIONS}/ikev2_decryption_table`));
  const rows = ikeMessages(dataPath(`${SESSIONS}/capture.pcapng`)).map(({ frame, payload }) => {
    const message = decodeMessage(payload);
    const { header, payloads, encrypted } = message;
    const isResponse = (header.flags & HeaderFlag.RESPONSE) !== 0;
    if (encrypted === undefined) return rowOf(frame, message, [], payloads);
    const keys = table.get(header.initiatorSpi.toString(16).padStart(16, '0'));
    assert.ok(keys);
    const key = (header.flags & HeaderFlag.INITIATOR) === 0 ? keys.responder : keys.initiator;
    const inner = openMessage(payload, message, key);
    assert.ok(inner, `frame ${frame}`);
    const opened = decodePayloads(inner.first, inner.bytes);
    assert.deepEqual(encodePayloads(opened), inner);
    assert.equal(checkMessage(header.exchangeType, isResponse, opened), undefined, `frame ${frame}`);
    return rowOf(frame, message, [encrypted.type], opened);
  });
  assert.deepEqual(rows, expected);
});

test('a published IKE_AUTH request decrypts, and seals to a message that decrypts alike', {
  skip: withoutData(AOSP),
}, () => {
  const vector = JSON.parse(readFileSync(dataPath(AOSP), 'utf8')) as Record<string, string>;
  const spec = { encryption: Encr.ENCR_AES_CBC, keyLength: 128, integrity: Integ.AUTH_HMAC_SHA1_96 };
  const initiator = cipher(spec, vector['SK_ei'] as string, vector['SK_ai'] as string);
  const datagram = hex(vector['ikeAuthRequest'] as string);
  const message = decodeMessage(datagram);
  const inner = openMessage(datagram, message, initiator);
  assert.ok(inner);
  // The published plaintext goes on with padding and pad length.
  assert.equal(toHex(inner.bytes), (vector['ikeAuthPlaintext'] as string).slice(0, 2 * inner.bytes.length));
  const payloads = decodePayloads(inner.first, inner.bytes);
  assert.equal(checkMessage(message.header.exchangeType, false, payloads), undefined);
  const id = payloads.find(payload => payload.type === PayloadType.IDi);
  assert.ok(id?.type === PayloadType.IDi && id.body);
  assert.equal(toHex(id.body), vector['IDi_body']);
  for (const largest of [undefined, 120]) {
    for (const again of sealMessage(message.header, payloads, initiator, largest)) {
      assert.ok(openMessage(again, decodeMessage(again), initiator));
    }
  }
  datagram[datagram.length - 1] = (datagram.at(-1) as number) ^ 1;
  assert.equal(openMessage(datagram, message, initiator), undefined);
});

interface Transcript {
  readonly messages: readonly { readonly hex: string }[];
  readonly cipherKey: string;
  readonly phase1IV: string;
  readonly plain5?: string;
  readonly plain6?: string;
}

test('the encrypted messages of a published Main Mode decrypt, and seal to the same octets', {
  skip: withoutData(RUB),
}, () => {
  const { transcripts } = JSON.parse(readFileSync(dataPath(RUB), 'utf8')) as { transcripts: Transcript[] };
  const mainMode = transcripts.find(({ plain5 }) => plain5 !== undefined);
  assert.ok(mainMode);
  const cbc = provider.cbcCipher(Encr.ENCR_AES_CBC, hex(mainMode.cipherKey));
  assert.ok(cbc);
  let iv = hex(mainMode.phase1IV);
  for (const [i, plain] of [mainMode.plain5, mainMode.plain6].entries()) {
    const datagram = hex(mainMode.messages[4 + i]?.hex ?? '');
    const { header, encrypted } = decodeV1Message(datagram);
    assert.equal(encrypted, true);
    const opened = openV1Message(datagram, cbc, iv);
    assert.ok(opened);
    assert.equal(toHex(opened.bytes), plain);
    const { payloads, length } = decodeV1Payloads(header.nextPayload, opened.bytes);
    assert.deepEqual(
      payloads.map(({ type }) => type),
      [5, 8],
    );
    assert.equal(length, 36);
    assert.deepEqual(sealV1Message(header, encodeV1Payloads(payloads), cbc, iv), {
      datagram,
      nextIv: opened.nextIv,
    });
    iv = opened.nextIv;
  }
});
