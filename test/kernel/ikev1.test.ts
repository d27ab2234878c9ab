import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutKernelIpsec } from './availability.ts';
import { type Case, HOST, KernelScene, NET } from './lab-case.ts';
import { packetsBySpi, trafficOf } from './view.ts';

/* What IKEv1 negotiates, as both kernels have it: AH and ESP in each mode, with all that quick mode can say. */

const connection = { version: '1', proposals: 'aes128-sha256-ecp256' };
const GCM = { esp_proposals: 'aes128gcm16' };

const CASES: Readonly<Record<string, Case>> = {
  net: { ...NET, connection, settings: GCM },
  pfs: { ...NET, connection, settings: { esp_proposals: 'aes256-sha256-modp2048' } },
  esn: { ...NET, connection, settings: { esp_proposals: 'aes256gcm16-esn', replay_window: '256' } },
  null: { ...NET, connection, settings: { esp_proposals: 'null-sha256' } },
  ccm: { ...NET, connection, settings: { esp_proposals: 'aes128ccm16' } },
  ctr: { ...NET, connection, settings: { esp_proposals: 'aes128ctr-sha1' } },
  '3des': { ...NET, connection, settings: { esp_proposals: '3des-md5' } },
  ah: { ...NET, connection, settings: { ah_proposals: 'sha256' } },
  'ah-esn': { ...HOST, connection, settings: { ah_proposals: 'sha384-esn' } },
  transport: { ...HOST, connection, settings: { ...GCM, mode: 'transport' } },
  'transport-ah': { ...HOST, connection, settings: { ah_proposals: 'sha1', mode: 'transport' } },
  port: {
    ...HOST,
    connection,
    local: '10.9.0.1/32[icmp]',
    remote: '10.9.0.2/32[icmp]',
    settings: GCM,
  },
  life: {
    ...NET,
    connection,
    settings: {
      ...GCM,
      life_time: '20m',
      rekey_time: '15m',
      rand_time: '0s',
      life_bytes: '100000000',
      rekey_bytes: '0',
    },
  },
  ipcomp: { ...NET, connection, settings: { ...GCM, ipcomp: 'yes' }, compresses: true },
  'ipcomp-transport': {
    ...HOST,
    connection,
    settings: { ...GCM, ipcomp: 'yes', mode: 'transport' },
    compresses: true,
  },
};

describe('IKEv1 in the kernel, cygnet and charon', { skip: withoutKernelIpsec }, () => {
  let there: KernelScene;
  before(async () => {
    there = await KernelScene.open(CASES);
  });
  after(() => there?.[Symbol.asyncDispose]());

  for (const role of ['initiator', 'responder'] as const)
    for (const [name, { ping, compresses }] of Object.entries(CASES))
      test(`${name}, cygnet as ${role}: both kernels have the same, and packets pass`, async () => {
        const starter = role === 'initiator' ? there.cygnet : there.charon;
        try {
          await there.up(starter, name);
          assert.match(await there.pings(ping, 2), / 0% packet loss/);
          const carried = await packetsBySpi(there.scene.alice);
          assert.deepEqual([...carried.values()], [2, 2], 'the SAs did not carry the packets');
          if (compresses !== true) return;
          // 1,000 octets that are all the same.
          assert.match(await there.pings(ping, 3, '-s', '1000', '-p', '00'), / 0% packet loss/);
          for (const { protocol, packets, octets } of await trafficOf(there.scene.alice)) {
            if (protocol === 'comp') assert.ok(packets >= 3, `${packets} packets compressed`);
            if (protocol === 'esp') assert.ok(octets < 1500, `${octets} octets: they went as they were`);
          }
        } finally {
          await starter.terminate(`ike-${name}`);
        }
        await there.nothingLeft();
      });
});
