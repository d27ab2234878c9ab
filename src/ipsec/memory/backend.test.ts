import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failed } from '../../policy/failure.ts';
import type { BackendEvent } from '../../policy/sa.ts';
import { SAMPLE_PATH, sampleSa } from '../conformance.ts';
import { MemoryBackend, type MemoryCall } from './backend.ts';

test('tells every call, and what is installed', async () => {
  const calls: MemoryCall[] = [];
  const backend = new MemoryBackend({ onCall: call => calls.push(call) });
  const spiIn = await backend.allocateSpi('esp');
  assert.equal(spiIn, 0xc000_0001);
  await backend.install(sampleSa({ spiIn }), { outbound: false });
  assert.equal(backend.sas.get(1)?.outbound, false);
  await backend.activateOutbound(1);
  assert.equal(backend.sas.get(1)?.outbound, true);
  await backend.updatePath(1, SAMPLE_PATH, false);
  await backend.remove(1);
  assert.deepEqual(
    calls.map(({ call }) => call),
    ['allocate-spi', 'install', 'activate-outbound', 'update-path', 'remove'],
  );
});

test('refuses once when told to, and nothing is left behind', async () => {
  const backend = new MemoryBackend();
  backend.refuseNext({ code: 'kernel/install', summary: 'no' });
  await assert.rejects(backend.install(sampleSa(), { outbound: true }), (error: unknown) => {
    return error instanceof Failed && error.failure.summary === 'no';
  });
  assert.equal(backend.sas.size, 0);
  await backend.install(sampleSa(), { outbound: true });
  assert.equal(backend.sas.size, 1);
});

test('pretends traffic and events', async () => {
  const backend = new MemoryBackend();
  const events: BackendEvent[] = [];
  backend.onEvent(event => events.push(event));
  await backend.install(sampleSa(), { outbound: true });
  backend.setUsage(1, { bytesIn: 5n, usedIn: 77 });
  assert.deepEqual(await backend.usage(1), {
    bytesIn: 5n,
    packetsIn: 0n,
    bytesOut: 0n,
    packetsOut: 0n,
    usedIn: 77,
    usedOut: 0,
  });
  backend.emit({ kind: 'expire', id: 1, hard: true, now: 9 });
  assert.deepEqual(events, [{ kind: 'expire', id: 1, hard: true, now: 9 }]);
});

test('an SPI that an SA uses is not free because somebody releases it', async () => {
  const spis = [0xc1, 0xc1000001, 0xc1000001, 0xc1000002];
  const backend = new MemoryBackend({ nextSpi: () => spis.shift() ?? 0xc1000003 });
  const spiIn = await backend.allocateSpi('esp');
  assert.equal(spiIn, 0xc1000001, 'reserved numbers are passed over');
  await backend.install(sampleSa({ spiIn }), { outbound: true });
  backend.releaseSpi('esp', spiIn);
  assert.equal(await backend.allocateSpi('esp'), 0xc1000002);
});

test('fails where no SPI is to be had', async () => {
  const backend = new MemoryBackend({ nextSpi: () => 255 });
  await assert.rejects(backend.allocateSpi('esp'), Failed);
});
