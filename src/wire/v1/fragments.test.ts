import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counting } from '../../../test/wire-samples.ts';
import { V1ExchangeType, V1HeaderFlag, V1PayloadType } from '../../iana/ikev1.ts';
import { splitV1Message, V1Reassembly } from './fragments.ts';
import { decodeV1Message, encodeV1Message } from './message.ts';
import type { V1FragmentPayload } from './payload.ts';

function add(
  reassembly: V1Reassembly,
  number: number,
  last: boolean,
  text: string,
  id = 1,
): string | undefined {
  const whole = reassembly.add({
    type: V1PayloadType.FRAGMENT,
    fragmentId: id,
    fragmentNumber: number,
    last,
    data: Uint8Array.from(text, letter => letter.charCodeAt(0)),
  });
  return whole && String.fromCharCode(...whole);
}

test('fragments come together in any order', () => {
  for (const order of [
    [1, 2, 3],
    [3, 2, 1],
    [2, 3, 1],
    [3, 1, 2],
  ]) {
    const reassembly = new V1Reassembly();
    let whole: string | undefined;
    for (const number of order) {
      assert.equal(whole, undefined);
      whole = add(reassembly, number, number === 3, 'abc'.charAt(number - 1));
    }
    assert.equal(whole, 'abc');
    assert.equal(reassembly.octets, 0);
  }
});

test('the same Fragment ID serves one message after the other', () => {
  const reassembly = new V1Reassembly();
  add(reassembly, 1, false, 'a');
  assert.equal(add(reassembly, 2, true, 'b'), 'ab');
  add(reassembly, 1, false, 'c');
  assert.equal(add(reassembly, 2, true, 'd'), 'cd');
});

test('a new Fragment ID throws away what there was', () => {
  const reassembly = new V1Reassembly();
  add(reassembly, 1, false, 'aaa', 1);
  add(reassembly, 2, true, 'y', 2);
  assert.equal(reassembly.octets, 1);
  assert.equal(add(reassembly, 1, false, 'x', 2), 'xy');
});

test('a retransmitted fragment, the last one too, neither counts twice nor shuts out the rest', () => {
  const reassembly = new V1Reassembly();
  add(reassembly, 3, true, 'c');
  for (let i = 0; i < 300; i++) assert.equal(add(reassembly, 3, true, 'c'), undefined);
  add(reassembly, 1, false, 'a');
  assert.equal(add(reassembly, 1, false, 'z'), undefined);
  assert.equal(add(reassembly, 2, false, 'b'), 'abc');
});

test('numbers after the last, and a second last, are passed over', () => {
  const reassembly = new V1Reassembly();
  add(reassembly, 2, true, 'b');
  assert.equal(add(reassembly, 3, false, 'c'), undefined);
  assert.equal(add(reassembly, 1, true, 'z'), undefined);
  assert.equal(add(reassembly, 1, false, 'a'), 'ab');
  add(reassembly, 5, false, 'e');
  assert.equal(add(reassembly, 1, true, 'z'), undefined);
  assert.equal(reassembly.octets, 1);
});

test('what is stored is a copy', () => {
  const reassembly = new V1Reassembly();
  const fragment = { type: V1PayloadType.FRAGMENT, fragmentId: 1 } as const;
  const data = Uint8Array.of(1);
  reassembly.add({ ...fragment, fragmentNumber: 1, last: false, data });
  data[0] = 9;
  assert.deepEqual(reassembly.add({ ...fragment, fragmentNumber: 2, last: true, data }), Uint8Array.of(1, 9));
});

test('limits hold: fragments and octets', () => {
  const reassembly = new V1Reassembly({ fragments: 3, octets: 4 });
  assert.equal(add(reassembly, 4, true, 'd'), undefined);
  assert.equal(reassembly.octets, 0);
  add(reassembly, 1, false, 'aaa');
  add(reassembly, 2, false, 'bb');
  assert.equal(reassembly.octets, 3);
  reassembly.clear();
  assert.equal(reassembly.octets, 0);
  for (let id = 0; id < 10_000; id++) add(reassembly, 3, false, 'xxxx', id);
  assert.equal(reassembly.octets, 4);
});

const message = encodeV1Message(
  {
    initiatorSpi: 1n,
    responderSpi: 2n,
    exchangeType: V1ExchangeType.MAIN_MODE,
    flags: V1HeaderFlag.ENCRYPTION,
    messageId: 0,
  },
  [{ type: V1PayloadType.CERT, encoding: 4, data: counting(2000) }],
);

test('a message goes out in fragments that all fit, and comes together again', () => {
  for (const largest of [100, 548, 1200]) {
    const reassembly = new V1Reassembly();
    const datagrams = splitV1Message(message, largest, 7);
    assert.ok(datagrams.length > 1);
    let whole: Uint8Array | undefined;
    datagrams.forEach((datagram, i) => {
      assert.ok(datagram.length <= largest);
      const { header, payloads } = decodeV1Message(datagram);
      assert.equal(header.flags, 0);
      const fragment = payloads[0] as V1FragmentPayload;
      assert.equal(fragment.fragmentNumber, i + 1);
      assert.equal(fragment.fragmentId, 7);
      assert.equal(fragment.last, i + 1 === datagrams.length);
      whole = reassembly.add(fragment);
    });
    assert.deepEqual(whole, message);
  }
});

test('a message that fits goes as it is; one that would need too many pieces not at all', () => {
  assert.deepEqual(splitV1Message(message, message.length, 1), [message]);
  assert.equal(splitV1Message(message, message.length - 1, 1).length, 2);
  assert.throws(() => splitV1Message(message, 36, 1), RangeError);
  assert.throws(() => splitV1Message(message, 40, 1), RangeError);
});
