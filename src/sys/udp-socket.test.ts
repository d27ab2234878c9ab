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
  test(`several datagrams at once, with the addresses they came from and went to: ${loopback}`, {
    skip,
  }, () => {
    const server = calls.openUdp({ address: ip(any), port: 0, packetInfo: true, fragment: true });
    const client = calls.openUdp({ address: ip(loopback), port: 0, receiveBuffer: 1 << 20 });
    try {
      const peer = socketAddress({ address: ip(loopback), port: server.local.port });
      const out = calls.batch({ slots: 3, slotSize: 2048 });
      for (let i = 0; i < 3; i++) {
        out.slot(i).fill(i + 1);
        out.set(i, 10, 100 * i, peer);
      }
      assert.equal(client.send(out, 0, 3), 3);

      const arrived = calls.batch({ slots: 2, slotSize: 128 });
      assert.equal(server.receive(arrived), 2);
      assert.deepEqual([arrived.length(0), arrived.length(1)], [0, 100]);
      assert.deepEqual(arrived.slot(1).subarray(0, 100), new Uint8Array(100).fill(2));
      assert.deepEqual(arrived.peer(1), client.local);
      assert.deepEqual(arrived.localAddress(1), ip(loopback));
      assert.ok(arrived.peerMatches(1, socketAddress(client.local)));
      assert.ok(!arrived.peerMatches(1, peer));

      // The third is longer than the slot; the headers used before are as good as new.
      assert.equal(server.receive(arrived), 1);
      assert.deepEqual([arrived.length(0), arrived.truncated(0)], [128, true]);
      assert.equal(server.receive(arrived), 0);

      // An answer leaves from the address that was asked.
      arrived.set(0, 0, 5, arrived.peerAddress(0), arrived.localAddress(0));
      assert.equal(server.send(arrived, 0, 1), 1);
      assert.equal(client.receive(out), 1);
      assert.deepEqual([out.length(0), out.truncated(0)], [5, false]);
      assert.deepEqual(out.peer(0), { address: ip(loopback), port: server.local.port });
      assert.equal(out.localAddress(0), undefined);
    } finally {
      client.close();
      server.close();
    }
  });
}

test('the source of an answer may be chosen among all local addresses', { skip }, () => {
  const server = calls.openUdp({ address: ip('0.0.0.0'), port: 0, packetInfo: true });
  const client = calls.openUdp({ address: ip('127.0.0.1'), port: 0 });
  try {
    const batch = calls.batch({ slots: 1, slotSize: 64 });
    batch.set(0, 0, 1, socketAddress(client.local), ip('127.0.0.99'));
    assert.equal(server.send(batch, 0, 1), 1);
    assert.equal(client.receive(batch), 1);
    assert.deepEqual(batch.peer(0), { address: ip('127.0.0.99'), port: server.local.port });
  } finally {
    client.close();
    server.close();
  }
});

test('the largest datagram arrives whole', { skip }, () => {
  const [a, b] = [0, 0].map(() => calls.openUdp({ address: ip('127.0.0.1'), port: 0, fragment: true }));
  assert.ok(a !== undefined && b !== undefined);
  try {
    const batch = calls.batch({ slots: 1, slotSize: 65535 });
    batch.set(0, 0, 65507, socketAddress(b.local));
    assert.equal(a.send(batch, 0, 1), 1);
    assert.equal(b.receive(batch), 1);
    assert.deepEqual([batch.length(0), batch.truncated(0)], [65507, false]);
  } finally {
    a.close();
    b.close();
  }
});

test('a port that is taken, an address that is not here and a datagram that is too long are named', {
  skip,
}, () => {
  const socket = calls.openUdp({ address: ip('127.0.0.1'), port: 0 });
  try {
    assert.throws(() => calls.openUdp({ address: ip('127.0.0.1'), port: socket.local.port }), {
      name: 'SystemFailure',
      code: 'EADDRINUSE',
      call: `bind 127.0.0.1 port ${socket.local.port}`,
    });
    assert.throws(() => calls.openUdp({ address: ip('192.0.2.77'), port: 0 }), { code: 'EADDRNOTAVAIL' });
    const batch = calls.batch({ slots: 1, slotSize: 65536 });
    batch.set(0, 0, 65536, socketAddress(socket.local));
    assert.throws(() => socket.send(batch, 0, 1), { code: 'EMSGSIZE' });
    assert.throws(() => batch.set(0, 1, 65536, socketAddress(socket.local)), RangeError);
    assert.throws(() => calls.batch({ slots: 1, slotSize: 64 }).peer(0), RangeError);
  } finally {
    socket.close();
  }
});

test('a peer that is gone does not fail the next receive', { skip }, () => {
  const socket = calls.openUdp({ address: ip('127.0.0.1'), port: 0 });
  const gone = calls.openUdp({ address: ip('127.0.0.1'), port: 0 });
  gone.close();
  const batch = calls.batch({ slots: 1, slotSize: 64 });
  batch.set(0, 0, 1, socketAddress(gone.local));
  assert.equal(socket.send(batch, 0, 1), 1);
  assert.equal(socket.receive(batch), 0);
  socket.close();
});

test('a descriptor taken up again is the same socket', { skip }, () => {
  const socket = calls.openUdp({ address: ip('::1'), port: 0 });
  const again = calls.adoptUdp(socket.fd);
  assert.deepEqual([again.local, again.family], [socket.local, 6]);
  socket.close();
  assert.throws(() => calls.adoptUdp(again.fd), { code: 'EBADF' });
});
