import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { Lab, run, stop, until } from './lab.ts';
import { Scene } from './scene.ts';
import { both, set } from './swanctl.ts';

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts');

/** Writes what comes to /dev/log to a file, until the one who started it ends. */
const LISTENER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/dev/log")
s.settimeout(0.2)
parent = os.getppid()
while os.getppid() == parent:
    try:
        line = s.recv(4096)
    except TimeoutError:
        continue
    open(sys.argv[1], "ab").write(line + b"\\n")
`;

describe('strongswan.conf', () => {
  test('dns1 and attr reach a charon that asks for a virtual IP', async () => {
    await using there = await Scene.open({
      cygnetSettings: 'dns1 = 10.1.0.53\n plugins { attr { dns = 10.1.0.54 } }',
      alice: both(
        set('connections.lab.pools', 'rw'),
        set('pools.rw.addrs', '10.77.0.0/24'),
        set('connections.lab.children.net.remote_ts', 'dynamic'),
      ),
      bob: both(
        set('connections.lab.vips', '0.0.0.0'),
        set('connections.lab.children.net.local_ts', 'dynamic'),
      ),
    });
    await there.up('responder');
    assert.match(there.charon.log, /installing DNS server 10\.1\.0\.53/);
    assert.match(there.charon.log, /installing DNS server 10\.1\.0\.54/);
    const { stdout } = await there.cygnet.swanctl('--list-sas', '--raw');
    assert.match(stdout, /remote-vips=\[10\.77\.0\.\d+\]/);
  });

  test('initiator_only: no peer begins, we do', async () => {
    await using there = await Scene.open({
      cygnetSettings: 'initiator_only = yes',
      bobSettings: 'retransmit_tries = 1',
    });
    const refused = await there.charon.swanctl('--initiate', '--child', 'net', '--timeout', '6');
    assert.notEqual(refused.code, 0);
    await there.charon.swanctl('--terminate', '--ike', 'lab', '--force', '--timeout', '1');
    await there.up('initiator');
    await there.pingBothWays();
  });

  test('SPIs, reqids, Vendor IDs and log lines as they are asked for', async () => {
    const log = join(tmpdir(), `cygnet-told-${process.pid}`);
    await using there = await Scene.open({
      cygnetSettings: `spi_min = 0xc1000000\n spi_max = 0xc1ffffff\n spi_mask = 0xffff000000000000\n spi_label = 0xabcd000000000000
        reqid_base = 4711\n send_vendor_id = yes\n cisco_flexvpn = yes\n retransmit_jitter = 20\n max_packet = 9000
        filelog { told { path = ${log}\n log_level = yes } }`,
    });
    await there.up('initiator');
    await there.pingBothWays();
    const { stdout } = await there.cygnet.swanctl('--list-sas');
    assert.match(stdout, / abcd[0-9a-f]{12}_i\*/);
    assert.match(stdout, /net: #1, reqid 4711,/);
    assert.match(stdout, /in +c1[0-9a-f]{6},/);
    assert.match(there.charon.log, /received strongSwan vendor ID/);
    assert.match(there.charon.log, /received (unknown vendor ID: 46:4c:45:58|FlexVPN|Cisco FlexVPN)/i);
    const line = /^01\[IKE[01]\] IKE_SA lab\[1\] established/m;
    await until('it is in the file', () => line.test(readFileSync(log, 'utf8')));
    rmSync(log);
  });

  test('interfaces_use: by others nobody is heard and nothing is begun, twice in a row', async () => {
    await using there = await Scene.open({
      cygnetSettings: 'interfaces_use = lo',
      bobSettings: 'retransmit_tries = 1\n retransmit_timeout = 1',
    });
    for (let i = 0; i < 2; i++) {
      const { code, summary } = await there.refusedUp();
      assert.equal(code, 'local/address');
      assert.match(summary, /begins at 10\.9\.0\.1, by which IKE is not spoken/);
      const refused = await there.charon.swanctl('--initiate', '--child', 'net', '--timeout', '6');
      assert.notEqual(refused.code, 0);
      await there.charon.swanctl('--terminate', '--ike', 'lab', '--force', '--timeout', '1');
    }
  });

  test('interfaces_ignore of another interface changes nothing', async () => {
    await using there = await Scene.open({ cygnetSettings: 'interfaces_ignore = lo' });
    await there.up('responder');
    await there.pingBothWays();
  });

  test('dscp of a connection is on all its messages, as charon has it', async () => {
    await using there = await Scene.open({
      alice: set('connections.lab.dscp', '101110'),
      bob: set('connections.lab.dscp', '001010'),
    });
    // On the port for NAT traversal IKE has four zeros first, and ESP has not.
    const rules = (direction: string, dscp: number) =>
      [`udp sport 4500 @ih,0,32 0 ip dscp ${dscp}`, `udp sport 4500 @ih,0,32 0 ip dscp != ${dscp}`]
        .map(
          (rule, i) =>
            `add rule ip marks ${direction} ${rule} counter comment "${i === 0 ? 'marked' : 'unmarked'}"`,
        )
        .join('; ');
    const nft = (ruleset: string) => there.lab.run(there.bob, ['nft', ruleset]);
    await nft('add table ip marks; add chain ip marks in { type filter hook input priority 0; }');
    await nft('add chain ip marks out { type filter hook output priority 0; }');
    await nft(rules('in', 46));
    await nft(rules('out', 10));
    await there.up('initiator');
    const { stdout } = await there.lab.run(there.bob, ['nft', 'list', 'table', 'ip', 'marks']);
    const counted = [...stdout.matchAll(/packets (\d+) bytes \d+ comment "(\w+)"/g)].map(
      ([, packets, what]) => [what, Number(packets) > 0],
    );
    const expected = [
      ['marked', true],
      ['unmarked', false],
    ];
    assert.deepEqual(counted, [...expected, ...expected], stdout);
  });

  test('local_port = 4500: the first message leaves from there; a port that is nobody’s is refused', async () => {
    await using there = await Scene.open({
      alice: both(set('connections.lab.local_port', '4500'), set('connections.lab.remote_port', '4500')),
    });
    await there.up('initiator');
    assert.match(there.charon.log, /received packet: from 10\.9\.0\.1\[4500\] to 10\.9\.0\.2\[4500\]/);
    assert.doesNotMatch(there.charon.log, /from 10\.9\.0\.1\[500\]/);
    await there.pingBothWays();
    await using other = await Scene.open({ alice: set('connections.lab.local_port', '1500') });
    assert.match(other.cygnet.log, /nothing is sent from port 1500: the daemon has the ports 500 and 4500/);
    for (let i = 0; i < 2; i++) {
      const { code, summary } = await other.refusedUp();
      assert.equal(code, 'config/invalid-value');
      assert.match(summary, /port 1500/);
    }
  });

  test('syslog sections are written to /dev/log, as charon writes them', async () => {
    const lab = new Lab();
    try {
      const namespace = await lab.namespace('l');
      writeFileSync(
        lab.path('strongswan.conf'),
        'charon { syslog { identifier = ike\n daemon { ike_name = yes } } }',
      );
      writeFileSync(lab.path('listener.py'), LISTENER);
      // A /dev of its own, where the log is ours.
      const devices = `mkdir "$0/dev" && mount -t tmpfs tmpfs "$0/dev" && for d in null zero random urandom; do
        touch "$0/dev/$d" && mount --bind "/dev/$d" "$0/dev/$d" || exit; done; mount --move "$0/dev" /dev
        python3 "$0/listener.py" "$0/told" & while [ ! -S /dev/log ]; do sleep 0.05; done; exec "$@"`;
      const vici = `unix://${lab.path('vici.sock')}`;
      const daemon = lab.start(namespace, 'daemon.log', [
        ...['unshare', '-m', '--propagation', 'private', 'sh', '-c', devices, lab.directory],
        ...[process.execPath, MAIN, 'daemon', '--backend', 'memory', '--vici', vici],
        ...['--settings', lab.path('strongswan.conf')],
      ]);
      await until('the daemon is ready', () => lab.read('daemon.log').includes('"ready"'));
      mkdirSync(lab.path('swanctl'), { recursive: true });
      const conf =
        'connections { lab { version = 2\n remote_addrs = 127.0.0.1\n local { auth = psk }\n remote { auth = psk } } }';
      writeFileSync(lab.path('swanctl/swanctl.conf'), conf);
      await run('swanctl', ['--load-conns', '--uri', vici], { env: { SWANCTL_DIR: lab.path('swanctl') } });
      const line = /^<30>\w{3} [ \d]\d \d\d:\d\d:\d\d ike: 01\[CFG\] .*lab/m;
      await until('a line was written', () => line.test(lab.read('told')));
      assert.equal(await stop(daemon), 0);
    } finally {
      await lab.close();
    }
  });

  test('start-scripts and stop-scripts are run, and told of', async () => {
    await using there = await Scene.open({
      cygnetSettings:
        'start-scripts { a = echo one two\n b = exit 3 }\n stop-scripts { c = swanctl --stats --uri unix:///nonexistent }',
    });
    await until('both have run', () => there.cygnet.log.includes("script 'exit 3' ended with 3"));
    assert.match(there.cygnet.log, /script: one two/);
    assert.equal(await stop(there.cygnet.process), 0);
    assert.match(there.cygnet.log, /script 'swanctl --stats --uri unix:\/\/\/nonexistent' ended with \d+/);
  });
});
