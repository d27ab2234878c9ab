import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { LinkScopes } from './link-scopes.ts';

test('only link-local addresses have a scope', () => {
  const scopes = new LinkScopes<string>();
  scopes.learn(ip('fe80::1'), 'eth0');
  scopes.learn(ip('2001:db8::1'), 'eth1');
  scopes.learn(ip('192.0.2.1'), 'eth2');
  assert.equal(scopes.of(ip('fe80::1')), 'eth0');
  assert.equal(scopes.of(ip('febf::1')), undefined);
  assert.equal(scopes.of(ip('2001:db8::1')), undefined);
  assert.equal(scopes.of(ip('192.0.2.1')), undefined);
  scopes.learn(ip('fe80::1'), 'eth9');
  assert.equal(scopes.of(ip('fe80::1')), 'eth9');
});

test('the oldest of too many is forgotten', () => {
  const scopes = new LinkScopes<number>();
  for (let i = 0; i < 257; i++) scopes.learn(ip(`fe80::${(i + 1).toString(16)}`), i);
  assert.equal(scopes.of(ip('fe80::1')), undefined);
  assert.equal(scopes.of(ip('fe80::2')), 1);
  assert.equal(scopes.of(ip('fe80::101')), 256);
});
