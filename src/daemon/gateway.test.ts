import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pair } from '../../test/control-scene.ts';
import { Failed } from '../policy/failure.ts';

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

test('the peer has its answer only once packets go out by the new SA', async () => {
  const { alice, bob } = await pair({ retransmitTimeout: 60_000 });
  await using _a = alice;
  await using _b = bob;
  await alice.client.request('initiate', { child: 'net' });
  const steps: string[] = [];
  const repeated: string[] = [];
  bob.gateway.onTraced(datagram => void (datagram.repeated && repeated.push(datagram.repeated)));
  const activate = bob.backend.activateOutbound.bind(bob.backend);
  bob.backend.activateOutbound = async id => {
    for (let turns = 0; turns < 50; turns++) await new Promise(resolve => setImmediate(resolve));
    await activate(id);
    steps.push('bob sends by the new SA');
  };
  const answered = new Promise<void>(resolve => {
    alice.gateway.on(event => {
      if (event.kind !== 'message' || !event.text.includes('INFORMATIONAL response')) return;
      steps.push('alice is told that the old one is no more');
      resolve();
    });
  });
  await alice.client.request('rekey', { child: 'net' });
  await answered;
  assert.deepEqual(steps, ['bob sends by the new SA', 'alice is told that the old one is no more']);
  assert.deepEqual(repeated, [], 'what waited was not sent before');
});

test('a back end that cannot go over holds up no answer', async () => {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  await alice.client.request('initiate', { child: 'net' });
  bob.backend.activateOutbound = () =>
    Promise.reject(new Failed({ code: 'kernel/install', summary: 'no room' }));
  const rekeyed = new Promise<void>(resolve => {
    alice.gateway.on(({ kind }) => kind === 'child-rekey' && resolve());
  });
  await alice.client.request('rekey', { child: 'net' });
  await rekeyed;
});
