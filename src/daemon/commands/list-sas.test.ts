import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childStatus, ikeStatus } from '../../../test/status.ts';
import { listOf, type Message, sectionOf } from '../../control/index.ts';
import { ip } from '../../lib/ip.ts';
import { listSa } from './list-sas.ts';

/** An SA that has all there can be. */
const CHILD = childStatus({
  udpEncapsulation: true,
  spiIn: 0xc0000001,
  spiOut: 0xc0000002,
  ipcomp: { cpiIn: 0x1001, cpiOut: 0x1002 },
  proposal: 'aes256-sha256-x25519',
  esn: true,
  kernel: {
    markIn: { value: 1, mask: 0xff },
    markOut: { value: 2, mask: 0xff },
    interfaceIn: 17,
    interfaceOut: 18,
  },
  localTs: ['10.1.0.0/16'],
  remoteTs: ['10.2.0.0/16'],
  installedAt: 1000,
  rekeyAt: 3_601_000,
  expiresAt: 4_001_000,
});

const IKE = ikeStatus({
  path: { local: { address: ip('192.0.2.1'), port: 4500 }, remote: { address: ip('192.0.2.2'), port: 4500 } },
  localId: 'alice.lab',
  remoteId: 'bob.lab',
  remoteXauthId: 'carol',
  natLocal: true,
  natRemote: true,
  natFake: true,
  proposal: 'aes256-sha256-prfsha256-x25519',
  establishedAt: 1000,
  rekeyAt: 3_601_000,
  reauthAt: 7_201_000,
  localVips: ['10.3.0.1'],
  remoteVips: ['10.4.0.1'],
  interfaces: { interfaceIn: 19, interfaceOut: 20 },
  children: [CHILD],
  tasksQueued: ['rekey-ike'],
  tasksActive: ['create-child net2'],
});

const USED = {
  bytesIn: 1n,
  packetsIn: 1n,
  bytesOut: 1n,
  packetsOut: 1n,
  usedIn: 2000,
  usedOut: 2000,
};

/** The fields that charon has and these SAs cannot have, with the reason. */
const NOT_HERE: Readonly<Record<string, string>> = {
  'remote-eap-id': 'there is no EAP',
  'tasks-passive': 'a request is answered in one go: there is nothing under way to list',
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7].map(n => [`ake${n}`, 'one key exchange for each SA (no RFC 9370)']),
  ),
  'prf-alg': 'of a child: keys come from the PRF of the IKE SA',
  'per-cpu-sas': 'no RFC 9611',
  cpu: 'no RFC 9611',
  label: 'no labels',
};

const IKE_FIELDS =
  'uniqueid version state local-host local-port local-id remote-host remote-port remote-id remote-xauth-id remote-eap-id initiator initiator-spi responder-spi nat-local nat-remote nat-fake nat-any if-id-in if-id-out encr-alg encr-keysize integ-alg prf-alg dh-group ake1 ake2 ake3 ake4 ake5 ake6 ake7 established rekey-time reauth-time local-vips remote-vips tasks-queued tasks-active tasks-passive child-sas';

const CHILD_FIELDS =
  'name uniqueid reqid state mode protocol encap spi-in spi-out cpi-in cpi-out mark-in mark-mask-in mark-out mark-mask-out if-id-in if-id-out per-cpu-sas cpu label encr-alg encr-keysize integ-alg prf-alg dh-group ake1 ake2 ake3 ake4 ake5 ake6 ake7 esn bytes-in packets-in use-in bytes-out packets-out use-out rekey-time life-time install-time local-ts remote-ts';

function listed(): { readonly ike: Message; readonly child: Message } {
  const ike = sectionOf(listSa(IKE, new Map([[3, USED]]), 61_000), 'lab') as Message;
  return { ike, child: sectionOf(sectionOf(ike, 'child-sas'), 'net-3') as Message };
}

for (const [what, names] of [
  ['ike', IKE_FIELDS],
  ['child', CHILD_FIELDS],
] as const) {
  test(`list-sa: every field of charon's is there, or cannot be (${what})`, () => {
    const there = Object.keys(listed()[what]);
    const missing = names.split(' ').filter(name => !there.includes(name));
    assert.deepEqual(
      missing.filter(name => NOT_HERE[name] === undefined),
      [],
    );
    assert.deepEqual(
      there.filter(name => !names.split(' ').includes(name)),
      [],
      'nothing that charon does not have',
    );
  });
}

test('list-sa: in the forms that swanctl reads', () => {
  const { ike, child } = listed();
  assert.deepEqual(
    [
      'initiator-spi',
      'established',
      'rekey-time',
      'nat-fake',
      'nat-any',
      'remote-xauth-id',
      'if-id-in',
      'if-id-out',
    ].map(key => ike[key]),
    ['0000000000000001', '60', '3540', 'yes', 'yes', 'carol', '00000013', '00000014'],
  );
  assert.deepEqual(
    ['spi-in', 'cpi-in', 'mark-in', 'mark-mask-in', 'if-id-out', 'use-in', 'esn', 'mode', 'encap'].map(
      key => child[key],
    ),
    ['c0000001', '1001', '00000001', '000000ff', '00000012', '59', '1', 'TUNNEL', 'yes'],
  );
  assert.deepEqual([listOf(ike, 'local-vips'), listOf(child, 'remote-ts')], [['10.3.0.1'], ['10.2.0.0/16']]);
});
