import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pair } from '../../test/control-scene.ts';

test('the end of every SA is told, of those too whose peers do not answer any more', async () => {
  const { wire, alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await alice.client.request('initiate', { child: 'net' });
  const told: string[] = [];
  alice.gateway.on(event => {
    if (event.kind === 'child-down' || event.kind === 'ike-down')
      told.push(`${event.kind} ${event.failure?.code}`);
  });
  wire.cut = true;
  await alice.gateway.close(0);
  assert.deepEqual(told, ['ike-down local/stopped', 'child-down local/stopped']);
  assert.equal(alice.backend.sas.size, 0);
});
