import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { isSubset, narrow, resolveSelectors } from './narrowing.ts';
import { formatSelector, parseSelector } from './selector-text.ts';
import type { TrafficSelector } from './traffic-selector.ts';

const list = (...texts: string[]): TrafficSelector[] =>
  texts.map(text => parseSelector(text) as TrafficSelector);

for (const { name, ours, offered, result, less } of [
  { name: 'all of it', ours: ['10.0.0.0/8'], offered: ['10.1.0.0/16'], result: ['10.1.0.0/16'], less: false },
  { name: 'less', ours: ['10.1.0.0/16'], offered: ['10.0.0.0/8'], result: ['10.1.0.0/16'], less: true },
  {
    name: 'the second of two',
    ours: ['10.1.0.0/16'],
    offered: ['10.2.0.0/16', '10.1.0.0/16'],
    result: ['10.1.0.0/16'],
    less: true,
  },
  {
    name: 'the triggering packet inside its network, told once (RFC 7296 §2.9)',
    ours: ['10.0.0.0/8'],
    offered: ['10.1.0.5[tcp/80]', '10.1.0.0/16'],
    result: ['10.1.0.0/16'],
    less: false,
  },
  {
    name: 'parts of several',
    ours: ['10.1.0.0/16', '10.2.0.0/16[udp]'],
    offered: ['10.0.0.0/8', '2001:db8::/32'],
    result: ['10.1.0.0/16', '10.2.0.0/16[udp]'],
    less: true,
  },
  {
    name: 'what is configured twice, once',
    ours: ['10.1.0.0/16', '10.1.0.0/16', '10.0.0.0/8'],
    offered: ['10.1.0.0/16'],
    result: ['10.1.0.0/16'],
    less: false,
  },
] as const) {
  test(`a responder accepts ${name}`, () => {
    const narrowing = narrow(list(...ours), list(...offered));
    assert.ok(narrowing.kind === 'narrowed');
    assert.deepEqual(narrowing.selectors.map(formatSelector), result);
    assert.equal(narrowing.less, less);
    assert.ok(isSubset(narrowing.selectors, list(...offered)));
    assert.ok(isSubset(narrowing.selectors, list(...ours)));
  });
}

for (const { ours, offered, nearest, differs } of [
  {
    ours: ['10.1.0.0/16'],
    offered: ['10.2.0.0/16'],
    nearest: '10.1.0.0/16 10.2.0.0/16',
    differs: ['addresses'],
  },
  {
    ours: ['10.1.0.0/16[tcp]'],
    offered: ['10.2.0.0/16[udp]', '10.1.0.0/24[udp]'],
    nearest: '10.1.0.0/16[tcp] 10.1.0.0/24[udp]',
    differs: ['protocol'],
  },
  {
    ours: ['2001:db8::/32', '10.1.0.0/16[tcp/80]'],
    offered: ['10.1.0.0/16[tcp/81]'],
    nearest: '10.1.0.0/16[tcp/80] 10.1.0.0/16[tcp/81]',
    differs: ['ports'],
  },
  {
    ours: ['::/0'],
    offered: ['0.0.0.0/0'],
    nearest: '::/0 0.0.0.0/0',
    differs: ['address family', 'addresses'],
  },
] as const) {
  test(`${offered.join(', ')} is refused, being other than ${ours.join(', ')} in ${differs.join(', ')}`, () => {
    const narrowing = narrow(list(...ours), list(...offered));
    assert.ok(narrowing.kind === 'mismatch' && narrowing.nearest !== undefined);
    const { nearest: pair } = narrowing;
    assert.equal(`${formatSelector(pair.ours)} ${formatSelector(pair.offered)}`, nearest);
    assert.deepEqual(pair.differs, differs);
  });
}

test('an empty list shares nothing', () => {
  assert.deepEqual(narrow([], list('10.0.0.0/8')), {
    kind: 'mismatch',
    ours: [],
    offered: list('10.0.0.0/8'),
  });
});

test('an answer beyond the offer, or none at all, is no subset', () => {
  const offered = list('10.1.0.0/16', '10.2.0.0/16[tcp]');
  assert.equal(isSubset(list('10.1.0.0/24', '10.2.0.1[tcp/80]'), offered), true);
  assert.equal(isSubset(list('10.0.0.0/8'), offered), false);
  assert.equal(isSubset(list('10.1.0.0/24', '10.2.0.0/16'), offered), false);
  assert.equal(isSubset([], offered), false);
});

test('as many selectors as a payload holds come out of however many pairs', () => {
  const many = Array.from({ length: 255 }, (_, i) => `10.${i}.0.0/16`);
  const narrowing = narrow(list(...many, ...many), list(...many));
  assert.ok(narrowing.kind === 'narrowed');
  assert.ok(narrowing.selectors.length <= 255);
});

test('dynamic becomes each of the hosts', () => {
  const configured = [parseSelector('dynamic[tcp/80]'), parseSelector('10.0.0.0/8')];
  assert.deepEqual(resolveSelectors(configured, [ip('192.0.2.1'), ip('::1')]).map(formatSelector), [
    '192.0.2.1/32[tcp/80]',
    '::1/128[tcp/80]',
    '10.0.0.0/8',
  ]);
});
