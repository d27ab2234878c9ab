import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mustRun } from '../interop/lab.ts';
import { withoutKernelIpsec } from './availability.ts';
import { type Case, GCM, KernelScene, NET } from './lab-case.ts';
import { packetsBySpi, trafficOf } from './view.ts';

const ENDS = ['2001:db8:9::1', '2001:db8:9::2'] as const;
const NET6 = {
  local: '2001:db8:1::/64',
  remote: '2001:db8:2::/64',
  ping: ['2001:db8:1::1', '2001:db8:2::1'],
} as const;

const CASES: Readonly<Record<string, Case>> = {
  'six-in-six': { ...NET6, ends: ENDS, settings: GCM },
  'four-in-six': { ...NET, ends: ENDS, settings: { esp_proposals: 'aes256-sha256' } },
  'six-in-four': { ...NET6, settings: GCM },
  'compressed-six': { ...NET6, ends: ENDS, settings: { ...GCM, ipcomp: 'yes' }, compresses: true },
  // Linux would lose these: they go as they are.
  'uncompressed-four-in-six': { ...NET, ends: ENDS, settings: { ...GCM, ipcomp: 'yes' } },
  'compressed-transport-six': {
    ping: ENDS,
    ends: ENDS,
    settings: { ...GCM, ipcomp: 'yes', mode: 'transport' },
    compresses: true,
  },
  // cygnet begins: charon forgets a CPI that it offered in vain, and leaves it to the kernel to let it expire.
  'uncompressed-six-in-four': { ...NET6, settings: { ...GCM, ipcomp: 'yes' } },
  'transport-six': { ping: ENDS, ends: ENDS, settings: { ...GCM, mode: 'transport' } },
};

describe('in the kernel, over and with IPv6', { skip: withoutKernelIpsec }, () => {
  let there: KernelScene;
  before(async () => {
    there = await KernelScene.open(CASES);
    const { alice, bob } = there.scene;
    for (const [namespace, n] of [
      [alice, 1],
      [bob, 2],
    ] as const) {
      const found = await mustRun('ip', ['-n', namespace, '-o', 'addr', 'show', 'to', `10.9.0.${n}`]);
      const wire = /^\d+: (\S+)/.exec(found)?.[1] ?? '';
      const add = (address: string, device: string) =>
        mustRun('ip', ['-n', namespace, 'addr', 'add', address, 'dev', device, 'nodad']);
      await add(`2001:db8:9::${n}/64`, wire);
      await add(`2001:db8:${n}::1/128`, 'lo');
    }
  });
  after(() => there?.[Symbol.asyncDispose]());

  for (const [i, [name, { ping, compresses }]] of Object.entries(CASES).entries()) {
    const role = i % 2 === 0 ? 'initiator' : 'responder';
    test(`${name}, cygnet as ${role}: both kernels have the same, and packets pass`, async () => {
      try {
        await there.up(role === 'initiator' ? there.cygnet : there.charon, name);
        assert.match(await there.pings(ping, 2), / 0% packet loss/);
        if (compresses !== true) {
          assert.ok([...(await packetsBySpi(there.scene.alice)).values()].every(count => count >= 2));
          return;
        }
        // 1,000 octets that are all the same.
        assert.match(await there.pings(ping, 3, '-s', '1000', '-p', '00'), / 0% packet loss/);
        for (const { protocol, packets, octets } of await trafficOf(there.scene.alice)) {
          if (protocol === 'comp') assert.ok(packets >= 3, `${packets} packets compressed`);
          if (protocol === 'esp') assert.ok(octets < 1500, `${octets} octets: they went as they were`);
        }
      } finally {
        await there.cygnet.terminate(`ike-${name}`);
      }
      await there.nothingLeft();
    });
  }
});
