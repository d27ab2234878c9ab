import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concat, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';
import { encodeDer, encodeOid, Tag } from './der.ts';
import { decodeName, formatName, nameKey, sameName } from './name.ts';
import { encodeName } from './name-text.ts';

/** A name of one attribute, common name if nothing else is said. */
function name(tag: number, value: Uint8Array, oid = '2.5.4.3'): Uint8Array {
  const attribute = encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.OID, encodeOid(oid) as Uint8Array),
    encodeDer(tag, value),
  );
  return encodeDer(Tag.SEQUENCE, encodeDer(Tag.SET, attribute));
}

const bmp = (text: string): Uint8Array =>
  Uint8Array.from([...text].flatMap(c => [c.charCodeAt(0) >> 8, c.charCodeAt(0) & 255]));

test('a name is printed in the order of its encoding', () => {
  const der = encodeName('C=CH, O=Lab, CN=moon');
  assert.equal(formatName(der), 'C=CH, O=Lab, CN=moon');
  assert.deepEqual(
    decodeName(der).map(rdn => rdn.map(({ oid, tag }) => [oid, tag])),
    [[['2.5.4.6', 0x13]], [['2.5.4.10', 0x13]], [['2.5.4.3', 0x13]]],
  );
});

test('the encoding, octet by octet', () => {
  assert.equal(
    toHex(encodeName('C=CH,O=Lab,CN=moon')),
    '302a310b3009060355040613024348310c300a060355040a13034c6162310d300b060355040313046d6f6f6e',
  );
});

test('string types, case and blanks do not make names different', () => {
  const wanted = encodeName('CN=Moon Base');
  for (const [tag, value] of [
    [Tag.UTF8String, utf8('moon base')],
    [Tag.PrintableString, utf8(' Moon   Base ')],
    [Tag.TeletexString, utf8('MOON BASE')],
    [Tag.BMPString, bmp('Moon Base')],
    [Tag.IA5String, utf8('Moon Base')],
    [Tag.UniversalString, concat(...[...'moon base'].map(c => Uint8Array.of(0, 0, 0, c.charCodeAt(0))))],
  ] as const) {
    assert.ok(sameName(wanted, name(tag, value)), `tag ${tag}`);
  }
  assert.ok(sameName(name(Tag.TeletexString, Uint8Array.of(0xfc)), name(Tag.UTF8String, utf8('Ü'))));
});

test('what differs, differs', () => {
  const wanted = encodeName('CN=moon');
  for (const other of [
    encodeName('CN=moons'),
    encodeName('O=moon'),
    encodeName('CN=moon, CN=moon'),
    encodeName('CN=moon+O=moon'),
    encodeName(''),
    name(Tag.UTF8String, utf8('moon\u0000')),
    name(Tag.OCTET_STRING, utf8('moon')),
  ]) {
    assert.equal(sameName(wanted, other), false, toHex(other));
  }
  assert.equal(sameName(encodeName('C=CH, O=x'), encodeName('O=x, C=CH')), false);
});

test('octets that are no text of their type are not repaired into equality', () => {
  const broken = (octet: number): Uint8Array => name(Tag.UTF8String, Uint8Array.of(octet));
  assert.equal(sameName(broken(0x80), broken(0x81)), false);
  assert.equal(sameName(broken(0x80), name(Tag.UTF8String, utf8('\uFFFD'))), false);
  assert.ok(sameName(broken(0x80), broken(0x80)));
  assert.equal(sameName(name(Tag.BMPString, Uint8Array.of(0, 65, 0)), name(Tag.BMPString, bmp('A'))), false);
  assert.equal(
    sameName(name(Tag.PrintableString, Uint8Array.of(0xe9)), name(Tag.UTF8String, utf8('é'))),
    false,
  );
});

test('no value can be written so that the key of another name comes out', () => {
  const keys = [
    encodeName('CN=a, O=b'),
    encodeName('CN=a\\, O=b'),
    encodeName('CN=a+O=b'),
    encodeName('CN=a\\+O\\=b'),
    name(Tag.UTF8String, utf8('a}{2.5.4.10=2:~b')),
  ].map(nameKey);
  assert.equal(new Set(keys).size, keys.length);
});

test('a malformed name equals nothing, not even itself', () => {
  for (const hex of ['', '3000ff', '30023100', '3003310130', '300531033001ff']) {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    assert.throws(() => decodeName(bytes), Malformed, hex);
    assert.equal(sameName(bytes, bytes), false);
  }
  const many = encodeDer(
    Tag.SEQUENCE,
    ...Array.from({ length: 65 }, () => name(Tag.UTF8String, utf8('a')).subarray(2)),
  );
  assert.throws(() => decodeName(many), /more than 64 parts/);
  assert.throws(() => decodeName(name(Tag.UTF8String, new Uint8Array(9000))), /at most 8192/);
});

test('what could mislead a reader is escaped', () => {
  assert.equal(formatName(name(Tag.UTF8String, utf8('a, CN=b'))), 'CN=a\\, CN=b');
  assert.equal(formatName(name(Tag.UTF8String, utf8('#1 "x" \\+ '))), 'CN=\\#1 \\"x\\" \\\\\\+\\ ');
  assert.equal(formatName(name(Tag.UTF8String, utf8('a\u0000\n\u202Eb'))), 'CN=a\\00\\0A\\E2\\80\\AEb');
  assert.equal(formatName(name(Tag.OCTET_STRING, Uint8Array.of(1), '1.2.3')), '1.2.3=#040101');
});

test('text is read as charon and RFC 4514 write it', () => {
  for (const [text, printed] of [
    ['/C=CH/O=Lab, Inc/CN=x', 'C=CH, O=Lab\\, Inc, CN=x'],
    ['c=CH,  o=Lab ,cn=x', 'C=CH, O=Lab, CN=x'],
    ['CN="a, b"', 'CN=a\\, b'],
    ['CN=a\\2Cb', 'CN=a\\, b'.replace(', ', ',')],
    ['CN=a+b', 'CN=a\\+b'],
    ['emailAddress=joe@x.org', 'E=joe@x.org'],
    ['1.2.3.4=x', '1.2.3.4=x'],
    ['CN=#0c0161', 'CN=a'],
    ['CN=\\C3\\BCber', 'CN=über'],
    ['CN=', 'CN='],
    ['', ''],
  ] as const) {
    assert.equal(formatName(encodeName(text)), printed, text);
  }
  assert.equal(decodeName(encodeName('E=a@b, DC=x'))[0]?.[0]?.tag, Tag.IA5String);
  assert.equal(decodeName(encodeName('CN=ü'))[0]?.[0]?.tag, Tag.UTF8String);
});

for (const text of [
  'moon',
  'XX=moon',
  'CN=a,',
  'CN=a, moon',
  'CN="a',
  'CN="a"b',
  'CN=#0c',
  'CN=#0c01',
  'CN=#xyz',
  'CN=a\\',
  '=a',
]) {
  test(`"${text}" is no name`, () => assert.throws(() => encodeName(text), Malformed));
}

test('every printed name reads back as the same', () => {
  const attribute = fc.tuple(
    fc.constantFrom('2.5.4.3', '2.5.4.10', '1.2.840.113549.1.9.1', '1.2.3.4'),
    fc.constantFrom(Tag.UTF8String, Tag.PrintableString, Tag.BMPString, Tag.TeletexString, Tag.OCTET_STRING),
    fc.uint8Array({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(attribute, { minLength: 1, maxLength: 2 }), { maxLength: 3 }), rdns => {
      const der = encodeDer(
        Tag.SEQUENCE,
        ...rdns.map(rdn =>
          encodeDer(
            Tag.SET,
            ...rdn.map(([oid, tag, value]) =>
              encodeDer(
                Tag.SEQUENCE,
                encodeDer(Tag.OID, encodeOid(oid) as Uint8Array),
                encodeDer(tag, value),
              ),
            ),
          ),
        ),
      );
      assert.ok(sameName(encodeName(formatName(der)), der), formatName(der));
    }),
    { seed: 1, numRuns: 300 },
  );
});
