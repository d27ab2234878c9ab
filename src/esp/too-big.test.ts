import assert from 'node:assert/strict';
import { test } from 'node:test';
import { internetChecksum, ipv4Packet, ipv6Packet, upperLayerChecksum } from '../../test/ip-packets.ts';
import { ip } from '../lib/ip.ts';
import { IpPacket } from './ip-packet.ts';
import { tooBig } from './too-big.ts';

/** As the data plane asks: the packet stands somewhere in a buffer. */
function answerTo(packet: Uint8Array, mtu: number): Uint8Array | undefined {
  const buffer = new Uint8Array(7 + packet.length + 9).fill(0xee);
  buffer.set(packet, 7);
  const fields = new IpPacket();
  assert.ok(fields.read(buffer, 7, 7 + packet.length));
  return tooBig(buffer, 7, fields, mtu);
}

test('the sender over IPv4 is told the MTU of the next hop, with the beginning of its packet', () => {
  for (const length of [30, 548, 1400]) {
    const packet = ipv4Packet({ protocol: 6, payload: new Uint8Array(length).fill(7) });
    const answer = answerTo(packet, 1234) as Uint8Array;
    const view = new DataView(answer.buffer);
    assert.equal(answer.length, Math.min(576, 28 + packet.length));
    assert.equal(view.getUint16(2), answer.length);
    assert.deepEqual([...answer.subarray(12, 20)], [10, 2, 0, 1, 10, 1, 0, 1]);
    assert.deepEqual([...answer.subarray(20, 22)], [3, 4]);
    assert.equal(view.getUint16(26), 1234);
    assert.deepEqual(answer.subarray(28), packet.subarray(0, answer.length - 28));
    assert.equal(internetChecksum(answer.subarray(0, 20)), 0);
    assert.equal(internetChecksum(answer.subarray(20)), 0);
  }
});

test('the sender over IPv6 is told too', () => {
  for (const length of [13, 1400]) {
    const packet = ipv6Packet({ nextHeader: 17, payload: new Uint8Array(length).fill(7) });
    const answer = answerTo(packet, 1300) as Uint8Array;
    const view = new DataView(answer.buffer);
    assert.equal(answer.length, Math.min(1280, 48 + packet.length));
    assert.equal(view.getUint16(4), answer.length - 40);
    assert.deepEqual([...answer.subarray(40, 42)], [2, 0]);
    assert.equal(view.getUint32(44), 1300);
    assert.deepEqual(answer.subarray(48), packet.subarray(0, answer.length - 48));
    const [from, to] = [ip('2001:db8:2::1'), ip('2001:db8:1::1')];
    assert.deepEqual(answer.subarray(8, 40), Uint8Array.of(...from, ...to));
    assert.equal(upperLayerChecksum(from, to, 58, answer.subarray(40)), 0);
  }
});

test('nobody is told about errors, later fragments, and packets without one sender and one receiver', () => {
  const payload = new Uint8Array(100);
  const v4 = { protocol: 17, payload };
  const v6 = { nextHeader: 17, payload };
  const of = (type: number): Uint8Array => Uint8Array.of(type, ...payload);
  const silent = [
    ipv4Packet({ ...v4, fragment: 2 }),
    ipv4Packet({ protocol: 1, payload: of(3) }),
    ipv4Packet({ protocol: 1, payload: of(11) }),
    ...['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'].flatMap(address => [
      ipv4Packet({ ...v4, source: address }),
      ipv4Packet({ ...v4, destination: address }),
    ]),
    ipv6Packet({ nextHeader: 58, payload: of(1) }),
    ...['::', 'ff02::1'].flatMap(address => [
      ipv6Packet({ ...v6, source: address }),
      ipv6Packet({ ...v6, destination: address }),
    ]),
  ];
  for (const packet of silent) assert.equal(answerTo(packet, 1300), undefined);
  assert.ok(answerTo(ipv4Packet({ protocol: 1, payload: of(8) }), 1300), 'a ping may be answered');
  assert.ok(answerTo(ipv6Packet({ nextHeader: 58, payload: of(128) }), 1300), 'a ping may be answered');
  assert.ok(answerTo(ipv4Packet({ ...v4, fragment: 0x2000 }), 1300), 'and a first fragment');
});
