import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PayloadType } from '../../iana/ikev2.ts';
import type { PayloadChain } from '../chain.ts';
import { type Header, HeaderFlag } from '../header.ts';
import { Reassembly, split } from './fragments.ts';

function header(messageId: number, flags = 0): Header {
  return {
    initiatorSpi: 1n,
    responderSpi: 2n,
    nextPayload: PayloadType.SKF,
    majorVersion: 2,
    minorVersion: 0,
    exchangeType: 35,
    flags,
    messageId,
    length: 100,
  };
}

function add(
  reassembly: Reassembly,
  number: number,
  total: number,
  text: string,
  of: Header = header(1),
): PayloadChain | undefined {
  const fragment = {
    type: PayloadType.SKF,
    firstInner: number === 1 ? PayloadType.IDi : PayloadType.NONE,
    fragmentNumber: number,
    totalFragments: total,
    bodyOffset: 36,
  };
  return reassembly.add(
    of,
    fragment,
    Uint8Array.from(text, letter => letter.charCodeAt(0)),
  );
}

function text(chain: PayloadChain | undefined): string | undefined {
  return chain && String.fromCharCode(...chain.bytes);
}

test('fragments come together in any order, with the first payload that fragment 1 names', () => {
  for (const order of [
    [1, 2, 3],
    [3, 2, 1],
    [2, 3, 1],
    [2, 1, 3],
  ]) {
    const reassembly = new Reassembly();
    let whole: PayloadChain | undefined;
    for (const number of order) {
      assert.equal(whole, undefined);
      whole = add(reassembly, number, 3, 'abc'.charAt(number - 1));
    }
    assert.deepEqual(whole, { first: PayloadType.IDi, bytes: Uint8Array.of(97, 98, 99) });
    assert.equal(reassembly.size, 0);
    assert.equal(reassembly.octets, 0);
  }
});

test('fragment 1 of 1 is a message, and an empty fragment is one too', () => {
  assert.equal(text(add(new Reassembly(), 1, 1, 'x')), 'x');
  const reassembly = new Reassembly();
  add(reassembly, 1, 2, '');
  assert.equal(text(add(reassembly, 2, 2, 'b')), 'b');
});

test('a duplicate is passed over and the first copy kept', () => {
  const reassembly = new Reassembly();
  add(reassembly, 1, 2, 'a');
  assert.equal(add(reassembly, 1, 2, 'z'), undefined);
  assert.equal(text(add(reassembly, 2, 2, 'b')), 'ab');
});

test('a larger total begins anew, a smaller one is passed over (RFC 7383 §2.6)', () => {
  const reassembly = new Reassembly();
  add(reassembly, 1, 2, 'AA');
  add(reassembly, 2, 3, 'b');
  assert.equal(add(reassembly, 2, 2, 'BB'), undefined);
  assert.equal(reassembly.octets, 1);
  add(reassembly, 1, 3, 'a');
  assert.equal(text(add(reassembly, 3, 3, 'c')), 'abc');
});

test('requests and responses of the same Message ID do not mix, nor do different ones', () => {
  const reassembly = new Reassembly();
  add(reassembly, 1, 2, 'a', header(5));
  add(reassembly, 1, 2, 'A', header(5, HeaderFlag.RESPONSE));
  add(reassembly, 1, 2, '1', header(6));
  assert.equal(text(add(reassembly, 2, 2, 'B', header(5, HeaderFlag.RESPONSE))), 'AB');
  assert.equal(text(add(reassembly, 2, 2, 'b', header(5))), 'ab');
  assert.equal(text(add(reassembly, 2, 2, '2', header(6))), '12');
});

test('limits hold: fragments of one message, octets of one', () => {
  const reassembly = new Reassembly({ messages: 2, fragments: 4, octets: 10 });
  assert.equal(add(reassembly, 1, 5, 'a'), undefined);
  assert.equal(reassembly.size, 0);
  add(reassembly, 1, 4, 'aaaaaaaa');
  add(reassembly, 2, 4, 'bbb');
  assert.equal(reassembly.octets, 8);
  add(reassembly, 2, 4, 'bb');
  assert.equal(reassembly.octets, 10);
});

test('messages that crowd each other out: the oldest goes, by number and by octets', () => {
  const reassembly = new Reassembly({ messages: 2, fragments: 4, octets: 10 });
  for (const id of [1, 2, 3]) add(reassembly, 1, 2, 'aa', header(id));
  assert.equal(reassembly.size, 2);
  assert.equal(add(reassembly, 2, 2, 'b', header(1)), undefined);
  assert.equal(text(add(reassembly, 2, 2, 'b', header(3))), 'aab');
  reassembly.clear();
  add(reassembly, 1, 2, 'aaaaaa', header(1));
  add(reassembly, 1, 2, 'cccccc', header(2));
  assert.equal(reassembly.octets, 6);
  assert.equal(text(add(reassembly, 2, 2, 'dddd', header(2))), 'ccccccdddd');
  assert.equal(reassembly.octets, 0);
});

test('what is stored is a copy: neither the datagram is held nor does its change matter', () => {
  const reassembly = new Reassembly();
  const fragment = { type: PayloadType.SKF, firstInner: 0, totalFragments: 2, bodyOffset: 36 } as const;
  const bytes = Uint8Array.of(1);
  reassembly.add(header(1), { ...fragment, fragmentNumber: 1 }, bytes);
  bytes[0] = 9;
  assert.deepEqual(
    reassembly.add(header(1), { ...fragment, fragmentNumber: 2 }, bytes)?.bytes,
    Uint8Array.of(1, 9),
  );
});

test('what is discarded is gone, and its room free', () => {
  const reassembly = new Reassembly({ messages: 1, fragments: 4, octets: 10 });
  add(reassembly, 1, 2, 'a', header(1));
  reassembly.discard(header(1, HeaderFlag.RESPONSE));
  assert.equal(reassembly.size, 1);
  reassembly.discard(header(1));
  assert.equal(reassembly.octets, 0);
  add(reassembly, 1, 2, 'b', header(2));
  assert.equal(reassembly.size, 1);
  reassembly.clear();
  assert.equal(reassembly.size + reassembly.octets, 0);
});

test('splitting leaves no octet out and makes no empty piece but the only one', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  assert.deepEqual(
    split(bytes, 2).map(piece => [...piece]),
    [[1, 2], [3, 4], [5]],
  );
  assert.deepEqual(split(bytes, 5).length, 1);
  assert.deepEqual(split(new Uint8Array(0), 5), [new Uint8Array(0)]);
});
