import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Failed } from '../../policy/failure.ts';
import { ViciClient } from './client.ts';
import { encodePacket } from './frame.ts';

/** A daemon that answers whatever it is sent with `octets`. */
async function scripted(t: TestContext, answer: (socket: Socket) => void): Promise<ViciClient> {
  const server = createServer(socket => {
    socket.on('error', () => undefined);
    socket.on('data', () => answer(socket));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise<void>(resolve => server.close(() => resolve())));
  const address = server.address();
  const client = await ViciClient.connect(
    `tcp://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
  );
  t.after(() => client.close());
  return client;
}

function failed(pattern: RegExp): (error: unknown) => boolean {
  return error => {
    assert.ok(error instanceof Failed);
    assert.equal(error.failure.code, 'local/no-daemon');
    assert.match(error.failure.summary, pattern);
    return true;
  };
}

test('no daemon is told as such', async () => {
  await assert.rejects(
    ViciClient.connect('/nonexistent/cygnet.vici'),
    failed(/no daemon listens at \/nonexistent/),
  );
});

test('a daemon that goes away fails what waits, and what comes after', async t => {
  const client = await scripted(t, socket => socket.destroy());
  const first = client.request('version');
  const second = client.request('stats');
  await assert.rejects(first, failed(/closed the connection/));
  await assert.rejects(second, failed(/closed the connection/));
  await client.closed;
  await assert.rejects(client.request('version'), failed(/closed the connection/));
});

test('an answer that is late ends the connection: what comes then answers nothing', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked = Promise.withResolvers<void>();
  const client = await scripted(t, () => asked.resolve());
  const answer = client.request('version', {}, { timeout: 5000 });
  await asked.promise;
  t.mock.timers.tick(5000);
  await assert.rejects(answer, failed(/did not answer "version" within 5000 ms/));
  await client.closed;
});

for (const [what, octets] of [
  ['garbage', new TextEncoder().encode('SSH-2.0-OpenSSH\r\n')],
  ['a confirmation instead of a response', encodePacket({ type: 'confirm', message: {} })],
  ['a request', encodePacket({ type: 'request', name: 'x', message: {} })],
  ['a malformed message', Uint8Array.of(0, 0, 0, 2, 1, 9)],
] as const) {
  test(`${what} from the daemon is a failure with words`, async t => {
    const client = await scripted(t, socket => socket.write(octets));
    await assert.rejects(client.request('version'), failed(/^the daemon at tcp:/));
    await client.closed;
  });
}

test('an answer nobody asked for ends the connection', async t => {
  const response = encodePacket({ type: 'response', message: {} });
  const client = await scripted(t, socket => socket.write(Buffer.concat([response, response])));
  await client.request('version');
  await client.closed;
});

test('closing fails what waits', async t => {
  const client = await scripted(t, () => undefined);
  const answer = client.request('version');
  client.close();
  await assert.rejects(
    answer,
    (error: unknown) => error instanceof Failed && error.failure.code === 'local/stopped',
  );
  await client.closed;
});
