import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import { UsableInterfaces } from './usable-interfaces.ts';
import type { Ways } from './ways.ts';

const HOST = [
  { address: ip('127.0.0.1'), interface: 'lo' },
  { address: ip('192.0.2.1'), interface: 'eth0' },
  { address: ip('2001:db8::1'), interface: 'eth0' },
  { address: ip('10.0.0.1'), interface: 'eth1' },
];
const ADDRESSES = [...HOST.map(({ address }) => address), ip('203.0.113.9')];

function admitted(choice: { use?: readonly string[]; ignore?: readonly string[] }): readonly boolean[] {
  const usable = new UsableInterfaces({ use: [], ignore: [], ...choice }, () => HOST);
  return ADDRESSES.map(address => usable.admits(address));
}

test('addresses of interfaces that are used, or of all that are not ignored', () => {
  assert.deepEqual(admitted({ use: ['eth0'] }), [false, true, true, false, false]);
  assert.deepEqual(admitted({ ignore: ['eth0'] }), [true, false, false, true, true]);
  assert.deepEqual(admitted({ use: ['eth1'], ignore: ['eth1'] }), [false, false, false, true, false]);
});

test('an interface that comes later is known when somebody looks again', () => {
  let host = HOST.slice(0, 1);
  const usable = new UsableInterfaces({ use: ['eth1'], ignore: [] }, () => host);
  assert.equal(usable.admits(ip('10.0.0.1')), false);
  host = HOST;
  usable.refresh();
  assert.equal(usable.admits(ip('10.0.0.1')), true);
});

test('ways begin at usable addresses, and one that does not is refused with what would help, twice', async () => {
  const usable = new UsableInterfaces({ use: [], ignore: ['eth1'] }, () => HOST);
  const path = (local: string) => ({
    local: { address: ip(local), port: 500 },
    remote: { address: ip('198.51.100.1'), port: 500 },
  });
  const all: Ways = {
    addresses: () => ADDRESSES,
    paths: async () => [path('10.0.0.1'), path('192.0.2.1')],
  };
  const some = usable.among(all);
  assert.equal(some.addresses(() => false).length, 4);
  assert.deepEqual(await some.paths(path('10.0.0.1'), [], () => false), [path('192.0.2.1')]);
  assert.deepEqual(usable.checked(path('192.0.2.1')), path('192.0.2.1'));
  for (let i = 0; i < 2; i++)
    assert.throws(
      () => usable.checked(path('10.0.0.1')),
      (error: unknown) =>
        error instanceof Failed &&
        error.failure.code === 'local/address' &&
        error.failure.ours?.[0] === 'interfaces_ignore = eth1',
    );
});
