import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decapsulatedEcn, propagateEcn, trafficClassOf } from './ecn.ts';

const [NOT_ECT, ECT_1, ECT_0, CE] = [0, 1, 2, 3];

/** RFC 6040 figure 4: inner by outer, both in the order Not-ECT, ECT(0), ECT(1), CE. */
const FIGURE_4 = [
  [NOT_ECT, [NOT_ECT, NOT_ECT, NOT_ECT, undefined]],
  [ECT_0, [ECT_0, ECT_0, ECT_1, CE]],
  [ECT_1, [ECT_1, ECT_1, ECT_1, CE]],
  [CE, [CE, CE, CE, CE]],
] as const;
const OUTER = [NOT_ECT, ECT_0, ECT_1, CE] as const;

function wordSum(header: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += ((header[i] as number) << 8) | (header[i + 1] as number);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Whether the header checksum is right: the sum of all words is all ones. */
function checksumHolds(header: Uint8Array): boolean {
  return wordSum(header) === 0xffff;
}

function ipv4(tos: number, identification: number): Uint8Array {
  const header = Uint8Array.of(0x45, tos, 0, 20, identification >> 8, identification & 0xff, 0, 0, 64, 17);
  const packet = Uint8Array.of(...header, 0, 0, 10, 1, 0, 1, 10, 2, 0, 1);
  const checksum = ~wordSum(packet) & 0xffff;
  packet.set([checksum >> 8, checksum & 0xff], 10);
  return packet;
}

test('every cell of figure 4', () => {
  for (const [inner, row] of FIGURE_4)
    for (const [i, expected] of row.entries())
      assert.equal(decapsulatedEcn(inner, OUTER[i] as number), expected);
});

test('IPv4: the mark goes in and the checksum stays right', () => {
  for (let identification = 0; identification < 0x10000; identification += 0x101)
    for (const [inner, row] of FIGURE_4)
      for (const [i, expected] of row.entries()) {
        const packet = Uint8Array.of(9, 9, ...ipv4(0xb8 | inner, identification));
        assert.equal(propagateEcn(packet, 2, OUTER[i] as number), expected !== undefined);
        assert.equal(trafficClassOf(packet, 2), 0xb8 | (expected ?? inner));
        assert.ok(checksumHolds(packet.subarray(2)), `${identification} ${inner} ${i}`);
      }
});

test('IPv6: the mark goes in and the flow label stays', () => {
  const packet = new Uint8Array(41);
  packet.set(
    [0x6b, 0x8f, 0xab, 0xcd].map((octet, i) => (i === 1 ? 0xaf : octet)),
    1,
  );
  assert.equal(trafficClassOf(packet, 1), 0xba);
  assert.equal(propagateEcn(packet, 1, CE as number), true);
  assert.equal(trafficClassOf(packet, 1), 0xbb);
  assert.deepEqual([...packet.subarray(1, 5)], [0x6b, 0xbf, 0xab, 0xcd]);
});
