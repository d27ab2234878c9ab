import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemFailure } from './failure.ts';
import { checked, type Libc, libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';
import { AF_UNIX, openUnixDatagram, SOCK_DGRAM, unixAddress } from './unix-datagram.ts';

const door = libc();
const skip = door === undefined ? 'no system calls here' : false;

/** A socket that receives at `path`, and what came last. */
function receiver(libc: Libc, path: string): { receive(): string; close(): void } {
  const fd = checked(libc, libc.socket(AF_UNIX, SOCK_DGRAM, 0), 'socket');
  const address = unixAddress(path);
  checked(libc, libc.bind(fd, addressOf(address), address.length), 'bind');
  const room = allocate(256);
  return {
    receive: () => {
      const length = checked(libc, libc.recv(fd, room.address, room.bytes.length, 0), 'recv');
      return new TextDecoder().decode(room.bytes.subarray(0, length));
    },
    close: () => void libc.close(fd),
  };
}

for (const kind of ['in the file system', 'abstract'] as const) {
  test(`a datagram arrives whole: ${kind}`, { skip }, t => {
    const folder = mkdtempSync(join(tmpdir(), 'cygnet-dgram-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = kind === 'abstract' ? `@cygnet-test-${process.pid}` : join(folder, 'socket');
    const there = receiver(door as Libc, path);
    const here = openUnixDatagram(door as Libc, path);
    here.send('READY=1\nSTATUS=ünïcode');
    here.send('');
    assert.equal(there.receive(), 'READY=1\nSTATUS=ünïcode');
    assert.equal(there.receive(), '');
    there.close();
    assert.throws(() => here.send('x'), SystemFailure);
    here.close();
  });
}

test('places that are none are refused, nothing left open', { skip }, () => {
  for (const path of ['', '/nonexistent/socket', `@${'x'.repeat(108)}`, `/${'x'.repeat(107)}`])
    assert.throws(() => openUnixDatagram(door as Libc, path), SystemFailure, path);
});
