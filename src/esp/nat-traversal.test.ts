import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyNatT, type NatTraversalKind } from './nat-traversal.ts';

const rows: readonly [what: string, octets: readonly number[], kind: NatTraversalKind][] = [
  ['nothing at all', [], 'nothing'],
  ['a keepalive', [0xff], 'keepalive'],
  ['one octet that is no keepalive', [0x00], 'nothing'],
  ['two octets of a keepalive', [0xff, 0xff], 'nothing'],
  ['the marker and nothing else', [0, 0, 0, 0], 'nothing'],
  ['the marker and too little', [0, 0, 0, 0, 1, 2, 3], 'nothing'],
  ['the marker and something', [0, 0, 0, 0, 1, 2, 3, 4], 'ike'],
  ['an ESP header cut short', [1, 2, 3, 4, 0, 0, 0], 'nothing'],
  ['an ESP header', [1, 2, 3, 4, 0, 0, 0, 1], 'esp'],
  ['an SPI with one bit', [0, 0, 0, 1, 0, 0, 0, 1], 'esp'],
  ['an SPI with another bit', [0x80, 0, 0, 0, 0, 0, 0, 1], 'esp'],
];

for (const [what, octets, kind] of rows)
  test(`${what} is ${kind}`, () => assert.equal(classifyNatT(Uint8Array.from(octets)), kind));
