import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ipv4Packet, ipv6Packet } from '../../test/ip-packets.ts';
import { ip, ipFromBigInt, ipToBigInt } from '../lib/ip.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';
import { IpPacket } from './ip-packet.ts';
import { SelectorPair } from './selector.ts';
import { Spd } from './spd.ts';

const ANY = { protocol: 0, startPort: 0, endPort: 65535 };
const OPAQUE = { startPort: 65535, endPort: 0 };

/** `10.1.0.0/16`, with a protocol and ports where they matter. */
function ts(prefix: string, rest: Partial<TrafficSelector> = {}): TrafficSelector {
  const [address, bits] = prefix.split('/') as [string, string | undefined];
  const start = ip(address);
  const free = BigInt(8 * start.length - Number(bits ?? 8 * start.length));
  const end = ipFromBigInt(ipToBigInt(start) | ((1n << free) - 1n), start.length as 4 | 16);
  return { start, end, ...ANY, ...rest };
}

function fields(packet: Uint8Array): IpPacket {
  const read = new IpPacket();
  assert.ok(read.read(packet, 0, packet.length));
  return read;
}

const udp = (source: string, destination: string, ports = [0, 53, 0, 53]): IpPacket =>
  fields(ipv4Packet({ source, destination, protocol: 17, payload: ports }));

type Named = readonly [name: string, local: TrafficSelector[], remote: TrafficSelector[]];

function spd(...sas: readonly Named[]): Spd<string> {
  const table = new Spd<string>();
  for (const [name, local, remote] of sas) table.insert(name, new SelectorPair(local, remote));
  return table;
}

describe('which SA takes a packet', () => {
  test('one whose selectors admit it, or none', () => {
    const table = spd(['a', [ts('10.1.0.0/16')], [ts('10.2.0.0/16')]]);
    assert.equal(table.find(udp('10.1.0.1', '10.2.255.255')), 'a');
    assert.equal(table.find(udp('10.1.0.1', '10.3.0.0')), undefined);
    assert.equal(table.find(udp('10.0.255.255', '10.2.0.0')), undefined);
    assert.equal(table.find(fields(ipv6Packet({ nextHeader: 17, payload: [0, 1, 0, 2] }))), undefined);
  });

  test('ranges need not be prefixes', () => {
    const range = { ...ts('10.2.0.7'), end: ip('10.2.1.3') };
    const table = spd(['a', [ts('0.0.0.0/0')], [range]]);
    for (const [last, admitted] of [
      ['0.6', false],
      ['0.7', true],
      ['0.255', true],
      ['1.3', true],
      ['1.4', false],
    ] as const)
      assert.equal(table.find(udp('1.1.1.1', `10.2.${last}`)), admitted ? 'a' : undefined, last);
  });

  test('IPv6 ranges compare whole addresses', () => {
    const remote = { ...ts('2001:db8:2::5'), end: ip('2001:db8:3::2') };
    const table = spd(['a', [ts('2001:db8:1::/48')], [remote]]);
    const to = (destination: string): IpPacket =>
      fields(ipv6Packet({ destination, nextHeader: 59, payload: [] }));
    assert.equal(table.find(to('2001:db8:2::4')), undefined);
    assert.equal(table.find(to('2001:db8:2::5')), 'a');
    assert.equal(table.find(to('2001:db8:2:ffff::')), 'a');
    assert.equal(table.find(to('2001:db8:3::2')), 'a');
    assert.equal(table.find(to('2001:db8:3::3')), undefined);
  });

  test('the most specific remote selector, whatever the order of insertion', () => {
    const sas: readonly Named[] = [
      ['all', [ts('0.0.0.0/0')], [ts('0.0.0.0/0')]],
      ['net', [ts('0.0.0.0/0')], [ts('10.2.0.0/16')]],
      ['host', [ts('0.0.0.0/0')], [ts('10.2.0.1')]],
      ['dns', [ts('0.0.0.0/0')], [ts('10.2.0.1', { protocol: 17, startPort: 53, endPort: 53 })]],
      ['udp', [ts('0.0.0.0/0')], [ts('10.2.0.1', { protocol: 17 })]],
    ];
    for (const order of [sas, sas.toReversed(), [2, 4, 0, 3, 1].map(i => sas[i] as Named)]) {
      const table = spd(...order);
      assert.equal(table.find(udp('10.1.0.1', '10.2.0.1')), 'dns');
      assert.equal(table.find(udp('10.1.0.1', '10.2.0.1', [0, 53, 0, 54])), 'udp');
      assert.equal(table.find(fields(ipv4Packet({ protocol: 6, payload: [0, 53, 0, 53] }))), 'host');
      assert.equal(table.find(udp('10.1.0.1', '10.2.0.2')), 'net');
      assert.equal(table.find(udp('10.1.0.1', '10.3.0.2')), 'all');
    }
  });

  test('then the most specific local selector', () => {
    const table = spd(
      ['narrow and wide', [ts('10.1.0.1'), ts('0.0.0.0/0')], [ts('10.2.0.0/16')]],
      ['middle', [ts('10.1.0.0/16')], [ts('10.2.0.0/16')]],
    );
    assert.equal(table.find(udp('10.1.0.1', '10.2.0.1')), 'narrow and wide');
    assert.equal(table.find(udp('10.1.0.2', '10.2.0.1')), 'middle');
    assert.equal(table.find(udp('10.9.0.2', '10.2.0.1')), 'narrow and wide');
  });

  test('then the newest: a rekeyed SA takes over at once and hands back when it goes', () => {
    for (const remote of ['10.2.0.0/16', '10.2.0.1']) {
      const selectors = new SelectorPair([ts('10.1.0.0/16')], [ts(remote)]);
      const table = new Spd<string>();
      const packet = udp('10.1.0.1', '10.2.0.1');
      table.insert('old', selectors);
      assert.equal(table.find(packet), 'old');
      table.insert('new', selectors);
      assert.equal(table.find(packet), 'new');
      table.insert('old', selectors);
      assert.equal(table.find(packet), 'old', 'inserted again');
      table.delete('old');
      assert.equal(table.find(packet), 'new');
      table.delete('new');
      table.delete('new');
      assert.equal(table.find(packet), undefined);
    }
  });

  test('several selectors: one of each side is enough', () => {
    const table = spd([
      'a',
      [ts('10.1.0.0/24'), ts('10.1.7.0/24')],
      [ts('10.2.0.0/24'), ts('10.2.9.9'), ts('2001:db8:2::/48')],
    ]);
    assert.equal(table.find(udp('10.1.7.1', '10.2.0.1')), 'a');
    assert.equal(table.find(udp('10.1.0.1', '10.2.9.9')), 'a');
    assert.equal(table.find(udp('10.1.1.1', '10.2.9.9')), undefined);
    table.delete('a');
    assert.equal(table.find(udp('10.1.7.1', '10.2.0.1')), undefined);
  });

  test('flows remembered are told apart by every field', () => {
    const table = spd(
      ['dns', [ts('0.0.0.0/0')], [ts('10.2.0.0/16', { protocol: 17, startPort: 53, endPort: 53 })]],
      ['rest', [ts('10.1.0.0/16')], [ts('10.2.0.0/16')]],
    );
    for (let round = 0; round < 2; round++) {
      assert.equal(table.find(udp('10.1.0.1', '10.2.0.1')), 'dns');
      assert.equal(table.find(udp('10.1.0.1', '10.2.0.1', [0, 53, 0, 54])), 'rest');
      assert.equal(table.find(fields(ipv4Packet({ protocol: 6, payload: [0, 53, 0, 53] }))), 'rest');
      assert.equal(table.find(udp('10.9.0.1', '10.2.0.1', [0, 53, 0, 54])), undefined);
      const fragment = ipv4Packet({ protocol: 17, payload: [0, 53, 0, 53], fragment: 100 });
      assert.equal(table.find(fields(fragment)), 'rest');
    }
  });

  test('agrees with trying every SA', () => {
    const address = fc.integer({ min: 0, max: 7 }).map(last => `10.0.0.${last}`);
    const prefix = fc.tuple(address, fc.constantFrom(32, 31, 30, 29, 0)).map(([from, bits]) => {
      const base = bits === 0 ? 0n : (ipToBigInt(ip(from)) >> BigInt(32 - bits)) << BigInt(32 - bits);
      return ts(`${ipFromBigInt(base, 4).join('.')}/${bits}`);
    });
    const sa = fc.tuple(
      fc.array(prefix, { minLength: 1, maxLength: 3 }),
      fc.array(prefix, { minLength: 1, maxLength: 3 }),
    );
    const breadth = (selector: TrafficSelector): bigint =>
      ipToBigInt(selector.end) - ipToBigInt(selector.start);
    const within = (selector: TrafficSelector, of: string): boolean =>
      ipToBigInt(ip(of)) >= ipToBigInt(selector.start) && ipToBigInt(ip(of)) <= ipToBigInt(selector.end);
    const narrowest = (selectors: readonly TrafficSelector[], of: string): bigint | undefined =>
      selectors
        .filter(selector => within(selector, of))
        .map(breadth)
        .sort((a, b) => (a < b ? -1 : 1))[0];
    fc.assert(
      fc.property(
        fc.array(sa, { maxLength: 6 }),
        fc.array(fc.tuple(address, address), { maxLength: 12 }),
        (sas, packets) => {
          const table = new Spd<number>();
          for (const [i, [local, remote]] of sas.entries()) table.insert(i, new SelectorPair(local, remote));
          for (const [source, destination] of packets) {
            const ranked = sas
              .map(([local, remote], i) => ({
                i,
                far: narrowest(remote, destination),
                near: narrowest(local, source),
              }))
              .filter(({ far, near }) => far !== undefined && near !== undefined)
              .sort(
                (a, b) =>
                  Number((a.far as bigint) - (b.far as bigint)) ||
                  Number((a.near as bigint) - (b.near as bigint)) ||
                  b.i - a.i,
              );
            assert.equal(table.find(udp(source, destination)), ranked[0]?.i);
          }
        },
      ),
      { seed: 4301, numRuns: 300 },
    );
  });
});

describe('what may come in by an SA (RFC 4301 §5.2)', () => {
  const pair = new SelectorPair(
    [ts('10.1.0.0/16', { protocol: 17, startPort: 1000, endPort: 2000 })],
    [ts('10.2.0.0/16', { protocol: 17 })],
  );
  const from = (source: string, destination: string, destinationPort: number): boolean =>
    pair.admitsInbound(udp(source, destination, [0, 7, destinationPort >> 8, destinationPort & 0xff]));

  test('the sides change places', () => {
    assert.equal(from('10.2.0.1', '10.1.0.1', 1000), true);
    assert.equal(from('10.2.0.1', '10.1.0.1', 2001), false);
    assert.equal(from('10.1.0.1', '10.2.0.1', 1000), false);
    assert.equal(from('10.3.0.1', '10.1.0.1', 1000), false);
    assert.equal(from('10.2.0.1', '10.3.0.1', 1000), false);
  });

  test('a later fragment has no port that a range could admit', () => {
    const fragment = { source: '10.2.0.1', destination: '10.1.0.1', protocol: 17, payload: [0, 7, 4, 0] };
    assert.equal(pair.admitsInbound(fields(ipv4Packet({ ...fragment, fragment: 0x2000 }))), true);
    assert.equal(pair.admitsInbound(fields(ipv4Packet({ ...fragment, fragment: 100 }))), false);
    const any = new SelectorPair([ts('10.1.0.0/16')], [ts('10.2.0.0/16')]);
    assert.equal(any.admitsInbound(fields(ipv4Packet({ ...fragment, fragment: 100 }))), true);
    const opaque = new SelectorPair([ts('10.1.0.0/16', OPAQUE)], [ts('10.2.0.0/16', OPAQUE)]);
    assert.equal(opaque.admitsInbound(fields(ipv4Packet({ ...fragment, fragment: 100 }))), true);
    assert.equal(opaque.admitsInbound(fields(ipv4Packet(fragment))), false);
  });

  test('a later fragment of an unknown protocol passes where any may', () => {
    const packet = fields(ipv6Packet({ nextHeader: 44, payload: [60, 0, 4, 0, 1, 1, 1, 1, 9, 9] }));
    const with_ = (protocol: number): SelectorPair =>
      new SelectorPair([ts('::/0', { protocol })], [ts('::/0', { protocol })]);
    assert.equal(with_(0).admitsInbound(packet), true);
    assert.equal(with_(17).admitsInbound(packet), false);
  });
});

describe('ICMP by type and code (RFC 4301 §4.4.1.3)', () => {
  const ECHO = { protocol: 1, startPort: 0x0800, endPort: 0x08ff };
  const HIDDEN = { protocol: 1, ...OPAQUE };
  const echoOut = fields(ipv4Packet({ protocol: 1, payload: [8, 0, 0, 0] }));
  const echoIn = fields(
    ipv4Packet({ source: '10.2.0.1', destination: '10.1.0.1', protocol: 1, payload: [8, 0, 0, 0] }),
  );
  const replyOut = fields(ipv4Packet({ protocol: 1, payload: [0, 0, 0, 0] }));
  const sides = (local: Partial<TrafficSelector>, remote: Partial<TrafficSelector>) => {
    const selectors = new SelectorPair([ts('10.1.0.0/16', local)], [ts('10.2.0.0/16', remote)]);
    const table = new Spd<string>();
    table.insert('sa', selectors);
    return {
      sends: (packet: IpPacket): boolean => table.find(packet) === 'sa',
      takes: (packet: IpPacket): boolean => selectors.admitsInbound(packet),
    };
  };

  test('the type on both sides: sent and received', () => {
    const { sends, takes } = sides(ECHO, ECHO);
    assert.deepEqual([sends(echoOut), takes(echoIn), sends(replyOut)], [true, true, false]);
  });

  test('the type here, OPAQUE there: sent and not received', () => {
    const { sends, takes } = sides(ECHO, HIDDEN);
    assert.deepEqual([sends(echoOut), takes(echoIn)], [true, false]);
  });

  test('OPAQUE here, the type there: received and not sent', () => {
    const { sends, takes } = sides(HIDDEN, ECHO);
    assert.deepEqual([sends(echoOut), takes(echoIn)], [false, true]);
  });
});
