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
      await until('from the kernel too', async () => (await there.states(inKernel)) === '');
      // The connection goes with the SA.
      await until('no connection', async () => (await connections(there, inKernel)) === '');
    });
  }
});

/** Those of TCP that stand, by the kernel's list. */
async function connections(there: TcpLab, who: 'alice' | 'bob'): Promise<string> {
  return mustRun('ip', ['netns', 'exec', there.namespaces[who], 'ss', '-Htn', 'state', 'established']);
}

describe('ESP over TCP in the kernel, where the peer itself is in the selectors', {
  skip: withoutOwnKernel,
}, () => {
  test('all that there is goes to the peer, but not the connection into itself', async () => {
    const child = (who: 'alice' | 'bob') =>
      who === 'alice' ? { remote_ts: '0.0.0.0/0' } : { local_ts: '0.0.0.0/0' };
    await using there = await TcpLab.open(['kernel', 'kernel'], { child });
    await checked(there, ['10.1.0.1', '10.2.0.1']);
  });

  /** Also when the connection has to be opened anew, beside the policies. */
  async function checked(there: TcpLab, way: readonly [string, string]): Promise<void> {
    const alice = there.steering('alice');
    await alice.initiate('net');
    await there.passes(10, 1300, way);
    assert.ok([...(await packetsBySpi(there.namespaces.alice)).values()].every(count => count >= 10));
    await mustRun('ip', ['netns', 'exec', there.namespaces.alice, 'ss', '-Kt', 'dport', '4500']);
    await until('packets pass', async () => (await there.ping(1, 56, way)).includes(' 0% packet loss'));
    const before = await alice.spis('net');
    await there.steering('bob').rekey('net');
    await alice.renewed('net', before);
    await there.passes(3, 56, way);
    await alice.terminate('site');
    await until('all is gone', async () => (await there.states('alice')) === '');
  }
});

describe('ESP over TCP in the kernel, when something goes wrong', { skip: withoutOwnKernel }, () => {
  for (const [ours, theirs] of [
    ['kernel', 'kernel'],
    ['kernel', 'userspace'],
    ['userspace', 'kernel'],
  ] as const) {
    test(`from ${ours} to ${theirs}: a connection that is cut is opened anew, and the SAs go on by it`, async () => {
      await using there = await TcpLab.open([ours, theirs]);
      const alice = there.steering('alice');
      await alice.initiate('net');
      await there.passes();
      const spis = await alice.spis('net');
      for (let turn = 0; turn < 2; turn++) {
        const before = await connections(there, 'bob');
        await mustRun('ip', ['netns', 'exec', there.namespaces.alice, 'ss', '-Kt', 'dport', '4500']);
        await until('another connection', async () => {
          const now = await connections(there, 'bob');
          return now !== '' && now !== before;
        });
        await until('packets pass', async () => (await there.ping(1)).includes(' 0% packet loss'));
        await there.passes(10);
      }
      assert.deepEqual(await alice.spis('net'), spis, 'the same SAs');
      await there.steering('bob').rekey('net');
      await alice.renewed('net', spis);
      await there.passes();
    });
  }

  test('where UDP is not answered, TCP is tried', async () => {
    await using there = await TcpLab.open(['kernel', 'kernel'], {
      connection: { tcp: 'fallback' },
      settings: 'retransmit_timeout = 0.2',
      bobArgs: ['--port', '501'],
    });
    await there.steering('alice').initiate('net');
    assert.match(await there.states('bob'), /encap type espintcp/);
    await there.passes(10);
  });

  test('hostile streams beside a tunnel are closed, and the tunnel goes on', async () => {
    await using there = await TcpLab.open(['kernel', 'kernel']);
    const alice = there.steering('alice');
    await alice.initiate('net');
    const [spi = ''] = await there.steering('bob').spis('net');
    const { stdout, stderr, code } = await there.lab.run(
      there.namespaces.alice,
      ['python3', '-c', HOSTILE, there.outer[1], spi],
      { timeout: 60_000 },
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^all closed$/m);
    await there.passes(10);
    assert.deepEqual(await there.steering('bob').spis('net'), [spi]);
    assert.equal((await connections(there, 'bob')).trim().split('\n').length, 1);
  });

  test('a peer that is gone is noticed, and the SA goes', async () => {
    const connection = { dpd_delay: '1s' };
    // Long enough for an answer on a busy machine, and short enough to be waited for.
    const settings = 'retransmit_tries = 5\n retransmit_timeout = 1.0\n retransmit_base = 1';
    await using there = await TcpLab.open(['kernel', 'kernel'], { connection, settings });
    const alice = there.steering('alice');
    await alice.initiate('net');
    there.daemons.bob.process.kill('SIGSTOP');
    await until('alice has given up', () => alice.isEmpty());
    await until('her kernel has none either', async () => (await there.states('alice')) === '');
    there.daemons.bob.process.kill('SIGCONT');
  });

  test('AH does not go by TCP: it is refused, twice', async () => {
    await using there = await TcpLab.open(['kernel', 'kernel'], {
      child: () => ({ ah_proposals: 'sha256', esp_proposals: '' }),
    });
    for (let turn = 0; turn < 2; turn++) {
      const { code, stderr } = await there.daemons.alice.cli('up', 'site/net');
      assert.equal(code, 1, stderr);
      assert.match(stderr, /TCP/);
    }
    assert.equal(await there.states('alice'), '');
  });
});

/** Whoever does not speak IKE, or speaks it wrong, is closed: at once, after five seconds, or as nobody's after ten. */
const HOSTILE = `
import random, socket, struct, sys
chance = random.Random(1).randbytes
host, spi = sys.argv[1], bytes.fromhex(sys.argv[2])
def frame(octets): return struct.pack('>H', len(octets) + 2) + octets
ike = b'\\0' * 4 + chance(16) + bytes([33, 0x20, 34, 8]) + struct.pack('>II', 0, 28)
starts = [
  b'', b'IKE', b'IKEUDP', b'GET / HTTP/1.1\\r\\n\\r\\n', b'IKETCP',
  b'IKETCP\\0\\0', b'IKETCP\\0\\1', b'IKETCP\\xff\\xff' + chance(1000),
  b'IKETCP' + frame(b'\\xff') * 1000, b'IKETCP' + frame(b'') * 1000,
  b'IKETCP' + b''.join(frame(chance(100)) for _ in range(1000)),
  b'IKETCP' + b''.join(frame(spi + struct.pack('>I', 1000 + i) + chance(100)) for i in range(1000)),
  b'IKETCP' + frame(ike) * 1000, b'IKETCP' + frame(b'\\0' * 4), b'IKETCP' + frame(b'\\0' * 2000),
]
sockets = []
for start in starts:
  s = socket.create_connection((host, 4500), timeout=30)
  try: s.sendall(start)
  except OSError: pass
  sockets.append(s)
for i, s in enumerate(sockets):
  try:
    while s.recv(65536): pass
  except ConnectionError: pass
  except TimeoutError: sys.exit(f'stream {i} is open after half a minute')
print('all closed')
`;
