import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatIp,
  ip,
  ipFromBigInt,
  ipToBigInt,
  isUnspecified,
  netmask,
  parseIp,
  prefixOfMask,
} from './ip.ts';
import { Malformed } from './reader.ts';

test('the text form of every address reads back, and node agrees that it is one', () => {
  for (const length of [4, 16] as const) {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: length, maxLength: length }), address => {
        const text = formatIp(address);
        assert.equal(isIP(text), length === 4 ? 4 : 6);
        assert.deepEqual(parseIp(text), address);
        assert.deepEqual(ipFromBigInt(ipToBigInt(address), length), address);
      }),
    );
  }
});

test('IPv6 is written as RFC 5952 asks', () => {
  for (const [text, canonical] of [
    ['2001:0db8:0:0:0:0:0:1', '2001:db8::1'],
    ['::', '::'],
    ['1::', '1::'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ] as const) {
    assert.equal(formatIp(ip(text)), canonical);
  }
});

test('what is no address is refused, as node refuses it', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    '::1.2.3',
    'fe80::1%eth0',
  ]) {
    assert.equal(parseIp(text), undefined, text);
    assert.throws(() => ip(text), Malformed);
  }
});

test('a mask is made of each prefix, and read back', () => {
  assert.deepEqual(netmask(4, 20), ip('255.255.240.0'));
  for (const length of [4, 16])
    for (let prefix = 0; prefix <= 8 * length; prefix++)
      assert.equal(prefixOfMask(netmask(length, prefix)), prefix);
  for (const holes of ['255.0.255.0', '0.0.0.1', '127.255.255.255'])
    assert.equal(prefixOfMask(ip(holes)), undefined);
});

test('an address of zeros alone is none', () => {
  for (const text of ['0.0.0.0', '::']) assert.ok(isUnspecified(ip(text)));
  for (const text of ['0.0.0.1', '::1']) assert.ok(!isUnspecified(ip(text)));
});
