import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../lib/bytes.ts';
import { formatIp, ip } from '../../lib/ip.ts';
import type { NetlinkRequest } from '../../sys/netlink/socket.ts';
import type { Route } from '../../sys/routing/route.ts';
import { sampleSa } from '../conformance.ts';
import { removeLeftovers } from './leftovers.ts';
import { Message } from './numbers.ts';
import { inboundPolicies, outboundPolicies } from './policies-of.ts';
import { DIRECTION, encodePolicy } from './policy.ts';
import { sealOfPolicy } from './seal.ts';
import { encodeState, encodeStateId, outboundState } from './state.ts';

/** A kernel with these states and policies; what it is asked to delete is kept. */
function kernel(states: readonly Uint8Array[], policies: readonly Uint8Array[]) {
  const deleted: NetlinkRequest[] = [];
  return {
    deleted,
    request(request: NetlinkRequest) {
      deleted.push(request);
      return [];
    },
    dump({ type }: NetlinkRequest) {
      const bodies = type === Message.GETSA ? states : policies;
      return bodies.map(body => ({ type, flags: 0, sequence: 0, port: 0, body: body.slice() }));
    },
  };
}

function routing(...destinations: readonly string[]) {
  const routes = destinations.map((text): Route => ({ destination: ip(text), prefix: 16, table: 220 }));
  const deleted: string[] = [];
  return {
    deleted,
    routes: () => routes,
    deleteRoute: ({ destination }: Route) => {
      deleted.push(formatIp(destination));
    },
  };
}

const sa = sampleSa({ kernel: { markOut: { value: 5, mask: 0xff }, interfaceOut: 7 } });
/** As others make them: without a seal. */
function unsealed(state: Uint8Array): Uint8Array {
  return state.slice().fill(0, 204, 208);
}

test('states with our seal go, by their marks, and those of others stay', () => {
  const ours = encodeState(sa, false);
  const there = kernel([unsealed(encodeState(sa, true)), ours, unsealed(ours)], []);
  const { states } = removeLeftovers(there, routing(), 220);
  assert.equal(states, 1);
  assert.deepEqual(
    there.deleted.map(({ type, body }) => [type, toHex(body)]),
    [[Message.DELSA, toHex(encodeStateId(outboundState(sa), sa.kernel?.markOut))]],
  );
});

test('policies with our seal go, and the routes of those of the way out', () => {
  const [out] = outboundPolicies(sa);
  const [inbound] = inboundPolicies(sa);
  assert.ok(out !== undefined && inbound !== undefined);
  const seal = sealOfPolicy(9, DIRECTION.out);
  const there = kernel(
    [],
    [
      encodePolicy(out.id, out.action, seal),
      encodePolicy(out.id, out.action, 9 * 8 + DIRECTION.out),
      encodePolicy(inbound.id, inbound.action, sealOfPolicy(10, DIRECTION.in)),
    ],
  );
  const routes = routing('10.1.0.0', '10.2.0.0', '10.3.0.0');
  const found = removeLeftovers(there, routes, 220);
  assert.equal(found.policies, 2);
  assert.deepEqual(routes.deleted, ['10.2.0.0']);
  const [first] = there.deleted;
  assert.ok(first);
  // Selector, index and direction of struct xfrm_userpolicy_id, then mark and interface.
  assert.deepEqual(first.body.subarray(0, 56), encodePolicy(out.id, out.action).subarray(0, 56));
  assert.equal(new DataView(first.body.buffer, first.body.byteOffset).getUint32(56, true), seal);
  assert.deepEqual([...first.body.subarray(60, 64)], [DIRECTION.out, 0, 0, 0]);
  assert.equal(toHex(first.body.subarray(64)), '0c00150005000000ff00000008001f0007000000');
});

test('where routes are left to others, they stay', () => {
  const [out] = outboundPolicies(sa);
  assert.ok(out !== undefined);
  const there = kernel([], [encodePolicy(out.id, out.action, sealOfPolicy(1, DIRECTION.out))]);
  const routes = routing('10.2.0.0');
  assert.deepEqual(removeLeftovers(there, routes, undefined), { states: 0, policies: 1, routes: [] });
  assert.deepEqual(routes.deleted, []);
});
