import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { socketAddress } from './socket-address.ts';
import { type SystemCalls, systemCalls } from './system-calls.ts';

const calls = systemCalls() as SystemCalls;
const skip = systemCalls() === undefined ? 'no native calls on this platform' : false;

for (const [loopback, any] of [
  ['127.0.0.1', '0.0.0.0'],
  ['::1', '::'],
] as const) {
  test(`the traffic class travels, with and without a chosen source: ${loopback}`, { skip }, () => {
    const server = calls.openUdp({ address: ip(any), port: 0, packetInfo: true, trafficClass: true });
    const client = calls.openUdp({ address: ip(any), port: 0, packetInfo: true });
    try {
      const peer = socketAddress({ address: ip(loopback), port: server.local.port });
      const batch = calls.batch({ slots: 5, slotSize: 64 });
      const classes = [0xb8, 0, 0x03, 0x02, 0];
      for (const [i, trafficClass] of classes.entries())
        batch.set(i, 0, 1 + i, peer, i < 3 ? ip(loopback) : undefined, trafficClass);
      assert.equal(client.send(batch, 0, 5), 5);
      const arrived = calls.batch({ slots: 5, slotSize: 64 });
      assert.equal(server.receive(arrived), 5);
      assert.deepEqual(
        classes.map((_, i) => [arrived.length(i), arrived.trafficClass(i), arrived.localAddress(i)]),
        classes.map((trafficClass, i) => [1 + i, trafficClass, ip(loopback)]),
      );
      // A socket that was not asked to report it says nothing.
      arrived.set(0, 0, 1, arrived.peerAddress(0), undefined, 0xb8);
      assert.equal(server.send(arrived, 0, 1), 1);
      assert.equal(client.receive(batch), 1);
      assert.equal(batch.trafficClass(0), 0);
    } finally {
      client.close();
      server.close();
    }
  });
}
