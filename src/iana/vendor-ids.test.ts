import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { concat } from '../lib/bytes.ts';
import { VENDOR_IDS, type VendorName, vendorIdOctets, vendorNameOf } from './vendor-ids.ts';

const names = Object.keys(VENDOR_IDS) as VendorName[];

test('every row is known by its own octets, and none stands twice', () => {
  for (const name of names) assert.equal(vendorNameOf(vendorIdOctets(name)), name);
  assert.equal(new Set(Object.values(VENDOR_IDS)).size, names.length);
});

test('rows that are the MD5 of their name are', () => {
  const hashed = names.filter(name =>
    /^(RFC|draft-ietf|draft-stenberg|strongSwan|KAME|SSH|IKE CGA)/.test(name),
  );
  assert.ok(hashed.length > 15);
  for (const name of hashed) {
    const text = name.replace(' LF', '\n');
    assert.equal(VENDOR_IDS[name], createHash('md5').update(text).digest('hex'), name);
  }
});

test('a version or capability may follow where the row says so, and nowhere else', () => {
  const followed = (name: VendorName, ...octets: number[]) =>
    vendorNameOf(concat(vendorIdOctets(name), Uint8Array.from(octets)));
  assert.equal(followed('FRAGMENTATION', 0x80, 0, 0, 0), 'FRAGMENTATION');
  assert.equal(followed('Cisco-Unity', 1, 0), 'Cisco-Unity');
  assert.equal(followed('Check Point', ...Array(200).fill(1)), 'Check Point');
  assert.equal(followed('RFC 3947', 0), undefined);
  assert.equal(followed('RFC 3947', ...Array(200).fill(0)), undefined);
});

test('a longer row wins over its own beginning', () => {
  const base = vendorIdOctets('MS NT5 ISAKMPOAKLEY');
  assert.equal(vendorNameOf(concat(base, Uint8Array.of(0, 0, 0, 2))), 'Windows 2000');
  assert.equal(vendorNameOf(concat(base, Uint8Array.of(0, 0, 0, 99))), 'MS NT5 ISAKMPOAKLEY');
});

test('what nobody knows has no name', () => {
  assert.equal(vendorNameOf(new Uint8Array(0)), undefined);
  assert.equal(vendorNameOf(new Uint8Array(16)), undefined);
});
