import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIp, ip } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { SystemFailure } from '../sys/failure.ts';
import type { InterfaceAddress } from '../sys/routing/address.ts';
import { interfaceFor, removeLeftoverAddresses, VirtualAddresses } from './virtual-addresses.ts';

const PATH: Path = {
  local: { address: ip('192.0.2.1'), port: 500 },
  remote: { address: ip('192.0.2.2'), port: 500 },
};

const EPERM = 1;
const EEXIST = 17;
const EADDRNOTAVAIL = 99;

function own(index: number, address: string, origin?: number): InterfaceAddress {
  return {
    index,
    address: ip(address),
    prefix: 32,
    scope: 'global',
    unusable: false,
    ...(origin !== undefined && { origin }),
  };
}

/** The kernel's addresses, and what was asked of it. */
function kernel(...there: readonly InterfaceAddress[]) {
  let addresses = [...there];
  const calls: string[] = [];
  const fail = (errno: number): never => {
    throw new SystemFailure(errno, 'netlink');
  };
  return {
    calls,
    addresses: () => addresses,
    addAddress: (index: number, address: Uint8Array, prefix: number, origin?: number) => {
      calls.push(`add ${formatIp(address)}/${prefix} ${index}`);
      if (addresses.some(known => known.index === index && formatIp(known.address) === formatIp(address)))
        fail(EEXIST);
      addresses.push(own(index, formatIp(address), origin));
    },
    deleteAddress: (index: number, address: Uint8Array, prefix: number) => {
      calls.push(`delete ${formatIp(address)}/${prefix} ${index}`);
      const left = addresses.filter(
        known => known.index !== index || formatIp(known.address) !== formatIp(address),
      );
      if (left.length === addresses.length) fail(EADDRNOTAVAIL);
      addresses = left;
    },
  };
}

test('an address goes on once and off once; the host’s own stays', () => {
  const store = kernel(own(2, '192.0.2.1'));
  const virtual = new VirtualAddresses(store, () => 2);
  for (const address of ['10.3.0.1', '10.3.0.1', '192.0.2.1']) virtual.assign(ip(address), PATH);
  for (const address of ['10.3.0.1', '10.3.0.1', '192.0.2.1', '10.9.9.9']) virtual.unassign(ip(address));
  assert.deepEqual(store.calls, ['add 10.3.0.1/32 2', 'add 192.0.2.1/32 2', 'delete 10.3.0.1/32 2']);
  virtual.assign(ip('2001:db8::1'), PATH);
  virtual.close();
  assert.deepEqual(store.calls.slice(3), ['add 2001:db8::1/128 2', 'delete 2001:db8::1/128 2']);
});

test('what is gone with its interface is no failure, another refusal is', () => {
  const store = kernel();
  const virtual = new VirtualAddresses(store, () => 2);
  virtual.assign(ip('10.3.0.1'), PATH);
  store.deleteAddress(2, ip('10.3.0.1'), 32);
  virtual.unassign(ip('10.3.0.1'));
  const refusing = new VirtualAddresses(
    {
      ...store,
      addAddress: () => {
        throw new SystemFailure(EPERM, 'netlink');
      },
    },
    () => 2,
  );
  for (let time = 0; time < 2; time++) assert.throws(() => refusing.assign(ip('10.3.0.2'), PATH), /EPERM/);
});

test('what a daemon left that was killed is known and goes, and nothing else', () => {
  const store = kernel(own(2, '192.0.2.1'), own(2, '192.0.2.9', 0x10));
  new VirtualAddresses(store, () => 2).assign(ip('10.3.0.1'), PATH);
  assert.equal(removeLeftoverAddresses(store), 1);
  assert.equal(removeLeftoverAddresses(store), 0);
  assert.deepEqual(
    store.addresses().map(({ address }) => formatIp(address)),
    ['192.0.2.1', '192.0.2.9'],
  );
});

test('the interface is the one that is named, or has our address, or leads to the peer', () => {
  const routing = {
    addresses: () => [own(3, '192.0.2.1')],
    link: (name: string) => (name === 'dummy0' ? { index: 9 } : undefined),
    lookup: () => ({ index: 5 }),
  };
  assert.equal(interfaceFor(routing, PATH, undefined), 3);
  assert.equal(interfaceFor(routing, PATH, 'dummy0'), 9);
  assert.equal(interfaceFor({ ...routing, addresses: () => [] }, PATH, undefined), 5);
  assert.equal(
    interfaceFor({ ...routing, addresses: () => [], lookup: () => undefined }, PATH, undefined),
    1,
  );
  assert.throws(() => interfaceFor(routing, PATH, 'dummy1'), Failed);
});

test('what somebody else took off is put back, once, with its origin', () => {
  const store = kernel(own(2, '192.0.2.1'));
  const virtual = new VirtualAddresses(store, () => 2);
  virtual.refresh();
  for (const address of ['10.3.0.1', '192.0.2.1', '2001:db8::1']) virtual.assign(ip(address), PATH);
  store.deleteAddress(2, ip('2001:db8::1'), 128);
  store.calls.length = 0;
  virtual.refresh();
  virtual.refresh();
  assert.deepEqual(store.calls, ['add 2001:db8::1/128 2']);
  assert.equal(removeLeftoverAddresses(store), 2);
  virtual.close();
});

test('addresses follow the path of the SAs that use them to another interface', () => {
  const store = kernel(own(2, '192.0.2.1'), own(3, '192.0.2.9'), own(3, '10.3.0.2'));
  const virtual = new VirtualAddresses(store, ({ local }) =>
    formatIp(local.address) === '192.0.2.9' ? 3 : 2,
  );
  const moved: Path = { ...PATH, local: { ...PATH.local, address: ip('192.0.2.9') } };
  for (const address of ['10.3.0.1', '10.3.0.2']) virtual.assign(ip(address), PATH);
  store.calls.length = 0;
  virtual.follow(ip('192.0.2.77'), moved);
  virtual.follow(ip('192.0.2.1'), { ...PATH, local: { ...PATH.local, port: 4500 } });
  assert.deepEqual(store.calls, []);
  for (let time = 0; time < 2; time++) virtual.follow(ip('192.0.2.1'), moved);
  // The host has the second one there by itself.
  assert.deepEqual(store.calls, [
    'add 10.3.0.1/32 3',
    'delete 10.3.0.1/32 2',
    'add 10.3.0.2/32 3',
    'delete 10.3.0.2/32 2',
  ]);
  virtual.follow(ip('192.0.2.9'), PATH);
  virtual.close();
  assert.deepEqual(store.calls.slice(4), [
    'add 10.3.0.1/32 2',
    'delete 10.3.0.1/32 3',
    'delete 10.3.0.1/32 2',
  ]);
});
