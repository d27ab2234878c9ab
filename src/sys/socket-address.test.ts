import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../lib/bytes.ts';
import { ip } from '../lib/ip.ts';
import { readSocketAddress, socketAddress } from './socket-address.ts';

test('sockaddr_in and sockaddr_in6 as the kernel lays them out', () => {
  assert.deepEqual(
    socketAddress({ address: ip('192.0.2.1'), port: 4500 }),
    fromHex('02001194c00002010000000000000000'),
  );
  assert.deepEqual(
    socketAddress({ address: ip('fe80::1'), port: 500 }, 3),
    fromHex('0a0001f400000000fe80000000000000000000000000000103000000'),
  );
});

test('both read back, other families do not', () => {
  for (const endpoint of [
    { address: ip('192.0.2.1'), port: 65535 },
    { address: ip('2001:db8::1'), port: 1 },
  ]) {
    assert.deepEqual(readSocketAddress(socketAddress(endpoint)), endpoint);
  }
  assert.equal(readSocketAddress(new Uint8Array(32)), undefined);
  assert.equal(readSocketAddress(Uint8Array.of(2, 0, 1, 2)), undefined);
});
