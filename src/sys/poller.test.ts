import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { type SystemCalls, systemCalls } from './system-calls.ts';

const calls = systemCalls() as SystemCalls;
const skip = systemCalls() === undefined ? 'no native calls on this platform' : false;

test('a wake-up makes poll return, and several count as one', { skip }, () => {
  const [silent, loud] = [calls.openWakeup(), calls.openWakeup()];
  const poller = calls.poller([silent.fd, loud.fd]);
  assert.equal(poller.wait(0), 0);
  loud.signal();
  calls.adoptWakeup(loud.fd).signal();
  assert.equal(poller.wait(-1), 1);
  assert.deepEqual([poller.readable(0), poller.readable(1)], [false, true]);
  loud.clear();
  assert.equal(poller.wait(0), 0);
  loud.clear();
  silent.close();
  loud.close();
});

test('room to write is waited for only on demand, reading can be left out', { skip }, () => {
  const socket = calls.openUdp({ address: ip('127.0.0.1'), port: 0 });
  const wakeup = calls.openWakeup();
  const poller = calls.poller([socket.fd, wakeup.fd]);
  assert.equal(poller.wait(0), 0);
  poller.watchWritable(0, true);
  assert.equal(poller.wait(0), 1);
  assert.deepEqual([poller.writable(0), poller.readable(0)], [true, false]);
  poller.watchWritable(0, false);
  wakeup.signal();
  poller.watchReadable(1, false);
  assert.equal(poller.wait(0), 0);
  poller.watchReadable(1, true);
  assert.equal(poller.wait(0), 1);
  socket.close();
  wakeup.close();
});

test('the event loop hears a descriptor, and promises settled there go on', { skip }, async () => {
  const wakeup = calls.openWakeup();
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const watch = calls.watch(wakeup.fd, () => {
    wakeup.clear();
    order.push('called');
    void Promise.resolve().then(() => {
      order.push('then');
      resolve();
    });
  });
  wakeup.signal();
  await promise;
  assert.deepEqual(order, ['called', 'then']);
  watch.close();
  watch.close();
  wakeup.close();
});
