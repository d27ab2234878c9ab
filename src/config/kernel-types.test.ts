import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interfaceId, mark, newMark } from './kernel-types.ts';
import { Unfit } from './value-types.ts';

test('marks are a value with a mask, all ones without', () => {
  assert.deepEqual(mark.read('5'), { value: 5, mask: 0xffff_ffff });
  assert.deepEqual(mark.read('0x10/0xff'), { value: 0x10, mask: 0xff });
  assert.deepEqual(mark.read('%unique/0xff00'), { value: 'unique', mask: 0xff00 });
  assert.deepEqual(mark.read('%unique-dir'), { value: 'unique-dir', mask: 0xffff_ffff });
  assert.deepEqual(newMark.read('%same'), 'same');
  assert.deepEqual(newMark.read('7/7'), { value: 7, mask: 7 });
});

test('interfaces are numbers', () => {
  assert.equal(interfaceId.read('42'), 42);
  assert.equal(interfaceId.read('%unique-dir'), 'unique-dir');
});

test('what is neither is refused', () => {
  for (const text of ['', 'x', '1/2/3', '0x1ffffffff', '-1', '%same', '%other'])
    assert.throws(() => mark.read(text), Unfit, text);
  for (const text of ['%unique', 'x', '1/x']) assert.throws(() => newMark.read(text), Unfit, text);
  for (const text of ['1/2', '%same', '4294967296']) assert.throws(() => interfaceId.read(text), Unfit, text);
});
