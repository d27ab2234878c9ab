import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Charon } from './charon.ts';
import { Cygnet } from './cygnet.ts';
import { mustRun, until } from './lab.ts';
import { Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

const NETS = '10.2.0.0/16, 2001:db8:2::/64';

const POOLS: Section = {
  four: { addrs: '10.3.0.0/29', dns: '10.2.0.53', split_include: '10.2.0.0/16' },
  six: { addrs: '2001:db8:3::/120', dns: '2001:db8:2::53' },
};

/** alice asks for addresses, bob gives them; each on whichever side the daemon under test is. */
const client = both(
  set('connections.lab.vips', '0.0.0.0, ::'),
  set('connections.lab.children.net.local_ts', 'dynamic'),
  set('connections.lab.children.net.remote_ts', NETS),
);

function gateway(configuration: Section): Section {
  const change = both(
    set('connections.lab.pools', 'four, six'),
    set('connections.lab.remote_addrs', '%any'),
    set('connections.lab.remote.id', '%any'),
    set('connections.lab.children.net.local_ts', NETS),
    set('connections.lab.children.net.remote_ts', 'dynamic'),
    set('secrets.ike-1.id-1', '%any'),
  );
  return { ...change(configuration), pools: POOLS };
}

/** A second client in a namespace of its own, beside the first one on bob's net. */
async function second(there: Scene): Promise<string> {
  const carol = await there.lab.namespace('c');
  await there.lab.wire(carol, '10.8.0.1/24', there.bob, '10.8.0.2/24');
  await mustRun('ip', ['-n', carol, 'route', 'add', 'default', 'via', '10.8.0.2']);
  return carol;
}

/** The configuration of a client that calls itself carol. */
function asCarol(local: string, remote: string, identity: string, peer: string): Section {
  return {
    connections: {
      lab: {
        version: '2',
        local_addrs: local,
        remote_addrs: remote,
        proposals: 'aes128gcm16-prfsha256-x25519',
        vips: '0.0.0.0',
        local: { auth: 'psk', id: identity },
        remote: { auth: 'psk', id: peer },
        children: { net: { local_ts: 'dynamic', remote_ts: '10.2.0.0/16', esp_proposals: 'aes128gcm16' } },
      },
    },
    secrets: { 'ike-1': { secret: '"correct horse battery"' } },
  };
}

async function withV6(namespace: string): Promise<void> {
  await mustRun('ip', ['-n', namespace, 'addr', 'add', '2001:db8:2::1/128', 'dev', 'lo', 'nodad']);
}

/** What `--list-pools --leases` prints, blanks alike. */
async function pools(daemon: Cygnet | Charon): Promise<string> {
  const { stdout, stderr, code } = await daemon.swanctl('--list-pools', '--leases');
  assert.equal(code, 0, stderr);
  return stdout.replaceAll(/ +/g, ' ').trim();
}

describe('cygnet as client of charon', () => {
  test('addresses of both families, pings from them, name servers, and the same again', async t => {
    const resolv = join(tmpdir(), `cygnet-resolv-${process.pid}.conf`);
    t.after(() => rmSync(resolv, { force: true }));
    writeFileSync(resolv, 'search example.org\n');
    await using there = await Scene.open({
      alice: client,
      bob: gateway,
      cygnetSettings: `plugins { resolve { file = ${resolv} } }`,
    });
    await withV6(there.bob);
    for (let time = 0; time < 2; time++) {
      await there.up('initiator');
      await there.ping('alice', '10.3.0.1', '10.2.0.1');
      await there.ping('alice', '2001:db8:3::1', '2001:db8:2::1');
      // Without a source, routing chooses it.
      assert.equal((await there.lab.run(there.alice, ['ping', '-c1', '-W5', '10.2.0.2'])).code, 0);
      const { stdout } = await there.cygnet.cli('status');
      assert.match(stdout, /virtual IP 10\.3\.0\.1 2001:db8:3::1\n/);
      assert.match(stdout, /dns 10\.2\.0\.53/);
      assert.match(
        readFileSync(resolv, 'utf8'),
        /^nameserver 10\.2\.0\.53 .*\nnameserver 2001:db8:2::53 .*\nsearch/,
      );
      const sas = await there.cygnet.swanctl('--list-sas');
      assert.match(sas.stdout, /local .*\[10\.3\.0\.1 2001:db8:3::1\]/);
      await there.down(time === 0 ? 'cygnet' : 'charon');
      assert.equal(readFileSync(resolv, 'utf8'), 'search example.org\n');
      const left = await mustRun('ip', ['-n', there.alice, '-o', 'addr']);
      assert.doesNotMatch(left, /10\.3\.0\.1/);
    }
  });

  test('rekeys and a new IKE SA by either side keep the address without losing a packet', async () => {
    await using there = await Scene.open({ alice: client, bob: gateway });
    await withV6(there.bob);
    await there.up('initiator');
    const ping = there.floodPing({ source: '10.3.0.1' });
    for (const starter of ['cygnet', 'charon'] as const)
      for (const what of ['child', 'ike'] as const) {
        await ping.answers(20);
        await there.renew(starter, what);
      }
    await ping.answers(20);
    assert.deepEqual((await ping.stop()).lost, [], 'packets were lost');
    assert.match(await pools(there.charon), /10\.3\.0\.1 online 'alice\.lab'/);
    await there.down('cygnet');
  });

  test('where the pool of one family is used up, the other one’s address is taken', async () => {
    const one = (configuration: Section) => {
      const whole = gateway(configuration) as { pools: Section };
      return {
        ...whole,
        pools: { four: { addrs: '10.3.0.1-10.3.0.1' }, six: { addrs: '2001:db8:3::1-2001:db8:3::1' } },
      };
    };
    await using there = await Scene.open({ alice: client, bob: one });
    const carol = await second(there);
    const other = new Charon(there.lab, carol, 'carol');
    await other.start(asCarol('10.8.0.1', '10.9.0.2', 'carol.lab', 'bob.lab'));
    assert.equal((await other.swanctl('--initiate', '--child', 'net')).code, 0);
    await there.cygnet.cli('up', 'lab/net');
    const { stdout } = await there.cygnet.cli('status');
    assert.match(stdout, /virtual IP 2001:db8:3::1\n/, 'the other family is to be had');
  });
});

const swap = {
  // alice is cygnet: it is the gateway here, and what is behind it is 10.1.
  alice: (configuration: Section) => ({
    ...both(
      set('connections.lab.pools', 'four, six'),
      set('connections.lab.remote_addrs', '%any'),
      set('connections.lab.remote.id', '%any'),
      set('connections.lab.children.net.local_ts', '10.1.0.0/16, 2001:db8:1::/64'),
      set('connections.lab.children.net.remote_ts', 'dynamic'),
      set('secrets.ike-1.id-1', '%any'),
      set('secrets.ike-1.id-2', '%any'),
    )(configuration),
    pools: POOLS,
  }),
  bob: both(
    set('connections.lab.vips', '0.0.0.0, ::'),
    set('connections.lab.children.net.local_ts', 'dynamic'),
    set('connections.lab.children.net.remote_ts', '10.1.0.0/16, 2001:db8:1::/64'),
  ),
};

describe('cygnet as gateway of charon', () => {
  test('two clients get an address each, and the same again; the pools are listed as charon lists them', async () => {
    await using there = await Scene.open(swap);
    await mustRun('ip', ['-n', there.alice, 'addr', 'add', '2001:db8:1::1/128', 'dev', 'lo', 'nodad']);
    const carol = await there.lab.namespace('c');
    await there.lab.wire(carol, '10.8.0.1/24', there.alice, '10.8.0.2/24');
    await mustRun('ip', ['-n', carol, 'route', 'add', 'default', 'via', '10.8.0.2']);
    const other = new Cygnet(there.lab, carol, 'carol');
    const configuration = asCarol('10.8.0.1', '10.9.0.1', 'carol.lab', 'alice.lab');
    await other.start({
      ...configuration,
      ...set('connections.lab.children.net.remote_ts', '10.1.0.0/16')(configuration),
    });
    for (let time = 0; time < 2; time++) {
      await there.up('responder');
      const up = await other.cli('up', 'lab/net');
      assert.equal(up.code, 0, up.stdout + up.stderr);
      await there.ping('bob', '10.3.0.1', '10.1.0.1');
      await there.ping('bob', '2001:db8:3::1', '2001:db8:1::1');
      const { code, stdout } = await there.lab.run(carol, [
        'ping',
        '-c2',
        '-W5',
        '-I',
        '10.3.0.2',
        '10.1.0.1',
      ]);
      assert.equal(code, 0, stdout);
      const listed = await there.cygnet.swanctl('--list-sas');
      assert.match(listed.stdout, /remote 'bob\.lab' .*\[10\.3\.0\.1 2001:db8:3::1\]/);
      const shown = await pools(there.cygnet);
      assert.match(shown, /^four 10\.3\.0\.0 2 \/ 0 \/ 6$/m);
      assert.match(shown, /10\.3\.0\.1 online 'bob\.lab'/);
      assert.match(shown, /10\.3\.0\.2 online 'carol\.lab'/);
      await other.cli('down', 'lab');
      const down = await there.charon.swanctl('--terminate', '--ike', 'lab');
      assert.equal(down.code, 0);
      await until('both are offline', async () => /0 \/ 2 \/ 6/.test(await pools(there.cygnet)));
    }
    // DNS servers reached charon's resolve plugin.
    assert.match(there.charon.log, /10\.2\.0\.53/);
  });

  test('charon’s rekeys and re-authentication keep the address', async () => {
    await using there = await Scene.open(swap);
    await there.up('responder');
    for (const [kind, ...what] of [
      ['ike', '--ike', 'lab'],
      ['child', '--child', 'net'],
      ['ike', '--ike', 'lab', '--reauth'],
    ] as const) {
      await there.replaced(kind, async () => {
        const { code, stdout, stderr } = await there.charon.swanctl('--rekey', ...what);
        assert.equal(code, 0, stdout + stderr);
      });
      await there.ping('bob', '10.3.0.1', '10.1.0.1');
    }
    assert.match(await pools(there.cygnet), /10\.3\.0\.1 online 'bob\.lab'/);
  });
});

/** Begins with its broadcast address, and so has none to give. */
const EMPTY: Section = { four: { addrs: '10.3.0.255/24' }, six: { addrs: '2001:db8:3::/120' } };

describe('nothing to give, or nothing asked for: the child fails and the IKE SA stays, twice in a row', () => {
  const onlyFour = set('connections.lab.vips', '0.0.0.0');
  const none = set('connections.lab.vips', '');
  const onlyPool = set('connections.lab.pools', 'four');
  const empty = (configuration: Section): Section => ({ ...configuration, pools: EMPTY });

  for (const [what, atClient, atGateway, asClient, asGateway] of [
    ['an empty pool', onlyFour, both(onlyPool, empty), 'peer/no-address', 'local/no-virtual-ip'],
    ['no request', none, onlyPool, 'peer/address-not-asked', 'peer/address-not-asked'],
  ] as const) {
    test(`${what}, cygnet as client`, async () => {
      await using there = await Scene.open({ alice: both(client, atClient), bob: both(gateway, atGateway) });
      for (let time = 0; time < 2; time++) {
        const { code, stdout } = await there.cygnet.cli('up', 'lab/net', '--json');
        assert.equal(code, 1, stdout);
        const { outcomes } = JSON.parse(stdout) as { outcomes: { failure?: { code: string } }[] };
        assert.equal(outcomes[0]?.failure?.code, asClient);
        const { sas } = await there.cygnet.status();
        assert.deepEqual(
          sas.map(({ state, children }) => [state, children.length]),
          [['ESTABLISHED', 0]],
        );
        await there.down('cygnet');
      }
    });

    test(`${what}, cygnet as gateway`, async () => {
      await using there = await Scene.open({
        alice: both(swap.alice, atGateway),
        bob: both(swap.bob, atClient),
      });
      for (let time = 1; time <= 2; time++) assert.equal((await there.refusedByCygnet(time)).code, asGateway);
    });
  }
});
