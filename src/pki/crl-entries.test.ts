import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../test/sim/random.ts';
import { concat, fromHex, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';
import { CrlEntries, type Revocation } from './crl-entries.ts';
import { DerReader, encodeDer, encodeOid, Tag } from './der.ts';

const date = encodeDer(Tag.UTCTime, utf8('290101000000Z'));
const AT = Date.UTC(2029, 0, 1);

function extension(oid: string, value: Uint8Array, critical = false): Uint8Array {
  const flag = critical ? encodeDer(Tag.BOOLEAN, Uint8Array.of(0xff)) : new Uint8Array();
  return encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.OID, encodeOid(oid) as Uint8Array),
    flag,
    encodeDer(Tag.OCTET_STRING, value),
  );
}

const reason = (...octets: number[]): Uint8Array =>
  extension('2.5.29.21', encodeDer(Tag.ENUMERATED, Uint8Array.from(octets)));
const invalidity = extension('2.5.29.24', encodeDer(Tag.GeneralizedTime, utf8('20281224000000Z')));

function entry(serial: Uint8Array, ...extensions: Uint8Array[]): Uint8Array {
  const rest = extensions.length === 0 ? [] : [encodeDer(Tag.SEQUENCE, ...extensions)];
  return encodeDer(Tag.SEQUENCE, encodeDer(Tag.INTEGER, serial), date, ...rest);
}

const entriesOf = (...entries: Uint8Array[]): CrlEntries => new CrlEntries(new DerReader(concat(...entries)));

test('any number of serial numbers of any length are found, and no other', () => {
  const random = new Random(7);
  for (const count of [0, 1, 2, 3, 255, 256, 257, 2000]) {
    const wanted = new Map<string, Revocation>();
    const list: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const serial = random.octets(1 + random.below(20));
      serial[0] = 1 + random.below(0x7f);
      const code = random.below(7);
      list.push(code === 0 ? entry(serial) : entry(serial, invalidity, reason(code)));
      const words = [undefined, 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded'];
      const word = [...words, 'cessationOfOperation', 'certificateHold'][code];
      wanted.set(toHex(serial), word === undefined ? { at: AT } : { at: AT, reason: word });
    }
    const entries = entriesOf(...list);
    assert.equal(entries.size, count);
    for (const [serial, revocation] of wanted)
      assert.deepEqual(entries.find(fromHex(serial) as Uint8Array), revocation, serial);
    for (let i = 0; i < 50; i++) {
      const other = random.octets(21);
      assert.equal(entries.find(other), undefined);
    }
    assert.equal(entries.find(new Uint8Array()), undefined);
  }
});

test('of a serial number that stands many times the last entry counts', () => {
  const serial = Uint8Array.of(5);
  const many = Array.from({ length: 5000 }, () => entry(serial, reason(1)));
  const entries = entriesOf(
    ...many,
    entry(Uint8Array.of(6)),
    entry(serial, reason(8)),
    entry(Uint8Array.of(7)),
  );
  assert.deepEqual(entries.find(serial), { at: AT, reason: 'removeFromCRL' });
  assert.deepEqual(entries.find(Uint8Array.of(7)), { at: AT });
  assert.equal(entries.find(Uint8Array.of(8)), undefined);
});

test('a serial number may be as long as it likes', () => {
  const long = new Uint8Array(100_000).fill(0x55);
  const other = long.slice();
  other[99_999] = 0x54;
  const entries = entriesOf(entry(long), entry(Uint8Array.of(0x55)));
  assert.deepEqual(entries.find(long), { at: AT });
  assert.equal(entries.find(other), undefined);
  assert.equal(entries.find(long.subarray(1)), undefined);
});

test('each entry has as many extensions as a certificate may have, each once', () => {
  const known = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, i) => extension(`1.2.${i}`, new Uint8Array(300)));
  const serial = Uint8Array.of(9);
  assert.deepEqual(entriesOf(entry(serial, ...known(63), reason(4))).find(serial), {
    at: AT,
    reason: 'superseded',
  });
  const fault = (...extensions: Uint8Array[]): string => {
    try {
      entriesOf(entry(Uint8Array.of(1)), entry(serial, ...extensions), entry(Uint8Array.of(2)));
    } catch (error) {
      assert.ok(error instanceof Malformed, String(error));
      return error.message;
    }
    return '';
  };
  assert.equal(fault(...known(64), reason(4)), 'extensions: too many');
  assert.equal(fault(...known(9), extension('1.2.3', reason(1))), 'extensions: 1.2.3 stands twice');
  assert.equal(fault(reason(1), reason(1)), 'extensions: 2.5.29.21 stands twice');
  assert.equal(fault(reason()), 'revocation reason: an integer of no octets');
  assert.equal(fault(reason(0x81)), 'revocation reason: out of range');
  assert.equal(fault(reason(0, 1)), 'revocation reason: an integer longer than it needs to be');
  assert.equal(fault(extension('2.5.29.21', new Uint8Array())), 'revocation reason: the data ends');
  assert.equal(
    fault(extension('2.5.29.21', concat(encodeDer(Tag.ENUMERATED, Uint8Array.of(1)), Uint8Array.of(5, 0)))),
    'revocation reason: 2 octets too many',
  );
  assert.equal(fault(reason(0x7f, 0xff), invalidity), '');
});

test('a critical extension that is not known makes all unusable, wherever it stands', () => {
  const critical = extension('2.5.29.29', Uint8Array.of(0x30, 0), true);
  const plain = Array.from({ length: 20 }, (_, i) => entry(Uint8Array.of(1 + i)));
  assert.equal(entriesOf(...plain).unusable, undefined);
  assert.equal(
    entriesOf(...plain, entry(Uint8Array.of(1), extension('1.2.3', critical))).unusable,
    undefined,
  );
  for (const list of [
    [...plain, entry(Uint8Array.of(99), reason(1), critical)],
    [entry(Uint8Array.of(99), critical, invalidity), ...plain],
  ]) {
    assert.equal(entriesOf(...list).unusable, 'an entry has the critical extension 2.5.29.29');
  }
});
