import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { utf8 } from '../lib/text.ts';
import { decodeTime, formatInstant, isTime } from './calendar.ts';

for (const [text, date] of [
  ['700101000000Z', Date.UTC(1970, 0, 1)],
  ['500101000000Z', Date.UTC(1950, 0, 1)],
  ['491231235959Z', Date.UTC(2049, 11, 31, 23, 59, 59)],
  ['20380119031408Z', Date.UTC(2038, 0, 19, 3, 14, 8)],
  ['21060207062816Z', Date.UTC(2106, 1, 7, 6, 28, 16)],
  ['99991231235959Z', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ['240229120000Z', Date.UTC(2024, 1, 29, 12)],
  ['20000229000000Z', Date.UTC(2000, 1, 29)],
] as const) {
  test(`${text} is an instant`, () => {
    assert.ok(isTime(utf8(text), text.length === 15));
    assert.equal(decodeTime(utf8(text), text.length === 15), date);
  });
}

for (const text of [
  '',
  '7001010000Z',
  '700101000000',
  '700101000000+0100',
  '701301000000Z',
  '700001000000Z',
  '700100000000Z',
  '700132000000Z',
  '230229000000Z',
  '700101240000Z',
  '700101006000Z',
  '700101000060Z',
  '7001010000 0Z',
  '70010100000\u0660Z',
]) {
  test(`"${text}" is no UTCTime of RFC 5280`, () => assert.ok(!isTime(utf8(text), false)));
}

test('a century that is no leap year has no 29 February', () => {
  assert.ok(!isTime(utf8('21000229000000Z'), true));
  assert.ok(!isTime(utf8('20240101000000.5Z'), true));
});

test('instants are printed as the calendar has them, and read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), seconds => {
      const iso = new Date(1000 * seconds).toISOString();
      const text = formatInstant(1000 * seconds);
      assert.equal(text, `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`);
      const digits = utf8(text.replace(/[- :]/g, ''));
      assert.ok(isTime(digits, true));
      assert.equal(decodeTime(digits, true), 1000 * seconds);
    }),
    { seed: 1 },
  );
  assert.equal(formatInstant(-1), '1969-12-31 23:59:59Z');
});
