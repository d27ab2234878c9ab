import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V1_SAMPLES } from '../../../../test/wire-samples.ts';
import { V1PayloadType } from '../../../iana/ikev1.ts';
import { knownName } from '../../../iana/name.ts';
import { concat, equal } from '../../../lib/bytes.ts';
import { Malformed, Reader } from '../../../lib/reader.ts';
import { Writer } from '../../../lib/writer.ts';
import { attributeNumber, decodeV1Attributes, encodeV1Attributes, MAX_ATTRIBUTES } from '../attribute.ts';
import { encodeV1Body } from '../message.ts';
import type { V1KnownPayload } from '../payload.ts';
import { MAX_SPIS } from './delete.ts';
import { v1CodecFor } from './index.ts';
import { MAX_PROPOSALS, MAX_TRANSFORM_ATTRIBUTES, MAX_TRANSFORMS } from './proposal.ts';

const { SA, ID, CERT, CR, NONCE, N, D, ATTRIBUTES, NAT_OA, FRAGMENT } = V1PayloadType;

const samples: readonly V1KnownPayload[] = Object.values(V1_SAMPLES).flat();

function decode(type: V1KnownPayload['type'], body: Uint8Array): V1KnownPayload {
  const codec = v1CodecFor(type);
  assert.ok(codec);
  return codec.decode(new Reader(body), type);
}

/** The payload without the octets it came as. */
function fields(payload: V1KnownPayload): V1KnownPayload {
  if (!('body' in payload)) return payload;
  const { body: _, ...rest } = payload;
  return rest as V1KnownPayload;
}

test('every payload comes back as it was written', () => {
  for (const sample of samples) {
    const body = encodeV1Body(sample);
    const payload = decode(sample.type, body);
    assert.deepEqual(fields(payload), sample);
    assert.deepEqual(encodeV1Body(payload), body);
    assert.deepEqual(encodeV1Body(fields(payload)), body);
    if (sample.type === SA || sample.type === ID) assert.deepEqual('body' in payload && payload.body, body);
  }
});

test('a payload cut at any octet is refused, or is the shorter payload it then is', () => {
  for (const sample of samples) {
    const body = encodeV1Body(sample);
    for (let length = 0; length < body.length; length++) {
      const cut = body.subarray(0, length);
      let again: Uint8Array;
      try {
        again = encodeV1Body(fields(decode(sample.type, cut)));
      } catch (error) {
        assert.ok(error instanceof Malformed);
        continue;
      }
      const padded =
        sample.type === ATTRIBUTES ? concat(again, new Uint8Array(cut.length - again.length)) : again;
      assert.ok(equal(padded, cut), `${knownName(V1PayloadType, sample.type)} cut to ${length}`);
    }
  }
});

/** Where reserved octets stand in the body of the first sample of a type. */
const RESERVED: readonly { readonly type: V1KnownPayload['type']; readonly at: readonly number[] }[] = [
  { type: SA, at: [9, 25, 30, 31] },
  { type: ATTRIBUTES, at: [1] },
  { type: NAT_OA, at: [1, 2, 3] },
];

test('reserved octets are ignored on receipt and zero when sent', () => {
  for (const { type, at } of RESERVED) {
    const [sample] = V1_SAMPLES[type];
    const body = encodeV1Body(sample);
    for (const i of at) {
      assert.equal(body[i], 0);
      const set = body.slice();
      set[i] = 0xff;
      assert.deepEqual(fields(decode(type, set)), sample);
      assert.deepEqual(encodeV1Body(fields(decode(type, set))), body);
    }
  }
});

test('an SA of another DOI or situation keeps its octets and reads no proposals', () => {
  const body = encodeV1Body(V1_SAMPLES[SA][0]);
  const other = (at: number, octet: number): Uint8Array => {
    const changed = body.slice();
    changed[at] = octet;
    return changed;
  };
  const secrecy = other(7, 3);
  assert.deepEqual(decode(SA, secrecy), { type: SA, doi: 1, situation: 3, proposals: [], body: secrecy });
  const gdoi = other(3, 2);
  assert.deepEqual(decode(SA, gdoi), { type: SA, doi: 2, situation: 0, proposals: [], body: gdoi });
  assert.deepEqual(encodeV1Body(decode(SA, gdoi)), gdoi);
});

test('zeros at the end of attributes are padding, zeros within a value are not', () => {
  const [sample] = V1_SAMPLES[ATTRIBUTES];
  for (let zeros = 0; zeros < 10; zeros++) {
    assert.deepEqual(decode(ATTRIBUTES, concat(encodeV1Body(sample), new Uint8Array(zeros))), sample);
  }
  assert.throws(() => decode(ATTRIBUTES, concat(encodeV1Body(sample), Uint8Array.of(0, 0, 1))), Malformed);
});

test('an attribute is a number in either form', () => {
  assert.equal(attributeNumber({ type: 12, value: 3600 }), 3600);
  assert.equal(attributeNumber({ type: 12, value: Uint8Array.of(0xff, 0xff, 0xff, 0xff) }), 0xffffffff);
  assert.equal(attributeNumber({ type: 12, value: new Uint8Array(0) }), 0);
  assert.equal(attributeNumber({ type: 12, value: new Uint8Array(7) }), undefined);
  const list = [
    { type: 1, value: 1 },
    { type: 2, value: Uint8Array.of(0, 0, 112, 128) },
  ];
  assert.deepEqual(decodeV1Attributes(encodeV1Attributes(list)), list);
  assert.throws(() => decodeV1Attributes(Uint8Array.of(0, 1, 0, 1)), Malformed);
});

const DOI = [0, 0, 0, 1];

/** Bodies that no honest sender makes, and the words that say why they are refused. */
const REFUSED: readonly {
  readonly what: string;
  readonly type: V1KnownPayload['type'];
  readonly body: readonly number[];
  readonly why: RegExp;
}[] = [
  { what: 'no situation', type: SA, body: [0, 0, 0, 1], why: /DOI and situation/ },
  { what: 'no proposal at all', type: SA, body: [...DOI, 0, 0, 0, 1], why: /Proposal/ },
  {
    what: 'a proposal mark of 3',
    type: SA,
    body: [...DOI, 0, 0, 0, 1, 3, 0, 0, 8, 1, 1, 0, 0],
    why: /next payload 3/,
  },
  {
    what: 'a proposal of length 0',
    type: SA,
    body: [...DOI, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0],
    why: /of 0 octets/,
  },
  {
    what: 'an SPI beyond the proposal',
    type: SA,
    body: [...DOI, 0, 0, 0, 1, 0, 0, 0, 8, 1, 1, 255, 0],
    why: /SPI/,
  },
  {
    what: 'octets after the last proposal',
    type: SA,
    body: [...DOI, 0, 0, 0, 1, 0, 0, 0, 8, 1, 1, 0, 0, 0],
    why: /too many/,
  },
  {
    what: 'fewer transforms than announced',
    type: SA,
    body: [...DOI, 0, 0, 0, 1, 0, 0, 0, 16, 1, 1, 0, 2, 0, 0, 0, 8, 1, 1, 0, 0],
    why: /2 transforms announced/,
  },
  {
    what: 'more transforms than announced',
    type: SA,
    body: [...DOI, 0, 0, 0, 1, 0, 0, 0, 24, 1, 1, 0, 1, 3, 0, 0, 8, 1, 1, 0, 0, 0, 0, 0, 8, 2, 1, 0, 0],
    why: /1 transforms announced/,
  },
  {
    what: 'an attribute beyond its transform',
    type: SA,
    body: [...DOI, 0, 0, 0, 1, 0, 0, 0, 20, 1, 1, 0, 1, 0, 0, 0, 12, 1, 1, 0, 0, 0, 12, 0, 1],
    why: /attribute value/,
  },
  { what: 'an ID without a port', type: ID, body: [1, 0, 0], why: /ID port/ },
  { what: 'a certificate without an encoding', type: CERT, body: [], why: /CERT encoding/ },
  { what: 'a certificate request without a type', type: CR, body: [], why: /CR encoding/ },
  { what: 'a nonce of 7 octets', type: NONCE, body: Array(7).fill(1), why: /Nonce of 7/ },
  { what: 'a nonce of 1025 octets', type: NONCE, body: Array(1025).fill(1), why: /Nonce of 1025/ },
  { what: 'an SPI longer than the notify', type: N, body: [...DOI, 1, 16, 0, 1, 1, 2, 3], why: /SPI/ },
  {
    what: '65535 SPIs of which two are there',
    type: D,
    body: [...DOI, 3, 4, 255, 255, ...Array(8).fill(0)],
    why: /65535 SPIs/,
  },
  {
    what: 'more SPIs than announced',
    type: D,
    body: [...DOI, 3, 4, 0, 1, ...Array(5).fill(0)],
    why: /1 SPIs/,
  },
  {
    what: 'an attribute beyond the payload',
    type: ATTRIBUTES,
    body: [1, 0, 0, 1, 0, 1, 0, 1],
    why: /attribute value/,
  },
  { what: 'half an attribute', type: ATTRIBUTES, body: [1, 0, 0, 1, 0x80], why: /half an attribute/ },
  { what: 'a fragment without its number', type: FRAGMENT, body: [0, 1], why: /Fragment number/ },
  { what: 'fragment 0', type: FRAGMENT, body: [0, 1, 0, 1, 9], why: /Fragment 0/ },
];

for (const { what, type, body, why } of REFUSED) {
  test(`refused: ${what} (${knownName(V1PayloadType, type)})`, () => {
    assert.throws(
      () => decode(type, Uint8Array.from(body)),
      (error: unknown) => error instanceof Malformed && why.test(error.message),
    );
  });
}

test('counts are bounded', () => {
  const NOTHING = new Uint8Array(0);
  const attributes = (count: number) => Array.from({ length: count }, () => ({ type: 99, value: 1 }));
  const transforms = (count: number) =>
    Array.from({ length: count }, () => ({ number: 1, id: 1, attributes: [] }));
  const sa = (count: number, each: number): V1KnownPayload => ({
    type: SA,
    doi: 1,
    situation: 1,
    proposals: Array.from({ length: count }, () => ({
      number: 1,
      protocol: 1,
      spi: NOTHING,
      transforms: transforms(each),
    })),
  });
  const attributed = (count: number): V1KnownPayload => ({
    type: SA,
    doi: 1,
    situation: 1,
    proposals: [
      {
        number: 1,
        protocol: 1,
        spi: NOTHING,
        transforms: [{ number: 1, id: 1, attributes: attributes(count) }],
      },
    ],
  });
  const del = (count: number): V1KnownPayload => ({
    type: D,
    doi: 1,
    protocol: 3,
    spiSize: 4,
    spis: Array(count).fill(new Uint8Array(4)),
  });
  const config = (count: number): V1KnownPayload => ({
    type: ATTRIBUTES,
    cfgType: 1,
    identifier: 1,
    attributes: attributes(count),
  });
  const accepted = [
    sa(MAX_PROPOSALS, 1),
    sa(8, MAX_TRANSFORMS / 8),
    attributed(MAX_TRANSFORM_ATTRIBUTES),
    del(MAX_SPIS),
    config(MAX_ATTRIBUTES),
  ];
  const refused = [
    sa(MAX_PROPOSALS + 1, 1),
    sa(9, MAX_TRANSFORMS / 8),
    attributed(MAX_TRANSFORM_ATTRIBUTES + 1),
    del(MAX_SPIS + 1),
    config(MAX_ATTRIBUTES + 1),
  ];
  for (const payload of accepted)
    assert.deepEqual(fields(decode(payload.type, encodeV1Body(payload))), payload);
  for (const payload of refused) assert.throws(() => decode(payload.type, encodeV1Body(payload)), Malformed);
  assert.throws(() => v1CodecFor(SA)?.encode(sa(1, 256), new Writer()), RangeError);
});
