import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TEST_TIME } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { type Configuration, loadConfiguration } from './load.ts';
import { ConfigurationFailure, formatRemark } from './report.ts';

const provider = nodeProvider();

function folderWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-yaml-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  return folder;
}

function load(path: string): Configuration {
  return loadConfiguration(path, { provider, now: TEST_TIME });
}

/** What is wrong with a file of this text, without the folder's name. */
function faults(t: TestContext, text: string): string {
  const folder = folderWith(t, { 'a.yaml': text });
  try {
    load(folder);
    return '';
  } catch (error) {
    assert.ok(error instanceof ConfigurationFailure, String(error));
    return error.failures.map(formatRemark).join('\n').replaceAll(`${folder}/`, '');
  }
}

const CONF = `
connections {
  gw : common {
    version = 0
    remote_addrs = 192.0.2.1, moon.example.org
    local { auth = psk
      id = "sun.example.org" }
    remote { auth = psk
      id = moon.example.org }
    children {
      net { local_ts = 10.1.0.0/16, 10.3.0.0/16[tcp/22]
        remote_ts = 10.2.0.0/16
        rekey_time = 2h
        mark_in = 0x10/0xff
        start_action = trap }
      plain { } } }
}
common { proposals = aes256-sha256-x25519
  mobike = no
  dpd_delay = 30s }
secrets { ike-1 { secret = 0s3q2+7w==
  id-1 = moon.example.org } }
pools { rw { addrs = 10.9.0.0/28
  dns = 10.9.0.53 } }
`;

const YAML = `
x-common: &common
  proposals: [aes256-sha256-x25519]
  mobike: no
  dpd_delay: 30s
connections:
  gw:
    <<: *common
    version: 0
    remote_addrs:
      - 192.0.2.1
      - moon.example.org
    local: {auth: psk, id: "sun.example.org"}
    remote:
      auth: psk
      id: &moon moon.example.org
    children:
      net:
        local_ts: 10.1.0.0/16, 10.3.0.0/16[tcp/22]
        remote_ts: ["10.2.0.0/16"]
        rekey_time: 2h
        mark_in: 0x10/0xff   # a comment
        start_action: trap
      plain:
secrets:
  ike-1:
    secret: 0s3q2+7w==
    id-1: *moon
pools:
  rw: {addrs: 10.9.0.0/28, dns: [10.9.0.53]}
`;

test('YAML says what swanctl.conf says', t => {
  const [conf, yaml] = [
    load(folderWith(t, { 'swanctl.conf': CONF })),
    load(folderWith(t, { 'a.yml': YAML })),
  ];
  assert.deepEqual(yaml.connections, conf.connections);
  assert.deepEqual(yaml.pools, conf.pools);
  const secrets = ({ credentials }: Configuration) =>
    credentials.shared.map(({ secret, ...rest }) => ({ ...rest, octets: [...secret.reveal()] }));
  assert.deepEqual(secrets(yaml), secrets(conf));
  assert.equal(yaml.connections[0]?.children[1]?.name, 'plain');
  assert.deepEqual(
    yaml.warnings.map(({ summary }) => summary),
    conf.warnings.map(({ summary }) => summary),
  );
});

test('several files are one, and a swanctl.conf goes before them', t => {
  const folder = folderWith(t, {
    'a.yaml': 'connections: {gw: {local: {auth: psk}, remote: {auth: psk}}}\n',
    'b.yaml':
      'connections: {gw: {mobike: no}, other: {local: {auth: psk}, remote: {auth: psk}}}\nsecrets: {ike: {secret: x}}\n',
    '.c.yaml': 'nonsense',
  });
  const { connections } = load(folder);
  assert.deepEqual(
    connections.map(({ name, mobike }) => [name, mobike]),
    [
      ['gw', false],
      ['other', true],
    ],
  );
  assert.equal(load(join(folder, 'a.yaml')).connections.length, 1);
  writeFileSync(join(folder, 'swanctl.conf'), '');
  const both = load(folder);
  assert.equal(both.connections.length, 0);
  assert.match(
    both.warnings.map(formatRemark).join('\n'),
    /a\.yaml: this file has no effect, since there is a swanctl\.conf/,
  );
});

test('what is wrong is told with line and column', t => {
  const gw = (lines: string) =>
    `connections:\n  gw:\n    local: {auth: psk}\n    remote: {auth: psk}\n${lines}\n`;
  const cases: readonly (readonly [string, RegExp])[] = [
    [gw('    proposal: aes'), /^a\.yaml:5:5: there is no key "proposal".*did you mean "proposals"/],
    [gw('    rekey_time: 4x'), /^a\.yaml:5:17: rekey_time cannot be "4x"/],
    [gw('    remote_addrs: [192.0.2.1, 192.0.2.999]'), /^a\.yaml:5:31: remote_addrs cannot be "192.0.2.999"/],
    [gw('    proposals: "aes256-sha256-x25519, aes265-sha1"'), /^a\.yaml:5:39: proposals cannot be/],
    [gw('    mobike: no\n    mobike: yes'), /^a\.yaml:6:5: "mobike" stands here a second time, after line 5/],
    [gw('    mobike: [{a: b}]'), /^a\.yaml:5:14: a list holds values alone/],
    [gw('    mobike: *nowhere'), /unresolved alias|nothing before this has the anchor &nowhere/],
    [gw('    <<: 5'), /^a\.yaml:5:5: << takes a mapping or a list of them/],
    [gw('    mobike: !!binary aa'), /^a\.yaml:5:22: the tag tag:yaml.org,2002:binary means nothing here/],
    [gw('   bad indent: x'), /^a\.yaml:\d+:\d+: /],
    ['connections: {gw: [}', /^a\.yaml:1:20: /],
    ['- a\n- b\n', /^a\.yaml:1:1: the file is no mapping of sections/],
    ['a: b\n---\nc: d\n', /^a\.yaml:2:1: source contains multiple documents/],
    ['conections: {a: {}}\n', /^a\.yaml:1:1: there is no section "conections"; did you mean "connections"/],
    ['connections: 5\n', /^a\.yaml:1:1: "connections" stands outside of any section/],
    ['? [a, b]\n: c\n', /^a\.yaml:1:3: the name of a key or section is missing here/],
    ['connections:\n\tgw: x\n', /^a\.yaml:2:\d+: tabs|^a\.yaml:2/],
    ['x: "\\q"', /^a\.yaml:1:\d+: invalid escape/],
    // The end of a literal text by something that is none of it.
    ['a: |\n  0x00\n0cd:\n030\n  b: 1\n', /^a\.yaml:4:1: /],
    ['connections: !mine {}', /^a\.yaml:1:14: unresolved tag/],
  ];
  for (const [text, expected] of cases) assert.match(faults(t, text), expected, text);
  assert.equal(faults(t, ''), '');
  assert.equal(faults(t, '# nothing\n'), '');
});

test('what YAML can be made to do to a reader is bounded', t => {
  const levels = Array.from({ length: 30 }, (_, i) => `x-${i + 1}: &l${i + 1} {a: *l${i}, b: *l${i}}\n`);
  assert.match(faults(t, `x-0: &l0 {a: b}\n${levels.join('')}`), /aliases multiply|nested more than 32 deep/);
  const merges = levels.map((_, i) => `x-${i + 1}: &l${i + 1} {<<: [*l${i}, *l${i}]}\n`);
  assert.match(faults(t, `x-0: &l0 {a: b}\n${merges.join('')}`), /aliases multiply|nested more than 32 deep/);
  assert.match(
    faults(t, 'x-0: &l {a: *l, b: *l}\n'),
    /nothing before this has the anchor &l|unresolved alias/,
  );
  assert.match(faults(t, `a: ${'['.repeat(5000)}`), /nested too deep/);
  assert.match(faults(t, `a: ${'- '.repeat(5000)}`), /./);
  const deep = Array.from({ length: 40 }, (_, i) => `${' '.repeat(i)}a:`).join('\n');
  assert.match(faults(t, `${deep} x\n`), /nested more than 32 deep/);
  assert.match(faults(t, `# ${'x'.repeat(1024 * 1024)}`), /larger than 1048576 octets/);
  assert.equal(faults(t, 'a: b: c\n'.repeat(1000)).split('\n').length, 20);
});
