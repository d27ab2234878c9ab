import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cygnet, Daemons, PORTS } from './daemons.ts';

/** The configuration of `own`, whose peer is the other of the two. */
function side(daemons: Daemons, own: 'a' | 'b', secret: string): string {
  const other = own === 'a' ? 'b' : 'a';
  const [net, otherNet] = own === 'a' ? ['10.1.0.0/24', '10.2.0.0/24'] : ['10.2.0.0/24', '10.1.0.0/24'];
  return `connections { site {
    version = 2
    local_addrs = ${daemons.address(own)}
    remote_addrs = ${daemons.address(other)}
    remote_port = ${PORTS.nat}
    local { auth = psk
      id = ${own}.example }
    remote { auth = psk
      id = ${other}.example }
    children { net { local_ts = ${net}
      remote_ts = ${otherNet} } } } }
secrets { ike-1 { id-1 = a.example
  id-2 = b.example
  secret = "${secret}" } }
`;
}

const MEMORY = ['--backend', 'memory'] as const;

async function twoSites(daemons: Daemons, secretOfB = 'a secret of two') {
  const a = daemons.configure('a', side(daemons, 'a', 'a secret of two'));
  const b = daemons.configure('b', side(daemons, 'b', secretOfB));
  const started = await Promise.all([
    daemons.start('a', ['--config', a, ...daemons.listening('a'), ...MEMORY]),
    daemons.start('b', ['--config', b, ...daemons.listening('b'), ...MEMORY]),
  ]);
  for (const { ended } of started) assert.equal(ended, undefined, JSON.stringify(ended));
  return started.map(({ child }) => child);
}

/** One clear sentence, an exit code that is not 0, no stack, nothing half-started. */
function refusesToStart(
  ended: { code: number | null; stderr: string; stdout: string } | undefined,
  says: RegExp,
): void {
  assert.ok(ended, 'it started');
  assert.notEqual(ended.code, 0);
  assert.match(ended.stderr + ended.stdout, says);
  assert.doesNotMatch(ended.stderr, /\n\s+at /, 'a stack trace');
}

// Each waits mostly for processes to start.
describe('the daemon and its command line, as processes', { concurrency: 4, timeout: 600_000 }, () => {
  test('two daemons without privilege: up, status, rekey, down, explain, and a clean end', async () => {
    await using daemons = new Daemons();
    await twoSites(daemons);
    const control = ['--control', daemons.control('a')];
    const up = await cygnet('up', 'site/net', ...control);
    assert.equal(up.code, 0, up.stderr);
    assert.match(up.stdout, /site\/net is up/);
    const status = JSON.parse((await cygnet('status', '--json', ...control)).stdout) as {
      connections: { ikeSas: { state: string; children: unknown[] }[] }[];
    };
    assert.equal(status.connections[0]?.ikeSas[0]?.state, 'ESTABLISHED');
    assert.equal(status.connections[0]?.ikeSas[0]?.children.length, 1);
    assert.equal((await cygnet('rekey', 'site/net', ...control)).code, 0);
    assert.equal((await cygnet('down', 'site', ...control)).code, 0);
    const again = await cygnet('down', 'site', ...control);
    assert.equal(again.code, 1, 'there is nothing left to take down');
    assert.match(again.stderr, /cygnet status/);
    assert.match((await cygnet('explain', 'site', ...control)).stdout, /last attempts/);
  });

  test('a directory that is wrong leaves what runs as it is, by apply and by HUP', async () => {
    await using daemons = new Daemons();
    const [child] = await twoSites(daemons);
    const control = ['--control', daemons.control('a')];
    assert.equal((await cygnet('up', 'site/net', ...control)).code, 0);
    const standing = async (): Promise<unknown> => {
      const { connections } = JSON.parse((await cygnet('status', '--json', ...control)).stdout) as {
        connections: {
          ikeSas: { id: number; state: string; children: { spiIn: string; state: string }[] }[];
        }[];
      };
      return connections.map(({ ikeSas }) =>
        ikeSas.map(({ id, state, children }) => [id, state, children.map(one => [one.spiIn, one.state])]),
      );
    };
    const before = await standing();
    const good = side(daemons, 'a', 'a secret of two');
    for (const wrong of [
      good.replace('psk', 'pks'),
      good.replace('remote {', 'remote {{'),
      'connections {',
    ]) {
      const directory = daemons.configure('a', wrong);
      for (const command of ['plan', 'apply', 'check']) {
        const refused = await cygnet(command, directory, ...control);
        assert.equal(refused.code, 1, command);
        assert.match(refused.stderr, /swanctl\.conf:\d+:\d+: /);
      }
      const refused = new Promise<void>(resolve => {
        let said = '';
        child?.stdout?.on('data', chunk => {
          said += String(chunk);
          if (/"level":50.*swanctl\.conf:\d+:\d+: /.test(said)) resolve();
        });
      });
      child?.kill('SIGHUP');
      await refused;
      assert.deepEqual(await standing(), before);
    }
  });

  test('TERM deletes the SAs, tells the peer, removes the socket and ends with 0', async () => {
    await using daemons = new Daemons();
    const config = daemons.configure('a', side(daemons, 'a', 'x'));
    const { child } = await daemons.start('a', ['--config', config, ...daemons.listening('a'), ...MEMORY]);
    assert.ok(existsSync(daemons.control('a')));
    const code = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGTERM');
    assert.equal(await code, 0);
    assert.ok(!existsSync(daemons.control('a')), 'the control socket is left over');
  });

  test('a refusal is told on both sides, and again the second time', async () => {
    await using daemons = new Daemons();
    await twoSites(daemons, 'quite another secret');
    for (let round = 1; round <= 2; round++) {
      const up = await cygnet('up', 'site/net', '--control', daemons.control('a'));
      assert.equal(up.code, 1);
      assert.match(up.stderr, /auth\/refused-by-peer/);
      assert.match(up.stderr, /to mend/);
      const there = JSON.parse(
        (await cygnet('explain', 'site', '--json', '--control', daemons.control('b'))).stdout,
      ) as { attempts: { failure?: { code: string } }[] };
      assert.deepEqual(
        there.attempts.map(attempt => attempt.failure?.code),
        Array.from({ length: round }, () => 'auth/wrong-key'),
      );
    }
  });

  test('a port in use is named, with the way out', async () => {
    await using daemons = new Daemons();
    const config = daemons.configure('a', side(daemons, 'a', 'x'));
    const args = ['--config', config, ...daemons.listening('a'), ...MEMORY];
    await daemons.start('first', args);
    const { ended } = await daemons.start('second', args);
    const [address, { port }] = [daemons.address('a').replaceAll('.', '\\.'), PORTS];
    refusesToStart(ended, new RegExp(`${address}.*${port}|${port}.*${address}`));
    assert.match(ended?.stderr ?? '', /local\/port-in-use/);
    assert.ok(!existsSync(daemons.control('second')));
  });

  test('what is wrong with a configuration is told with file, line and column, all of it at once', async () => {
    await using daemons = new Daemons();
    const config = daemons.configure(
      'a',
      'connections { site { proposals = aes1289\n  remote { auht = psk }\n  children { net { rekey_time = soon } } } }\n',
    );
    const { ended } = await daemons.start('a', ['--config', config, '--backend', 'memory']);
    refusesToStart(ended, /swanctl\.conf:1:\d+: .*aes1289/);
    const said = `${ended?.stderr}${ended?.stdout}`;
    assert.match(said, /swanctl\.conf:2:\d+: .*auht.*auth/s);
    assert.match(said, /swanctl\.conf:3:\d+: .*soon/s);
    const check = await cygnet('check', config);
    assert.equal(check.code, 1);
    for (const place of [/:1:\d+/, /:2:\d+/, /:3:\d+/]) assert.match(check.stderr, place);
  });

  test('a configuration that is not there, an address that is none, a directory without permission', async () => {
    await using daemons = new Daemons();
    refusesToStart(
      (await daemons.start('a', ['--config', `${daemons.directory}/nowhere`, '--backend', 'memory'])).ended,
      /nowhere/,
    );
    const config = daemons.configure('b', side(daemons, 'a', 'x'));
    refusesToStart(
      (await daemons.start('b', ['--config', config, '--listen', '300.1.1.1', '--backend', 'memory'])).ended,
      /300\.1\.1\.1/,
    );
    refusesToStart(
      (
        await daemons.start('c', [
          '--config',
          config,
          '--listen',
          '192.0.2.77',
          '--port',
          '0',
          '--nat-port',
          '0',
          '--backend',
          'memory',
        ])
      ).ended,
      /192\.0\.2\.77/,
    );
  });

  test('without the privilege for a TUN device the sentence says which, and what to do', async () => {
    await using daemons = new Daemons();
    const config = daemons.configure('a', side(daemons, 'a', 'x'));
    const args = [
      '--config',
      config,
      '--listen',
      '127.0.0.1',
      '--port',
      '0',
      '--nat-port',
      '0',
      '--backend',
      'userspace',
    ];
    const { ended } = await daemons.start('a', args, { unprivileged: true });
    refusesToStart(ended, /TUN|CAP_NET_ADMIN/);
    assert.match(ended?.stderr ?? '', /local\/no-privilege/);
  });

  test('wrong use of the command line ends with 2, an absent daemon with 1 and a hint', async () => {
    for (const args of [
      ['nonsense'],
      ['up'],
      ['daemon', '--port', 'many'],
      ['daemon', '--backend', 'carrier-pigeon'],
    ]) {
      assert.equal((await cygnet(...args)).code, 2, args.join(' '));
    }
    const absent = await cygnet('status', '--control', '/nonexistent/cygnet.sock');
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /local\/no-daemon/);
    assert.match(absent.stderr, /cygnet daemon/);
    const json = await cygnet('status', '--json', '--control', '/nonexistent/cygnet.sock');
    assert.equal((JSON.parse(json.stdout) as { failure: { code: string } }).failure.code, 'local/no-daemon');
  });
});
