import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classify, KEEPALIVE, MARKER, withoutMarker } from './encapsulation.ts';

test('RFC 3948: the first four octets tell IKE from ESP, one octet 0xff is a keepalive', () => {
  for (const [octets, kind] of [
    [[0, 0, 0, 0], 'ike'],
    [[0, 0, 0, 0, 1, 2], 'ike'],
    [[0, 0, 0, 1], 'esp'],
    [[1, 0, 0, 0], 'esp'],
    [[0xff, 0xff, 0xff, 0xff], 'esp'],
    [[0xff], 'keepalive'],
    [[0xfe], 'nothing'],
    [[0], 'nothing'],
    [[], 'nothing'],
    [[0xff, 0xff], 'nothing'],
    [[0, 0, 0], 'nothing'],
  ] as const) {
    assert.equal(classify(Uint8Array.from(octets)), kind, JSON.stringify(octets));
  }
  assert.equal(classify(KEEPALIVE), 'keepalive');
});

test('what follows the marker is a view of the same octets', () => {
  const datagram = Uint8Array.of(...MARKER, 5, 6);
  const inner = withoutMarker(datagram);
  assert.deepEqual(inner, Uint8Array.of(5, 6));
  assert.equal(inner.buffer, datagram.buffer);
});
