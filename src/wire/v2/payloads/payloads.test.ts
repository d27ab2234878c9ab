import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V2_SAMPLES } from '../../../../test/wire-samples.ts';
import { PayloadType } from '../../../iana/ikev2.ts';
import { knownName } from '../../../iana/name.ts';
import { equal } from '../../../lib/bytes.ts';
import { Malformed, Reader } from '../../../lib/reader.ts';
import { Writer } from '../../../lib/writer.ts';
import type { KnownPayload } from '../payload.ts';
import { MAX_CFG_ATTRIBUTES } from './cp.ts';
import { MAX_SPIS } from './delete.ts';
import { codecFor } from './index.ts';
import { MAX_PROPOSALS, MAX_TRANSFORMS } from './sa.ts';
import { MAX_TRANSFORM_ATTRIBUTES } from './transform.ts';

const samples: readonly KnownPayload[] = Object.values(V2_SAMPLES).flat();

function codec(type: number) {
  const found = codecFor(type);
  assert.ok(found);
  return found;
}

function encode(payload: KnownPayload): Uint8Array {
  const out = new Writer();
  codec(payload.type).encode(payload, out);
  return out.finish();
}

function decode(type: KnownPayload['type'], body: Uint8Array): KnownPayload {
  return codec(type).decode(new Reader(body), type);
}

test('every payload comes back as it was written', () => {
  for (const sample of samples) {
    const body = encode(sample);
    const expected = 'idType' in sample ? { ...sample, body } : sample;
    assert.deepEqual(decode(sample.type, body), expected);
    assert.deepEqual(encode(decode(sample.type, body)), body);
  }
});

test('a payload cut at any octet is refused, or is the shorter payload it then is', () => {
  for (const sample of samples) {
    const body = encode(sample);
    for (let length = 0; length < body.length; length++) {
      const cut = body.subarray(0, length);
      let again: Uint8Array;
      try {
        again = encode(decode(sample.type, cut));
      } catch (error) {
        assert.ok(error instanceof Malformed);
        continue;
      }
      assert.ok(equal(again, cut), `${knownName(PayloadType, sample.type)} cut to ${length}`);
    }
  }
});

/** Where reserved octets stand in the body of the first sample of a type. */
const RESERVED: readonly { readonly type: KnownPayload['type']; readonly at: readonly number[] }[] = [
  { type: PayloadType.SA, at: [1, 9, 13, 21, 25] },
  { type: PayloadType.KE, at: [2, 3] },
  { type: PayloadType.AUTH, at: [1, 2, 3] },
  { type: PayloadType.TSi, at: [1, 2, 3] },
  { type: PayloadType.CP, at: [1, 2, 3] },
];

test('reserved octets are ignored on receipt and zero when sent (RFC 7296 §2.5)', () => {
  for (const { type, at } of RESERVED) {
    const sample = V2_SAMPLES[type][0];
    const body = encode(sample);
    for (const i of at) {
      assert.equal(body[i], 0);
      const set = body.slice();
      set[i] = 0xff;
      assert.deepEqual(decode(type, set), sample);
      assert.deepEqual(encode(decode(type, set)), body);
    }
  }
});

test('the reserved octets of an ID are kept, because AUTH covers them (RFC 7296 §2.15)', () => {
  const body = Uint8Array.of(2, 0xaa, 0xbb, 0xcc, 0x61);
  const payload = decode(PayloadType.IDi, body);
  assert.ok(payload.type === PayloadType.IDi);
  assert.deepEqual(payload.data, Uint8Array.of(0x61));
  assert.deepEqual(payload.body, body);
  assert.deepEqual(encode(payload), body);
});

test('the R bit of a configuration attribute is no part of its type', () => {
  const payload = decode(PayloadType.CP, Uint8Array.of(1, 0, 0, 0, 0x80, 1, 0, 0));
  assert.ok(payload.type === PayloadType.CP);
  assert.deepEqual(payload.attributes, [{ type: 1, value: new Uint8Array(0) }]);
});

test('a key length in the long form, or a second one, is no key length but an attribute one may see', () => {
  const transform = (...attributes: number[]): number[] => [
    0,
    0,
    0,
    8 + attributes.length,
    1,
    0,
    0,
    12,
    ...attributes,
  ];
  const proposal = (body: number[]): number[] => [0, 0, 0, 8 + body.length, 1, 1, 0, 1, ...body];
  const read = (...attributes: number[]) => {
    const payload = decode(PayloadType.SA, Uint8Array.from(proposal(transform(...attributes))));
    assert.ok(payload.type === PayloadType.SA);
    return payload.proposals[0]?.transforms[0];
  };
  assert.deepEqual(read(0x80, 14, 0, 128), { type: 1, id: 12, keyLength: 128 });
  assert.deepEqual(read(0, 14, 0, 2, 0, 128), {
    type: 1,
    id: 12,
    attributes: [{ type: 14, value: Uint8Array.of(0, 128), long: true }],
  });
  assert.deepEqual(read(0x80, 14, 0, 128, 0x80, 14, 1, 0), {
    type: 1,
    id: 12,
    keyLength: 128,
    attributes: [{ type: 14, value: Uint8Array.of(1, 0) }],
  });
});

/** Bodies that no honest sender makes, and the words that say why they are refused. */
const REFUSED: readonly {
  readonly what: string;
  readonly type: KnownPayload['type'];
  readonly body: readonly number[];
  readonly why: RegExp;
}[] = [
  { what: 'no proposal at all', type: PayloadType.SA, body: [], why: /Proposal/ },
  {
    what: 'a proposal mark of 3',
    type: PayloadType.SA,
    body: [3, 0, 0, 8, 1, 1, 0, 0],
    why: /3 where 0 or 2/,
  },
  {
    what: 'a proposal after the last',
    type: PayloadType.SA,
    body: [0, 0, 0, 8, 1, 1, 0, 0, 0],
    why: /too many/,
  },
  {
    what: 'a last proposal that promises another',
    type: PayloadType.SA,
    body: [2, 0, 0, 8, 1, 1, 0, 0],
    why: /wanted/,
  },
  {
    what: 'a proposal of length 0',
    type: PayloadType.SA,
    body: [0, 0, 0, 0, 1, 1, 0, 0],
    why: /by its length/,
  },
  {
    what: 'a proposal longer than the payload',
    type: PayloadType.SA,
    body: [0, 0, 0, 9, 1, 1, 0, 0],
    why: /by its length/,
  },
  { what: 'an SPI beyond the payload', type: PayloadType.SA, body: [0, 0, 0, 8, 1, 1, 255, 0], why: /SPI/ },
  {
    what: 'fewer transforms than announced',
    type: PayloadType.SA,
    body: [0, 0, 0, 16, 1, 1, 0, 2, 0, 0, 0, 8, 1, 0, 0, 12],
    why: /2 transforms announced/,
  },
  {
    what: 'more transforms than announced',
    type: PayloadType.SA,
    body: [0, 0, 0, 24, 1, 1, 0, 1, 3, 0, 0, 8, 1, 0, 0, 12, 0, 0, 0, 8, 2, 0, 0, 5],
    why: /1 transforms announced/,
  },
  {
    what: 'an attribute beyond its transform',
    type: PayloadType.SA,
    body: [0, 0, 0, 26, 1, 1, 0, 1, 0, 0, 0, 14, 1, 0, 0, 12, 0, 18, 0, 6, 1, 2, 3, 4, 5, 6],
    why: /Transform: ends/,
  },
  { what: 'a nonce of 15 octets', type: PayloadType.Nonce, body: Array(15).fill(1), why: /Nonce of 15/ },
  { what: 'a nonce of 257 octets', type: PayloadType.Nonce, body: Array(257).fill(1), why: /Nonce of 257/ },
  {
    what: 'fewer SPIs than announced',
    type: PayloadType.Delete,
    body: [3, 4, 255, 255, 0, 0, 0, 1],
    why: /65535 SPIs/,
  },
  {
    what: 'more SPIs than announced',
    type: PayloadType.Delete,
    body: [3, 4, 0, 1, 0, 0, 0, 1, 0],
    why: /1 SPIs/,
  },
  { what: 'SPIs of no length', type: PayloadType.Delete, body: [1, 0, 0, 0, 9], why: /0 SPIs of 0/ },
  {
    what: 'an SPI longer than the notify',
    type: PayloadType.Notify,
    body: [3, 5, 0, 1, 1, 2, 3, 4],
    why: /SPI/,
  },
  { what: 'a selector of length 0', type: PayloadType.TSi, body: [1, 0, 0, 0, 10, 0, 0, 0], why: /TS of 0/ },
  {
    what: 'an IPv4 selector of IPv6 length',
    type: PayloadType.TSi,
    body: [1, 0, 0, 0, 7, 0, 0, 40, ...Array(36).fill(0)],
    why: /type 7 with 40/,
  },
  { what: 'fewer selectors than announced', type: PayloadType.TSr, body: [1, 0, 0, 0], why: /TS type/ },
  { what: 'more selectors than announced', type: PayloadType.TSr, body: [0, 0, 0, 0, 7], why: /too many/ },
  {
    what: 'an attribute beyond the payload',
    type: PayloadType.CP,
    body: [1, 0, 0, 0, 0, 1, 0, 1],
    why: /CP attribute/,
  },
];

for (const { what, type, body, why } of REFUSED) {
  test(`refused: ${what} (${knownName(PayloadType, type)})`, () => {
    assert.throws(
      () => decode(type, Uint8Array.from(body)),
      (error: unknown) => error instanceof Malformed && why.test(error.message),
    );
  });
}

test('a count of SPIs of no length lists nothing, whatever it says', () => {
  assert.deepEqual(decode(PayloadType.Delete, Uint8Array.of(1, 0, 255, 255)), {
    type: PayloadType.Delete,
    protocol: 1,
    spiSize: 0,
    spis: [],
  });
});

test('counts are bounded', () => {
  const transforms = (count: number) => Array.from({ length: count }, () => ({ type: 1, id: 12 }));
  const proposals = (count: number, each: number) =>
    Array.from({ length: count }, () => ({
      number: 1,
      protocol: 1,
      spi: new Uint8Array(0),
      transforms: transforms(each),
    }));
  const attributes = (count: number) =>
    Array.from({ length: count }, () => ({ type: 99, value: new Uint8Array(2) }));
  const sa = (count: number, each: number): KnownPayload => ({
    type: PayloadType.SA,
    proposals: proposals(count, each),
  });
  const attributed = (count: number): KnownPayload => ({
    type: PayloadType.SA,
    proposals: [
      {
        number: 1,
        protocol: 1,
        spi: new Uint8Array(0),
        transforms: [{ type: 1, id: 12, attributes: attributes(count) }],
      },
    ],
  });
  const del = (count: number): KnownPayload => ({
    type: PayloadType.Delete,
    protocol: 3,
    spiSize: 4,
    spis: Array(count).fill(new Uint8Array(4)),
  });
  const cp = (count: number): KnownPayload => ({
    type: PayloadType.CP,
    cfgType: 1,
    attributes: attributes(count),
  });
  const accepted = [
    sa(MAX_PROPOSALS, 1),
    sa(8, MAX_TRANSFORMS / 8),
    attributed(MAX_TRANSFORM_ATTRIBUTES),
    del(MAX_SPIS),
    cp(MAX_CFG_ATTRIBUTES),
  ];
  const refused = [
    sa(MAX_PROPOSALS + 1, 1),
    sa(9, MAX_TRANSFORMS / 8),
    attributed(MAX_TRANSFORM_ATTRIBUTES + 1),
    del(MAX_SPIS + 1),
    cp(MAX_CFG_ATTRIBUTES + 1),
  ];
  for (const payload of accepted) assert.deepEqual(decode(payload.type, encode(payload)), payload);
  for (const payload of refused) assert.throws(() => decode(payload.type, encode(payload)), Malformed);
});
