import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { makeAuthority, TEST_TIME } from '../../test/certificate-builder.ts';
import { dataPath, withoutData } from '../../test/data.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { loadConfiguration } from './load.ts';
import { ConfigurationFailure, formatRemark } from './report.ts';
import { CERTIFICATE, LOCAL, REMOTE } from './schema/authentication.ts';
import { CHILD } from './schema/child.ts';
import { CONNECTION } from './schema/connection.ts';
import { AUTHORITY, TOKEN } from './schema/credentials.ts';
import { POOL } from './schema/pool.ts';
import { CHARON } from './schema/settings.ts';
import { CHARON_UNHEEDED } from './schema/unheeded.ts';
import type { Table } from './schema.ts';
import { loadSettings } from './settings.ts';

const provider = nodeProvider();

/** Values that differ from the defaults, by key; keys that are not here are given the last resort. */
const VALUES: Readonly<Record<string, string>> = {
  version: '1',
  local_addrs: '192.0.2.7',
  remote_addrs: '192.0.2.8',
  proposals: 'aes256-sha256-x25519',
  vips: '0.0.0.0',
  dscp: '101110',
  fragmentation: 'force',
  childless: 'force',
  send_cert: 'always',
  ocsp: 'both',
  keyingtries: '7',
  unique: 'replace',
  pools: 'rw',
  auth: 'psk',
  cert_policy: '1.2.3',
  id: 'moon.example.org',
  revocation: 'strict',
  esp_proposals: 'aes256-sha256',
  ah_proposals: 'sha256',
  local_ts: '10.0.0.0/8',
  remote_ts: '10.0.0.0/8',
  updown: '/bin/true',
  mode: 'transport',
  dpd_action: 'restart',
  start_action: 'start',
  close_action: 'start',
  mark_in: '5',
  mark_out: '5',
  set_mark_in: '5',
  set_mark_out: '5',
  interface: 'eth0',
  label_mode: 'simple',
  hw_offload: 'crypto',
  copy_dscp: 'in',
  addrs: '10.7.0.0/24',
  split_include: '10.0.0.0/8',
  split_exclude: '10.0.0.0/8',
  subnet: '10.0.0.0/8',
  address: '10.0.0.1',
  dns: '10.0.0.1',
  nbns: '10.0.0.1',
  dhcp: '10.0.0.1',
  netmask: '255.0.0.0',
  server: '10.0.0.1',
  socket: 'unix:///x',
  max_packet: '9000',
  spi_min: '0x1000',
  spi_max: '0x10000000',
};

/** Whether a text says of a key that it is heeded: `set` with it and `unset` without, as they come out of `read`. */
function told(key: string, read: (text: string) => unknown, setting: (value: string) => string): boolean {
  const attempt = (
    text: string,
  ): { readonly model: unknown; readonly remarks: string; readonly failed: boolean } => {
    try {
      const { warnings, ...model } = read(text) as {
        warnings: readonly Parameters<typeof formatRemark>[0][];
      };
      return { model, remarks: warnings.map(formatRemark).join('\n'), failed: false };
    } catch (error) {
      assert.ok(error instanceof ConfigurationFailure, String(error));
      return { model: undefined, remarks: error.message, failed: true };
    }
  };
  const unset = attempt(setting(''));
  const kinds =
    VALUES[key] === undefined ? ['yes', 'no', '7', '77', '10.0.0.1', 'x.example.org'] : [VALUES[key]];
  return kinds.some(value => {
    const set = attempt(setting(`${key} = ${value}`));
    if (/cannot be "|there is no key/.test(set.remarks)) return false;
    const named = new RegExp(`\\b${key}\\b`).test(set.remarks.replace(unset.remarks, ''));
    return named || set.failed !== unset.failed || !isDeepStrictEqual(set.model, unset.model);
  });
}

const CHAPTERS: readonly (readonly [name: string, table: Table, setting: (line: string) => string])[] = [
  ['connection', CONNECTION, line => inConnection(`${line}\nchildren { net { } }`)],
  ['local', LOCAL, line => inConnection('', line)],
  ['remote', REMOTE, line => inConnection('', '', line)],
  ['cert', CERTIFICATE, line => inConnection('', line === '' ? '' : `cert1 {\n${line}\n}`)],
  ['child', CHILD, line => inConnection(`children {\n net {\n${line}\n}\n}`)],
  ['token', TOKEN, line => `secrets {\n token {\n${line}\n}\n}`.replace(/token \{\s+\}/, '')],
  ['pool', POOL, line => `pools {\n p {\n addrs = 10.9.0.0/24\n${line}\n}\n}`],
  ['authority', AUTHORITY, line => `authorities {\n a {\n cacert = root.crt\n${line}\n}\n}`],
];

function inConnection(line: string, local = '', remote = ''): string {
  return `connections {\n gw {\n${line}\n local {\n auth = psk\n${local}\n}\n remote {\n auth = psk\n${remote}\n}\n}\n}
    secrets { ike { secret = x } }\n pools { rw { addrs = 10.8.0.0/24 } }`;
}

test('every key of a configuration changes what is loaded, or is named', t => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'x509ca'));
  writeFileSync(join(folder, 'x509ca/root.crt'), makeAuthority({ key: 'p256' }).der);
  const read = (text: string): unknown => {
    writeFileSync(join(folder, 'swanctl.conf'), text, { mode: 0o600 });
    return loadConfiguration(folder, { provider, now: TEST_TIME });
  };
  const silent = CHAPTERS.flatMap(([chapter, table, setting]) =>
    Object.keys(table).flatMap(key => (told(key, read, setting) ? [] : [`${chapter}: ${key}`])),
  );
  // The order of rounds means nothing where there is one.
  assert.deepEqual(silent, ['local: round', 'remote: round']);
});

test('every key of charon itself is heeded or named', t => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'strongswan.conf');
  const read = (text: string): unknown => {
    writeFileSync(file, text);
    return loadSettings(file);
  };
  for (const place of ['charon', 'charon-systemd'])
    for (const key of [...Object.keys(CHARON), ...Object.keys(CHARON_UNHEEDED)])
      assert.ok(
        told(key, read, line => `${place} {\n${line}\n}`),
        `${place}.${key}`,
      );
  const sections = {
    heeded: [
      'syslog { daemon { default = 1 } }',
      'journal { default = 2 }',
      'plugins { attr { dns = 10.0.0.1 } }',
      'start-scripts { load = swanctl --load-all }',
      'stop-scripts { tell = true }',
    ],
    named: ['load-tester { enable = yes }', 'plugins { eap-radius { secret = x } }'],
  };
  const empty = read('charon { }');
  for (const section of sections.heeded) assert.notDeepEqual(read(`charon {\n${section}\n}`), empty, section);
  for (const section of sections.named) {
    const { warnings } = read(`charon {\n${section}\n}`) as {
      warnings: readonly Parameters<typeof formatRemark>[0][];
    };
    assert.match(
      warnings.map(formatRemark).join(),
      /load-tester has no effect here|no effect here: eap-radius/,
      section,
    );
  }
});

test('every key that the field knows is known', { skip: withoutData('specs') }, () => {
  const text = readFileSync(join(dataPath('specs'), 'swanctl-and-vici.md'), 'utf8');
  const chapter = text.slice(text.indexOf('## 1 '), text.indexOf('## 2 '));
  const known = new Set([CONNECTION, LOCAL, REMOTE, CERTIFICATE, CHILD].flatMap(table => Object.keys(table)));
  const rows = [...chapter.matchAll(/^\| ([a-z][^|]*) \|/gm)].map(([, cell = '']) => cell);
  const keys = rows
    .flatMap(cell => cell.split(/[,/;]| and /))
    .map(key => key.replace(/<suffix>.*|\(.*/, '').trim());
  const missing = keys.filter(
    key => /^[a-z_0-9]+$/.test(key) && key !== 'cert' && key !== 'cacert' && !known.has(key),
  );
  assert.ok(keys.length > 50);
  assert.deepEqual(missing, []);
});
