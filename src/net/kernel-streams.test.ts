import assert from 'node:assert/strict';
import { createConnection, type Socket } from 'node:net';
import { test } from 'node:test';
import { formatIp, ip } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import { type SystemCalls, systemCalls } from '../sys/system-calls.ts';
import type { TcpSocket } from '../sys/tcp-socket.ts';
import { kernelStreams } from './kernel-streams.ts';
import type { Stream, StreamListener } from './stream.ts';

const calls = systemCalls() as SystemCalls;
const skip = systemCalls() === undefined ? 'no native calls on this platform' : false;
const LOOPBACK = ip('127.0.0.1');
const MESSAGE = Uint8Array.of(1, 2, 3, 4, 5);
const MARKED = Uint8Array.of(0, 0, 0, 0, ...MESSAGE);

/** What cuts a stream into messages is the kernel's, and most kernels lack it: without it a message is what comes at once. */
const whole: SystemCalls = {
  ...calls,
  listenTcp: (...parameters) => {
    const listener = calls.listenTcp(...parameters);
    const accept = listener.accept.bind(listener);
    listener.accept = () => uncut(accept());
    return listener;
  },
  connectTcp: (...parameters) => uncut(calls.connectTcp(...parameters)),
};

function uncut<S extends TcpSocket | undefined>(socket: S): S {
  if (socket !== undefined) socket.carryEsp = () => undefined;
  return socket;
}

interface Heard {
  readonly message: Uint8Array;
  readonly kind: string;
}

/** Listens, and answers with the streams that come; the port is one that was free a moment ago. */
async function listening(system: SystemCalls): Promise<{
  readonly listener: StreamListener;
  readonly port: number;
  readonly next: () => Promise<{ stream: Stream; heard: () => Promise<Heard>; broke: Promise<void> }>;
}> {
  const free = calls.listenTcp({ address: LOOPBACK, port: 0 });
  const { port } = free.local;
  free.close();
  const streams: Stream[] = [];
  let told = Promise.withResolvers<void>();
  const listener = kernelStreams(system).listen(
    { address: LOOPBACK, port, nat: true },
    stream => {
      streams.push(stream);
      told.resolve();
    },
    failure => assert.fail(failure.summary),
  );
  return {
    listener,
    port,
    next: async () => {
      if (streams.length === 0) await told.promise;
      told = Promise.withResolvers<void>();
      return attended(streams.shift() as Stream);
    },
  };
}

function attended(stream: Stream): { stream: Stream; heard: () => Promise<Heard>; broke: Promise<void> } {
  const queue: Heard[] = [];
  let some = Promise.withResolvers<void>();
  const { promise: broke, resolve } = Promise.withResolvers<void>();
  stream.listen((message, kind) => {
    queue.push({ message, kind });
    some.resolve();
  }, resolve);
  const heard = async (): Promise<Heard> => {
    if (queue.length === 0) await some.promise;
    some = Promise.withResolvers<void>();
    return queue.shift() as Heard;
  };
  return { stream, heard, broke };
}

test('messages of IKE go both ways without their marker, and the end is told', { skip }, async () => {
  const { listener, port, next } = await listening(whole);
  const remote = { address: LOOPBACK, port };
  const client = attended(await kernelStreams(whole).connect(ip('0.0.0.0'), remote));
  const server = await next();
  assert.ok(client.stream.isOurs && !server.stream.isOurs);
  assert.deepEqual(client.stream.path.local, server.stream.path.remote);
  assert.equal(formatIp(server.stream.path.local.address), '127.0.0.1');
  client.stream.write(MESSAGE, 'ike');
  assert.deepEqual(await server.heard(), { message: MESSAGE, kind: 'ike' });
  // ESP is the kernel's own to send.
  server.stream.write(Uint8Array.of(9, 9, 9, 9), 'esp');
  server.stream.write(MESSAGE, 'ike');
  assert.deepEqual(await client.heard(), { message: MESSAGE, kind: 'ike' });
  client.stream.end();
  await Promise.all([client.broke, server.broke]);
  // Nobody is there any more: nothing happens.
  server.stream.write(MESSAGE, 'ike');
  server.stream.end();
  await listener.close();
});

test('the prefix may come in pieces; what follows it is not read with it', { skip }, async () => {
  const { listener, port, next } = await listening(whole);
  const peer = createConnection(port, '127.0.0.1');
  const { heard, stream, broke } = await next();
  peer.write('IKE');
  peer.write(Buffer.concat([Buffer.from('TCP'), MARKED]));
  assert.deepEqual(await heard(), { message: MESSAGE, kind: 'ike' });
  stream.end();
  await broke;
  peer.destroy();
  await listener.close();
});

for (const [what, octets] of [
  ['something else', Buffer.from('IKEUDP')],
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['nothing', Buffer.alloc(0)],
] as const) {
  test(`who begins with ${what} is shown out`, { skip }, async () => {
    const { listener, port, next } = await listening(whole);
    for (let turn = 0; turn < 2; turn++) {
      const peer: Socket = createConnection(port, '127.0.0.1');
      peer.on('error', () => undefined);
      const { broke } = await next();
      if (octets.length > 0) peer.write(octets);
      else peer.end();
      await broke;
      peer.resume();
      if (!peer.closed) await new Promise<void>(resolve => void peer.once('close', () => resolve()));
    }
    await listener.close();
  });
}

test('a kernel that does not take ESP off the stream ends it', {
  skip: skip || (calls.canCarryEspInTcp() && 'this kernel does'),
}, async () => {
  const { listener, port, next } = await listening(calls);
  const peer = createConnection(port, '127.0.0.1');
  const { broke } = await next();
  peer.on('error', () => undefined);
  peer.write('IKETCP');
  await broke;
  peer.destroy();
  await listener.close();
});

test('where nobody listens, and where somebody listens already, it is told', { skip }, async () => {
  const { listener, port } = await listening(whole);
  const streams = kernelStreams(whole);
  const failures: string[] = [];
  await streams
    .listen(
      { address: LOOPBACK, port, nat: true },
      () => assert.fail('a stream'),
      ({ code }) => failures.push(code),
    )
    .close();
  assert.deepEqual(failures, ['local/port-in-use']);
  await listener.close();
  for (let turn = 0; turn < 2; turn++) {
    await assert.rejects(streams.connect(LOOPBACK, { address: LOOPBACK, port }), (error: Failed) => {
      assert.ok(error instanceof Failed);
      assert.equal(error.failure.code, 'peer/silent');
      assert.match(error.failure.summary, /^no TCP connection to 127\.0\.0\.1 port \d+: ECONNREFUSED$/);
      return true;
    });
  }
});
