import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { textOf } from '../../src/control/index.ts';
import { type CertificateSet, certificates } from './certificates.ts';
import { Charon } from './charon.ts';
import { DropIn } from './drop-in.ts';
import { Lab, mustRun, type Run, stop, until } from './lab.ts';
import { Pinging } from './pinging.ts';
import type { Section } from './swanctl.ts';
import { shape } from './swanctl-shape.ts';

/*
 * The same swanctl directory loaded by the same swanctl into cygnet and into charon, each with a charon of its own as
 * peer: whatever swanctl prints must be the same, save what docs/guide/drop-in.md lists with its reason.
 */

const lab = new Lab();
let set: CertificateSet;
let cygnet: DropIn;
let reference: Charon;
let peer: Charon;
let namespace = '';
let otherNamespace = '';

function configuration(who: 'alice' | 'bob', more: Section = {}): Section {
  const [net, otherNet] = who === 'alice' ? [1, 2] : [2, 1];
  const other = who === 'alice' ? 'bob' : 'alice';
  const child = (host: number): Section => ({
    local_ts: `10.${net}.0.${host}/32`,
    remote_ts: `10.${otherNet}.0.${host}/32`,
    esp_proposals: 'aes256gcm16-ecp256',
  });
  return {
    connections: {
      lab: {
        version: '2',
        local_addrs: `10.9.0.${net}`,
        remote_addrs: `10.9.0.${otherNet}`,
        proposals: 'aes256-sha256-ecp256',
        local: { auth: 'pubkey', certs: `${who}.crt`, id: `${who}.lab` },
        remote: { auth: 'pubkey', id: `${other}.lab`, cacerts: 'ca.crt' },
        children: { net: child(1), trapped: child(2) },
        ...more,
      },
      ...(who === 'alice'
        ? {
            road: {
              version: '0',
              remote_addrs: '%any',
              reauth_time: '2h',
              unique: 'replace',
              dpd_delay: '30s',
              local: { auth: 'psk', id: 'alice.lab' },
              remote: { auth: 'psk', id: '*@lab' },
              children: {
                all: {
                  local_ts: '0.0.0.0/0',
                  mode: 'transport',
                  dpd_action: 'restart',
                  close_action: 'trap',
                  rekey_time: '10m',
                },
              },
            },
          }
        : {}),
    },
    secrets: {
      'ike-1': { 'id-1': 'alice.lab', 'id-2': 'bob.lab', secret: 'labsecret' },
      'eap-1': { id: 'carol', secret: 'Ar3etTnp' },
    },
    pools: { p1: { addrs: '10.78.0.0/24', dns: '10.2.0.53', split_include: '10.2.0.0/16' } },
    authorities: {
      rsaca: {
        cacert: 'ca.crt',
        crl_uris: 'http://192.0.2.1/ca.crl',
        ocsp_uris: 'http://192.0.2.1/ocsp',
      },
    },
  };
}

/** Two namespaces on a wire, with the hosts that the tunnel is for. */
async function hosts(a: string, b: string): Promise<readonly [string, string]> {
  const [left, right] = [await lab.namespace(a), await lab.namespace(b)];
  await lab.wire(left, '10.9.0.1/24', right, '10.9.0.2/24');
  for (const [name, net] of [
    [left, 1],
    [right, 2],
  ] as const)
    for (const host of [1, 2])
      await mustRun('ip', ['-n', name, 'addr', 'add', `10.${net}.0.${host}/32`, 'dev', 'lo']);
  return [left, right];
}

before(async () => {
  set = await certificates(lab.path('set'), 'rsa');
  const [left, right] = await hosts('a', 'b');
  const [otherLeft, otherRight] = await hosts('c', 'd');
  namespace = left;
  otherNamespace = otherLeft;
  cygnet = new DropIn(lab, left, 'cygnet');
  peer = new Charon(lab, right, 'peer');
  reference = new Charon(lab, otherLeft, 'reference');
  const referencePeer = new Charon(lab, otherRight, 'referencepeer');
  cygnet.configure(configuration('alice'), set);
  await Promise.all([
    cygnet.start({ args: ['--metrics', '127.0.0.1:9101'] }),
    peer.start(configuration('bob'), { certificates: set, who: 'bob' }),
    reference.start(configuration('alice'), { certificates: set, who: 'alice' }),
    referencePeer.start(configuration('bob'), { certificates: set, who: 'bob' }),
  ]);
});
after(() => lab.close());

/**
 * Until cygnet and the reference have one IKE SA each, its child, and nothing to do, and neither IKE SA is one of those
 * `before`: their initiators' SPIs.
 */
async function settled(before: readonly string[] = []): Promise<readonly string[]> {
  return until('both have one SA, another than before', async () => {
    const lists = [
      await cygnet.swanctl('--list-sas', '--raw'),
      await reference.swanctl('--list-sas', '--raw'),
    ];
    const spis = lists.flatMap(({ stdout }) => {
      const isIdle = /state=INSTALLED/.test(stdout) && !/tasks-(queued|active)|REKEY|DELET/.test(stdout);
      return isIdle ? (stdout.match(/initiator-spi=\w+/g) ?? []) : [];
    });
    return spis.length === 2 && !spis.some(spi => before.includes(spi)) && spis;
  });
}

/** What swanctl printed of a daemon, with the names of its own directory taken out. */
function printed({ stdout, stderr }: Run): string {
  return (stdout + stderr)
    .split('\n')
    .filter(line => !line.includes('/bliss'))
    .join('\n')
    .replaceAll(cygnet.directory, 'DIR')
    .replaceAll(reference.directory, 'DIR')
    .trimEnd();
}

async function ofBoth(...args: string[]): Promise<{ readonly ours: string; readonly theirs: string }> {
  const [ours, theirs] = [await cygnet.swanctl(...args), await reference.swanctl(...args)];
  assert.equal(ours.code, theirs.code, `${args.join(' ')}: ${printed(ours)}`);
  return { ours: printed(ours), theirs: printed(theirs) };
}

async function same(...args: string[]): Promise<string> {
  const { ours, theirs } = await ofBoth(...args);
  assert.equal(ours, theirs, args.join(' '));
  return ours;
}

async function up(): Promise<void> {
  if ((await cygnet.swanctl('--list-sas', '--child', 'net')).stdout.includes('INSTALLED')) return;
  const { code, stdout, stderr } = await cygnet.swanctl('--initiate', '--child', 'net', '--timeout', '10');
  assert.equal(code, 0, stdout + stderr);
}

async function down(): Promise<void> {
  await cygnet.swanctl('--terminate', '--ike', 'lab', '--timeout', '5');
}

function ping(from = namespace): Promise<Run> {
  return lab.run(from, ['ping', '-c', '2', '-i', '0.1', '-W', '5', '-I', '10.1.0.1', '10.2.0.1']);
}

describe('the daemon', () => {
  test('is empty until a client loads something', async () => {
    assert.equal(printed(await cygnet.swanctl('--list-conns')), '');
    assert.match(cygnet.log, /"connections":0/);
  });

  test('names itself and its version', async () => {
    const { stdout } = await cygnet.swanctl('--version', '--daemon');
    assert.match(stdout, /^strongSwan \d+\.\d+\.\d+ cygnet \(Linux, \S+, x86_64\)$/m);
  });

  test('tells its statistics as charon does, without plugins', async () => {
    const { ours, theirs } = await ofBoth('--stats');
    const lines = (text: string): string[] => text.split('\n').map(line => line.replace(/:.*/, ''));
    assert.deepEqual(lines(ours), lines(theirs));
  });
});

describe('what is loaded', () => {
  test('load-all prints what it prints with charon, the first time and again', async () => {
    for (const _ of ['first', 'again']) {
      const text = await same('--load-all', '--noprompt');
      assert.match(text, /successfully loaded 2 connections, 0 unloaded/);
    }
  });

  for (const args of [
    ['--list-conns'],
    ['--list-conns', '--raw'],
    ['--list-conns', '--pretty'],
    ['--list-certs'],
    ['--list-certs', '--raw'],
    ['--list-pools'],
    ['--list-pools', '--leases'],
    ['--list-authorities'],
    ['--flush-certs'],
    ['--reload-settings'],
    ['--list-pols'],
    ['--list-sas'],
    ['--load-conns'],
    ['--load-creds', '--noprompt'],
    ['--load-pools'],
    ['--load-authorities'],
  ])
    test(`${args.join(' ')} is the same`, async () => {
      await same(...args);
    });

  test('list-algs knows nothing by another name than charon', async () => {
    const { ours, theirs } = await ofBoth('--list-algs');
    const names = (text: string): string[] =>
      [...text.matchAll(/^ {2}(\S+)\[/gm)].map(match => match[1] as string);
    const known = new Set(names(theirs));
    const others = names(ours).filter(name => !known.has(name));
    // charon 5.9.8 has no ML-KEM, and GMAC only where the kernel does it.
    assert.deepEqual(
      others.filter(name => !/^ML_KEM|GMAC|SHA2_256_96/.test(name)),
      [],
    );
  });

  test('a key has the number that charon gives it', async () => {
    const keys = async (daemon: { readonly uri: string }): Promise<string> => {
      const { ViciClient } = await import('../../src/control/index.ts');
      const client = await ViciClient.connect(daemon.uri);
      try {
        return JSON.stringify(await client.request('get-keys'));
      } finally {
        client.close();
      }
    };
    assert.equal(await keys(cygnet), await keys(reference));
  });
});

describe('an SA', () => {
  test('comes up with the lines that charon prints', async () => {
    const { ours, theirs } = await ofBoth('--initiate', '--child', 'net', '--timeout', '10');
    const kinds = (text: string): string[] =>
      text.split('\n').map(line => line.replace(/\d+/g, 'N').replace(/\[ .* \]/, '[…]'));
    const known = new Set(kinds(theirs));
    for (const line of [
      '[IKE] initiating IKE_SA lab[N] to N.N.N.N',
      '[ENC] generating IKE_SA_INIT request N […]',
      '[NET] sending packet: from N.N.N.N[N] to N.N.N.N[N] (N bytes)',
      '[NET] received packet: from N.N.N.N[N] to N.N.N.N[N] (N bytes)',
      '[ENC] parsed IKE_AUTH response N […]',
      '[CFG] selected proposal: IKE:AES_CBC_N/HMAC_SHAN_N_N/PRF_HMAC_SHAN_N/ECP_N',
      '[IKE] IKE_SA lab[N] established between N.N.N.N[alice.lab]...N.N.N.N[bob.lab]',
      '[CFG] selected proposal: ESP:AES_GCM_N_N/NO_EXT_SEQ',
      'initiate completed successfully',
    ]) {
      assert.ok(kinds(ours).includes(line), `cygnet says "${line}":\n${ours}`);
      assert.ok(known.has(line), `charon says "${line}":\n${theirs}`);
    }
    assert.equal((await ping()).code, 0);
    assert.equal((await ping(otherNamespace)).code, 0);
  });

  test('that is there already is not made twice, and swanctl ends alike', async () => {
    for (const args of [[], ['--timeout', '-1'], ['--raw']])
      for (let time = 0; time < 2; time++) {
        const [ours, theirs] = await Promise.all(
          [cygnet, reference].map(daemon => daemon.swanctl('--initiate', '--child', 'net', ...args)),
        );
        assert.equal(ours?.code, theirs?.code, args.join(' '));
        const existing = /not establishing CHILD_SA net\{\d+\} due to existing duplicate \{\d+\} with SPIs/;
        if (args[0] !== '--timeout')
          for (const run of [ours, theirs]) assert.match(run?.stdout ?? '', existing);
      }
    assert.equal((await cygnet.swanctl('--list-sas')).stdout.match(/net: #/g)?.length, 1);
  });

  for (const args of [
    ['--list-sas'],
    ['--list-sas', '--raw'],
    ['--list-sas', '--pretty'],
    ['--list-sas', '--ike', 'lab', '--noblock'],
    ['--list-sas', '--child', 'net'],
    ['--list-sas', '--ike', 'nosuch'],
  ])
    test(`${args.join(' ')} is the same but for numbers`, async () => {
      const { ours, theirs } = await ofBoth(...args);
      assert.equal(shape(ours), shape(theirs));
    });

  test('is not touched when the same is loaded again', async () => {
    const before = await cygnet.swanctl('--list-sas', '--raw');
    assert.equal((await cygnet.swanctl('--load-all', '--noprompt')).code, 0);
    const after = await cygnet.swanctl('--list-sas', '--raw');
    const spis = (text: string): string[] => text.match(/spi(-in|-out)?=\w+/g) ?? [];
    assert.deepEqual(spis(after.stdout), spis(before.stdout));
    assert.equal((await ping()).code, 0);
  });

  test('is rekeyed, made anew, and counted through it all', async () => {
    const before = await settled();
    await same('--rekey', '--child', 'net');
    await same('--rekey', '--ike', 'lab');
    await settled(before);
    assert.match((await cygnet.swanctl('--counters')).stdout, /ike-rekey-init +: 1/);
    const others = await settled();
    await same('--rekey', '--ike', 'lab', '--reauth');
    await settled(others);
    const { stdout } = await cygnet.swanctl('--counters', '--all');
    assert.match(stdout, /^lab:$/m);
    assert.match(stdout, /child-rekey +: [1-9]/);
    assert.match(stdout, /ike-init-out-req +: [2-9]/);
    const labels = (text: string): string[] => text.split('\n').map(line => line.replace(/:.*/, ''));
    const [ours, theirs] = [await cygnet.swanctl('--counters'), await reference.swanctl('--counters')];
    assert.deepEqual(labels(ours.stdout), labels(theirs.stdout));
    assert.equal((await ping()).code, 0);
    await same('--counters', '--reset');
    assert.match((await cygnet.swanctl('--counters')).stdout, /ike-rekey-init +: 0/);
  });

  test('goes down with the lines that charon prints', async () => {
    const { ours } = await ofBoth('--terminate', '--ike', 'lab', '--timeout', '5');
    assert.match(
      ours,
      /\[IKE\] deleting IKE_SA lab\[\d+\] between 10\.9\.0\.1\[alice\.lab\]\.\.\.10\.9\.0\.2\[bob\.lab\]/,
    );
    assert.match(ours, /\[ENC\] generating INFORMATIONAL request \d+ \[ D \]/);
    assert.match(ours, /\[IKE\] IKE_SA deleted\nterminate completed successfully/);
    await same('--terminate', '--ike', 'lab');
  });

  test('monitor-sa and log follow it', async () => {
    const [monitor, log] = [cygnet.follow('--monitor-sa'), cygnet.follow('--log')];
    await until('both listen', async () => {
      await up();
      await down();
      return /initiating IKE_SA lab/.test(log.printed()) && /ESTABLISHED/.test(monitor.printed());
    });
    await until('the end has been told too', () => /DELETING/.test(monitor.printed()));
    const seen = await monitor.stop();
    assert.match(seen, /^lab: #\d+, ESTABLISHED, IKEv2, [0-9a-f]{16}_i\* [0-9a-f]{16}_r$/m);
    assert.match(seen, /net: #\d+, reqid \d+, INSTALLED, TUNNEL-in-UDP, ESP:AES_GCM_16-256/);
    assert.match(seen, /DELETING/);
    assert.doesNotMatch(seen, /failure/);
    const lines = await log.stop();
    assert.match(lines, /^\d+\[IKE\] initiating IKE_SA lab\[\d+\] to 10\.9\.0\.2$/m);
    assert.match(
      lines,
      /^\d+\[NET\] sending packet: from 10\.9\.0\.1\[\d+\] to 10\.9\.0\.2\[\d+\] \(\d+ bytes\)$/m,
    );
  });

  test('is asked for by a trap', async () => {
    await same('--install', '--child', 'trapped');
    await same('--list-pols', '--trap');
    await until('a packet brought the SA up', async () => {
      await lab.run(namespace, ['ping', '-c', '1', '-W', '1', '-I', '10.1.0.2', '10.2.0.2']);
      return /trapped: #\d+, reqid \d+, INSTALLED/.test((await cygnet.swanctl('--list-sas')).stdout);
    });
    await same('--uninstall', '--child', 'trapped');
    await same('--list-pols');
    await down();
  });

  test('what cannot be is refused, with the exit code that charon gives', async () => {
    await same('--initiate', '--child', 'nosuch');
    await same('--terminate', '--ike', 'lab');
    for (const args of [
      ['--install', '--child', 'nosuch'],
      ['--uninstall', '--child', 'nosuch'],
    ])
      await ofBoth(...args);
  });
});

describe('hostile clients', () => {
  test('do not disturb a tunnel, nor other clients', async () => {
    await up();
    const path = join(cygnet.directory, 'charon.vici');
    const sockets = Array.from({ length: 10_000 }, (_, i) => {
      const socket = connect(path);
      socket.on('error', () => undefined);
      // Half a frame for ever, a length of 4 GiB, and noise.
      const octets = [
        [0, 0, 0, 9, 0],
        [0xff, 0xff, 0xff, 0xff],
        [0, 0, 0, 4, 9, 9, 9, 9],
      ][i % 3];
      socket.write(Uint8Array.from(octets ?? []));
      return socket;
    });
    const pinging = new Pinging(lab, namespace, ['10.1.0.1', '10.2.0.1']);
    await pinging.answers(50);
    assert.deepEqual((await pinging.stop()).lost, []);
    for (const socket of sockets) socket.destroy();
    await until('a client is served again', async () => (await cygnet.swanctl('--stats')).code === 0);
    assert.equal((await ping()).code, 0);
  });

  test('a request of more than 512 KiB ends that client alone', async () => {
    const client = await cygnet.client();
    try {
      const other = connect(join(cygnet.directory, 'charon.vici'));
      const closed = new Promise<void>(resolve => other.once('close', () => resolve()));
      other.on('error', () => undefined);
      other.write(Uint8Array.from([0, 8, 0, 1]));
      await closed;
      assert.equal(textOf(await client.request('version'), 'daemon'), 'cygnet');
    } finally {
      client.close();
    }
  });
});

describe('plan, apply and metrics', () => {
  test('plan says what would happen, and apply does just that', async () => {
    await up();
    const before = (await cygnet.swanctl('--list-sas', '--raw')).stdout;
    const directory = join(cygnet.directory, 'swanctl');
    const nothing = await cygnet.cli('plan', directory);
    assert.equal(nothing.stdout.trim(), 'nothing changes', nothing.stderr);
    cygnet.configure(configuration('alice', { dpd_delay: '20s', proposals: 'aes256-sha256-ecp256' }), set);
    const plan = await cygnet.cli('plan', directory);
    assert.match(plan.stdout, /rekey +lab \(dpd_delay\): makes IKE SA #\d+ anew/);
    assert.equal(
      (await cygnet.swanctl('--list-sas', '--raw')).stdout.match(/initiator-spi=\w+/)?.[0],
      before.match(/initiator-spi=\w+/)?.[0],
    );
    const applied = await cygnet.cli('apply', directory);
    assert.equal(applied.stdout, plan.stdout);
    await until('it was made anew', async () => {
      const { stdout } = await cygnet.swanctl('--list-sas', '--raw');
      return (
        stdout.match(/initiator-spi=/g)?.length === 1 &&
        stdout.match(/initiator-spi=\w+/)?.[0] !== before.match(/initiator-spi=\w+/)?.[0]
      );
    });
    assert.equal((await ping()).code, 0);
    cygnet.configure({ ...configuration('alice'), connections: {} }, set);
    assert.match((await cygnet.cli('apply', directory)).stdout, /drop +lab: ends IKE SA #\d+/);
    await until('it is gone', async () => (await cygnet.swanctl('--list-sas')).stdout.trim() === '');
    cygnet.configure(configuration('alice'), set);
    assert.equal((await cygnet.swanctl('--load-all', '--noprompt')).code, 0);
  });

  test('metrics tell what is up and what was carried, through a rekey', async () => {
    await up();
    await ping();
    const metrics = async (): Promise<string> =>
      (await lab.run(namespace, ['curl', '-sf', 'http://127.0.0.1:9101/metrics'])).stdout;
    const value = (text: string, name: string): number =>
      Number(
        text
          .split('\n')
          .find(line => line.startsWith(name))
          ?.split(' ')
          .at(-1),
      );
    const packets = 'cygnet_child_packets_total{connection="lab",child="net",direction="out"}';
    const first = await metrics();
    assert.equal(value(first, 'cygnet_child_up{connection="lab",child="net"}'), 1);
    assert.equal(value(first, 'cygnet_child_wanted{connection="lab",child="net"}'), 1);
    assert.ok(value(first, 'cygnet_handshake_seconds_count{role="initiator"}') > 0);
    await cygnet.swanctl('--rekey', '--child', 'net');
    await ping();
    await until(
      'nothing was forgotten',
      async () => value(await metrics(), packets) >= value(first, packets) + 2,
    );
    await down();
    const last = await metrics();
    assert.ok(value(last, packets) >= value(first, packets) + 2);
    assert.equal(value(last, 'cygnet_child_up{connection="lab",child="net"}'), 0);
  });
});

describe('the end', () => {
  test('what is no longer in the directory is unloaded', async () => {
    cygnet.configure({}, set);
    const { stdout } = await cygnet.swanctl('--load-all', '--noprompt');
    assert.match(stdout, /no connections found, 2 unloaded/);
    assert.match(stdout, /no pools found, 1 unloaded/);
    assert.match(stdout, /no authorities found, 1 unloaded/);
    assert.equal(printed(await cygnet.swanctl('--list-conns')), '');
  });

  test('TERM ends it cleanly, and takes its socket along', async () => {
    assert.equal(await stop(cygnet.process), 0);
    assert.equal(existsSync(join(cygnet.directory, 'charon.vici')), false);
  });
});
