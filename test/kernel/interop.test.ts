import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mustRun, stop, until } from '../interop/lab.ts';
import { Scene } from '../interop/scene.ts';
import type { Section } from '../interop/swanctl.ts';
import { withoutKernelIpsec } from './availability.ts';
import { kernelView, type Mirror, NOTHING, packetsBySpi } from './view.ts';

/** A child as alice has it; bob has the same with the two sides exchanged. */
interface Case {
  readonly settings: Section;
  /** On alice's side alone. */
  readonly own?: Section;
  readonly local?: string;
  readonly remote?: string;
  /** What is pinged, from where. */
  readonly ping: readonly [from: string, to: string];
  /** Of the pings; `outer`: the protected packets would have to bear one, so none are sent. */
  readonly mark?: number | 'outer';
}

const NET = { local: '10.1.0.0/16', remote: '10.2.0.0/16', ping: ['10.1.0.1', '10.2.0.1'] } as const;
const HOST = { ping: ['10.9.0.1', '10.9.0.2'] } as const;
const GCM = { esp_proposals: 'aes128gcm16' };

const CASES: Readonly<Record<string, Case>> = {
  'net-to-net': { ...NET, settings: GCM },
  'net-esn': { ...NET, settings: { esp_proposals: 'aes256gcm16-esn', replay_window: '256' } },
  'net-cbc': { ...NET, settings: { esp_proposals: 'aes256-sha256', replay_window: '32' } },
  'net-ah': { ...NET, settings: { ah_proposals: 'sha256' } },
  ports: {
    ...HOST,
    local: '10.9.0.1/32[icmp], 10.9.0.1/32[udp/7]',
    remote: '10.9.0.2/32[icmp], 10.9.0.2/32[udp]',
    settings: GCM,
  },
  host: { ...HOST, settings: GCM },
  'host-ah': { ...HOST, settings: { ah_proposals: 'sha384-esn' } },
  transport: { ...HOST, settings: { ...GCM, mode: 'transport' } },
  // What comes in gets the mark that its policies ask for, and is answered with the same.
  marks: {
    ...HOST,
    mark: 6,
    settings: {
      ...GCM,
      mark_in: '6/0xff',
      set_mark_in: '6',
      mark_out: '6',
      set_mark_out: '0x10/0xf0',
      priority: '4711',
    },
  },
  'mark-of-sa': { ...HOST, mark: 'outer', settings: { ...GCM, mark_in: '9', mark_in_sa: 'yes' } },
  headers: { ...NET, settings: { ...GCM, copy_df: 'no', copy_ecn: 'no', copy_dscp: 'in' } },
  dscp: { ...NET, settings: { ...GCM, copy_dscp: 'no', policies: 'yes' } },
  'transport-ah': { ...HOST, settings: { ah_proposals: 'sha1', mode: 'transport' } },
};

const SHUNT = { ...HOST, local: '10.9.0.1/32[icmp]', remote: '10.9.0.2/32[icmp]' } as const;

const LIVES: Readonly<Record<string, Case>> = {
  net: { ...NET, settings: GCM },
  soft: { ...NET, settings: GCM, own: { rekey_bytes: '20000', life_bytes: '200000' } },
  hard: { ...NET, settings: GCM, own: { life_bytes: '20000' } },
  trap: { ...HOST, settings: GCM },
  drop: { ...SHUNT, settings: { mode: 'drop' } },
  pass: { ...SHUNT, settings: { mode: 'pass' } },
};

const MIRROR: Mirror = [
  ['10.9.0.1', '10.9.0.2'],
  ['10.1.', '10.2.'],
  [' sport ', ' dport '],
];

/** A connection for each case, told apart by their identities, each with the one child. */
function configured(
  cases: Readonly<Record<string, Case>>,
  who: 'alice' | 'bob',
  { connections }: Section,
): Section {
  const { lab } = connections as { lab: Section };
  const peer = who === 'alice' ? 'bob' : 'alice';
  const all = Object.entries(cases).map(([name, { settings, own: extra, local, remote }]) => {
    const [own, other] = who === 'alice' ? [local, remote] : [remote, local];
    const child = {
      // The same on both sides, since the defaults differ.
      replay_window: '64',
      ...settings,
      ...(who === 'alice' ? extra : {}),
      ...(own && { local_ts: own }),
      ...(other && { remote_ts: other }),
    };
    const connection = {
      ...lab,
      local: { auth: 'psk', id: `${name}.${who}.lab` },
      remote: { auth: 'psk', id: `${name}.${peer}.lab` },
      children: { [name]: child },
    };
    return [`ike-${name}`, connection] as const;
  });
  return {
    connections: Object.fromEntries(all),
    secrets: { 'ike-1': { secret: '"correct horse battery"' } },
  };
}

function scene(
  cases: Readonly<Record<string, Case>>,
  options: Partial<Parameters<typeof Scene.open>[0]> = {},
) {
  return Scene.open({
    backend: 'kernel',
    alice: configuration => configured(cases, 'alice', configuration),
    bob: configuration => configured(cases, 'bob', configuration),
    ...options,
  });
}

describe('in the kernel, cygnet and charon', { skip: withoutKernelIpsec }, () => {
  let there: Scene;
  before(async () => {
    there = await scene(CASES);
    await there.lab.run(there.bob, ['sysctl', '-qw', 'net.ipv4.fwmark_reflect=1']);
  });
  after(() => there?.[Symbol.asyncDispose]());

  for (const role of ['initiator', 'responder'] as const) {
    for (const [name, { ping, mark = 0 }] of Object.entries(CASES)) {
      test(`${name}, cygnet as ${role}: both kernels have the same, and packets pass`, async () => {
        const starter = role === 'initiator' ? there.cygnet : there.charon;
        const up = await starter.swanctl('--initiate', '--child', name, '--timeout', '20');
        try {
          assert.equal(up.code, 0, `${up.stdout}${up.stderr}`);
          await sameOnBothEnds(there);
          if (mark === 'outer') return;
          assert.match(await pings(there, ping, '-c', '2', '-m', `${mark}`), / 0% packet loss/);
          const carried = await packetsBySpi(there.alice);
          assert.deepEqual([...carried.values()], [2, 2], 'the SAs did not carry the packets');
        } finally {
          await starter.swanctl('--terminate', '--ike', `ike-${name}`);
        }
        await nothingLeft(there);
      });
    }
  }
});

describe('in the kernel, over time', { skip: withoutKernelIpsec }, () => {
  let there: Scene;
  before(async () => {
    there = await scene(LIVES);
  });
  after(() => there?.[Symbol.asyncDispose]());

  test('ten rekeys under ten thousand pings, begun by either side, lose nothing', async () => {
    await initiate(there.cygnet, 'net');
    const count = 10_000;
    const [from, to] = NET.ping;
    const ping = there.lab.run(
      there.alice,
      ['ping', '-q', '-i', '0.001', '-W', '5', '-c', `${count}`, '-I', from, to],
      { timeout: 60_000 },
    );
    for (let i = 0; i < 10; i++) {
      const before = await spisOf(there, 'net');
      const starter = i % 2 === 0 ? there.cygnet : there.charon;
      const { code, stdout, stderr } = await starter.swanctl('--rekey', '--child', 'net');
      assert.equal(code, 0, stdout + stderr);
      await until('a new SA', async () => !(await spisOf(there, 'net')).some(spi => before.includes(spi)));
    }
    const { stdout } = await ping;
    assert.match(stdout, new RegExp(`${count} packets transmitted, ${count} received, 0% packet loss`));
    await terminate(there, 'net');
  });

  test('octets that are used up softly bring a rekey, and nothing is lost', async () => {
    await initiate(there.cygnet, 'soft');
    const first = await spisOf(there, 'soft');
    const ping = there.lab.run(there.alice, [
      'ping',
      '-q',
      '-i',
      '0.05',
      '-s',
      '1000',
      '-c',
      '60',
      ...dash(NET.ping),
    ]);
    await until('a new SA', async () => (await spisOf(there, 'soft')).every(spi => !first.includes(spi)));
    assert.match((await ping).stdout, / 0% packet loss/);
    await terminate(there, 'soft');
  });

  test('octets that are used up altogether end the SA in the kernel, and another is made', async () => {
    await initiate(there.cygnet, 'hard');
    const first = await spisOf(there, 'hard');
    const ping = there.lab.run(there.alice, [
      'ping',
      '-q',
      '-i',
      '0.02',
      '-s',
      '1000',
      '-c',
      '60',
      ...dash(NET.ping),
    ]);
    await until('another SA', async () => {
      const now = await spisOf(there, 'hard');
      return now.length > 0 && now.every(spi => !first.includes(spi));
    });
    await ping;
    await until('packets pass again', async () => {
      const { code } = await there.lab.run(there.alice, [
        'ping',
        '-q',
        '-W',
        '1',
        '-c',
        '1',
        ...dash(NET.ping),
      ]);
      return code === 0;
    });
    await terminate(there, 'hard');
  });

  test('a trap brings its SA up at the first packet, which makes way for it and comes back', async () => {
    const { lab, alice, bob } = there;
    for (const peer of [there.cygnet, there.charon])
      assert.equal((await peer.swanctl('--install', '--child', 'trap')).code, 0);
    await sameOnBothEnds(there);
    await until('packets pass', async () => {
      const { code } = await lab.run(alice, ['ping', '-q', '-W', '1', '-c', '1', ...dash(HOST.ping)]);
      return code === 0;
    });
    const shown = await kernelView(lab, alice);
    assert.equal(shown.states.length, 2);
    await sameOnBothEnds(there);
    await there.cygnet.swanctl('--terminate', '--ike', 'ike-trap');
    await until('the trap is back', async () => (await kernelView(lab, alice)).states.length === 0);
    await sameOnBothEnds(there);
    for (const peer of [there.cygnet, there.charon]) await peer.swanctl('--uninstall', '--child', 'trap');
    assert.deepEqual(await kernelView(lab, alice), NOTHING);
    assert.deepEqual(await kernelView(lab, bob), NOTHING);
  });

  test('shunts let traffic by and stop it', async () => {
    const { lab, alice } = there;
    const passes = async (): Promise<boolean> =>
      (await lab.run(alice, ['ping', '-q', '-W', '1', '-c', '1', ...dash(HOST.ping)])).code === 0;
    for (const peer of [there.cygnet, there.charon]) await peer.swanctl('--install', '--child', 'drop');
    await sameOnBothEnds(there);
    assert.equal(await passes(), false);
    for (const peer of [there.cygnet, there.charon]) await peer.swanctl('--install', '--child', 'pass');
    await sameOnBothEnds(there);
    assert.equal(await passes(), true);
    for (const name of ['drop', 'pass'])
      for (const peer of [there.cygnet, there.charon]) await peer.swanctl('--uninstall', '--child', name);
    assert.deepEqual(await kernelView(lab, alice), NOTHING);
  });

  test('a daemon that is killed leaves its SAs; the next one removes them, and them alone', async () => {
    const { lab, alice } = there;
    await initiate(there.cygnet, 'net');
    assert.equal((await there.cygnet.swanctl('--install', '--child', 'drop')).code, 0);
    const strange = ['src', '192.0.2.1', 'dst', '192.0.2.2', 'proto', 'esp', 'spi', '0x1000'];
    await mustRun('ip', [
      '-n',
      alice,
      'xfrm',
      'state',
      'add',
      ...strange,
      'mode',
      'tunnel',
      'enc',
      'cipher_null',
      '',
    ]);
    await mustRun('ip', [
      ...['-n', alice, 'xfrm', 'policy', 'add', 'dir', 'out', 'src', '192.0.2.1', 'dst', '192.0.2.2'],
    ]);
    await mustRun('ip', ['-n', alice, 'route', 'add', '198.51.100.0/24', 'dev', 'lo', 'table', '220']);
    there.cygnet.process.kill('SIGKILL');
    await until('it is dead', () => there.cygnet.process.signalCode !== null);
    const left = await kernelView(lab, alice);
    assert.deepEqual([left.states.length, left.policies.length, left.routes.length], [3, 7, 2]);
    await there.startCygnet('again');
    const kept = await kernelView(lab, alice);
    assert.deepEqual([kept.states.length, kept.policies.length, kept.routes.length], [1, 1, 1]);
    await initiate(there.cygnet, 'net');
    await there.ping('alice', ...NET.ping);
    await mustRun('ip', ['-n', alice, 'xfrm', 'state', 'flush']);
    await mustRun('ip', ['-n', alice, 'xfrm', 'policy', 'flush']);
    await mustRun('ip', ['-n', alice, 'route', 'flush', 'table', '220']);
  });

  test('after the end nothing is left', async () => {
    await initiate(there.cygnet, 'net');
    assert.equal(await stop(there.cygnet.process), 0);
    assert.deepEqual(await kernelView(there.lab, there.alice), NOTHING);
    assert.doesNotMatch(await mustRun('ip', ['-n', there.alice, 'rule']), /220/);
  });
});

describe('in the kernel, behind a router that translates addresses', { skip: withoutKernelIpsec }, () => {
  for (const nat of ['alice', 'bob'] as const) {
    test(`${nat} is behind it: ESP goes in UDP, also after a rekey`, async () => {
      await using there = await scene({ net: LIVES['net'] as Case }, { nat });
      const starter = nat === 'alice' ? there.cygnet : there.charon;
      await initiate(starter, 'net');
      const { states } = await kernelView(there.lab, there.alice);
      assert.equal(states.filter(state => state.includes('encap type espinudp')).length, 2);
      assert.match(await pings(there, NET.ping, '-c', '2'), / 0% packet loss/);
      const first = await spisOf(there, 'net');
      await there.cygnet.swanctl('--rekey', '--child', 'net');
      await until('a new SA', async () => (await spisOf(there, 'net')).every(spi => !first.includes(spi)));
      assert.match(await pings(there, NET.ping, '-c', '2'), / 0% packet loss/);
      await terminate(there, 'net');
    });
  }
});

test('in user space, to the kernel of charon: a tunnel to the peer itself', {
  skip: withoutKernelIpsec,
}, async () => {
  await using there = await scene(
    { net: LIVES['net'] as Case, host: CASES['host'] as Case },
    { backend: 'mixed' },
  );
  for (const [name, way] of [
    ['host', HOST.ping],
    ['net', NET.ping],
  ] as const) {
    await initiate(there.cygnet, name);
    assert.match(await pings(there, way, '-c', '2'), / 0% packet loss/);
    const carried = await packetsBySpi(there.bob);
    assert.deepEqual([...carried.values()], [2, 2]);
    await terminate(there, name);
  }
});

/** cygnet's kernel has what charon's has, apart from what is different in every run. */
async function sameOnBothEnds({ lab, alice, bob }: Scene): Promise<void> {
  assert.deepEqual(await kernelView(lab, alice), await kernelView(lab, bob, MIRROR));
}

async function nothingLeft({ lab, alice, charon }: Scene): Promise<void> {
  await until('charon has no SA left', async () => (await charon.swanctl('--list-sas')).stdout === '');
  assert.deepEqual(await kernelView(lab, alice), NOTHING);
}

async function initiate(peer: Scene['cygnet'] | Scene['charon'], child: string): Promise<void> {
  const { code, stdout, stderr } = await peer.swanctl('--initiate', '--child', child, '--timeout', '20');
  assert.equal(code, 0, stdout + stderr);
}

async function terminate(there: Scene, child: string): Promise<void> {
  await there.cygnet.swanctl('--terminate', '--ike', `ike-${child}`);
  await nothingLeft(there);
}

/** Of the SAs of a child that are in use at cygnet. */
async function spisOf({ cygnet }: Scene, child: string): Promise<readonly string[]> {
  const { stdout } = await cygnet.swanctl('--list-sas', '--raw');
  const found = stdout.matchAll(/name=(\S+) [^{}]*?state=INSTALLED [^{}]*?spi-in=([0-9a-f]+)/g);
  return [...found].filter(([, name]) => name === child).map(([, , spi]) => spi as string);
}

function dash([from, to]: Case['ping']): readonly string[] {
  return ['-I', from, to];
}

/** What ping says in the end. */
async function pings({ lab, alice }: Scene, way: Case['ping'], ...options: string[]): Promise<string> {
  const { stdout } = await lab.run(alice, ['ping', '-q', '-i', '0.1', '-W', '2', ...options, ...dash(way)]);
  return stdout;
}
