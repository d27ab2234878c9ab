import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './lab.ts';
import { Scene } from './scene.ts';
import { both, set } from './swanctl.ts';

/* An IKE SA of IKEv2 made anew: before the old one goes, as charon does with make_before_break, or afterwards. */

const ROLES = ['initiator', 'responder'] as const;
const SIDES = ['cygnet', 'charon'] as const;

function scene(makeBeforeBreak: boolean, secondChild = true): Promise<Scene> {
  const settings = `make_before_break = ${makeBeforeBreak ? 'yes' : 'no'}`;
  return Scene.open({ secondChild, bobSettings: settings, cygnetSettings: settings });
}

async function anew(there: Scene, side: (typeof SIDES)[number]): Promise<void> {
  const daemon = side === 'cygnet' ? there.cygnet : there.charon;
  const { code, stdout, stderr } = await daemon.swanctl('--rekey', '--ike', 'lab', '--reauth');
  assert.equal(code, 0, stdout + stderr);
}

/** One IKE SA with so many children, and another one than `before`. */
async function settled(there: Scene, before: number | undefined, children = 2): Promise<void> {
  await until(
    'there is another one with its children, and one alone',
    async () => {
      const { sas } = await there.cygnet.status();
      const [sa] = sas;
      return (
        sas.length === 1 &&
        sa?.id !== before &&
        sa?.state === 'ESTABLISHED' &&
        sa.children.length === children
      );
    },
    20_000,
  );
}

for (const role of ROLES)
  for (const starter of SIDES)
    test(`the IKE SA is made anew three times by ${starter}, cygnet as ${role}: no packet is lost`, async () => {
      await using there = await scene(true);
      await there.up(role);
      await there.up(role, 'net2');
      const ping = there.floodPing();
      await ping.answers(30);
      for (let i = 0; i < 3; i++) {
        const before = (await there.cygnet.status()).sas[0]?.id;
        await anew(there, starter);
        await settled(there, before);
        await ping.answers(30);
      }
      const { lost } = await ping.stop();
      assert.deepEqual(
        lost,
        [],
        `packets were lost\n${there.cygnet.log}\n${there.charon.log.split('\n').slice(-90).join('\n')}`,
      );
      await there.pingBothWays();
      await there.ping('alice', '10.1.0.2', '10.2.0.2');
      const { stdout } = await there.charon.swanctl('--list-sas');
      assert.equal([...stdout.matchAll(/ESTABLISHED, IKEv2/g)].length, 1, stdout);
    });

for (const starter of SIDES)
  test(`make_before_break = no, by ${starter}: the children are there again`, async () => {
    // charon gives both the same reqid where it makes two again.
    const children = starter === 'cygnet' ? 2 : 1;
    await using there = await scene(false, children === 2);
    await there.up('initiator');
    if (children === 2) await there.up('initiator', 'net2');
    const before = (await there.cygnet.status()).sas[0]?.id;
    await anew(there, starter);
    await settled(there, before, children);
    await there.pingBothWays();
    const broke = /deleting IKE_SA lab\[1\]|received DELETE for IKE_SA lab\[1\]/.exec(there.charon.log);
    const made = /IKE_SA lab\[2\] established/.exec(there.charon.log);
    assert.ok(broke !== null && made !== null && broke.index < made.index, there.charon.log);
  });

test('AUTH_LIFETIME: who gives virtual IPs tells the other when it wants new proofs, and is heeded', async () => {
  const gateway = both(
    both(set('connections.lab.reauth_time', '1h'), set('connections.lab.rekey_time', '0')),
    both(set('connections.lab.pools', 'rw'), set('pools.rw.addrs', '10.77.0.0/24')),
    set('connections.lab.children.net.remote_ts', 'dynamic'),
  );
  const client = both(
    set('connections.lab.vips', '0.0.0.0'),
    set('connections.lab.children.net.local_ts', 'dynamic'),
  );
  await using ours = await Scene.open({ alice: gateway, bob: client });
  await ours.up('responder');
  assert.match(ours.charon.log, /received AUTH_LIFETIME of 3600s, scheduling reauthentication in/);
  await using theirs = await Scene.open({ alice: client, bob: gateway });
  await theirs.up('initiator');
  const { stdout } = await theirs.cygnet.swanctl('--list-sas');
  assert.match(stdout, /established \d+s ago, .*reauth in \d{4}s/);
});
