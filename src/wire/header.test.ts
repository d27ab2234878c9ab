import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHeader, encodeHeader, HEADER_LENGTH, type Header, HeaderMalformed } from './header.ts';

const header: Header = {
  initiatorSpi: 0x0102030405060708n,
  responderSpi: 0xfffefdfcfbfaf9f8n,
  nextPayload: 33,
  majorVersion: 2,
  minorVersion: 15,
  exchangeType: 34,
  flags: 0xff,
  messageId: 0xfffffffe,
  length: 30,
};

function datagram(length = 30): Uint8Array {
  const bytes = new Uint8Array(length);
  encodeHeader({ ...header, length }, bytes);
  return bytes;
}

test('a header comes back as it was written', () => {
  assert.deepEqual(decodeHeader(datagram()), header);
});

test('a header is read where it lies inside a larger buffer', () => {
  const buffer = new Uint8Array(100);
  buffer.set(datagram(), 13);
  assert.deepEqual(decodeHeader(buffer.subarray(13, 43)), header);
});

test('any major version is read: whoever refuses it needs the SPIs', () => {
  const bytes = datagram();
  bytes[17] = 0x30;
  assert.equal(decodeHeader(bytes).majorVersion, 3);
});

test('every datagram shorter than a header is cut short', () => {
  for (let length = 0; length < HEADER_LENGTH; length++) {
    assert.throws(
      () => decodeHeader(datagram().subarray(0, length)),
      (error: unknown) => error instanceof HeaderMalformed && error.fault === 'cut-short',
    );
  }
});

test('a Length field that is not the length of the datagram is refused, and sizes nothing', () => {
  for (const length of [0, 27, 28, 29, 31, 0xffffffff]) {
    const bytes = datagram();
    new DataView(bytes.buffer).setUint32(24, length);
    assert.throws(
      () => decodeHeader(bytes),
      (error: unknown) => error instanceof HeaderMalformed && error.fault === 'length' && error.offset === 24,
    );
  }
});
