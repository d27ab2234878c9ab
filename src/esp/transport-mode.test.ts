import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  internetChecksum,
  ipv4Packet,
  ipv6Packet,
  udpDatagram,
  upperLayerChecksum,
} from '../../test/ip-packets.ts';
import { ip } from '../lib/ip.ts';
import { IpPacket } from './ip-packet.ts';
import { transportPacket, transportPayload } from './transport-mode.ts';

const data = Uint8Array.of(1, 2, 3, 4, 5);

function payloadOf(packet: Uint8Array): ReturnType<typeof transportPayload> {
  const fields = new IpPacket();
  assert.ok(fields.read(packet, 0, packet.length));
  return transportPayload(packet, 0, fields);
}

describe('what travels', () => {
  test('IPv4: all behind the header and its options', () => {
    const packet = ipv4Packet({ protocol: 17, payload: [0, 1, 0, 2, 9], options: 8 });
    assert.deepEqual(payloadOf(packet), { offset: 28, length: 5, nextHeader: 17 });
  });

  test('IPv6: extension headers too', () => {
    const packet = ipv6Packet({ nextHeader: 60, payload: [17, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2] });
    assert.deepEqual(payloadOf(packet), { offset: 40, length: 12, nextHeader: 60 });
  });

  test('never a fragment', () => {
    assert.equal(payloadOf(ipv4Packet({ protocol: 17, payload: [0, 1, 0, 2], fragment: 0x2000 })), undefined);
    assert.equal(payloadOf(ipv4Packet({ protocol: 17, payload: [0, 1, 0, 2], fragment: 0x0007 })), undefined);
  });
});

describe('what arrives', () => {
  for (const [family, here, there, seen] of [
    ['IPv4', '192.168.1.2', '198.51.100.1', '203.0.113.7'],
    ['IPv6', 'fd00::2', '2001:db8:2::1', '2001:db8:9::7'],
  ] as const) {
    test(`${family}: a packet between the addresses of the path`, () => {
      const datagram = udpDatagram(ip(here), ip(there), [500, 501], data);
      const packet = transportPacket(datagram, 17, ip(here), ip(there), false);
      const fields = new IpPacket();
      assert.ok(fields.read(packet, 0, packet.length));
      assert.deepEqual([fields.protocol, fields.sourcePort, fields.destinationPort], [17, 500, 501]);
      if (family === 'IPv4') assert.equal(internetChecksum(packet.subarray(0, 20)), 0);
      assert.deepEqual(packet.subarray(fields.payloadOffset), datagram);
    });

    test(`${family}: checksums are renewed where a NAT changed the source`, () => {
      const datagram = udpDatagram(ip(here), ip(there), [500, 501], data);
      assert.notEqual(upperLayerChecksum(ip(seen), ip(there), 17, datagram), 0);
      const packet = transportPacket(datagram, 17, ip(seen), ip(there), true);
      const renewed = packet.subarray(family === 'IPv4' ? 20 : 40);
      assert.equal(upperLayerChecksum(ip(seen), ip(there), 17, renewed), 0);
      assert.deepEqual(renewed.subarray(8), data);
    });

    test(`${family}: TCP`, () => {
      const segment = new Uint8Array(25).fill(7);
      const packet = transportPacket(segment, 6, ip(seen), ip(there), true);
      assert.equal(
        upperLayerChecksum(ip(seen), ip(there), 6, packet.subarray(family === 'IPv4' ? 20 : 40)),
        0,
      );
    });
  }

  test('a UDP checksum that was left out over IPv4 stays out', () => {
    const datagram = udpDatagram(ip('10.0.0.1'), ip('10.0.0.2'), [1, 2], data);
    datagram.set([0, 0], 6);
    assert.deepEqual(
      transportPacket(datagram, 17, ip('10.0.0.9'), ip('10.0.0.2'), true).subarray(20),
      datagram,
    );
  });

  test('what is too short for a checksum is left alone', () => {
    for (const protocol of [6, 17]) {
      const payload = Uint8Array.of(1, 2, 3, 4, 5, 6, 7);
      assert.deepEqual(
        transportPacket(payload, protocol, ip('10.0.0.9'), ip('10.0.0.2'), true).subarray(20),
        payload,
      );
    }
  });
});
