import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { openNodeTransport } from './node-transport.ts';
import { choosePath, localAddressFor, resolveHost, withoutScope } from './resolver.ts';

test('a literal address is its own, and has one family', async () => {
  assert.deepEqual(await resolveHost('192.0.2.1'), [ip('192.0.2.1')]);
  assert.deepEqual(await resolveHost('2001:db8::1', 6), [ip('2001:db8::1')]);
  await assert.rejects(resolveHost('192.0.2.1', 6), {
    failure: {
      code: 'local/address',
      summary: '"192.0.2.1" has no IPv6 address',
      theirs: ['192.0.2.1'],
    },
  });
});

test('a name of this host resolves, one that cannot exist is refused by name', async () => {
  const found = await resolveHost('localhost', 4);
  assert.deepEqual(found[0], ip('127.0.0.1'));
  await assert.rejects(
    resolveHost('no such name.invalid'),
    /the name "no such name\.invalid" cannot be resolved/,
  );
});

test('the routing table chooses the local address', async () => {
  assert.deepEqual(await localAddressFor(ip('127.0.0.1')), ip('127.0.0.1'));
  assert.deepEqual(await localAddressFor(ip('::1')), ip('::1'));
  // Class E: nobody has a route there, or nobody says so.
  assert.equal(await localAddressFor(ip('255.255.255.255')), undefined);
});

test('port 500 is reached from the plain port, any other from the NAT port', async () => {
  const transport = await openNodeTransport({ port: 0, natPort: 0, addresses: [ip('127.0.0.1')] });
  try {
    const remote = (port: number) => ({ address: ip('127.0.0.1'), port });
    const plain = await choosePath(transport, remote(500));
    assert.deepEqual(plain, {
      local: { address: ip('127.0.0.1'), port: transport.port },
      remote: remote(500),
    });
    assert.equal((await choosePath(transport, remote(4500))).local.port, transport.natPort);
    assert.equal((await choosePath(transport, remote(15500))).local.port, transport.natPort);
    const asked = await choosePath(transport, remote(500), ip('127.0.0.9'));
    assert.deepEqual(asked.local.address, ip('127.0.0.9'));
  } finally {
    await transport.close();
  }
});

test('where only some addresses are listened on, one of them is taken', async () => {
  const transport = await openNodeTransport({ port: 0, natPort: 0, addresses: [ip('127.0.0.9')] });
  try {
    const path = await choosePath(transport, { address: ip('127.0.0.1'), port: 500 });
    assert.deepEqual(path.local.address, ip('127.0.0.9'));
  } finally {
    await transport.close();
  }
});

test('a scope is cut off', () => {
  assert.equal(withoutScope('fe80::1%eth0'), 'fe80::1');
  assert.equal(withoutScope('192.0.2.1'), '192.0.2.1');
});
