import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCalls } from './system-calls.ts';

const calls = systemCalls();
const skip = calls === undefined ? 'no system calls here' : false;

test('a client of a UNIX socket is known, one of TCP is not', { skip }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-peer-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [where, known] of [
    [
      { path: join(folder, 'socket') },
      { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() },
    ],
    [{ port: 0, host: '127.0.0.1' }, undefined],
  ] as const) {
    const server = createServer();
    const accepted = new Promise<Socket>(resolve => server.once('connection', resolve));
    await new Promise<void>(resolve => server.listen(where, resolve));
    const address = server.address();
    const client = connect(typeof address === 'string' ? { path: address } : { port: address?.port ?? 0 });
    const socket = await accepted;
    assert.deepEqual(calls?.peerCredentials(socket), known);
    client.destroy();
    socket.destroy();
    await new Promise(resolve => server.close(resolve));
  }
});
