import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp } from '../lib/ip.ts';
import {
  address,
  boolean,
  choice,
  count,
  decimal,
  dscp,
  formatTime,
  host,
  integer,
  parseRange,
  secret,
  text,
  time,
  Unfit,
  type ValueType,
  volume,
} from './value-types.ts';

const mode = choice(['tunnel', 'transport'], { tun: 'tunnel' });

const READ: readonly (readonly [type: ValueType<unknown>, text: string, value: unknown])[] = [
  [boolean, 'yes', true],
  [boolean, 'TRUE', true],
  [boolean, 'enabled', true],
  [boolean, '1', true],
  [boolean, 'no', false],
  [boolean, 'False', false],
  [boolean, 'disabled', false],
  [boolean, '0', false],
  [mode, 'Tunnel', 'tunnel'],
  [mode, 'tun', 'tunnel'],
  [integer(0, 10), '10', 10],
  [integer(0, 0xffffffff), '0xFFFFFFFF', 0xffffffff],
  [integer(-1, 4), '-1', -1],
  [count, '18446744073709551615', (1n << 64n) - 1n],
  [volume, '500', 500n],
  [volume, '2k', 2048n],
  [volume, '3 M', 3n << 20n],
  [volume, '1g', 1n << 30n],
  [time, '90', 90_000],
  [time, '90s', 90_000],
  [time, '2m', 120_000],
  [time, '4H', 14_400_000],
  [time, '1 d', 86_400_000],
  [time, '0', 0],
  [decimal, '1.8', 1.8],
  [decimal, '4', 4],
  [dscp, '001010', 10],
  [text, 'a b', 'a b'],
  [host, '192.0.2.1', '192.0.2.1'],
  [host, '2001:db8::/32', '2001:db8::/32'],
  [host, '10.0.0.1-10.0.0.9', '10.0.0.1-10.0.0.9'],
  [host, 'gw.example.org', 'gw.example.org'],
  [host, '%any', '%any'],
  [host, '%any6', '%any6'],
  [address, '0.0.0.0', '0.0.0.0'],
  [address, '::', '::'],
];

for (const [type, written, value] of READ) {
  test(`${type.name}: "${written}" is read`, () => {
    assert.equal(type.read(written), value);
  });
}

const REFUSED: readonly (readonly [type: ValueType<unknown>, texts: readonly string[]])[] = [
  [boolean, ['', 'ja', '2', 'constructor', 'y']],
  [mode, ['', 'tunnell', 'toString']],
  [integer(0, 10), ['', '11', '-1', '1.0', '010', '0x', 'ten', '1e1', '99999999999999999999']],
  [count, ['18446744073709551616', '-1', '1k']],
  [volume, ['k', '1t', '1kk', '1.5m', '99999999999999999999g', '-1']],
  [time, ['', 's', '1w', '1.5h', '-1s', '1h30m', '11000d', '99999999999999999999d']],
  [decimal, ['', '.5', '1,8', '-1', 'NaN', '1e3']],
  [dscp, ['10', '0010102', '001012']],
  [text, ['']],
  [
    host,
    [
      '',
      '10.0.0.256',
      '10.0.0.1/33',
      '10.0.0.9-10.0.0.1',
      '10.0.0.1-::1',
      'a b',
      '1.2.3',
      '-x',
      'x..y',
      '10.0.0.0/a',
      '%nany',
    ],
  ],
  [address, ['', '10.0.0.0/8', 'gw']],
];

for (const [type, texts] of REFUSED) {
  test(`${type.name}: what is none is refused`, () => {
    for (const written of texts) assert.throws(() => type.read(written), Unfit, written);
  });
}

test('a misspelt choice is told the nearest', () => {
  assert.throws(
    () => mode.read('transprot'),
    (error: unknown) => error instanceof Unfit && error.remedy === 'did you mean "transport"?',
  );
});

test('secrets are text, hexadecimal or Base64', () => {
  const read = (written: string): string => Buffer.from(secret.read(written).reveal()).toString('latin1');
  assert.equal(read('labsecret'), 'labsecret');
  assert.equal(read('0x00ff41'), '\x00\xffA');
  assert.equal(read('0XA:00:ff'), '\x0a\x00\xff');
  assert.equal(read('0sbGFic2VjcmV0'), 'labsecret');
  assert.equal(Buffer.from(secret.read('grün').reveal()).toString(), 'grün');
  for (const written of ['', '0x', '0xzz', '0s', '0s!!!', '0s='])
    assert.throws(() => secret.read(written), Unfit, written);
});

test('ranges are addresses, prefixes and pairs', () => {
  const show = (written: string): string | undefined => {
    const range = parseRange(written);
    return (
      range &&
      `${formatIp(range.start)}-${formatIp(range.end)}${range.prefix === undefined ? '' : `/${range.prefix}`}`
    );
  };
  assert.equal(show('10.1.2.3'), '10.1.2.3-10.1.2.3');
  assert.equal(show('10.1.2.3/16'), '10.1.0.0-10.1.255.255/16');
  assert.equal(show('10.1.2.3/0'), '0.0.0.0-255.255.255.255/0');
  assert.equal(show('10.1.2.3/31'), '10.1.2.2-10.1.2.3/31');
  assert.equal(show('2001:db8::1/33'), '2001:db8::-2001:db8:7fff:ffff:ffff:ffff:ffff:ffff/33');
  assert.equal(show('10.0.0.1 - 10.0.0.9'), '10.0.0.1-10.0.0.9');
  for (const written of ['', '-', '10.0.0.1-', '1-2-3', '10.0.0.1/', '10.0.0.1/8/8', '::/129'])
    assert.equal(show(written), undefined);
});

test('durations are written in their largest unit', () => {
  for (const written of ['0s', '90s', '2m', '4h', '1d', '36h'])
    assert.equal(formatTime(time.read(written)), written);
});
