import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIp } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import { formatSelector, parseSelector, protocolNumber } from './selector-text.ts';

for (const [text, printed, range, protocol, startPort, endPort] of [
  ['10.1.0.0/16', '10.1.0.0/16', '10.1.0.0 10.1.255.255', 0, 0, 65535],
  ['10.1.2.3/16', '10.1.0.0/16', '10.1.0.0 10.1.255.255', 0, 0, 65535],
  ['192.0.2.1', '192.0.2.1/32', '192.0.2.1 192.0.2.1', 0, 0, 65535],
  ['0.0.0.0/0', '0.0.0.0/0', '0.0.0.0 255.255.255.255', 0, 0, 65535],
  ['2001:db8::/32', '2001:db8::/32', '2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 0, 0, 65535],
  ['10.0.0.1-10.0.0.9', '10.0.0.1..10.0.0.9', '10.0.0.1 10.0.0.9', 0, 0, 65535],
  ['10.0.0.0..10.0.0.255', '10.0.0.0/24', '10.0.0.0 10.0.0.255', 0, 0, 65535],
  [' 10.0.0.0/8 [ tcp / 80 ] ', '10.0.0.0/8[tcp/80]', '10.0.0.0 10.255.255.255', 6, 80, 80],
  ['10.0.0.0/8[tcp]', '10.0.0.0/8[tcp]', '10.0.0.0 10.255.255.255', 6, 0, 65535],
  ['10.0.0.0/8[6/any]', '10.0.0.0/8[tcp]', '10.0.0.0 10.255.255.255', 6, 0, 65535],
  ['10.0.0.0/8[]', '10.0.0.0/8', '10.0.0.0 10.255.255.255', 0, 0, 65535],
  ['10.0.0.0/8[/53]', '10.0.0.0/8[any/53]', '10.0.0.0 10.255.255.255', 0, 53, 53],
  ['10.0.0.0/8[udp/1024-65535]', '10.0.0.0/8[udp/1024-65535]', '10.0.0.0 10.255.255.255', 17, 1024, 65535],
  ['10.0.0.0/8[tcp/https]', '10.0.0.0/8[tcp/443]', '10.0.0.0 10.255.255.255', 6, 443, 443],
  ['10.0.0.0/8[udp/opaque]', '10.0.0.0/8[udp/OPAQUE]', '10.0.0.0 10.255.255.255', 17, 65535, 0],
  ['10.0.0.0/8[icmp/8]', '10.0.0.0/8[icmp/8]', '10.0.0.0 10.255.255.255', 1, 0x800, 0x8ff],
  ['10.0.0.0/8[icmp/8(0)]', '10.0.0.0/8[icmp/8(0)]', '10.0.0.0 10.255.255.255', 1, 0x800, 0x800],
  ['10.0.0.0/8[icmp/3/4]', '10.0.0.0/8[icmp/3(4)]', '10.0.0.0 10.255.255.255', 1, 0x304, 0x304],
  ['10.0.0.0/8[icmp/2048]', '10.0.0.0/8[icmp/8(0)]', '10.0.0.0 10.255.255.255', 1, 0x800, 0x800],
  [
    '::/0[ipv6-icmp/128-129]',
    '::/0[ipv6-icmp/128-129]',
    ':: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    58,
    0x8000,
    0x81ff,
  ],
  ['::1[icmpv6/1(2)-1(4)]', '::1/128[ipv6-icmp/1(2)-1(4)]', '::1 ::1', 58, 0x102, 0x104],
  ['10.0.0.1[47]', '10.0.0.1/32[gre]', '10.0.0.1 10.0.0.1', 47, 0, 65535],
  ['10.0.0.1[200/7]', '10.0.0.1/32[200/7]', '10.0.0.1 10.0.0.1', 200, 7, 7],
] as const) {
  test(`${text} is ${printed}`, () => {
    const selector = parseSelector(text);
    assert.ok(!('dynamic' in selector));
    assert.equal(`${formatIp(selector.start)} ${formatIp(selector.end)}`, range);
    assert.deepEqual(
      [selector.protocol, selector.startPort, selector.endPort],
      [protocol, startPort, endPort],
    );
    assert.equal(formatSelector(selector), printed);
    assert.deepEqual(parseSelector(printed), selector);
  });
}

test('dynamic stands for an address that is not known yet', () => {
  assert.deepEqual(parseSelector('dynamic'), { dynamic: true, protocol: 0, startPort: 0, endPort: 65535 });
  assert.equal(formatSelector(parseSelector('[tcp/80]')), 'dynamic[tcp/80]');
  assert.equal(formatSelector(parseSelector('dynamic[udp]')), 'dynamic[udp]');
});

for (const text of [
  'moon',
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '::/129',
  '10.0.0.9-10.0.0.1',
  '10.0.0.1-::1',
  '10.0.0.1-10.0.0.2-10.0.0.3',
  '10.0.0.0/8[tcp',
  '10.0.0.0/8]tcp[',
  '10.0.0.0/8[nope]',
  '10.0.0.0/8[256]',
  '10.0.0.0/8[tcp/65536]',
  '10.0.0.0/8[tcp/9-1]',
  '10.0.0.0/8[tcp/1-2-3]',
  '10.0.0.0/8[tcp/constructor]',
  '10.0.0.0/8[constructor]',
  '10.0.0.0/8[icmp/8(256)]',
  '10.0.0.0/8[icmp/x]',
  '10.0.0.0/8[icmp/9-8]',
  '10.0.0.0/8[icmp/70000]',
]) {
  test(`"${text}" is refused`, () => assert.throws(() => parseSelector(text), Malformed));
}

test('protocols have names and numbers', () => {
  assert.equal(protocolNumber('TCP'), 6);
  assert.equal(protocolNumber('255'), 255);
  assert.equal(protocolNumber('256'), undefined);
  assert.equal(protocolNumber('toString'), undefined);
});

test('whatever is printed reads back as the same', () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  const port = fc.integer({ min: 0, max: 65_535 });
  fc.assert(
    fc.property(
      address,
      fc.bigInt(0n, 1n << 20n),
      fc.constantFrom(0, 1, 6, 58, 99),
      port,
      port,
      (start, more, protocol, a, b) => {
        const end = start.slice();
        let carry = more;
        for (let i = end.length - 1; i >= 0; i--) {
          const sum = BigInt(end[i] as number) + (carry & 0xffn);
          end[i] = Number(sum & 0xffn);
          carry = (carry >> 8n) + (sum >> 8n);
        }
        if (carry > 0n) return;
        const selector = { start, end, protocol, startPort: Math.min(a, b), endPort: Math.max(a, b) };
        assert.deepEqual(parseSelector(formatSelector(selector)), selector, formatSelector(selector));
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});
