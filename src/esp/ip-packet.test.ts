import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ipv4Packet, ipv6Packet } from '../../test/ip-packets.ts';
import { ip, ipToBigInt } from '../lib/ip.ts';
import { IpPacket, OPAQUE, UNKNOWN_PROTOCOL } from './ip-packet.ts';

const TCP = 6;
const PORTS = [0x1f, 0x90, 0, 80];

function read(packet: Uint8Array, start = 0): IpPacket | undefined {
  const fields = new IpPacket();
  return fields.read(packet, start, packet.length) ? fields : undefined;
}

function seen(packet: Uint8Array): readonly (number | boolean)[] | undefined {
  const fields = read(packet);
  return (
    fields && [fields.protocol, fields.sourcePort, fields.destinationPort, fields.typed, fields.fragment]
  );
}

describe('IPv4', () => {
  test('addresses, length and ports, with and without options', () => {
    for (const options of [0, 4, 40]) {
      const packet = ipv4Packet({ protocol: TCP, payload: PORTS, options });
      const fields = read(packet) ?? assert.fail('refused');
      assert.equal(fields.version, 4);
      assert.equal(fields.length, packet.length);
      assert.equal(fields.payloadOffset, 20 + options);
      assert.equal(fields.source[0], Number(ipToBigInt(ip('10.1.0.1'))));
      assert.equal(fields.destination[0], Number(ipToBigInt(ip('10.2.0.1'))));
      assert.deepEqual(seen(packet), [TCP, 8080, 80, false, false]);
    }
  });

  const rows: readonly [string, Uint8Array, readonly (number | boolean)[] | undefined][] = [
    ['UDP', ipv4Packet({ protocol: 17, payload: PORTS }), [17, 8080, 80, false, false]],
    ['SCTP', ipv4Packet({ protocol: 132, payload: PORTS }), [132, 8080, 80, false, false]],
    [
      'ICMP has type and code',
      ipv4Packet({ protocol: 1, payload: [8, 3, 0, 0] }),
      [1, 0x803, 0x803, true, false],
    ],
    ['GRE has no ports', ipv4Packet({ protocol: 47, payload: PORTS }), [47, OPAQUE, OPAQUE, false, false]],
    ['ports cut off', ipv4Packet({ protocol: 17, payload: [1, 2, 3] }), [17, OPAQUE, OPAQUE, false, false]],
    ['type cut off', ipv4Packet({ protocol: 1, payload: [8] }), [1, OPAQUE, OPAQUE, false, false]],
    [
      'first fragment',
      ipv4Packet({ protocol: TCP, payload: PORTS, fragment: 0x2000 }),
      [TCP, 8080, 80, false, true],
    ],
    [
      'later fragment',
      ipv4Packet({ protocol: TCP, payload: PORTS, fragment: 0x2003 }),
      [TCP, OPAQUE, OPAQUE, false, true],
    ],
    [
      'last fragment',
      ipv4Packet({ protocol: 17, payload: PORTS, fragment: 0x0003 }),
      [17, OPAQUE, OPAQUE, false, true],
    ],
    [
      'do not fragment is no fragment',
      ipv4Packet({ protocol: 17, payload: PORTS, fragment: 0x4000 }),
      [17, 8080, 80, false, false],
    ],
    [
      'a fragment over a TCP header',
      ipv4Packet({ protocol: TCP, payload: PORTS, fragment: 0x0001 }),
      undefined,
    ],
  ];
  for (const [what, packet, expected] of rows) test(what, () => assert.deepEqual(seen(packet), expected));

  test('octets behind the packet are none of it', () => {
    const packet = ipv4Packet({ protocol: TCP, payload: PORTS });
    const padded = new Uint8Array(packet.length + 100);
    padded.set(packet);
    assert.equal(read(padded)?.length, packet.length);
  });

  test('refused: lengths that cannot be', () => {
    const whole = ipv4Packet({ protocol: TCP, payload: PORTS });
    for (let length = 0; length < whole.length; length++)
      assert.equal(read(whole.slice(0, length)), undefined, String(length));
    const changed = (at: number, ...octets: number[]): Uint8Array => {
      const packet = whole.slice();
      packet.set(octets, at);
      return packet;
    };
    assert.equal(read(changed(0, 0x44)), undefined, 'header of 16 octets');
    assert.equal(read(changed(0, 0x47)), undefined, 'header longer than the packet');
    assert.equal(read(changed(2, 0, 19)), undefined, 'packet shorter than its header');
    assert.equal(read(changed(0, 0x55)), undefined, 'version 5');
  });
});

describe('IPv6', () => {
  test('addresses, length and ports, from any place in a buffer', () => {
    const packet = ipv6Packet({ nextHeader: TCP, payload: PORTS });
    const buffer = new Uint8Array(packet.length + 7);
    buffer.set(packet, 7);
    const fields = read(buffer, 7) ?? assert.fail('refused');
    assert.deepEqual([fields.version, fields.length, fields.payloadOffset], [6, packet.length, 40]);
    assert.deepEqual([...fields.source], [0x20010db8, 0x00010000, 0, 1]);
    assert.deepEqual([...fields.destination], [0x20010db8, 0x00020000, 0, 1]);
    assert.deepEqual(seen(packet), [TCP, 8080, 80, false, false]);
  });

  const hopByHop = [43, 0, 0, 0, 0, 0, 0, 0];
  const routing = [60, 1, ...Array(14).fill(0)];
  const destination = (next: number): number[] => [next, 0, 0, 0, 0, 0, 0, 0];
  const fragment = (next: number, offset: number, more = 0): number[] => [
    next,
    0,
    offset >> 5,
    ((offset << 3) & 0xff) | more,
    9,
    9,
    9,
    9,
  ];
  const rows: readonly [string, number, readonly number[], readonly (number | boolean)[] | undefined][] = [
    ['ICMPv6', 58, [128, 0, 0, 0], [58, 0x8000, 0x8000, true, false]],
    ['Mobility Header type', 135, [59, 0, 5, 0], [135, 0x500, 0x500, true, false]],
    [
      'three extension headers',
      0,
      [...hopByHop, ...routing, ...destination(17), ...PORTS],
      [17, 8080, 80, false, false],
    ],
    ['first fragment', 44, [...fragment(17, 0, 1), ...PORTS], [17, 8080, 80, false, true]],
    ['atomic fragment is none', 44, [...fragment(17, 0), ...PORTS], [17, 8080, 80, false, false]],
    ['later fragment', 44, [...fragment(17, 185), ...PORTS], [17, OPAQUE, OPAQUE, false, true]],
    [
      'later fragment of unknown protocol',
      44,
      [...fragment(60, 185, 1), ...PORTS],
      [UNKNOWN_PROTOCOL, OPAQUE, OPAQUE, false, true],
    ],
    [
      'AH is a protocol of its own',
      51,
      [6, 4, ...Array(22).fill(0), ...PORTS],
      [51, OPAQUE, OPAQUE, false, false],
    ],
    ['no next header', 59, [], [59, OPAQUE, OPAQUE, false, false]],
    ['an extension header cut short', 60, [17, 0, 0, 0], undefined],
    ['an extension header longer than the packet', 60, [17, 9, 0, 0, 0, 0, 0, 0], undefined],
    [
      'eight extension headers',
      60,
      [...Array(7).fill(destination(60)).flat(), ...destination(17), ...PORTS],
      [17, 8080, 80, false, false],
    ],
    [
      'nine extension headers',
      60,
      [...Array(8).fill(destination(60)).flat(), ...destination(17), ...PORTS],
      undefined,
    ],
  ];
  for (const [what, nextHeader, payload, expected] of rows)
    test(what, () => assert.deepEqual(seen(ipv6Packet({ nextHeader, payload })), expected));

  test('refused: cut at every octet', () => {
    const whole = ipv6Packet({ nextHeader: 60, payload: [...destination(17), ...PORTS] });
    for (let length = 0; length < whole.length; length++)
      assert.equal(read(whole.slice(0, length)), undefined, String(length));
  });
});

test('any octets whatever: bounded, within the buffer, or refused', () => {
  const first = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x00);
  fc.assert(
    fc.property(first, fc.uint8Array({ maxLength: 120 }), (octet, rest) => {
      const packet = Uint8Array.of(octet, ...rest);
      const fields = read(packet);
      if (fields === undefined) return;
      assert.ok(fields.length <= packet.length && fields.payloadOffset <= fields.length);
    }),
    { seed: 4303, numRuns: 500 },
  );
});
