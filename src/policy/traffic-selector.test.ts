import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ip } from '../lib/ip.ts';
import { formatSelector, parseSelector } from './selector-text.ts';
import {
  contains,
  coversFlow,
  fromWireSelector,
  intersect,
  sameSelector,
  sameSelectors,
  selectorForHost,
  selectorForPrefix,
  type TrafficSelector,
  toWireSelector,
} from './traffic-selector.ts';

const ts = (text: string): TrafficSelector => parseSelector(text) as TrafficSelector;

for (const [a, b, both] of [
  ['10.1.0.0/16', '10.0.0.0/8', '10.1.0.0/16'],
  ['10.0.0.5-10.0.0.9', '10.0.0.0-10.0.0.7', '10.0.0.5..10.0.0.7'],
  ['10.1.0.0/16', '10.2.0.0/16', undefined],
  ['0.0.0.0/0', '::/0', undefined],
  ['10.0.0.0/8[tcp/80]', '10.1.0.0/16', '10.1.0.0/16[tcp/80]'],
  ['10.0.0.0/8[tcp]', '10.0.0.0/8[udp]', undefined],
  ['10.0.0.0/8[tcp/1-100]', '10.0.0.0/8[tcp/50-200]', '10.0.0.0/8[tcp/50-100]'],
  ['10.0.0.0/8[tcp/1-10]', '10.0.0.0/8[tcp/11]', undefined],
  ['10.0.0.0/8[any/53]', '10.0.0.0/8[udp]', '10.0.0.0/8[udp/53]'],
  ['10.0.0.0/8[udp/opaque]', '10.0.0.0/8', '10.0.0.0/8[udp/OPAQUE]'],
  ['10.0.0.0/8[udp/opaque]', '10.0.0.0/8[udp/opaque]', '10.0.0.0/8[udp/OPAQUE]'],
  ['10.0.0.0/8[udp/opaque]', '10.0.0.0/8[udp/53]', undefined],
] as const) {
  test(`${a} and ${b} have ${both ?? 'nothing'} in common`, () => {
    for (const result of [intersect(ts(a), ts(b)), intersect(ts(b), ts(a))]) {
      assert.equal(result && formatSelector(result), both);
    }
  });
}

const small = fc
  .tuple(
    fc.nat(15),
    fc.nat(15),
    fc.constantFrom(0, 6, 17),
    fc.nat(3),
    fc.nat(3),
    fc.constantFrom('range', 'any', 'opaque'),
  )
  .map(([a, b, protocol, p, q, ports]): TrafficSelector => {
    const address = (last: number): Uint8Array => Uint8Array.of(10, 0, 0, last);
    const range = { startPort: Math.min(p, q), endPort: Math.max(p, q) };
    const any = { startPort: 0, endPort: 65_535 };
    const opaque = { startPort: 65_535, endPort: 0 };
    return {
      start: address(Math.min(a, b)),
      end: address(Math.max(a, b)),
      protocol,
      ...(ports === 'range' ? range : ports === 'any' ? any : opaque),
    };
  });

test('what both have in common lies in both, and is all of one that lies in the other', () => {
  fc.assert(
    fc.property(small, small, (a, b) => {
      const both = intersect(a, b);
      if (both !== undefined) assert.ok(contains(a, both) && contains(b, both));
      assert.equal(contains(a, b), both !== undefined && sameSelector(both, b));
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test('a packet is covered by what two selectors share exactly when both cover it', () => {
  const everywhere = [selectorForPrefix(ip('0.0.0.0'), 0)];
  const packet = fc.tuple(fc.nat(15), fc.constantFrom(6, 17), fc.option(fc.nat(4), { nil: undefined }));
  fc.assert(
    fc.property(small, small, packet, (a, b, [last, protocol, port]) => {
      const flow = {
        source: Uint8Array.of(10, 0, 0, last),
        destination: ip('192.0.2.1'),
        protocol,
        ...(port === undefined ? {} : { sourcePort: port, destinationPort: 7 }),
      };
      const both = intersect(a, b);
      const covered = (selector: TrafficSelector): boolean => coversFlow([selector], everywhere, flow);
      assert.equal(both !== undefined && covered(both), covered(a) && covered(b));
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test('a flow needs both of its ends covered', () => {
  const flow = {
    source: ip('10.0.0.1'),
    destination: ip('10.1.0.1'),
    protocol: 6,
    sourcePort: 9,
    destinationPort: 80,
  };
  const [left, right] = [[ts('10.0.0.0/16')], [ts('10.1.0.0/16[tcp/80]')]];
  assert.equal(coversFlow(left, right, flow), true);
  assert.equal(coversFlow(right, left, flow), false);
  assert.equal(coversFlow(left, right, { ...flow, destinationPort: 81 }), false);
  assert.equal(coversFlow(left, right, { ...flow, protocol: 17 }), false);
  assert.equal(coversFlow(left, [], flow), false);
  assert.equal(
    coversFlow(left, right, { source: flow.source, destination: flow.destination, protocol: 6 }),
    false,
  );
});

test('lists are the same whatever their order', () => {
  const [a, b] = [ts('10.0.0.0/8'), ts('10.0.0.0/8[tcp]')];
  assert.equal(sameSelectors([a, b], [b, a, a]), true);
  assert.equal(sameSelectors([a, b], [a]), false);
});

test('selectors go onto the wire and come back', () => {
  for (const text of ['10.0.0.0/8[tcp/80]', '2001:db8::/32', '10.0.0.1[udp/opaque]']) {
    const wire = toWireSelector(ts(text));
    assert.equal(wire.tsType, text.startsWith('2') ? 8 : 7);
    assert.deepEqual(fromWireSelector(wire), ts(text));
  }
});

test('what the wire has and no selector can be is none', () => {
  const sound = toWireSelector(ts('10.0.0.0/8[tcp/80]'));
  assert.equal(fromWireSelector({ tsType: 9 }), undefined);
  assert.equal(fromWireSelector({ ...sound, tsType: 8 }), undefined);
  assert.equal(fromWireSelector({ ...sound, start: sound.end, end: sound.start }), undefined);
  assert.equal(fromWireSelector({ ...sound, startPort: 81 }), undefined);
  assert.equal(fromWireSelector({ ...sound, end: ip('::1') }), undefined);
  assert.equal(fromWireSelector({ tsType: 7, start: sound.start }), undefined);
});

test('a host is a selector of one address', () => {
  assert.equal(formatSelector(selectorForHost(ip('::1'), 58)), '::1/128[ipv6-icmp]');
});
