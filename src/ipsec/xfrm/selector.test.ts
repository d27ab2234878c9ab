import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp, ip } from '../../lib/ip.ts';
import { Failed } from '../../policy/failure.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import { priorityOf } from './priority.ts';
import { type KernelSelector, kernelSelectors, reversed, selectorKey } from './selector.ts';

function ts(
  start: string,
  end = start,
  protocol = 0,
  ports: readonly [number, number] = [0, 65535],
): TrafficSelector {
  return { start: ip(start), end: ip(end), protocol, startPort: ports[0], endPort: ports[1] };
}

/** `10.1.0.0/16 [port/mask] > … protocol`, in one line. */
function show({ source, destination, protocol, sourcePort, destinationPort }: KernelSelector): string {
  const end = (
    { address, length }: KernelSelector['source'],
    { port, mask }: KernelSelector['sourcePort'],
  ): string => `${formatIp(address)}/${length}${mask === 0 ? '' : `[${port}/${mask.toString(16)}]`}`;
  return `${end(source, sourcePort)} > ${end(destination, destinationPort)}${protocol === 0 ? '' : ` ${protocol}`}`;
}

const between = (from: TrafficSelector, to: TrafficSelector): string[] =>
  kernelSelectors([from], [to]).map(show);

test('subnets, hosts and everything are one selector each', () => {
  assert.deepEqual(between(ts('10.1.0.0', '10.1.255.255'), ts('10.2.0.1')), ['10.1.0.0/16 > 10.2.0.1/32']);
  assert.deepEqual(between(ts('0.0.0.0', '255.255.255.255'), ts('0.0.0.0', '255.255.255.255')), [
    '0.0.0.0/0 > 0.0.0.0/0',
  ]);
  assert.deepEqual(between(ts('2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'), ts('::1')), [
    '2001:db8::/32 > ::1/128',
  ]);
});

test('ranges of addresses and ports fall into what holds them exactly', () => {
  assert.deepEqual(between(ts('10.0.0.1', '10.0.0.4'), ts('10.2.0.1')), [
    '10.0.0.1/32 > 10.2.0.1/32',
    '10.0.0.2/31 > 10.2.0.1/32',
    '10.0.0.4/32 > 10.2.0.1/32',
  ]);
  assert.deepEqual(between(ts('10.0.0.1'), ts('10.2.0.1', '10.2.0.1', 17, [1024, 65535])), [
    '10.0.0.1/32 > 10.2.0.1/32[1024/fc00] 17',
    '10.0.0.1/32 > 10.2.0.1/32[2048/f800] 17',
    '10.0.0.1/32 > 10.2.0.1/32[4096/f000] 17',
    '10.0.0.1/32 > 10.2.0.1/32[8192/e000] 17',
    '10.0.0.1/32 > 10.2.0.1/32[16384/c000] 17',
    '10.0.0.1/32 > 10.2.0.1/32[32768/8000] 17',
  ]);
});

test('masked blocks hold every port of a range and no other', () => {
  for (const [first, last] of [
    [0, 0],
    [1, 65534],
    [500, 500],
    [5, 12],
    [65535, 65535],
    [0, 65534],
  ] as const) {
    const blocks = kernelSelectors([ts('10.0.0.1', '10.0.0.1', 6, [first, last])], [ts('10.0.0.2')]).map(
      selector => selector.sourcePort,
    );
    assert.ok(blocks.length <= 30);
    for (let port = 0; port < 65536; port += first === 1 ? 1 : 7) {
      const held = blocks.filter(block => (port & block.mask) === block.port).length;
      assert.equal(held, port >= first && port <= last ? 1 : 0, `port ${port} of ${first}-${last}`);
    }
  }
});

test('protocols that differ, and families, do not meet; any takes the other side', () => {
  assert.deepEqual(between(ts('10.0.0.1', '10.0.0.1', 6), ts('10.0.0.2', '10.0.0.2', 17)), []);
  assert.deepEqual(between(ts('10.0.0.1'), ts('::1')), []);
  assert.deepEqual(between(ts('10.0.0.1'), ts('10.0.0.2', '10.0.0.2', 17)), ['10.0.0.1/32 > 10.0.0.2/32 17']);
  assert.deepEqual(between(ts('10.0.0.1', '10.0.0.1', 47), ts('10.0.0.2')), ['10.0.0.1/32 > 10.0.0.2/32 47']);
});

test('ICMP: type and code stand where the ports do, and do not change sides', () => {
  const icmp = (first: number, last: number): string[] =>
    between(ts('10.0.0.1', '10.0.0.1', 1, [first, last]), ts('10.0.0.2', '10.0.0.2', 1));
  assert.deepEqual(icmp(0x0800, 0x08ff), ['10.0.0.1/32[8/ffff] > 10.0.0.2/32 1']);
  assert.deepEqual(icmp(0x0301, 0x0301), ['10.0.0.1/32[3/ffff] > 10.0.0.2/32[1/ffff] 1']);
  assert.deepEqual(icmp(0x0800, 0x09ff), ['10.0.0.1/32[8/fffe] > 10.0.0.2/32 1']);
  assert.deepEqual(icmp(0, 65535), ['10.0.0.1/32 > 10.0.0.2/32 1']);
  const [selector] = kernelSelectors([ts('::1', '::1', 58, [0x8000, 0x80ff])], [ts('::2', '::2', 58)]);
  assert.ok(selector);
  assert.equal(show(reversed(selector)), '::2/128[128/ffff] > ::1/128 58');
  assert.throws(() => icmp(0x0301, 0x0402), Failed);
});

test('opaque ports are port 0', () => {
  assert.deepEqual(
    between(ts('10.0.0.1', '10.0.0.1', 135, [65535, 0]), ts('10.0.0.2', '10.0.0.2', 135, [65535, 0])),
    ['10.0.0.1/32[0/ffff] > 10.0.0.2/32[0/ffff] 135'],
  );
});

test('selectors that fall into too many policies are refused', () => {
  const wide = ts('10.0.0.1', '10.255.255.254', 6, [1, 65534]);
  assert.throws(
    () => kernelSelectors([wide], [wide]),
    (error: unknown) => error instanceof Failed && /1024 kernel policies/.test(error.failure.summary),
  );
});

test('the other direction exchanges both ends, and keys tell selectors apart', () => {
  const [selector] = kernelSelectors([ts('10.0.0.1', '10.0.0.1', 6, [80, 80])], [ts('10.0.0.2')]);
  assert.ok(selector);
  assert.equal(show(reversed(selector)), '10.0.0.2/32 > 10.0.0.1/32[80/ffff] 6');
  assert.deepEqual(reversed(reversed(selector)), selector);
  assert.notEqual(selectorKey(selector), selectorKey(reversed(selector)));
  assert.notEqual(selectorKey(selector), selectorKey({ ...selector, protocol: 17 }));
});

test("priorities are strongSwan's: narrower first, traps behind SAs", () => {
  const priority = (
    from: TrafficSelector,
    to: TrafficSelector,
    kind: Parameters<typeof priorityOf>[1],
  ): number => priorityOf(kernelSelectors([from], [to])[0] as KernelSelector, kind);
  const [net16, other16] = [ts('10.1.0.0', '10.1.255.255'), ts('10.2.0.0', '10.2.255.255')];
  assert.equal(priority(net16, other16, 'default'), 383615);
  assert.equal(priority(ts('10.1.0.0', '10.1.0.255'), ts('10.2.0.0', '10.2.0.255'), 'default'), 375423);
  assert.equal(priority(ts('10.1.0.1'), ts('10.2.0.1'), 'default'), 367231);
  assert.equal(priority(net16, other16, 'routed'), 383616);
  assert.equal(priority(net16, other16, 'pass'), 183615);
  assert.equal(priority(net16, other16, 'fallback'), 583615);
  // Protocol 256, a port 64.
  assert.equal(
    priority(ts('10.1.0.1', '10.1.0.1', 6, [80, 80]), ts('10.2.0.1'), 'default'),
    367231 - 256 - 64,
  );
});
