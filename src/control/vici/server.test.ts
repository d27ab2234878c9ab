import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { concat } from '../../lib/bytes.ts';
import { Failed } from '../../policy/failure.ts';
import { failureOf, succeeded } from '../failure.ts';
import { PacketAssembler } from './assembler.ts';
import { ViciClient } from './client.ts';
import { decodePacket, encodePacket, type Packet } from './frame.ts';
import { type Message, numberOf, textOf } from './message.ts';
import { ViciServer, type ViciServerOptions } from './server.ts';

const HUGE: Message = { filler: Array.from({ length: 8 }, () => 'x'.repeat(60_000)) };

async function serve(t: TestContext, options: Partial<ViciServerOptions> = {}): Promise<ViciServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-vici-'));
  const server = await ViciServer.listen(join(folder, 'control'), {
    commands: {
      echo: async message => message,
      refuse: async () => {
        throw new Failed({ code: 'config/unknown-name', summary: 'no such thing', remedy: 'name another' });
      },
      break: async () => {
        throw new TypeError('oops');
      },
      big: async () => ({ value: 'v'.repeat(70_000) }),
      count: async (message, context) => {
        for (let i = 0; i < (numberOf(message, 'to') ?? 0); i++)
          await context.emit('number', { i: String(i) });
        return {};
      },
      flood: async (_message, context) => {
        for (let i = 0; i < 40 && !context.signal.aborted; i++) await context.emit('number', HUGE);
        return {};
      },
    },
    events: ['number', 'log'],
    ...options,
  });
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  return server;
}

async function open(t: TestContext, server: ViciServer): Promise<Socket> {
  const socket = connect(server.address);
  t.after(() => socket.destroy());
  await new Promise<void>(resolve => socket.once('connect', resolve));
  return socket;
}

async function client(t: TestContext, server: ViciServer): Promise<ViciClient> {
  const connected = await ViciClient.connect(server.address);
  t.after(() => connected.close());
  return connected;
}

function request(name: string, message: Message = {}): Uint8Array {
  return encodePacket({ type: 'request', name, message });
}

/** The next `count` packets that arrive. */
async function packets(socket: Socket, count: number): Promise<Packet[]> {
  const assembler = new PacketAssembler();
  const found: Packet[] = [];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    for (const octets of assembler.push(chunk)) found.push(decodePacket(octets));
    if (found.length >= count) break;
  }
  return found;
}

function closed(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise(resolve => socket.once('close', () => resolve()));
}

test('the socket is for its owner and group alone, and goes when the server closes', async t => {
  const server = await serve(t);
  assert.equal(statSync(server.address).mode & 0o777, 0o660);
  await server.close();
  assert.equal(statSync(server.address, { throwIfNoEntry: false }), undefined);
});

test('a command is answered, an unknown one named unknown', async t => {
  const vici = await client(t, await serve(t));
  assert.equal(textOf(await vici.request('echo', { a: 'b' }), 'a'), 'b');
  for (const name of ['nonsense', 'toString', '__proto__']) {
    await assert.rejects(vici.request(name), (error: unknown) => {
      assert.ok(error instanceof Failed);
      assert.equal(error.failure.code, 'local/unsupported');
      assert.match(error.failure.summary, /knows no command/);
      return true;
    });
  }
  assert.equal(textOf(await vici.request('echo', { still: 'there' }), 'still'), 'there');
});

test('a refusal carries its reason for all clients and for ours', async t => {
  const vici = await client(t, await serve(t));
  const answer = await vici.request('refuse');
  assert.equal(textOf(answer, 'success'), 'no');
  assert.equal(textOf(answer, 'errmsg'), 'no such thing');
  assert.deepEqual(failureOf(answer), {
    code: 'config/unknown-name',
    summary: 'no such thing',
    remedy: 'name another',
  });
  assert.throws(() => succeeded(answer), Failed);
});

test('a defect of a command is told without its inside, and to the log', async t => {
  const defects: string[] = [];
  const server = await serve(t, {
    commands: {
      break: async () => {
        throw new TypeError('secret inside');
      },
    },
    onDefect: (command, error) => defects.push(`${command}: ${String(error)}`),
  });
  const answer = await (await client(t, server)).request('break');
  assert.equal(failureOf(answer)?.code, 'local/internal');
  assert.doesNotMatch(JSON.stringify(answer), /secret inside/);
  assert.deepEqual(defects, ['break: TypeError: secret inside']);
});

test('an answer that does not fit the protocol becomes a refusal', async t => {
  const answer = await (await client(t, await serve(t))).request('big');
  assert.match(failureOf(answer)?.summary ?? '', /cannot be sent/);
});

test('pipelined requests are answered in their order', async t => {
  const socket = await open(t, await serve(t));
  socket.write(
    concat(
      ...['a', 'b', 'c'].map(n => request('echo', { n })),
      request('nonsense'),
      request('echo', { n: 'd' }),
    ),
  );
  const answers = await packets(socket, 5);
  assert.deepEqual(
    answers.map(packet => textOf(packet.message, 'n') ?? packet.type),
    ['a', 'b', 'c', 'unknown-command', 'd'],
  );
});

test('a request may come octet by octet', async t => {
  const socket = await open(t, await serve(t));
  socket.setNoDelay(true);
  for (const octet of request('echo', { n: '1' })) socket.write(Uint8Array.of(octet));
  assert.equal(textOf((await packets(socket, 1))[0]?.message ?? {}, 'n'), '1');
});

test('events go to those who asked, until they no longer do', async t => {
  const server = await serve(t);
  const [hears, deaf] = [await client(t, server), await client(t, server)];
  const heard: (string | undefined)[] = [];
  const stop = await hears.subscribe('log', message => heard.push(textOf(message, 'msg')));
  assert.equal(server.hasListeners('log'), true);
  assert.equal(server.hasListeners('number'), false);
  server.emit('log', { msg: 'one' });
  await hears.request('echo');
  await stop();
  assert.equal(server.hasListeners('log'), false);
  server.emit('log', { msg: 'two' });
  await Promise.all([hears.request('echo'), deaf.request('echo')]);
  assert.deepEqual(heard, ['one']);
  await assert.rejects(
    deaf.subscribe('nonsense', () => undefined),
    Failed,
  );
  assert.throws(() => server.emit('nonsense', {}), RangeError);
});

test('an event that is asked for and dropped again twice is confirmed once each', async t => {
  const socket = await open(t, await serve(t));
  const ask = (type: 'register' | 'unregister', name: string) => encodePacket({ type, name, message: {} });
  socket.write(
    concat(ask('register', 'log'), ask('unregister', 'log'), ask('unregister', 'log'), ask('register', 'x')),
  );
  const answers = await packets(socket, 4);
  assert.deepEqual(
    answers.map(packet => packet.type),
    ['confirm', 'confirm', 'unknown-event', 'unknown-event'],
  );
});

test('a streaming command sends its events before its answer, to its own client alone', async t => {
  const server = await serve(t);
  const [asks, other] = [await client(t, server), await client(t, server)];
  const mine: string[] = [];
  const theirs: string[] = [];
  await other.subscribe('number', message => theirs.push(textOf(message, 'i') ?? ''));
  await asks.stream('count', 'number', { to: '5' }, message => mine.push(textOf(message, 'i') ?? ''));
  await other.request('echo');
  assert.deepEqual(mine, ['0', '1', '2', '3', '4']);
  assert.deepEqual(theirs, []);
  assert.equal(server.hasListeners('number'), true);
});

test('a stream waits for its reader and then goes on', async t => {
  const vici = await client(t, await serve(t, { limits: { queuedOctets: 600_000 } }));
  let events = 0;
  await vici.stream('flood', 'number', {}, () => events++);
  assert.equal(events, 40);
});

for (const [what, octets] of [
  ['a length of 4 GiB', Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
  ['an unknown packet type', Uint8Array.of(0, 0, 0, 1, 9)],
  ['an empty packet', Uint8Array.of(0, 0, 0, 0)],
  ['a response from a client', encodePacket({ type: 'response', message: {} })],
  ['an event from a client', encodePacket({ type: 'event', name: 'log', message: {} })],
] as const) {
  test(`${what} ends that connection and no other`, async t => {
    const server = await serve(t);
    const good = await client(t, server);
    const bad = await open(t, server);
    const over = closed(bad);
    bad.write(octets);
    await over;
    assert.equal(textOf(await good.request('echo', { a: 'b' }), 'a'), 'b');
  });
}

test('a packet that never ends costs its sender the connection', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const server = await serve(t);
  const socket = await open(t, server);
  const over = closed(socket);
  socket.write(concat(request('echo'), Uint8Array.of(0, 0, 0, 9, 0)));
  await new Promise<void>(resolve => socket.once('data', () => resolve()));
  t.mock.timers.tick(30_000);
  await over;
});

test('who never reads is dropped when events pile up, and others hear them', async t => {
  const server = await serve(t, { limits: { queuedOctets: 300_000 } });
  const slow = await open(t, server);
  slow.pause();
  slow.write(encodePacket({ type: 'register', name: 'log', message: {} }));
  const good = await client(t, server);
  while (!server.hasListeners('log')) await good.request('echo');
  let heard = 0;
  await good.subscribe('log', () => heard++);
  for (let i = 0; i < 12; i++) {
    server.emit('log', HUGE);
    await good.request('echo');
  }
  assert.equal(heard, 12);
  assert.equal(server.clients, 1);
});

test('a stream to a reader that stopped ends when patience does', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let signal: AbortSignal | undefined;
  const server = await serve(t, {
    limits: { queuedOctets: 300_000 },
    commands: {
      flood: async (_message, context) => {
        signal = context.signal;
        for (let i = 0; i < 40 && !context.signal.aborted; i++) await context.emit('number', HUGE);
        return {};
      },
    },
  });
  const socket = await open(t, server);
  socket.pause();
  socket.write(concat(encodePacket({ type: 'register', name: 'number', message: {} }), request('flood')));
  while (signal?.aborted !== true) {
    await new Promise(resolve => setImmediate(resolve));
    t.mock.timers.tick(1000);
  }
  await closed(socket);
});

test('a command is told when its client goes', async t => {
  const started = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const server = await serve(t, {
    commands: {
      wait: async (_message, context) => {
        context.signal.addEventListener('abort', () => gone.resolve());
        started.resolve();
        await gone.promise;
        await context.emit('log', {});
        return {};
      },
    },
  });
  const socket = await open(t, server);
  socket.write(concat(encodePacket({ type: 'register', name: 'log', message: {} }), request('wait')));
  await started.promise;
  socket.destroy();
  await gone.promise;
  assert.equal(server.hasListeners('log'), false);
});

test('of two hundred connections those make room that have asked for nothing, and who was served is', async t => {
  const server = await serve(t, { limits: { clients: 50 } });
  const good = await client(t, server);
  await good.request('echo', { a: 'b' });
  const sockets = await Promise.all(Array.from({ length: 200 }, () => open(t, server)));
  await Promise.all(sockets.slice(0, 151).map(socket => (socket.destroyed ? undefined : closed(socket))));
  assert.equal(server.clients, 50);
  assert.equal(textOf(await good.request('echo', { a: 'b' }), 'a'), 'b');
  const late = await client(t, server);
  assert.equal(textOf(await late.request('echo', { a: 'c' }), 'a'), 'c');
  assert.equal(textOf(await good.request('echo', { a: 'b' }), 'a'), 'b');
});

test('where everybody waits for events, one more is closed at once', async t => {
  const server = await serve(t, { limits: { clients: 2 } });
  const listening = await Promise.all([client(t, server), client(t, server)]);
  for (const one of listening) await one.subscribe('number', () => undefined);
  for (const _ of ['once', 'twice']) await closed(await open(t, server));
  for (const one of listening) assert.equal(textOf(await one.request('echo', { a: 'b' }), 'a'), 'b');
});

test('a client that sends without reading answers is not read from without end', async t => {
  const server = await serve(t, { limits: { queuedOctets: 100_000, pendingRequests: 4 } });
  const socket = await open(t, server);
  socket.pause();
  const big = request('echo', { filler: 'x'.repeat(60_000) });
  const count = 60;
  for (let i = 0; i < count; i++) socket.write(big);
  assert.equal((await packets(socket, count)).length, count);
});

test('a socket left behind is replaced', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-vici-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const options: ViciServerOptions = { commands: { echo: async message => message }, events: [] };
  const dead = await ViciServer.listen(join(folder, 'dead'), options);
  renameSync(join(folder, 'dead'), join(folder, 'control'));
  await dead.close();
  assert.ok(statSync(join(folder, 'control')).isSocket());
  const server = await ViciServer.listen(join(folder, 'control'), options);
  t.after(() => server.close());
  assert.equal(textOf(await (await client(t, server)).request('echo', { a: 'b' }), 'a'), 'b');
});

test('a living socket and a file of another kind are not replaced', async t => {
  const server = await serve(t);
  const options: ViciServerOptions = { commands: {}, events: [] };
  await assert.rejects(ViciServer.listen(server.address, options), (error: unknown) => {
    assert.equal(error instanceof Failed && error.failure.code, 'local/port-in-use');
    return true;
  });
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-vici-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'file'), 'precious');
  await assert.rejects(ViciServer.listen(join(folder, 'file'), options), /is no socket/);
  await assert.rejects(ViciServer.listen(join(folder, 'no', 'where'), options), /does not exist/);
});

test('TCP is spoken on loopback alone', async t => {
  const server = await ViciServer.listen('tcp://127.0.0.1:0', {
    commands: { echo: async m => m },
    events: [],
  });
  t.after(() => server.close());
  assert.match(server.address, /^tcp:\/\/127\.0\.0\.1:\d+$/);
  const vici = await client(t, server);
  assert.equal(textOf(await vici.request('echo', { a: 'b' }), 'a'), 'b');
  for (const address of [
    'tcp://0.0.0.0:1',
    'tcp://192.0.2.1:1',
    'tcp://127.0.0.1',
    'http://x',
    '',
    'tcp://127.0.0.1:70000',
  ]) {
    await assert.rejects(
      ViciServer.listen(address, { commands: {}, events: [] }),
      /cannot be a control socket/,
    );
  }
});
