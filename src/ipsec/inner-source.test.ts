import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';
import { innerSource } from './inner-source.ts';

function ts(start: string, end = start): TrafficSelector {
  return { start: ip(start), end: ip(end), protocol: 0, startPort: 0, endPort: 65535 };
}

const OWN = ['127.0.0.1', '192.0.2.1', '10.1.0.1', '::1', '2001:db8:1::1'].map(ip);
const NET = ts('10.1.0.0', '10.1.255.255');

test('an address that the selectors cover, of the family asked for', () => {
  assert.deepEqual(innerSource(OWN, [ts('10.9.0.1'), NET], 4), ip('10.1.0.1'));
  assert.equal(innerSource(OWN, [NET], 16), undefined);
  assert.deepEqual(innerSource(OWN, [NET, ts('2001:db8:1::1')], 16), ip('2001:db8:1::1'));
  assert.equal(innerSource(OWN, [ts('10.9.0.0', '10.9.255.255')], 4), undefined);
});

test('selectors of everything leave the choice to routing', () => {
  const [v4, v6] = [ts('0.0.0.0', '255.255.255.255'), ts('::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')];
  assert.equal(innerSource(OWN, [NET, v4], 4), 'any');
  assert.equal(innerSource(OWN, [v6], 16), 'any');
  assert.equal(innerSource(OWN, [v6], 4), undefined);
});

test('never an address that must not leave the host', () => {
  assert.equal(innerSource(OWN, [ts('64.0.0.0', '127.255.255.255')], 4), undefined);
  assert.deepEqual(innerSource(OWN, [ts('64.0.0.0', '255.255.255.255')], 4), ip('192.0.2.1'));
  assert.equal(innerSource(OWN, [ts('::', '::ff')], 16), undefined);
});
