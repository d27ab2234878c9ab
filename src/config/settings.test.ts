import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { formatAttribute } from '../policy/pool.ts';
import { ConfigurationFailure, formatRemark } from './report.ts';
import { loadSettings } from './settings.ts';

function file(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-settings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'strongswan.conf'), text);
  return join(folder, 'strongswan.conf');
}

test('a file that says nothing sets nothing', t => {
  assert.deepEqual(loadSettings(file(t, '')), { engine: {}, warnings: [] });
  assert.deepEqual(loadSettings(file(t, 'charon { }\npki { load = x }\nlibstrongswan { x = y }')), {
    engine: {},
    warnings: [],
  });
});

test('all knobs, in the units of the engine', t => {
  const settings = loadSettings(
    file(
      t,
      `charon {
  port = 1500
  port_nat_t = 0
  retransmit_timeout = 0.5
  retransmit_base = 1.4
  retransmit_tries = 7
  half_open_timeout = 10
  i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  cookie_threshold = 0
  cookie_threshold_ip = 9
  block_threshold = 100
  init_limit_half_open = 500
  fragment_size = 1400
  keep_alive = 1m
  delete_rekeyed_delay = 3
  retransmit_limit = 30s
  ikesa_limit = 5000
  initiator_only = yes
  reuse_ikesa = no
  make_before_break = no
  retransmit_jitter = 20
  max_packet = 20000
  prefer_configured_proposals = no
  close_ike_on_child_failure = yes
  keep_alive_dpd_margin = 10s
  delete_rekeyed = yes
  max_ikev1_exchanges = 5
  accept_unencrypted_mainmode_messages = yes
  cisco_unity = yes
  cisco_flexvpn = yes
  send_vendor_id = yes
  spi_mask = 0xffff000000000000
  spi_label = 0xabcd000000000000
  spi_min = 0xc0000000
  spi_max = 0xcfffffff
  reqid_base = 100
  replay_window = 64
  interfaces_use = eth0, eth1
  process_route = no
  threads = 4
  hash_and_url = no
  retry_initiate_interval = 1m
  inactivity_close_ike = yes
  user = cygnet
  group = adm
  routing_table = 44
  install_virtual_ip_on = dummy0
  routing_table_prio = 45
  plugins {
    aes { load = yes }
    vici { load = yes
      socket = unix:///tmp/x.vici }
    resolve { file = /etc/resolv.conf }
    save-keys { ike = yes
      wireshark_keys = /tmp/keys }
  }
  filelog { stderr { default = 1
      ike = 2 }
    debug { default = 2 } }
}`,
    ),
  );
  assert.deepEqual(settings, {
    engine: {
      port: 1500,
      natPort: 0,
      retransmitTimeout: 500,
      retransmitBase: 1.4,
      retransmitTries: 7,
      halfOpenTimeout: 10_000,
      allowAggressivePsk: true,
      cookieThreshold: 0,
      cookieThresholdPerAddress: 9,
      blockThreshold: 100,
      halfOpenLimit: 500,
      fragmentSize: 1400,
      natKeepAlive: 60_000,
      deleteRekeyedDelay: 3000,
      retransmitLimit: 30_000,
      ikeSaLimit: 5000,
      initiatorOnly: true,
      reuseIkeSa: false,
      makeBeforeBreak: false,
      retransmitJitter: 20,
      maxPacket: 20_000,
      preferConfiguredProposals: false,
      closeIkeOnChildFailure: true,
      keepAliveDpdMargin: 10_000,
      deleteRekeyed: true,
      maxIkev1Exchanges: 5,
      acceptUnencryptedMainMode: true,
      ciscoUnity: true,
      ciscoFlexvpn: true,
      sendVendorId: true,
      spiMask: 0xffff_0000_0000_0000n,
      spiLabel: 0xabcd_0000_0000_0000n,
      reqidBase: 100,
      replayWindow: 64,
      retryInitiateInterval: 60_000,
    },
    inactivityCloseIke: true,
    user: 'cygnet',
    group: 'adm',
    routes: { table: 44, priority: 45 },
    virtualIps: { interface: 'dummy0' },
    interfaces: { use: ['eth0', 'eth1'], ignore: [] },
    ignoreRoutes: true,
    spis: { lowest: 0xc000_0000, highest: 0xcfff_ffff },
    control: 'unix:///tmp/x.vici',
    saveKeys: '/tmp/keys',
    resolvConf: '/etc/resolv.conf',
    logLevel: 'debug',
    warnings: settings.warnings,
  });
  assert.deepEqual(
    settings.warnings.map(({ summary }) => summary.split(':')[0]),
    ['threads has no effect here'],
  );
});

test('a range of SPIs in which others guess is refused, twice', t => {
  for (const body of ['spi_max = 0x200', 'spi_min = 0xffffff00', 'spi_min = 0x30000\n spi_max = 0x20000'])
    assert.throws(
      () => loadSettings(file(t, `charon { ${body} }`)),
      /leave .* SPIs, of which others guess one/,
    );
});

test('routes may be left to others, whatever their table would have been', t => {
  assert.equal(loadSettings(file(t, 'charon { install_routes = no\n routing_table = 9 }')).routes, false);
  const priority = loadSettings(file(t, 'charon { install_routes = yes\n routing_table_prio = 9 }')).routes;
  assert.deepEqual(priority, { priority: 9 });
  assert.equal(loadSettings(file(t, 'charon { install_virtual_ip = no }')).virtualIps, false);
});

test('user space carries packets where charon has it so', t => {
  const userspace = (text: string): boolean | undefined => loadSettings(file(t, text)).userspace;
  assert.equal(userspace('charon { load = aes kernel-libipsec kernel-netlink }'), true);
  assert.equal(userspace('charon { load = aes kernel-netlink }'), undefined);
  assert.equal(userspace('charon { plugins { kernel-libipsec { load = yes } } }'), true);
  assert.equal(userspace('charon { plugins { kernel-libipsec { load = no } } }'), undefined);
});

test('limits that are off are as if there were none', t => {
  const { engine } = loadSettings(
    file(
      t,
      'charon { dos_protection = no\n cookie_threshold = 5\n init_limit_half_open = 0\n fragment_size = 0 }',
    ),
  );
  assert.deepEqual(engine, {
    cookieThreshold: Number.MAX_SAFE_INTEGER,
    cookieThresholdPerAddress: Number.MAX_SAFE_INTEGER,
    blockThreshold: 0,
  });
});

test('keys are only saved when it is asked for', t => {
  assert.equal(
    loadSettings(file(t, 'charon { plugins { save-keys { wireshark_keys = /tmp } } }')).saveKeys,
    undefined,
  );
});

test('what has no effect is named', t => {
  const path = file(
    t,
    'charon { threads = 16\n ssh_agent = x\n load-tester { x = 1 }\n tls { }\n plugins { radattr { dir = /x }\n unity { x = 1 }\n gmp { load = no } } }',
  );
  assert.deepEqual(
    loadSettings(path).warnings.map(warning => formatRemark(warning).replace(path, 'f')),
    [
      'f:1:10: threads has no effect here: key exchange has one thread, and packets in user space another',
      'f:2:2: ssh_agent has no effect here: keys are read from files, or loaded over VICI',
      'f:3:2: the section charon.load-tester has no effect here',
      'f:5:12: plugins of charon have no effect here: radattr, unity',
    ],
  );
});

test('what is wrong is told with its place', t => {
  const path = file(t, 'charon {\n retransmit_timeuot = 4\n port = 70000\n keep_alive = soon\n}');
  assert.throws(
    () => loadSettings(path),
    (error: unknown) => {
      assert.ok(error instanceof ConfigurationFailure);
      assert.deepEqual(
        error.failures.map(failure => formatRemark(failure).replace(path, 'f')),
        [
          'f:2:2: there is no key "retransmit_timeuot" in a section such as "charon"; did you mean "retransmit_timeout"?',
          'f:3:9: port cannot be "70000": it is not between 0 and 65535',
          'f:4:15: keep_alive cannot be "soon": it is no whole number followed by s, m, h or d',
        ],
      );
      return true;
    },
  );
});

test('log files have levels by group, and leave the level of standard output alone', t => {
  const settings = loadSettings(
    file(
      t,
      `charon { filelog {
  /var/log/other { default = 4 }
  log { path = /var/log/charon.log
    default = 0
    ike = 2
    net = -1
    append = no
    ike_name = yes
    time_format = %F %T
    time_add_ms = yes }
  stdout { default = 2 } } }`,
    ),
  );
  assert.equal(settings.logLevel, 'trace');
  assert.deepEqual(settings.logFiles, [
    {
      path: '/var/log/charon.log',
      append: false,
      ikeName: true,
      timeFormat: '%F %T',
      milliseconds: true,
      levels: { default: 0, ike: 2, net: -1 },
    },
  ]);
  assert.throws(() => loadSettings(file(t, 'charon { filelog { log { path = x\n ikee = 2 } } }')), /ikee/);
  assert.throws(() => loadSettings(file(t, 'charon { filelog { log { path = x\n ike = 9 } } }')), /ike/);
});

test('the system’s log has facilities, each with levels of its own', t => {
  const path = file(
    t,
    `charon { syslog {
  identifier = ipsec
  daemon { default = 1
    net = -1
    ike_name = yes }
  auth { default = -1
    ike = 0 }
  local7 { default = 2 } } }
charon-systemd { journal { default = 2
  ike = 3 } }`,
  );
  const { syslog, logLevel, warnings } = loadSettings(path);
  assert.deepEqual(syslog, {
    identifier: 'ipsec',
    targets: [
      { facility: 3, ikeName: true, levels: { default: 1, net: -1 } },
      { facility: 10, ikeName: false, levels: { default: -1, ike: 0 } },
    ],
  });
  assert.equal(logLevel, 'debug', 'the journal gets what we print');
  assert.deepEqual(
    warnings.map(warning => formatRemark(warning).replace(path, 'f')),
    ['f:8:3: charon writes to the facilities daemon and auth alone'],
  );
  assert.equal(loadSettings(file(t, 'charon { syslog { } }')).syslog, undefined);
});

test('what all peers are told with their addresses, and what is run at the beginning and the end', t => {
  const { attributes, startScripts, stopScripts, warnings } = loadSettings(
    file(
      t,
      `charon { dns1 = 10.2.0.53
  nbns2 = 10.2.0.54
  plugins { attr { load = yes
    dns = 10.2.0.55, 2001:db8::53
    split-include = 10.2.0.0/16
    p-cscf = 10.2.0.57
    28673 = text } }
  start-scripts { creds = swanctl --load-creds
    conns = swanctl --load-conns }
  stop-scripts { } }`,
    ),
  );
  assert.deepEqual(
    attributes?.map(attribute => [attribute.kind, formatAttribute(attribute)]),
    [
      ['dns', '10.2.0.53'],
      ['nbns', '10.2.0.54'],
      ['dns', '10.2.0.55'],
      ['dns', '2001:db8::53'],
      ['p-cscf', '10.2.0.57'],
      ['split-include', '10.2.0.0/16'],
      ['numbered', '74657874'],
    ],
  );
  assert.deepEqual(startScripts, ['swanctl --load-creds', 'swanctl --load-conns']);
  assert.equal(stopScripts, undefined);
  assert.deepEqual(warnings, []);
});
