import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CertificateSet, certificates } from './certificates.ts';
import { Lab, mustRun, until } from './lab.ts';
import { type PeerOptions, Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

/* Mode config with charon: pull and push, either side as the client, after each kind of phase 1; ping by the address. */

type Change = (configuration: Section) => Section;

const keys = new Lab();
let rsa: CertificateSet;
before(async () => {
  rsa = await certificates(keys.path('rsa'), 'rsa');
});
after(() => keys.close());

const SERVER = both(
  set('connections.lab.pools', 'staff'),
  set('pools.staff.addrs', '10.77.0.0/24'),
  set('pools.staff.dns', '10.2.0.53'),
  set('pools.staff.split_include', '10.2.0.0/24, 10.1.0.0/24'),
  set('connections.lab.children.net.remote_ts', 'dynamic'),
);
const CLIENT = both(
  set('connections.lab.vips', '0.0.0.0'),
  set('connections.lab.children.net.local_ts', 'dynamic'),
);

const PASSWORD = both(set('secrets.xauth-1.id', 'carol'), set('secrets.xauth-1.secret', 'tango'));

/** The rounds of both sides after a phase 1 of this kind. */
const USERS: Readonly<Record<'none' | 'psk' | 'pubkey' | 'hybrid', { client: Change; server: Change }>> = {
  none: { client: same, server: same },
  psk: twoRounds(),
  pubkey: twoRounds(),
  hybrid: {
    client: both(PASSWORD, alone('local'), set('connections.lab.local.xauth_id', 'carol')),
    server: both(PASSWORD, alone('remote')),
  },
};

function twoRounds(): { client: Change; server: Change } {
  const user = both(
    set('connections.lab.local-2.auth', 'xauth'),
    set('connections.lab.local-2.xauth_id', 'carol'),
  );
  return {
    client: both(PASSWORD, user),
    server: both(PASSWORD, set('connections.lab.remote-2.auth', 'xauth')),
  };
}

/** The only round of `side` is the user, which calls itself by a group. */
function alone(side: 'local' | 'remote'): Change {
  return configuration => {
    const { lab } = configuration['connections'] as { lab: Section };
    return { ...configuration, connections: { lab: { ...lab, [side]: { auth: 'xauth', id: 'group.lab' } } } };
  };
}

function same(configuration: Section): Section {
  return configuration;
}

interface Options extends Partial<PeerOptions> {
  readonly client: 'cygnet' | 'charon';
  readonly users?: keyof typeof USERS;
  readonly change?: Change;
  readonly atClient?: Change;
  readonly atServer?: Change;
}

function scene({ client, users = 'none', change = same, ...more }: Options): Promise<Scene> {
  const { atClient = same, atServer = same, ...options } = more;
  const common = both(set('connections.lab.version', '1'), change);
  const asClient = both(common, CLIENT, USERS[users].client, atClient);
  const asServer = both(common, SERVER, USERS[users].server, atServer);
  return Scene.open({
    ike: 'aes128-sha256-modp2048',
    esp: 'aes128-sha256',
    ...(users === 'pubkey' || users === 'hybrid' ? { certificates: rsa } : {}),
    bobPlugins: 'unity',
    ...options,
    alice: client === 'cygnet' ? asClient : asServer,
    bob: client === 'charon' ? asClient : asServer,
  });
}

/** The address is on the client's side, both know it, and packets go by it both ways. */
async function assertAddress(there: Scene, client: 'cygnet' | 'charon'): Promise<void> {
  const [at, server] = client === 'cygnet' ? (['alice', 'bob'] as const) : (['bob', 'alice'] as const);
  const net = at === 'alice' ? 1 : 2;
  await there.ping(at, '10.77.0.1', `10.${3 - net}.0.1`);
  await there.ping(server, `10.${3 - net}.0.1`, '10.77.0.1');
  const ours = (await there.cygnet.swanctl('--list-sas')).stdout;
  const theirs = (await there.charon.swanctl('--list-sas')).stdout;
  for (const list of [ours, theirs]) assert.match(list, /\[10\.77\.0\.1[ \]]/);
}

for (const client of ['cygnet', 'charon'] as const) {
  const role = client === 'cygnet' ? 'initiator' : 'responder';

  for (const pull of ['yes', 'no'])
    for (const users of ['none', 'psk', 'pubkey', 'hybrid'] as const)
      test(`${pull === 'yes' ? 'pull' : 'push'}, ${users === 'none' ? 'no user' : `user after ${users}`}, ${client} as the client`, async () => {
        await using there = await scene({ client, users, change: set('connections.lab.pull', pull) });
        await there.up(role);
        await assertAddress(there, client);
        await there.down('cygnet');
        const host = client === 'cygnet' ? there.alice : there.bob;
        await until('the address is gone', async () => {
          const { stdout } = await there.lab.run(host, ['ip', '-o', 'addr']);
          return !stdout.includes('10.77.0.1');
        });
      });
}

for (const client of ['cygnet', 'charon'] as const) {
  const role = client === 'cygnet' ? 'initiator' : 'responder';
  for (const users of ['none', 'psk'] as const)
    test(`made anew by ${client}, the client${users === 'none' ? '' : ' with a user'}, the address is the same and no packet is lost`, async () => {
      await using there = await scene({ client, users });
      await there.up(role);
      const before = (await there.cygnet.status()).sas[0]?.initiatorSpi;
      const [at, to] =
        client === 'cygnet' ? (['alice', '10.2.0.1'] as const) : (['bob', '10.1.0.1'] as const);
      const ping = there.floodPing({ at, source: '10.77.0.1', to });
      await ping.answers(20);
      await there.rekey(client, 'ike');
      // charon keeps the old one for a while.
      await until('another SA has the child', async () =>
        (await there.cygnet.status()).sas.some(
          ({ state, initiatorSpi, children }) =>
            state === 'ESTABLISHED' && initiatorSpi !== before && children.length === 1,
        ),
      );
      await ping.answers(40);
      const { lost } = await ping.stop();
      assert.deepEqual(lost, [], there.cygnet.log);
      await assertAddress(there, client);
    });

  test(`an address of IPv6, ${client} as the client`, async () => {
    const net = (side: 'local' | 'remote'): Change =>
      set(`connections.lab.children.net.${side}_ts`, 'fd00:2::1/128');
    await using there = await scene({
      client,
      atClient: both(net('remote'), set('connections.lab.vips', '"::"')),
      atServer: both(net('local'), set('pools.staff.addrs', 'fd77::/120')),
    });
    const server = client === 'cygnet' ? there.bob : there.alice;
    await mustRun('ip', ['-n', server, 'addr', 'add', 'fd00:2::1/128', 'dev', 'lo']);
    await there.up(role);
    await there.ping(client === 'cygnet' ? 'alice' : 'bob', 'fd77::1', 'fd00:2::1');
  });
}

for (const client of ['cygnet', 'charon'] as const)
  test(`the networks that a Unity server names, ${client} as the client: everything is agreed upon, and they are installed`, async () => {
    const net = client === 'cygnet' ? '10.2.0.0/24' : '10.1.0.0/24';
    await using there = await scene({
      client,
      bobSettings: 'cisco_unity = yes',
      atClient: set('connections.lab.children.net.remote_ts', '0.0.0.0/0'),
      atServer: both(
        set('pools.staff.split_include', net),
        set('connections.lab.children.net.local_ts', net),
      ),
    });
    await there.up(client === 'cygnet' ? 'initiator' : 'responder');
    await assertAddress(there, client);
    const ours = (await there.cygnet.swanctl('--list-sas')).stdout;
    const theirs = (await there.charon.swanctl('--list-sas')).stdout;
    for (const list of [ours, theirs])
      assert.match(list, new RegExp(`(local|remote) +${net.replaceAll('.', '\\.')}$`, 'm'));
    assert.match(
      there.charon.log,
      client === 'cygnet' ? /received Cisco Unity vendor ID/ : /sending Cisco Unity vendor ID/,
    );
  });
