import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertEnds, assertSettled } from '../sim/ends.ts';
import type { Direction } from '../sim/network.ts';
import { connected, type PairOptions } from '../sim/pair.ts';
import { connectedV1 } from '../sim/pair-v1.ts';

/* `dscp` of a connection: on every datagram of its IKE SAs, in both versions, and on nothing else. */

function marks({ recorded }: Direction): readonly (number | undefined)[] {
  return [...new Set(recorded.flatMap(({ content }) => (content.kind === 'ike' ? [content.dscp] : [])))];
}

const BOTH: PairOptions = { a: { dscp: 46 }, b: { dscp: 10 } };

test('IKEv2: each end marks what it sends, first message and last', () => {
  const { sim, a, b, ab, ba } = connected(BOTH);
  a.rekey({ connection: 'site' });
  sim.quiet();
  assertSettled(sim, a, b);
  assertEnds(sim, a);
  assert.deepEqual([marks(ab), marks(ba)], [[46], [10]]);
});

test('IKEv1 likewise', () => {
  const { sim, a, ab, ba } = connectedV1(BOTH);
  a.rekey({ child: 'net' });
  sim.quiet();
  assertEnds(sim, a);
  assert.deepEqual([marks(ab), marks(ba)], [[46], [10]]);
});

test('without it nothing is marked', () => {
  const { ab, ba } = connected();
  assert.deepEqual([marks(ab), marks(ba)], [[undefined], [undefined]]);
});
