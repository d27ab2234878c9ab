import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../../lib/bytes.ts';
import { ip } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { encodeLink, encodeTunnelLink, readLink, type TunnelLink } from './link.ts';

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) as Uint8Array;
const message = (body: Uint8Array) => ({ type: 16, flags: 0, sequence: 0, port: 0, body });
const none = '00'.repeat(16);

/** As iproute2 6.1 sends for `ip link add NAME type …`, read off with strace. */
const RECORDED: readonly (readonly [TunnelLink, string, string])[] = [
  [
    { kind: 'xfrm', id: 0x2a },
    'cygx0',
    `${none} 0a00 0300 637967783000 0000 1800 1200 0800 0100 7866726d 0c00 0200 0800 0200 2a000000`,
  ],
  [
    { kind: 'vti', keyIn: 5, keyOut: 6, local: ip('192.0.2.1'), remote: ip('192.0.2.2') },
    'cygv0',
    // Without IFLA_VTI_FWMARK, which iproute2 sends as zero.
    `${none} 0a00 0300 637967763000 0000 3000 1200 0700 0100 76746900 2400 0200
    0800 0200 00000005 0800 0300 00000006 0800 0400 c0000201 0800 0500 c0000202`,
  ],
  [
    { kind: 'vti6', keyIn: 5, keyOut: 6, local: ip('2001:db8::1'), remote: ip('2001:db8::2') },
    'cygv6',
    `${none} 0a00 0300 637967763600 0000 4800 1200 0800 0100 76746936 3c00 0200
    0800 0200 00000005 0800 0300 00000006
    1400 0400 20010db8000000000000000000000001 1400 0500 20010db8000000000000000000000002`,
  ],
];

test('interfaces of IPsec are asked for in the octets that iproute2 sends, and read back', () => {
  for (const [tunnel, name, octets] of RECORDED) {
    assert.deepEqual(encodeTunnelLink(name, tunnel), hex(octets));
    const link = readLink(message(hex(octets)));
    assert.deepEqual([link.name, link.kind, link.tunnel, link.alias], [name, tunnel.kind, tunnel, undefined]);
  }
});

test('an interface is set up and given an alias in one message', () => {
  const octets = hex('00000000 01000000 01000000 01000000 0a00 1400 6379676e6574 0000');
  assert.deepEqual(encodeLink(1, { up: true, alias: 'cygnet' }), octets);
  assert.equal(readLink(message(octets)).alias, 'cygnet');
});

test('other kinds have no numbers, and what is missing of ours is zero', () => {
  const of = (info: string): Uint8Array => hex(`${none} ${info}`);
  const veth = readLink(message(of('0c00 1200 0800 0100 76657468')));
  assert.deepEqual([veth.kind, veth.tunnel], ['veth', undefined]);
  const bare = readLink(message(of('0c00 1200 0700 0100 76746900')));
  assert.deepEqual(bare.tunnel, {
    kind: 'vti',
    keyIn: 0,
    keyOut: 0,
    local: ip('0.0.0.0'),
    remote: ip('0.0.0.0'),
  });
  assert.throws(() => readLink(message(of('ff00 1200 0800 0100 76657468'))), Malformed);
});
