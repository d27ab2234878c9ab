import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutKernelIpsec } from './availability.ts';
import { type Case, GCM, HOST, KernelScene, NET } from './lab-case.ts';
import { packetsBySpi, trafficOf } from './view.ts';

const CASES: Readonly<Record<string, Case>> = {
  'net-to-net': { ...NET, settings: GCM },
  everything: { ...NET, local: '0.0.0.0/0', remote: '0.0.0.0/0', settings: GCM },
  'net-esn': { ...NET, settings: { esp_proposals: 'aes256gcm16-esn', replay_window: '256' } },
  'net-cbc': { ...NET, settings: { esp_proposals: 'aes256-sha256', replay_window: '32' } },
  'net-ah': { ...NET, settings: { ah_proposals: 'sha256' } },
  ports: {
    ...HOST,
    local: '10.9.0.1/32[icmp], 10.9.0.1/32[udp/7]',
    remote: '10.9.0.2/32[icmp], 10.9.0.2/32[udp]',
    settings: GCM,
  },
  host: { ...HOST, settings: GCM },
  'host-ah': { ...HOST, settings: { ah_proposals: 'sha384-esn' } },
  transport: { ...HOST, settings: { ...GCM, mode: 'transport' } },
  // What comes in gets the mark that its policies ask for, and is answered with the same.
  marks: {
    ...HOST,
    mark: 6,
    settings: {
      ...GCM,
      mark_in: '6/0xff',
      set_mark_in: '6',
      mark_out: '6',
      set_mark_out: '0x10/0xf0',
      priority: '4711',
    },
  },
  'mark-of-sa': { ...HOST, mark: 'outer', settings: { ...GCM, mark_in: '9', mark_in_sa: 'yes' } },
  // This kernel has no XFRM interfaces, which alone can carry such packets.
  'if-ids': { ...NET, mark: 'outer', settings: { ...GCM, if_id_in: '42', if_id_out: '0x2b' } },
  headers: { ...NET, settings: { ...GCM, copy_df: 'no', copy_ecn: 'no', copy_dscp: 'in' } },
  'headers-transport': {
    ...HOST,
    settings: { ...GCM, mode: 'transport', copy_df: 'no', copy_ecn: 'no', copy_dscp: 'in' },
  },
  dscp: { ...NET, settings: { ...GCM, copy_dscp: 'no', policies: 'yes' } },
  // Bound to an interface that none of it leaves by, so that none is sent.
  forwarding: {
    ...NET,
    settings: {
      esp_proposals: 'aes128gcm16-esn',
      policies_fwd_out: 'yes',
      hw_offload: 'auto',
      replay_window: '4096',
      interface: 'lo',
    },
    mark: 'outer',
  },
  // Inner addresses that are not in the packets: one at each end.
  beet: { ...NET, local: '10.1.0.1/32', remote: '10.2.0.1/32', settings: { ...GCM, mode: 'beet' } },
  ipcomp: { ...NET, settings: { ...GCM, ipcomp: 'yes' }, compresses: true },
  'ipcomp-transport': {
    ...HOST,
    settings: { ...GCM, ipcomp: 'yes', mode: 'transport' },
    compresses: true,
  },
  'transport-ah': { ...HOST, settings: { ah_proposals: 'sha1', mode: 'transport' } },
};

describe('in the kernel, cygnet and charon', { skip: withoutKernelIpsec }, () => {
  let there: KernelScene;
  before(async () => {
    there = await KernelScene.open(CASES);
    const { lab, bob } = there.scene;
    await lab.run(bob, ['sysctl', '-qw', 'net.ipv4.fwmark_reflect=1']);
  });
  after(() => there?.[Symbol.asyncDispose]());

  for (const role of ['initiator', 'responder'] as const) {
    for (const [name, { ping, mark = 0, compresses }] of Object.entries(CASES)) {
      test(`${name}, cygnet as ${role}: both kernels have the same, and packets pass`, async () => {
        const starter = role === 'initiator' ? there.cygnet : there.charon;
        try {
          await there.up(starter, name);
          if (name === 'beet') assert.match(await there.ip('xfrm', 'state'), /mode beet/);
          if (mark === 'outer') return;
          assert.match(await there.pings(ping, 2, '-m', `${mark}`), / 0% packet loss/);
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
    }
  }
});
