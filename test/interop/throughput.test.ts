import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mustRun, until } from './lab.ts';
import { Scene } from './scene.ts';
import type { Section } from './swanctl.ts';

/*
 * TCP of full size through ESP in user space, towards charon and back: the MTU of the TUN device follows the path, and
 * where a router on the way has less, senders are told.
 */

const MEGABYTES = 24;
const SINK = `
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
listening = socket.socket(family)
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind((sys.argv[1], 5201))
listening.listen()
print('listening', flush=True)
while True:
    one, _ = listening.accept()
    count = 0
    while octets := one.recv(1 << 16): count += len(octets)
    one.sendall(str(count).encode())
    one.close()
`;
const SOURCE = `
import socket, sys, time
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
one = socket.socket(family)
one.settimeout(100)
one.bind((sys.argv[1], 0))
one.connect((sys.argv[2], 5201))
begun = time.time()
for _ in range(int(sys.argv[3])): one.sendall(bytes(1 << 20))
one.shutdown(socket.SHUT_WR)
count = int(one.recv(64))
print(count, round(count * 8 / 1e6 / (time.time() - begun)), one.getsockopt(socket.IPPROTO_TCP, 2))
`;

/** Sends from one side to the other: what came, and at how many Mbit/s. */
async function transfer(there: Scene, from: 'alice' | 'bob', source: string, to: string): Promise<number> {
  const { lab, alice, bob } = there;
  const sender = from === 'alice' ? alice : bob;
  const log = `sink-${from}.log`;
  const sink = lab.start(from === 'alice' ? bob : alice, log, ['python3', '-c', SINK, to]);
  try {
    await until('somebody listens', () => lab.read(log).includes('listening'));
    const program = ['python3', '-c', SOURCE, source, to, `${MEGABYTES}`];
    const { code, stdout, stderr } = await lab.run(sender, program, { timeout: 120_000 });
    assert.equal(code, 0, `${stdout}${stderr}\n${there.cygnet.log}`);
    const [count, rate] = stdout.split(' ').map(Number) as [number, number];
    assert.equal(count, MEGABYTES << 20);
    return rate;
  } finally {
    sink.kill();
  }
}

async function bothWays(there: Scene, ours: string, theirs: string, what: string): Promise<void> {
  const out = await transfer(there, 'alice', ours, theirs);
  const back = await transfer(there, 'bob', theirs, ours);
  process.stdout.write(`# ${what}: ${out} Mbit/s out, ${back} Mbit/s in\n`);
}

async function deviceMtu(there: Scene): Promise<number> {
  const links = await mustRun('ip', ['-n', there.alice, '-o', 'link', 'show', 'type', 'tun']);
  return Number(/mtu (\d+)/.exec(links)?.[1]);
}

async function wireOf(namespace: string, address: string): Promise<string> {
  const found = await mustRun('ip', ['-n', namespace, '-o', 'addr', 'show', 'to', address]);
  return /^\d+: ([^@\s]+)/.exec(found)?.[1] ?? '';
}

describe('TCP through ESP in user space', () => {
  test('on a wire', async () => {
    await using there = await Scene.open();
    await there.up('initiator');
    assert.equal(await deviceMtu(there), 1438);
    await bothWays(there, '10.1.0.1', '10.2.0.1', 'IPv4');
  });

  test('behind a NAT, with a narrow wire beyond the router', async () => {
    await using there = await Scene.open({ nat: 'alice' });
    const wire = await wireOf(there.bob, '10.9.0.2');
    const router = there.alice.replace(/a$/, 'r');
    await mustRun('ip', ['-n', there.bob, 'link', 'set', wire, 'mtu', '1300']);
    await mustRun('ip', ['-n', router, 'link', 'set', await wireOf(router, '10.9.0.1'), 'mtu', '1300']);
    await there.up('initiator');
    assert.equal(await deviceMtu(there), 1438, 'the first wire is as wide as ever');
    await bothWays(there, '10.1.0.1', '10.2.0.1', 'IPv4 behind a NAT, 1300 octets');
    const route = await mustRun('ip', ['-n', there.alice, 'route', 'get', '10.2.0.1', 'from', '10.1.0.1']);
    assert.match(route, /mtu 1238/, 'what goes into the tunnel is cut to fit');
  });

  test('over IPv6, with IPv6 inside', async () => {
    await using there = await Scene.open({
      alice: configuration => overV6(configuration, 1, 2),
      bob: configuration => overV6(configuration, 2, 1),
    });
    for (const [namespace, n] of [
      [there.alice, 1],
      [there.bob, 2],
    ] as const) {
      const add = (address: string, device: string) =>
        mustRun('ip', ['-n', namespace, 'addr', 'add', address, 'dev', device, 'nodad']);
      await add(`2001:db8:9::${n}/64`, await wireOf(namespace, `10.9.0.${n}`));
      await add(`2001:db8:${n}::1/128`, 'lo');
    }
    await there.up('initiator');
    assert.equal(await deviceMtu(there), 1418);
    await bothWays(there, '2001:db8:1::1', '2001:db8:2::1', 'IPv6 in IPv6');
  });
});

function overV6({ connections, ...rest }: Section, own: number, other: number): Section {
  const { lab } = connections as { lab: Section };
  return {
    ...rest,
    connections: {
      lab: {
        ...lab,
        local_addrs: `2001:db8:9::${own}`,
        remote_addrs: `2001:db8:9::${other}`,
        children: {
          net: {
            local_ts: `2001:db8:${own}::/64`,
            remote_ts: `2001:db8:${other}::/64`,
            esp_proposals: 'aes128gcm16',
          },
        },
      },
    },
  };
}
