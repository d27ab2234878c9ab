import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { Lab, run, stop, until } from './lab.ts';
import { Scene } from './scene.ts';
import { set } from './swanctl.ts';

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts');
const NOBODY = 65534;
/** `npm run kernel` can be told to run this file too. */
const BACKEND = process.env['CYGNET_KERNEL'] === 'uml' ? 'kernel' : 'userspace';
/** CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW (capabilities(7)). */
const THREE = (1 << 10) | (1 << 12) | (1 << 13);

interface Thread {
  readonly uids: string;
  readonly gids: string;
  readonly groups: string;
  readonly permitted: number;
  readonly effective: number;
  readonly noNewPrivileges: string;
}

/** Every thread of a process, the first one first. */
function threads(pid: number): readonly Thread[] {
  const ids = readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .sort((a, b) => a - b);
  return ids.map(id => {
    const status = readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8');
    const field = (name: string): string =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
    return {
      uids: field('Uid'),
      gids: field('Gid'),
      groups: field('Groups'),
      permitted: Number.parseInt(field('CapPrm'), 16),
      effective: Number.parseInt(field('CapEff'), 16),
      noNewPrivileges: field('NoNewPrivs'),
    };
  });
}

function assertLesser(pid: number): void {
  const all = threads(pid);
  assert.ok(all.length > 4, 'the main thread, the data plane and those of node');
  const four = Array(4).fill(`${NOBODY}`).join('\t');
  for (const thread of all) {
    assert.equal(thread.uids, four);
    assert.equal(thread.gids, four);
    assert.equal(thread.groups, '');
    assert.equal(thread.permitted & ~THREE, 0, `0x${thread.permitted.toString(16)}`);
    assert.equal(thread.effective & ~THREE, 0);
  }
  assert.equal(all[0]?.permitted, THREE);
  assert.equal(all[0]?.effective, THREE);
  assert.equal(all[0]?.noNewPrivileges, '1');
}

/** All that a tunnel takes: set-up, packets, new keys, its end. */
async function works(there: Scene): Promise<void> {
  await there.up('initiator');
  await there.pingBothWays();
  await there.renew('cygnet', 'child');
  await there.pingBothWays();
  await there.renew('cygnet', 'ike');
  await there.pingBothWays();
  await there.down('cygnet');
  await there.up('responder');
  await there.pingBothWays();
}

describe('without the superuser', () => {
  test('--user: every thread is the lesser user, and tunnels work', async () => {
    await using there = await Scene.open({
      backend: BACKEND,
      cygnetArgs: ['--user', 'nobody', '--group', 'nogroup'],
      alice: set('connections.lab.children.net.updown', 'grep -e ^Uid -e ^CapEff /proc/self/status'),
    });
    const { pid } = there.cygnet.process;
    assert.ok(pid);
    assertLesser(pid);
    const socket = statSync(there.cygnet.socket);
    assert.deepEqual([socket.uid, socket.gid, socket.mode & 0o777], [NOBODY, NOBODY, 0o660]);
    await works(there);
    assertLesser(pid);
    // What updown programs may do: as much as the daemon, and no more.
    assert.match(there.cygnet.log, /updown: Uid:\\t65534\\t65534\\t65534\\t65534/);
    assert.match(there.cygnet.log, /updown: CapEff:\\t0000000000003400/);
    assert.equal(await stop(there.cygnet.process), 0);
    const routes = await run('ip', ['-n', there.alice, 'route', 'show', 'table', '220']);
    assert.equal(routes.stdout, '', 'nothing is left');
  });

  test('started as another user with ambient capabilities, as systemd does it', async () => {
    const caps = '+net_admin,+net_bind_service,+net_raw';
    await using there = await Scene.open({
      backend: BACKEND,
      cygnetThrough: directory => [
        'sh',
        '-c',
        'chmod 711 "$0/.." && chown -R nobody "$0" && exec "$@"',
        directory,
        ...['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--no-new-privs'],
        `--inh-caps=${caps}`,
        `--ambient-caps=${caps}`,
      ],
    });
    const { pid } = there.cygnet.process;
    assert.ok(pid);
    assertLesser(pid);
    await works(there);
  });

  test('whom nobody knows, nobody becomes', async () => {
    const lab = new Lab();
    try {
      const there = lab.path('vici.sock');
      const { code, stderr } = await run(process.execPath, [
        MAIN,
        'daemon',
        '--vici',
        there,
        '--user',
        'nosuch',
      ]);
      assert.equal(code, 1);
      assert.match(stderr, /there is no user "nosuch" on this system/);
      assert.ok(!existsSync(there));
    } finally {
      await lab.close();
    }
  });
});

/** Writes each datagram that it receives to a file, a line each; its own lines end with `|`. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + sys.argv[1][1:] if sys.argv[1][0] == "@" else sys.argv[1])
print("listening", flush=True)
while True:
    open(sys.argv[2], "a").write(s.recv(4096).decode().replace("\\n", "|") + "\\n")
`;

describe('under a service manager', () => {
  for (const kind of ['path', 'abstract'] as const) {
    test(`it is told how the daemon does, and hands the control socket over: ${kind}`, async () => {
      const lab = new Lab();
      try {
        const namespace = await lab.namespace('s');
        const notify = kind === 'path' ? lab.path('notify') : `@cygnet-notify-${process.pid}`;
        const [control, told] = [lab.path('vici.sock'), lab.path('told')];
        lab.start(namespace, 'listener.log', ['python3', '-c', LISTENER, notify, told]);
        await until('somebody listens', () => lab.read('listener.log').includes('listening'));
        const activator = ['systemd-socket-activate', '-l', control, '--fdname=vici'];
        const service = lab.start(namespace, 'daemon.log', [
          ...activator,
          ...['-E', `NOTIFY_SOCKET=${notify}`, '-E', 'WATCHDOG_USEC=200000'],
          ...[process.execPath, MAIN, 'daemon', '--backend', 'memory', '--vici', `unix://${control}`],
        ]);
        await until('the socket is there', () => lab.read('daemon.log').includes('Listening on'));
        assert.equal(lab.read('told'), '', 'nobody has asked for anything');
        // The first client starts the daemon, and is served.
        const { stdout, stderr } = await run('swanctl', ['--stats', '--uri', `unix://${control}`]);
        assert.match(stdout, /uptime: /, stderr + lab.read('daemon.log'));
        await until('it is fed', () => lab.read('told').includes('WATCHDOG=1'));
        assert.match(lab.read('told'), /^READY=1\|STATUS=0 connections, 0 IKE SAs established$/m);
        service.kill('SIGHUP');
        await until('it has read again', () => (lab.read('told').match(/^READY=1/gm) ?? []).length === 2);
        assert.match(lab.read('told'), /^RELOADING=1\|MONOTONIC_USEC=\d+\n(.*\n)*READY=1/m);
        assert.equal(await stop(service), 0);
        assert.match(lab.read('told').trimEnd().split('\n').at(-1) ?? '', /^STOPPING=1\|/);
        assert.ok(existsSync(control), 'it is not ours');
      } finally {
        await lab.close();
      }
    });
  }

  test('the units say nothing that systemd does not understand', async () => {
    const folder = resolve(import.meta.dirname, '../../packaging/systemd');
    const { stdout, stderr } = await run('systemd-analyze', [
      'verify',
      `${folder}/cygnet.service`,
      `${folder}/cygnet.socket`,
    ]);
    const complaints = `${stdout}${stderr}`.split('\n').filter(line => line !== '');
    assert.deepEqual(
      complaints.filter(line => !/Command \S+ is not executable/.test(line)),
      [],
    );
  });
});
