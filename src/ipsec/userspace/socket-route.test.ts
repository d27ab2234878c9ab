import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../../lib/ip.ts';
import { Failed } from '../../policy/failure.ts';
import type { Path } from '../../policy/sa.ts';
import { socketAddress } from '../../sys/socket-address.ts';
import { socketRoute } from './socket-route.ts';

const path = (local: string, remote: string): Path => ({
  local: { address: ip(local), port: 4500 },
  remote: { address: ip(remote), port: 31000 },
});
const ALL = [ip('0.0.0.0'), ip('::')];

test('the socket of the local address, whose source needs no saying', () => {
  const route = socketRoute([...ALL, ip('192.0.2.1')], path('192.0.2.1', '192.0.2.2'));
  assert.deepEqual(route, {
    socket: 2,
    peer: socketAddress({ address: ip('192.0.2.2'), port: 31000 }),
    source: undefined,
  });
});

test('else one of its family that is bound to all, with the source said', () => {
  assert.equal(socketRoute(ALL, path('192.0.2.1', '192.0.2.2')).socket, 0);
  assert.deepEqual(socketRoute(ALL, path('192.0.2.1', '192.0.2.2')).source, ip('192.0.2.1'));
  assert.equal(socketRoute(ALL, path('2001:db8::1', '2001:db8::2')).socket, 1);
});

test('an open local address leaves the source to the kernel', () => {
  assert.equal(socketRoute(ALL, path('0.0.0.0', '192.0.2.2')).source, undefined);
  assert.equal(socketRoute(ALL, path('::', '2001:db8::2')).socket, 1);
});

test('none is a failure', () => {
  assert.throws(() => socketRoute([ip('0.0.0.0')], path('2001:db8::1', '2001:db8::2')), Failed);
  assert.throws(() => socketRoute([ip('192.0.2.9')], path('192.0.2.1', '192.0.2.2')), Failed);
});
