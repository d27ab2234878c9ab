import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../lib/bytes.ts';
import { ip } from '../../lib/ip.ts';
import type { StandingPolicy } from '../../policy/sa.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import { sampleSa } from '../conformance.ts';
import { inboundPolicies, outboundPolicies, standingPolicies } from './policies-of.ts';
import { encodePolicy, encodePolicyId, policyKey } from './policy.ts';

const zeros = (count: number): string => '00'.repeat(count);

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) as Uint8Array;

function same(actual: Uint8Array, expected: string): void {
  assert.equal(toHex(actual), toHex(hex(expected)));
}

const net = (start: string, end: string): TrafficSelector => ({
  start: ip(start),
  end: ip(end),
  protocol: 0,
  startPort: 0,
  endPort: 65535,
});

/** What iproute2 6.1 sends for `ip xfrm policy update` with the same values. */
test('the outbound policy of a tunnel names its very SA', () => {
  const [policy, ...others] = outboundPolicies(sampleSa({ reqid: 7 }));
  assert.ok(policy !== undefined && others.length === 0);
  same(
    encodePolicy(policy.id, policy.action),
    `0a020000 ${zeros(12)} 0a010000 ${zeros(12)} ${zeros(8)} 0200 1010 ${zeros(12)}
    ${'ff'.repeat(32)} ${zeros(32)} ${zeros(32)} 7fda0500 00000000 01 00 ${zeros(6)}
    4400 0500 c0000202 ${zeros(12)} c2000001 32 000000 0200 0000 c0000201 ${zeros(12)} 07000000 01 000000
    ${'ff'.repeat(12)}`,
  );
});

test('a policy that drops, of ports, with mark and interface', () => {
  const block = (port: number) => ({ port, mask: 0xffff });
  const id = {
    direction: 'fwd',
    selector: {
      source: { address: ip('10.2.0.0'), length: 16 },
      destination: { address: ip('10.1.0.0'), length: 16 },
      protocol: 17,
      sourcePort: block(53),
      destinationPort: block(1024),
    },
    mark: { value: 5, mask: 0xff },
    interface: 0x17,
  } as const;
  const selector = `0a010000 ${zeros(12)} 0a020000 ${zeros(12)} 0400 ffff 0035 ffff 0200 1010 11 ${zeros(11)}`;
  const scope = '0c00 1500 05000000 ff000000 0800 1f00 17000000';
  same(
    encodePolicy(id, { priority: 12, drop: true }),
    `${selector} ${'ff'.repeat(32)} ${zeros(32)} ${zeros(32)} 0c000000 00000000 02 01 ${zeros(6)} ${scope}`,
  );
  same(encodePolicyId(id), `${selector} 00000000 02 000000 ${scope}`);
});

test('inbound policies take any SA of the reqid; only tunnels forward', () => {
  const directions = (mode: 'tunnel' | 'transport' | 'beet'): string[] =>
    inboundPolicies(sampleSa({ mode })).map(({ id }) => id.direction);
  assert.deepEqual(directions('tunnel'), ['in', 'fwd']);
  assert.deepEqual(directions('beet'), ['in', 'fwd']);
  assert.deepEqual(directions('transport'), ['in']);
  const [policy] = inboundPolicies(
    sampleSa({ kernel: { markIn: { value: 1, mask: 1 }, interfaceIn: 3, priority: 99 } }),
  );
  assert.ok(policy);
  assert.deepEqual(policy.action, {
    priority: 99,
    templates: [
      {
        protocol: 'esp',
        mode: 'tunnel',
        reqid: 1,
        spi: 0,
        source: ip('192.0.2.2'),
        destination: ip('192.0.2.1'),
      },
    ],
  });
  assert.deepEqual(policy.id.selector.source, { address: ip('10.2.0.0'), length: 16 });
  assert.deepEqual([policy.id.mark, policy.id.interface], [{ value: 1, mask: 1 }, 3]);
});

test('in transport mode a template has no addresses', () => {
  const [policy] = outboundPolicies(sampleSa({ mode: 'transport' }));
  assert.ok(policy);
  same(
    encodePolicy(policy.id, policy.action).subarray(168),
    `4400 0500 ${zeros(16)} c2000001 32 000000 0200 0000 ${zeros(16)} 01000000 00 000000 ${'ff'.repeat(12)}`,
  );
});

test('compression makes the tunnel and comes first; what comes in may do without it', () => {
  const sa = sampleSa({ ipcomp: { cpiIn: 0x1111, cpiOut: 0x2222 } });
  const templates = (policy: ReturnType<typeof outboundPolicies>[number] | undefined): string => {
    assert.ok(policy);
    return toHex(encodePolicy(policy.id, policy.action).subarray(168));
  };
  const last = `00 ${'ff'.repeat(12)}`;
  const [out] = outboundPolicies(sa);
  assert.equal(
    templates(out),
    toHex(
      hex(`8400 0500 c0000202 ${zeros(12)} 00002222 6c 000000 0200 0000 c0000201 ${zeros(12)} 01000000 01 0000 ${last}
      ${zeros(16)} c2000001 32 000000 0200 0000 ${zeros(16)} 01000000 00 0000 ${last}`),
    ),
  );
  for (const policy of inboundPolicies(sa))
    assert.equal(
      templates(policy),
      toHex(
        hex(`8400 0500 c0000201 ${zeros(12)} 00000000 6c 000000 0200 0000 c0000202 ${zeros(12)} 01000000 01 0001 ${last}
        ${zeros(16)} 00000000 32 000000 0200 0000 ${zeros(16)} 01000000 00 0000 ${last}`),
      ),
    );
});

test('traps, below the SA, exceptions and drops hold in all directions', () => {
  const standing: Omit<StandingPolicy, 'kind'> = {
    id: 1,
    localTs: [net('10.1.0.0', '10.1.255.255')],
    remoteTs: [net('10.2.0.0', '10.2.255.255')],
    protocol: 'esp',
    mode: 'tunnel',
    reqid: 1,
    local: ip('192.0.2.1'),
    remote: ip('192.0.2.2'),
  };
  const shape = (kind: StandingPolicy['kind']) =>
    standingPolicies({ ...standing, kind }).map(({ id, action }) => [
      id.direction,
      action.priority,
      action.drop ?? false,
      action.templates?.[0]?.spi,
    ]);
  assert.deepEqual(shape('trap'), [
    ['out', 383616, false, 0],
    ['in', 383616, false, 0],
    ['fwd', 383616, false, 0],
  ]);
  assert.deepEqual(shape('pass'), [
    ['out', 183615, false, undefined],
    ['in', 183615, false, undefined],
    ['fwd', 183615, false, undefined],
  ]);
  assert.deepEqual(shape('drop'), [
    ['out', 583615, true, undefined],
    ['in', 583615, true, undefined],
    ['fwd', 583615, true, undefined],
  ]);
  const [out] = outboundPolicies(sampleSa());
  const [trap] = standingPolicies({ ...standing, kind: 'trap' });
  assert.ok(out !== undefined && trap !== undefined);
  assert.equal(policyKey(out.id), policyKey(trap.id));
  assert.ok(out.action.priority < trap.action.priority);
});

test('policies bound to an interface, and one that lets forwarded traffic by', () => {
  const sa = sampleSa({ kernel: { forwardOut: true, device: 'eth0' } });
  const [out, forward, ...others] = outboundPolicies(sa, 7);
  assert.ok(out !== undefined && forward !== undefined && others.length === 0);
  assert.equal(encodePolicy(out.id, out.action)[48], 7);
  assert.equal(encodePolicyId(out.id)[48], 7);
  assert.deepEqual([forward.id.direction, forward.action.templates], ['fwd', undefined]);
  assert.ok(out.action.priority < forward.action.priority, 'it would hide a policy of its own direction');
  // Before what drops, after what has templates.
  const [unbound] = outboundPolicies(sampleSa());
  assert.equal(out.action.priority, (unbound?.action.priority ?? 0) - 2);
  assert.notEqual(policyKey(out.id), policyKey(unbound?.id ?? out.id));
  assert.equal(outboundPolicies({ ...sa, mode: 'transport' }, 7).length, 1);
  assert.deepEqual(inboundPolicies(sa), inboundPolicies(sampleSa()));
});
