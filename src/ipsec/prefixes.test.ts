import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIp, ip, ipFromBigInt, ipToBigInt } from '../lib/ip.ts';
import { prefixesOf } from './prefixes.ts';

const text = (start: string, end: string): string[] =>
  prefixesOf(ip(start), ip(end)).map(({ address, length }) => `${formatIp(address)}/${length}`);

const rows: readonly [start: string, end: string, prefixes: readonly string[]][] = [
  ['10.0.0.1', '10.0.0.1', ['10.0.0.1/32']],
  ['10.0.0.0', '10.0.0.255', ['10.0.0.0/24']],
  ['0.0.0.0', '255.255.255.255', ['0.0.0.0/0']],
  ['10.0.0.1', '10.0.0.6', ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.4/31', '10.0.0.6/32']],
  ['255.255.255.254', '255.255.255.255', ['255.255.255.254/31']],
  ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', ['::/0']],
  ['2001:db8::', '2001:db8:1:ffff:ffff:ffff:ffff:ffff', ['2001:db8::/47']],
  ['10.0.0.2', '10.0.0.1', []],
];
for (const [start, end, prefixes] of rows)
  test(`${start} to ${end}`, () => assert.deepEqual(text(start, end), prefixes));

test('every range is covered once, without a gap, by few', () => {
  const address = fc.bigInt({ min: 0n, max: 0xffff_ffffn });
  fc.assert(
    fc.property(address, address, (a, b) => {
      const [first, last] = a < b ? [a, b] : [b, a];
      let next = first;
      const prefixes = prefixesOf(ipFromBigInt(first, 4), ipFromBigInt(last, 4));
      for (const { address, length } of prefixes) {
        const size = 1n << BigInt(32 - length);
        assert.equal(ipToBigInt(address), next);
        assert.equal(next % size, 0n);
        next += size;
      }
      assert.equal(next, last + 1n);
      assert.ok(prefixes.length <= 62);
    }),
    { seed: 4632 },
  );
});
