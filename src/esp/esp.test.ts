import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type ToySizes, toyPacketCipher } from '../../test/toy-packet-cipher.ts';
import { NextHeader, spiOf } from './header.ts';
import { InboundEsp, type Opened } from './inbound.ts';
import { OutboundEsp } from './outbound.ts';

const SPI = 0xc0ffee01;
const SUBSPACE = 2 ** 32;
const SEEDED = { seed: 4303 };

interface Options extends ToySizes {
  readonly esn?: boolean;
  readonly replayWindow?: number;
  readonly tfcPadding?: number;
  readonly sequence?: number;
}

function pair({ esn = false, replayWindow = 128, tfcPadding = 0, sequence = 0, ...sizes }: Options = {}): {
  readonly out: OutboundEsp;
  readonly into: InboundEsp;
} {
  const out = new OutboundEsp({ spi: SPI, cipher: toyPacketCipher(sizes), esn, tfcPadding, sequence });
  return { out, into: new InboundEsp({ spi: SPI, cipher: toyPacketCipher(sizes), esn, replayWindow }) };
}

function seal(out: OutboundEsp, payload: Uint8Array, nextHeader: number = NextHeader.IPV4): Uint8Array {
  const buffer = new Uint8Array(out.sealedLength(payload.length));
  buffer.set(payload, out.headerLength);
  assert.equal(out.seal(buffer, 0, payload.length, nextHeader), buffer.length);
  return buffer;
}

function payloadOf(packet: Uint8Array, opened: Opened | string): Uint8Array {
  if (typeof opened === 'string') assert.fail(`refused: ${opened}`);
  return packet.slice(opened.offset, opened.offset + opened.length);
}

const text = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (7 * i + 1) & 0xff);

describe('a packet', () => {
  const ciphers: readonly [what: string, sizes: ToySizes][] = [
    ['an AEAD', { ivLength: 8, icvLength: 16, blockLength: 1 }],
    ['a block cipher of 16 octets', { ivLength: 16, icvLength: 12, blockLength: 16 }],
    ['a block cipher of 8 octets', { ivLength: 8, icvLength: 16, blockLength: 8 }],
    ['an implicit IV', { ivLength: 0, icvLength: 16, blockLength: 1 }],
  ];
  for (const [what, sizes] of ciphers) {
    test(`of ${what} comes back, aligned, at every length`, () => {
      const { out, into } = pair(sizes);
      for (let length = 0; length < 70; length++) {
        const packet = seal(out, text(length));
        assert.equal(spiOf(packet), SPI);
        assert.equal(spiOf(packet, 4), length + 1);
        const body = packet.length - 8 - (sizes.ivLength ?? 0) - (sizes.icvLength ?? 0);
        assert.equal(body % Math.max(4, sizes.blockLength ?? 1), 0);
        assert.ok(body - length - 2 < Math.max(4, sizes.blockLength ?? 1), 'no more padding than needed');
        const opened = into.open(packet);
        assert.deepEqual(payloadOf(packet, opened), text(length));
        assert.equal((opened as Opened).nextHeader, NextHeader.IPV4);
      }
      assert.deepEqual([out.packets, into.packets], [70, 70]);
      assert.deepEqual([out.bytes, into.bytes], [(69 * 70) / 2, (69 * 70) / 2]);
    });
  }

  test('is padded with 1, 2, 3, …', () => {
    const { out, into } = pair({ ivLength: 16, icvLength: 12, blockLength: 16 });
    const packet = seal(out, text(3));
    into.open(packet);
    assert.deepEqual(
      [...packet.subarray(24 + 3, 24 + 16)],
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, NextHeader.IPV4],
    );
  });

  test('is written in place, and nothing around it', () => {
    const { out, into } = pair();
    const buffer = new Uint8Array(200).fill(0xee);
    buffer.set(text(50), 40 + out.headerLength);
    const length = out.seal(buffer, 40, 50, NextHeader.IPV6);
    assert.ok(buffer.subarray(0, 40).every(octet => octet === 0xee));
    assert.ok(buffer.subarray(40 + length).every(octet => octet === 0xee));
    const packet = buffer.slice(40, 40 + length);
    assert.deepEqual(payloadOf(packet, into.open(packet)), text(50));
  });

  test('that does not fit is refused, and no sequence number is lost', () => {
    const { out } = pair();
    assert.throws(() => out.seal(new Uint8Array(out.sealedLength(10) - 1), 0, 10, 4), RangeError);
    assert.equal(out.sequence, 0);
    assert.equal(out.packets, 0);
  });

  test('is filled up with zeros where its length is to be hidden', () => {
    const { out, into } = pair({ tfcPadding: 100 });
    const lengths = new Set<number>();
    for (const length of [0, 1, 50, 99, 100]) {
      const buffer = new Uint8Array(out.sealedLength(length)).fill(0xee);
      buffer.set(text(length), out.headerLength);
      lengths.add(out.seal(buffer, 0, length, NextHeader.IPV4));
      const payload = payloadOf(buffer, into.open(buffer));
      assert.deepEqual(payload.subarray(0, length), text(length));
      assert.ok(payload.length === 100 && payload.subarray(length).every(octet => octet === 0));
    }
    assert.equal(lengths.size, 1);
    const longer = seal(out, text(101));
    assert.deepEqual(payloadOf(longer, into.open(longer)), text(101));
  });
});

describe('what is refused', () => {
  test('every packet cut short, and nothing is changed by it', () => {
    const { out, into } = pair();
    const packet = seal(out, text(40));
    for (let length = 0; length < packet.length; length++) {
      const cut = packet.slice(0, length);
      assert.ok(['malformed', 'integrity'].includes(into.open(cut) as string), String(length));
      assert.deepEqual(cut, packet.slice(0, length));
    }
    assert.equal(typeof into.open(packet), 'object');
  });

  test('every packet with one bit flipped, and the true one still passes', () => {
    for (const esn of [false, true]) {
      const { out, into } = pair({ esn });
      const packet = seal(out, text(24));
      // The SPI is the caller's to look up; all behind it is the SA's.
      for (let bit = 32; bit < 8 * packet.length; bit++) {
        const forged = packet.slice();
        forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
        assert.ok(['integrity', 'late'].includes(into.open(forged) as string), `bit ${bit}`);
      }
      assert.equal(into.window.top, 0);
      assert.equal(typeof into.open(packet), 'object');
    }
  });

  test('a replay, before its ICV costs anything', () => {
    const { out, into } = pair();
    const packet = seal(out, text(9));
    const again = packet.slice();
    into.open(packet);
    assert.equal(into.open(again), 'replay');
    again.fill(0, 8);
    assert.equal(into.open(again), 'replay');
    assert.deepEqual([into.replayed, into.forged, into.packets], [2, 0, 1]);
  });

  test('a packet below the window', () => {
    const { out, into } = pair({ replayWindow: 32 });
    const packets = Array.from({ length: 40 }, () => seal(out, text(1)));
    for (const packet of packets.slice(8)) assert.equal(typeof into.open(packet.slice()), 'object');
    assert.equal(into.open((packets[7] as Uint8Array).slice()), 'late');
    assert.equal(into.open((packets[8] as Uint8Array).slice()), 'replay');
  });

  test('a pad length that reaches over the payload', () => {
    const cipher = toyPacketCipher();
    const into = new InboundEsp({ spi: SPI, cipher: toyPacketCipher(), esn: false, replayWindow: 64 });
    for (const [sequence, padLength, refused] of [
      [1, 6, false],
      [2, 7, true],
      [3, 255, true],
    ] as const) {
      const packet = new Uint8Array(8 + 8 + 8 + 16);
      packet.set([0, 0, 0, 0, 0, 0, 0, sequence]);
      packet.set([padLength, NextHeader.IPV4], 22);
      cipher.seal(packet, 8);
      const opened = into.open(packet);
      assert.equal(opened === 'padding', refused, String(padLength));
    }
  });

  test('any octets whatever: no throw, no acceptance', () => {
    const { into } = pair({ ivLength: 16, icvLength: 12, blockLength: 16 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), octets => {
        assert.equal(typeof into.open(octets), 'string');
      }),
      SEEDED,
    );
  });
});

describe('sequence numbers', () => {
  test('end with 2^32 − 1 where they are not extended: never used twice', () => {
    const { out, into } = pair({ sequence: SUBSPACE - 3 });
    for (const expected of [SUBSPACE - 2, SUBSPACE - 1]) {
      const packet = seal(out, text(4));
      assert.equal(spiOf(packet, 4), expected);
      assert.equal(typeof into.open(packet), 'object');
    }
    assert.equal(out.exhausted, true);
    assert.equal(out.seal(new Uint8Array(100), 0, 4, 4), 0);
    assert.equal(out.packets, 2);
  });

  test('go on past 2^32 with ESN, in step on both sides, also out of order', () => {
    const { out, into } = pair({ esn: true, sequence: SUBSPACE - 5, replayWindow: 64 });
    into.window.accept(SUBSPACE - 5);
    const packets = Array.from({ length: 10 }, (_, i) => seal(out, text(i)));
    for (const i of [6, 0, 9, 3, 1, 8, 2, 7, 5, 4]) {
      const packet = (packets[i] as Uint8Array).slice();
      assert.deepEqual(payloadOf(packet, into.open(packet)), text(i));
    }
    assert.equal(into.window.top, SUBSPACE + 5);
    for (const packet of packets) assert.equal(into.open(packet), 'replay');
  });

  test('of a wrong subspace are no more than a wrong ICV', () => {
    const sender = pair({ esn: true, sequence: 3 * SUBSPACE + 100 });
    const { into } = pair({ esn: true });
    assert.equal(into.open(seal(sender.out, text(5))), 'integrity');
    assert.equal(into.window.top, 0);
  });

  test('are found again after the loss of 2^32 packets (RFC 4303 appendix A3)', () => {
    const { out, into } = pair({ esn: true, sequence: 2 * SUBSPACE + 100 });
    into.window.accept(90);
    let lost = 0;
    while (into.open(seal(out, text(5))) === 'integrity') lost++;
    assert.equal(lost, 511);
    assert.equal(into.window.top, out.sequence);
    assert.equal(typeof into.open(seal(out, text(5))), 'object');
  });

  test('survive any order with duplicates: each packet once, none that is in the window is lost', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.integer({ min: 0, max: 39 }), { maxLength: 120 }),
        (esn, order) => {
          const { out, into } = pair({ esn, replayWindow: 64, sequence: esn ? SUBSPACE - 20 : 0 });
          if (esn) into.window.accept(SUBSPACE - 20);
          const packets = Array.from({ length: 40 }, (_, i) => seal(out, text(i)));
          const seen = new Set<number>();
          for (const i of order) {
            const opened = into.open((packets[i] as Uint8Array).slice());
            assert.equal(typeof opened === 'object', !seen.has(i));
            seen.add(i);
          }
          assert.equal(into.packets, seen.size);
        },
      ),
      SEEDED,
    );
  });
});
