import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { SystemFailure } from './failure.ts';
import { type SystemCalls, systemCalls } from './system-calls.ts';
import type { TcpSocket } from './tcp-socket.ts';

const calls = systemCalls() as SystemCalls;
const skip = systemCalls() === undefined ? 'no native calls on this platform' : false;

/** Until the descriptor is ready. */
async function ready(fd: number, wanted: 'readable' | 'writable' = 'readable'): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watch = calls.watch(fd, resolve, wanted);
  await promise;
  watch.close();
}

for (const loopback of ['127.0.0.1', '::1']) {
  test(`a connection of our own: ${loopback}`, { skip }, async () => {
    const listener = calls.listenTcp({ address: ip(loopback), port: 0 });
    const { port } = listener.local;
    assert.equal(listener.accept(), undefined);
    const client = calls.connectTcp({ address: ip(loopback), port }, { from: ip(loopback) });
    await ready(client.fd, 'writable');
    client.connected();
    const server = listener.accept() as TcpSocket;
    assert.deepEqual([server.local, server.remote], [client.remote, client.local]);
    assert.equal(server.receive(), undefined);
    assert.ok(client.send(Uint8Array.of(1, 2, 3)));
    await ready(server.fd);
    // No more is read than is asked for.
    assert.deepEqual(server.receive(2), Uint8Array.of(1, 2));
    assert.deepEqual(server.receive(2), Uint8Array.of(3));
    client.close();
    await ready(server.fd);
    assert.equal(server.receive(), 'end');
    server.close();
    server.close();
    listener.close();
  });
}

test('who does not listen is not there', { skip }, async () => {
  const closed = calls.listenTcp({ address: ip('127.0.0.1'), port: 0 });
  const { local } = closed;
  closed.close();
  const client = calls.connectTcp(local);
  await ready(client.fd, 'writable');
  assert.throws(
    () => client.connected(),
    (error: SystemFailure) => error.code === 'ECONNREFUSED',
  );
  client.close();
});

test('a connection that is reset says so', { skip }, async () => {
  const server: Server = createServer(socket => socket.resetAndDestroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = calls.connectTcp({
    address: ip('127.0.0.1'),
    port: (server.address() as { port: number }).port,
  });
  await ready(client.fd);
  assert.throws(
    () => client.receive(),
    (error: SystemFailure) => error.code === 'ECONNRESET',
  );
  client.close();
  server.close();
});

test('a port that is taken is refused', { skip }, () => {
  const first = calls.listenTcp({ address: ip('127.0.0.1'), port: 0 });
  assert.throws(() => calls.listenTcp(first.local), /^SystemFailure: bind 127\.0\.0\.1 port \d+: EADDRINUSE/);
  first.close();
});

test('a kernel without ESP in TCP says so, and the connection stays as it was', {
  skip: skip || (calls.canCarryEspInTcp() && 'this kernel has it'),
}, async () => {
  const listener = calls.listenTcp({ address: ip('127.0.0.1'), port: 0 });
  const client = calls.connectTcp(listener.local);
  await ready(client.fd, 'writable');
  assert.throws(() => client.carryEsp(), SystemFailure);
  assert.ok(client.send(Uint8Array.of(1)));
  client.close();
  listener.close();
});
