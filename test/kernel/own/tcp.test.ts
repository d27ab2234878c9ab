import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mustRun, until } from '../../interop/lab.ts';
import { withoutOwnKernel } from '../availability.ts';
import { packetsBySpi } from '../view.ts';
import { TcpLab } from './tcp-lab.ts';

describe('ESP over TCP in the kernel', { skip: withoutOwnKernel }, () => {
  for (const [ours, theirs, family] of [
    ['kernel', 'kernel', 4],
    ['kernel', 'kernel', 6],
    ['kernel', 'userspace', 4],
    ['userspace', 'kernel', 4],
  ] as const) {
    test(`from ${ours} to ${theirs}, over IPv${family}: packets, rekeys, and the end`, async () => {
      await using there = await TcpLab.open([ours, theirs], { family });
      const [alice, bob] = [there.steering('alice'), there.steering('bob')];
      await alice.initiate('net');
      const inKernel = ours === 'kernel' ? 'alice' : 'bob';
      const states = await there.states(inKernel);
      assert.equal(states.match(/encap type espintcp sport \d+ dport \d+/g)?.length, 2, states);
      await there.passes(20);
      // Together they are longer than a packet of TCP.
      await there.passes(10, 1300);
      await there.passes(5, 4000);
      assert.ok([...(await packetsBySpi(there.namespaces[inKernel])).values()].every(count => count >= 35));

      for (const who of [alice, bob]) {
        const before = await alice.spis('net');
        await who.rekey('net');
        await alice.renewed('net', before);
        await there.passes();
        await who.rekeyIke('site');
        await there.passes();
      }
      await bob.terminate('site');
      await until('all is gone', async () => (await alice.isEmpty()) && (await bob.isEmpty()));
      assert.equal(await there.states(inKernel), '');
      // The connection goes with the SA.
      await until('no connection', async () => (await connections(there, inKernel)) === '');
    });
  }
});

/** Those of TCP that stand, by the kernel's list. */
async function connections(there: TcpLab, who: 'alice' | 'bob'): Promise<string> {
  return mustRun('ip', ['netns', 'exec', there.namespaces[who], 'ss', '-Htn', 'state', 'established']);
}
