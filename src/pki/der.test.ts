import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { context, DerReader, encodeDer, encodeOid, readDer, Tag } from './der.ts';

const octets = (hex: string): Uint8Array => fromHex(hex.replaceAll(' ', '')) as Uint8Array;
const reader = (hex: string): DerReader => new DerReader(octets(hex));

function refuses(read: () => unknown): void {
  assert.throws(read, Malformed);
}

test('an element is read with its header or without', () => {
  assert.equal(toHex(reader('0402abcd 05').element('x')), '0402abcd');
  assert.equal(toHex(reader('0402abcd').content(Tag.OCTET_STRING, 'x')), 'abcd');
  const sequence = readDer(octets('3006 0201 05 0101ff'), Tag.SEQUENCE, 'x');
  assert.equal(sequence.small('x'), 5);
  assert.equal(sequence.boolean('x'), true);
  assert.equal(sequence.done, true);
  assert.equal(sequence.tag, -1);
});

test('what is optional is read where its tag stands, and otherwise nothing is', () => {
  const r = reader('a003020102 0500');
  assert.equal(r.enterIf(context(1), 'x'), undefined);
  assert.equal(r.enterIf(context(0), 'x')?.small('x'), 2);
  assert.equal(r.contentIf(Tag.NULL, 'x')?.length, 0);
});

for (const [hex, why] of [
  ['', 'nothing'],
  ['30', 'half a header'],
  ['3080 0000', 'indefinite length'],
  ['308101 00', 'a length in two octets where one would do'],
  ['30820010', 'a length with a leading zero'],
  ['3085 0000000001', 'five octets of length'],
  ['3084 ffffffff', 'a length of four gigabytes'],
  ['3003 0102', 'a content that is cut'],
  ['1f8101 00', 'a tag above 30'],
  ['3100', 'another tag'],
] as const) {
  test(`refused: ${why}`, () => refuses(() => reader(hex).enter(Tag.SEQUENCE, 'x')));
}

test('what follows the one element is refused', () => {
  refuses(() => readDer(octets('3000 00'), Tag.SEQUENCE, 'x'));
  refuses(() => reader('0500').end('x'));
});

test('an inner element cannot reach beyond the outer one', () => {
  refuses(() => reader('3002 0405 0102030405').enter(Tag.SEQUENCE, 'x').content(Tag.OCTET_STRING, 'x'));
});

test('integers have their shortest form', () => {
  assert.equal(toHex(reader('02020080').integer('x')), '0080');
  assert.equal(reader('020200ff').small('x'), 255);
  assert.equal(reader('02047fffffff').small('x'), 0x7fffffff);
  for (const hex of ['0200', '0202007f', '0202ff80']) refuses(() => reader(hex).integer('x'));
  for (const hex of ['0201ff', '02050100000000']) refuses(() => reader(hex).small('x'));
});

test('booleans are 00 or ff', () => {
  assert.equal(reader('010100').boolean('x'), false);
  for (const hex of ['010101', '0100', '0102ffff']) refuses(() => reader(hex).boolean('x'));
});

test('bit strings say how many bits are unused, and those are zero', () => {
  assert.deepEqual(reader('030205a0').bits('x'), { octets: octets('a0'), unused: 5 });
  assert.equal(toHex(reader('030300abcd').bitOctets('x')), 'abcd');
  for (const hex of ['0300', '030208ff', '030101', '030205a1']) refuses(() => reader(hex).bits('x'));
  refuses(() => reader('030201fe').bitOctets('x'));
});

test('object identifiers', () => {
  for (const [dotted, hex] of [
    ['2.5.4.3', '550403'],
    ['1.2.840.113549.1.1.11', '2a864886f70d01010b'],
    ['2.999.3', '883703'],
    ['0.9.2342.19200300.100.1.25', '0992268993f22c640119'],
  ] as const) {
    assert.equal(toHex(encodeOid(dotted) as Uint8Array), hex);
    assert.equal(new DerReader(encodeDer(Tag.OID, octets(hex))).oid('x'), dotted);
  }
  for (const hex of ['0600', '060180', '06022a80', '06032a8001', '060b2affffffffffffffffff7f']) {
    refuses(() => reader(hex).oid('x'));
  }
  for (const text of ['', '3.1', '1', '1.40', '1.2.', '1.02', 'x']) assert.equal(encodeOid(text), undefined);
});

test('lengths are written in their shortest form and read back', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 1, 127, 128, 255, 256, 65_535, 65_536), length => {
      const der = encodeDer(Tag.OCTET_STRING, new Uint8Array(length));
      assert.equal(readDer(der, Tag.OCTET_STRING, 'x').done, length === 0);
      assert.equal(new DerReader(der).content(Tag.OCTET_STRING, 'x').length, length);
    }),
  );
});

test('any octets are read or refused as Malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      const r = new DerReader(bytes);
      try {
        while (!r.done) r.element('x');
      } catch (error) {
        assert.ok(error instanceof Malformed);
      }
    }),
    { seed: 1 },
  );
});
