import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CfgAttribute, CfgType, PayloadType } from '../iana/ikev2.ts';
import { fromHex, toHex } from '../lib/bytes.ts';
import { formatIp, ip } from '../lib/ip.ts';
import { utf8 } from '../lib/text.ts';
import { type ConfigurationAttribute, formatAttribute } from '../policy/pool.ts';
import type { CpPayload } from '../wire/v2/payload.ts';
import {
  configurationIn,
  configurationReply,
  configurationRequest,
  requestedAddresses,
} from './configuration.ts';

function cp(cfgType: number, ...attributes: readonly (readonly [type: number, hex: string])[]): CpPayload {
  return {
    type: PayloadType.CP,
    cfgType,
    attributes: attributes.map(([type, hex]) => ({ type, value: fromHex(hex) ?? utf8(hex) })),
  };
}

const written = ({ attributes }: CpPayload) => attributes.map(({ type, value }) => `${type} ${toHex(value)}`);

test('a request names what is wanted, and what goes along with each family', () => {
  const request = configurationRequest([ip('0.0.0.0'), ip('10.3.0.1'), ip('2001:db8::1')]);
  assert.deepEqual(written(request), [
    '1 ',
    '1 0a030001',
    '8 20010db800000000000000000000000180',
    '3 ',
    '4 ',
    '13 ',
    '10 ',
    '15 ',
  ]);
  assert.deepEqual(requestedAddresses(request)?.map(formatIp), ['0.0.0.0', '10.3.0.1', '2001:db8::1']);
  assert.deepEqual(requestedAddresses(configurationRequest([ip('::')]))?.map(formatIp), ['::']);
});

test('a reply says what version 2 has words for', () => {
  const attributes: readonly ConfigurationAttribute[] = [
    { kind: 'dns', address: ip('10.2.0.53') },
    { kind: 'dns', address: ip('2001:db8::53') },
    { kind: 'nbns', address: ip('10.2.0.54') },
    { kind: 'nbns', address: ip('2001:db8::54') },
    { kind: 'dhcp', address: ip('10.2.0.55') },
    { kind: 'netmask', address: ip('255.255.255.0') },
    { kind: 'server', address: ip('2001:db8::55') },
    { kind: 'p-cscf', address: ip('10.2.0.57') },
    { kind: 'p-cscf', address: ip('2001:db8::57') },
    { kind: 'address', address: ip('10.2.0.56') },
    { kind: 'subnet', address: ip('10.2.0.0'), prefix: 16 },
    { kind: 'split-include', address: ip('2001:db8::'), prefix: 32 },
    { kind: 'split-include', address: ip('0.0.0.0'), prefix: 0 },
    { kind: 'split-exclude', address: ip('10.9.0.0'), prefix: 16 },
    { kind: 'banner', text: 'hello' },
    { kind: 'numbered', type: 28, value: utf8('x') },
  ];
  const reply = configurationReply([ip('10.3.0.1'), ip('2001:db8::1')], attributes);
  assert.deepEqual(written(reply), [
    '1 0a030001',
    '8 20010db800000000000000000000000180',
    '3 0a020035',
    '10 20010db8000000000000000000000053',
    '4 0a020036',
    '6 0a020037',
    '2 ffffff00',
    '23457 20010db8000000000000000000000055',
    '20 0a020039',
    '21 20010db8000000000000000000000057',
    '1 0a020038',
    '13 0a020000ffff0000',
    '15 20010db800000000000000000000000020',
    '13 0000000000000000',
    '28 78',
  ]);
  const read = configurationIn(reply);
  assert.deepEqual(read?.addresses.map(formatIp), ['10.3.0.1', '2001:db8::1', '10.2.0.56']);
  assert.deepEqual(
    read?.received.map(one => `${one.kind} ${formatAttribute(one)}`),
    [
      'dns 10.2.0.53',
      'dns 2001:db8::53',
      'nbns 10.2.0.54',
      'dhcp 10.2.0.55',
      'netmask 255.255.255.0',
      'server 2001:db8::55',
      'p-cscf 10.2.0.57',
      'p-cscf 2001:db8::57',
      'subnet 10.2.0.0/16',
      'subnet 2001:db8::/32',
      'subnet 0.0.0.0/0',
    ],
  );
});

test('a request is no reply, and the other way round', () => {
  for (const cfgType of [0, CfgType.CFG_SET, CfgType.CFG_ACK, 255]) {
    assert.equal(requestedAddresses(cp(cfgType, [1, ''])), undefined);
    assert.equal(configurationIn(cp(cfgType, [1, '0a030001'])), undefined);
  }
  assert.equal(requestedAddresses(cp(CfgType.CFG_REPLY, [1, ''])), undefined);
  assert.equal(configurationIn(cp(CfgType.CFG_REQUEST, [1, '0a030001'])), undefined);
});

test('lengths and values that cannot be are passed over, and what is beside them is read', () => {
  const wrong: readonly (readonly [number, string])[] = [
    [CfgAttribute.INTERNAL_IP4_ADDRESS, '0a0300'],
    [CfgAttribute.INTERNAL_IP4_ADDRESS, '0a03000102'],
    [CfgAttribute.INTERNAL_IP6_ADDRESS, '0a030001'],
    [CfgAttribute.INTERNAL_IP6_ADDRESS, '20010db80000000000000000000000018000'],
    [CfgAttribute.INTERNAL_IP4_DNS, ''],
    [CfgAttribute.INTERNAL_IP4_DNS, '20010db8000000000000000000000053'],
    [CfgAttribute.INTERNAL_IP6_DNS, '0a020035'],
    [CfgAttribute.INTERNAL_IP4_SUBNET, '0a020000'],
    [CfgAttribute.INTERNAL_IP4_SUBNET, '0a020000ff00ff00'],
    [CfgAttribute.INTERNAL_IP6_SUBNET, '20010db800000000000000000000000081'],
    [CfgAttribute.INTERNAL_DNS_DOMAIN, '$(reboot).example'],
    [CfgAttribute.INTERNAL_DNS_DOMAIN, 'a\nb.example'],
    [CfgAttribute.INTERNAL_DNS_DOMAIN, `${'a'.repeat(63)}.`.repeat(5)],
    [CfgAttribute.APPLICATION_VERSION, ''],
    [0x7fff, 'ff'],
  ];
  const read = configurationIn(
    cp(CfgType.CFG_REPLY, ...wrong, [1, '0a030001'], [CfgAttribute.INTERNAL_DNS_DOMAIN, 'corp.example']),
  );
  assert.deepEqual(read?.addresses.map(formatIp), ['10.3.0.1']);
  assert.deepEqual(read?.received, [{ kind: 'split-dns', text: 'corp.example' }]);
  assert.deepEqual(requestedAddresses(cp(CfgType.CFG_REQUEST, ...wrong)), []);
});

test('one peer asks for so many addresses and no more', () => {
  const many = cp(CfgType.CFG_REQUEST, ...Array.from({ length: 1000 }, () => [1, ''] as const));
  assert.equal(requestedAddresses(many)?.length, 16);
});
