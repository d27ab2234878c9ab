import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cygnet } from './cygnet.ts';
import { Lab, mustRun } from './lab.ts';
import { Pinging } from './pinging.ts';
import type { Section } from './swanctl.ts';

function site(who: 'alice' | 'bob', remoteTs: string): Section {
  const [net, other] = who === 'alice' ? [1, 2] : [2, 1];
  const peer = who === 'alice' ? 'bob' : 'alice';
  return {
    connections: {
      site: {
        local_addrs: `10.9.0.${net}`,
        remote_addrs: `10.9.0.${other}`,
        tcp: 'fallback',
        local: { auth: 'psk', id: `${who}.lab` },
        remote: { auth: 'psk', id: `${peer}.lab` },
        children: { net: { local_ts: `10.${net}.0.1/32`, remote_ts: remoteTs } },
      },
    },
    secrets: { 'ike-1': { id: peer === 'bob' ? 'bob.lab' : 'alice.lab', secret: '"by TCP"' } },
  };
}

test('a network without UDP: ping through ESP over TCP, also where the peer itself lies in the selectors', async () => {
  const lab = new Lab();
  try {
    const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
    await lab.wire(a, '10.9.0.1/24', b, '10.9.0.2/24');
    for (const [namespace, address] of [
      [a, '10.1.0.1/32'],
      [b, '10.2.0.1/32'],
    ] as const) {
      await mustRun('ip', ['-n', namespace, 'addr', 'add', address, 'dev', 'lo']);
      await mustRun('ip', [
        'netns',
        'exec',
        namespace,
        'nft',
        'table inet lab { chain in { type filter hook input priority 0; meta l4proto udp drop; }; }',
      ]);
    }
    const alice = new Cygnet(lab, a, 'alice');
    const bob = new Cygnet(lab, b, 'bob');
    const settings = 'retransmit_timeout = 0.2';
    await alice.start(site('alice', '10.0.0.0/8'), { settings });
    await bob.start(site('bob', '10.1.0.1/32'), { settings });
    const up = await alice.cli('up', 'site');
    assert.equal(up.code, 0, up.stderr);
    const pass = async (count: number, size: number): Promise<void> => {
      const pinging = new Pinging(lab, a, ['10.1.0.1', '10.2.0.1'], { options: ['-s', `${size}`] });
      await pinging.answers(count);
      assert.deepEqual((await pinging.stop()).lost, []);
    };
    await pass(50, 56);
    await pass(20, 1300);
    for (const daemon of [alice, bob]) {
      const { sas } = await daemon.status();
      assert.equal(sas.length, 1);
      assert.match((await daemon.cli('status', '--long')).stdout, /IKEv2 over TCP/);
    }
    assert.equal((await alice.cli('rekey', 'site')).code, 0);
    await pass(20, 56);
    assert.equal((await alice.cli('down', 'site')).code, 0);
  } finally {
    await lab.close();
  }
});
