import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { mustRun, until } from './lab.ts';
import { Roaming } from './roaming.ts';
import { set } from './swanctl.ts';

const LOSS = 25;

/** What was lost of a hundred packets a second while something happened, and all that follows until packets come back. */
async function lossOf(t: TestContext, there: Roaming, happens: () => Promise<void>): Promise<void> {
  const pings = there.pings();
  await pings.answers(30);
  await happens();
  await pings.answers(70);
  const { sent, lost } = await pings.stop();
  t.diagnostic(`${lost.length} of ${sent} were lost`);
  assert.ok(lost.length <= LOSS, `${lost.length} of ${sent} were lost`);
}

for (const mobile of ['cygnet', 'charon'] as const) {
  describe(`${mobile} is the mobile end`, () => {
    test('another address on the same interface, and back', async t => {
      await using there = await Roaming.open({ mobile });
      await there.up();
      await there.untilAt('10.91.0.1');
      await there.pingBothWays();
      for (const [from, to] of [
        ['10.91.0.1', '10.91.0.11'],
        ['10.91.0.11', '10.91.0.1'],
      ] as const) {
        await lossOf(t, there, async () => {
          await there.readdress(there.mobile, from, to);
          await there.untilAt(to);
        });
        await there.pingBothWays();
      }
    });

    test('the interface goes down, and there is a second network', async t => {
      await using there = await Roaming.open({ mobile });
      await there.up();
      await there.untilAt('10.91.0.1');
      const { namespace } = there.mobile;
      const device = await there.device(namespace, '10.91.0.1');
      await lossOf(t, there, async () => {
        await there.ip(namespace, 'link', 'set', device, 'down');
        await there.untilAt('10.92.0.1');
      });
      await there.pingBothWays();
    });

    test('the virtual IP goes along, and so does what is pinged from it', async () => {
      await using there = await Roaming.open({ mobile, virtualIp: true });
      await there.up();
      const { namespace } = there.mobile;
      await there.pingBothWays();
      const device = await there.device(namespace, '10.91.0.1');
      await there.ip(namespace, 'link', 'set', device, 'down');
      await there.untilAt('10.92.0.1');
      await there.pingBothWays();
    });

    test('no network at all for a while, then another address', async () => {
      await using there = await Roaming.open({ mobile });
      await there.up();
      const { namespace } = there.mobile;
      const device = await there.device(namespace, '10.91.0.1');
      await there.ip(namespace, 'route', 'del', 'default', 'via', '10.92.0.254');
      await there.ip(namespace, 'addr', 'del', '10.91.0.1/24', 'dev', device);
      const { daemon } = there.mobile;
      await until('it has noticed', () =>
        /no route found to reach .*, MOBIKE update deferred/.test(daemon.log),
      );
      await there.ip(namespace, 'addr', 'add', '10.91.0.11/24', 'dev', device);
      await there.firstUp();
      await there.untilAt('10.91.0.11');
      await there.pingBothWays();
    });

    test('behind a NAT, and out of it', async () => {
      await using there = await Roaming.open({ mobile, nat: true });
      await there.up();
      const { namespace } = there.mobile;
      const device = await there.device(namespace, '10.91.0.1');
      for (let time = 0; time < 2; time++) {
        await there.ip(namespace, 'link', 'set', device, 'down');
        await there.untilAt('10.92.0.1', '10.9.0.2', '10.9.0.254');
        await there.pingBothWays();
        await there.ip(namespace, 'link', 'set', device, 'up');
        await there.firstUp();
        await there.ip(namespace, 'route', 'del', 'default', 'via', '10.92.0.254');
        await there.ip(namespace, 'addr', 'flush', 'dev', await there.device(namespace, '10.92.0.1'));
        await there.untilAt('10.91.0.1');
        await there.pingBothWays();
        const second = (await there.ip(namespace, '-o', 'link'))
          .match(/^\d+: (w[^@:]*)/gm)
          ?.at(-1)
          ?.replace(/^\d+: /, '');
        await there.ip(namespace, 'addr', 'add', '10.92.0.1/24', 'dev', second ?? '');
        await there.ip(namespace, 'route', 'add', 'default', 'via', '10.92.0.254', 'metric', '200');
      }
    });

    test('the gateway loses the address that is in use, and has another', async () => {
      await using there = await Roaming.open({ mobile });
      await there.up();
      await there.readdress(there.gateway, '10.9.0.2', '10.9.0.22');
      await there.untilAt('10.91.0.1', '10.9.0.22');
      await there.pingBothWays();
    });
  });
}

describe('cygnet leads, and a path dies without a sign', () => {
  for (const [what, dead, at, gateway] of [
    ['the other address of the gateway', '10.9.0.2', '10.91.0.1', '10.9.0.22'],
    ['the other network', '10.91.0.1', '10.92.0.1', '10.9.0.2'],
  ] as const) {
    test(`${what} is tried, and all goes on there`, async () => {
      await using there = await Roaming.open({
        mobile: 'cygnet',
        configure: (who, configuration) =>
          who === 'mobile' ? set('connections.lab.dpd_delay', '1s')(configuration) : configuration,
        settings: 'retransmit_timeout = 0.3\nretransmit_base = 1.2\nretransmit_tries = 12',
      });
      const { namespace } = there.mobile;
      // What comes from the second network goes out by it.
      await there.ip(namespace, 'rule', 'add', 'from', '10.92.0.1', 'table', '92');
      await there.ip(namespace, 'route', 'add', 'default', 'via', '10.92.0.254', 'table', '92');
      await there.up();
      await there.untilAt('10.91.0.1');
      const dying = `add table ip dead; add chain ip dead way { type filter hook forward priority 0; }; add rule ip dead way ip saddr ${dead} drop; add rule ip dead way ip daddr ${dead} drop`;
      await mustRun('ip', ['netns', 'exec', there.router, 'nft', dying]);
      await there.untilAt(at, gateway);
      await there.pingBothWays();
    });
  }
});
