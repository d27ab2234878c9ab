import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../../lib/bytes.ts';
import { Malformed } from '../../lib/reader.ts';
import { PacketAssembler } from './assembler.ts';
import { PACKET_LIMIT } from './frame.ts';

function framed(...octets: readonly number[]): Uint8Array {
  return Uint8Array.of(0, 0, 0, octets.length, ...octets);
}

test('packets come out whole, however the stream is cut', () => {
  const stream = concat(framed(5), framed(), framed(1, 2, 3), framed(9));
  for (let cut = 1; cut <= stream.length; cut++) {
    const assembler = new PacketAssembler();
    const packets: number[][] = [];
    for (let at = 0; at < stream.length; at += cut) {
      for (const packet of assembler.push(stream.subarray(at, at + cut))) packets.push([...packet]);
    }
    assert.deepEqual(packets, [[5], [], [1, 2, 3], [9]]);
    assert.equal(assembler.isPartial, false);
  }
});

test('a packet as long as allowed arrives in small pieces', () => {
  const assembler = new PacketAssembler();
  const whole = new Uint8Array(4 + PACKET_LIMIT);
  new DataView(whole.buffer).setUint32(0, PACKET_LIMIT);
  whole.fill(7, 4);
  let packets = 0;
  for (let at = 0; at < whole.length; at += 63) {
    assert.equal(assembler.isPartial, at > 0);
    for (const packet of assembler.push(whole.subarray(at, at + 63))) {
      packets++;
      assert.equal(packet.length, PACKET_LIMIT);
    }
  }
  assert.equal(packets, 1);
});

test('a length beyond the limit is refused as soon as it is read', () => {
  for (const length of [PACKET_LIMIT + 1, 0xffffffff]) {
    const octets = new Uint8Array(4);
    new DataView(octets.buffer).setUint32(0, length);
    assert.throws(() => [...new PacketAssembler().push(octets)], Malformed);
  }
});

test('packets before a refused one are still handed out', () => {
  const seen: number[] = [];
  assert.throws(() => {
    for (const packet of new PacketAssembler().push(concat(framed(1), Uint8Array.of(255, 0, 0, 0)))) {
      seen.push(packet.length);
    }
  }, Malformed);
  assert.deepEqual(seen, [1]);
});
