import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModeCfgAttribute as Mode } from '../iana/ikev1.ts';
import { EMPTY, fromHex, toHex } from '../lib/bytes.ts';
import { formatIp, ip } from '../lib/ip.ts';
import { utf8 } from '../lib/text.ts';
import { type ConfigurationAttribute, formatAttribute } from '../policy/pool.ts';
import type { V1Attribute } from '../wire/v1/payload.ts';
import { fromWire, isUnity, requestOf, supportedAttributes, toWire, wantedIn } from './mode-config.ts';

function hex(text: string): Uint8Array {
  const octets = fromHex(text);
  assert.ok(octets !== undefined);
  return octets;
}

function inHex(attributes: readonly V1Attribute[]): readonly string[] {
  return attributes.map(
    ({ type, value }) => `${type} ${typeof value === 'number' ? `=${value}` : toHex(value)}`,
  );
}

function inWords(attributes: readonly V1Attribute[]): readonly string[] {
  return fromWire(attributes).map(one => `${one.kind} ${formatAttribute(one)}`);
}

test('attributes as they travel', () => {
  const configured: readonly ConfigurationAttribute[] = [
    { kind: 'address', address: ip('10.77.0.1') },
    { kind: 'address', address: ip('2001:db8::1') },
    { kind: 'netmask', address: ip('255.255.255.0') },
    { kind: 'dns', address: ip('10.2.0.53') },
    { kind: 'dns', address: ip('2001:db8::53') },
    { kind: 'nbns', address: ip('10.2.0.137') },
    { kind: 'dhcp', address: ip('10.2.0.67') },
    { kind: 'server', address: ip('10.2.0.1') },
    { kind: 'subnet', address: ip('10.2.0.0'), prefix: 15 },
    { kind: 'subnet', address: ip('2001:db8::'), prefix: 48 },
    { kind: 'split-include', address: ip('10.2.0.0'), prefix: 16 },
    { kind: 'split-include', address: ip('10.3.1.0'), prefix: 24 },
    { kind: 'split-exclude', address: ip('192.168.0.0'), prefix: 32 },
    { kind: 'banner', text: 'hello' },
    { kind: 'numbered', type: Mode.UNITY_SAVE_PASSWD, value: utf8('1') },
    { kind: 'numbered', type: 16_389, value: hex('0102') },
  ];
  assert.deepEqual(inHex(toWire(configured)), [
    '1 0a4d0001',
    '8 20010db800000000000000000000000180',
    '2 ffffff00',
    '3 0a020035',
    '10 20010db8000000000000000000000053',
    '4 0a020089',
    '6 0a020043',
    '23456 0a020001',
    '13 0a020000fffe0000',
    '15 20010db800000000000000000000000030',
    '28672 68656c6c6f',
    '28673 =1',
    '16389 0102',
    '28676 0a020000ffff00000000000000000a030100ffffff00000000000000',
    '28678 c0a80000ffffffff000000000000',
  ]);
});

test('attributes as they came', () => {
  assert.deepEqual(
    inWords([
      { type: Mode.INTERNAL_IP4_ADDRESS, value: hex('0a4d0001') },
      { type: Mode.INTERNAL_IP6_ADDRESS, value: hex('20010db8000000000000000000000001') },
      { type: Mode.INTERNAL_IP6_ADDRESS, value: hex('20010db800000000000000000000000240') },
      { type: Mode.INTERNAL_IP4_DNS, value: hex('0a0200350a020036') },
      { type: Mode.INTERNAL_IP4_SUBNET, value: hex('0a020000ffff0000') },
      { type: Mode.UNITY_SPLIT_INCLUDE, value: hex('0a020000ffff0000000000000000') },
      { type: Mode.UNITY_LOCAL_LAN, value: hex('0a020000ffff00000a030000ffff0000') },
      { type: Mode.UNITY_DEF_DOMAIN, value: utf8('example.org\0') },
      { type: Mode.UNITY_BANNER, value: utf8('a\u001b]0;x\u0007\nb') },
      { type: Mode.UNITY_PFS, value: 1 },
    ]),
    [
      'address 10.77.0.1',
      'address 2001:db8::1',
      'address 2001:db8::2',
      'dns 10.2.0.53',
      'dns 10.2.0.54',
      'subnet 10.2.0.0/16',
      'split-include 10.2.0.0/16',
      'split-exclude 10.2.0.0/16',
      'split-exclude 10.3.0.0/16',
      'domain example.org',
      'banner a ]0;x \nb',
      'numbered 0001',
    ],
  );
});

test('what makes no sense is left out, and the rest holds', () => {
  assert.deepEqual(
    inWords([
      { type: Mode.INTERNAL_IP4_ADDRESS, value: hex('0a4d00') },
      { type: Mode.INTERNAL_IP4_ADDRESS, value: EMPTY },
      { type: Mode.INTERNAL_IP4_ADDRESS, value: 7 },
      { type: Mode.INTERNAL_IP4_DNS, value: hex('0a02003501') },
      { type: Mode.INTERNAL_IP4_SUBNET, value: hex('0a020000ff00ff00') },
      { type: Mode.INTERNAL_IP6_SUBNET, value: hex('20010db8000000000000000000000002ff') },
      { type: Mode.UNITY_SPLIT_INCLUDE, value: hex('0a020000ffff00') },
      { type: Mode.UNITY_SPLIT_INCLUDE, value: hex('0a02000000ffff00000000000000') },
      { type: Mode.INTERNAL_IP4_NBNS, value: hex('0a020089') },
    ]),
    ['nbns 10.2.0.137'],
  );
});

test('texts and lists of any length are cut', () => {
  const [banner] = fromWire([{ type: Mode.UNITY_BANNER, value: new Uint8Array(65_000).fill(0x41) }]);
  assert.equal(banner?.kind === 'banner' ? banner.text.length : 0, 4096);
  const many = new Uint8Array(64_988);
  assert.equal(fromWire([{ type: Mode.UNITY_SPLIT_INCLUDE, value: many }]).length, 1024);
  assert.equal(fromWire([{ type: Mode.INTERNAL_IP4_DNS, value: many }]).length, 1024);
});

test('a request asks for each family, and an address it knows by its value', () => {
  const request = requestOf([ip('0.0.0.0'), ip('2001:db8::7')]);
  assert.deepEqual(inHex(request).slice(0, 2), ['1 ', '8 20010db800000000000000000000000780']);
  const types = request.map(({ type }) => type);
  for (const type of [Mode.INTERNAL_IP4_DNS, Mode.INTERNAL_IP6_DNS, Mode.UNITY_SPLIT_INCLUDE])
    assert.ok(types.includes(type), String(type));
  assert.ok(!requestOf([ip('::')]).some(({ type }) => type === Mode.INTERNAL_IP4_DNS));
  assert.deepEqual(wantedIn(request).map(formatIp), ['0.0.0.0', '2001:db8::7']);
});

test('of what a peer asks for a few addresses are heeded', () => {
  const any = { type: Mode.INTERNAL_IP4_ADDRESS, value: EMPTY };
  assert.equal(wantedIn(Array.from({ length: 1000 }, () => any)).length, 4);
  assert.deepEqual(
    wantedIn([
      { type: Mode.INTERNAL_IP4_ADDRESS, value: 0 },
      { type: Mode.INTERNAL_IP4_ADDRESS, value: hex('0a4d00') },
      { type: Mode.INTERNAL_IP6_ADDRESS, value: hex('0a4d0001') },
    ]).map(formatIp),
    ['0.0.0.0'],
  );
});

test('what is Unity’s, and what is supported', () => {
  assert.ok(isUnity({ type: Mode.UNITY_BANNER, value: EMPTY }));
  assert.ok(!isUnity({ type: Mode.INTERNAL_IP4_DNS, value: EMPTY }));
  const list = toHex(supportedAttributes());
  assert.match(list, /^0001000200030004/);
  assert.equal(list.length % 4, 0);
});
