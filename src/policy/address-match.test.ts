import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { matchAddress, mayMoveTo } from './address-match.ts';

for (const [list, address, quality] of [
  [[], '192.0.2.1', 1],
  [['%any'], '192.0.2.1', 1],
  [['%any'], '2001:db8::1', 1],
  [['%any6'], '192.0.2.1', 0],
  [['0.0.0.0'], '2001:db8::1', 0],
  [['192.0.2.1'], '192.0.2.1', 130],
  [['192.0.2.2'], '192.0.2.1', 0],
  [['192.0.2.0/24'], '192.0.2.1', 25],
  [['192.0.2.77/24'], '192.0.2.1', 25],
  [['192.0.2.0/24', '192.0.2.0/28', '%any'], '192.0.2.1', 29],
  [['192.0.3.0/24'], '192.0.2.1', 0],
  [['192.0.2.0/33'], '192.0.2.1', 0],
  [['192.0.2.0/x'], '192.0.2.1', 0],
  [['192.0.2.1-192.0.2.9'], '192.0.2.1', 29],
  [['192.0.2.2 - 192.0.2.9'], '192.0.2.1', 0],
  [['2001:db8::/32'], '2001:db8::1', 33],
  [['2001:db8::/32'], '192.0.2.1', 0],
  [['moon.example.org'], '192.0.2.1', 130],
  [['sun.example.org'], '192.0.2.1', 0],
  [['gw-a.example.org'], '192.0.2.1', 0],
] as const) {
  test(`${address} fits ${list.join(', ') || 'the empty list'} by ${quality}`, () => {
    const names = new Map([['moon.example.org', [ip('::1'), ip('192.0.2.1')]]]);
    assert.equal(matchAddress(list, ip(address), names), quality);
  });
}

for (const [list, address, may] of [
  [[], '192.0.2.1', true],
  [['%any'], '192.0.2.1', true],
  [['198.51.100.7'], '192.0.2.1', true],
  [['gw-a.example.org'], '192.0.2.1', true],
  [['192.0.2.0/24'], '192.0.2.1', true],
  [['192.0.2.0/24'], '192.0.3.1', false],
  [['192.0.2.0/24'], '2001:db8::1', false],
  [['192.0.2.0/24', '%any6'], '2001:db8::1', true],
  [['198.51.100.7', '192.0.2.0/24'], '198.51.100.7', true],
  [['198.51.100.7', '192.0.2.0/24'], '198.51.100.8', false],
  [['192.0.2.5 - 192.0.2.9'], '192.0.2.7', true],
  [['2001:db8::5-2001:db8::9'], '2001:db8::1', false],
] as const) {
  test(`an end of ${list.join(', ') || 'the empty list'} may ${may ? '' : 'not '}move to ${address}`, () => {
    assert.equal(mayMoveTo(list, ip(address)), may);
  });
}
