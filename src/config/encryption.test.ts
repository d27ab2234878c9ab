import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import {
  type Issued,
  issue,
  keyPair,
  makeAuthority,
  TEST_TIME,
  USAGE,
} from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { writePem } from '../pki/pem.ts';
import { type Configuration, loadConfiguration } from './load.ts';
import { ConfigurationFailure, formatRemark } from './report.ts';

const provider = nodeProvider();
const root = makeAuthority();
const pair = keyPair('rsa2048');
const usage = { keyUsage: USAGE.keyEncipherment } as const;
const moon = issue(root, { key: pair, ...usage });
const sun = issue(root, { key: 'rsa2048', subject: 'C=CH, O=Lab, CN=sun', ...usage });
const signing = issue(root, { key: pair });
const elliptic = issue(root, { key: 'p256', subject: 'C=CH, O=Lab, CN=curve', keyUsage: null });
const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

interface Found {
  readonly configuration?: Configuration;
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
}

/** What comes of a directory with `connections` and all certificates there are. */
function load(connections: string, files: Readonly<Record<string, Issued>> = {}): Found {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-encryption-'));
  folders.push(folder);
  const write = (name: string, content: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  };
  write('swanctl.conf', connections);
  for (const [name, { der }] of Object.entries({ moon, sun, signing, elliptic, ...files }))
    write(`x509/${name}.crt`, writePem('CERTIFICATE', der));
  write('private/moon.key', writePem('PRIVATE KEY', moon.pkcs8));
  write('private/curve.key', writePem('PRIVATE KEY', elliptic.pkcs8));
  write('private/sun.key', writePem('PRIVATE KEY', sun.pkcs8));
  const short = (remark: Parameters<typeof formatRemark>[0]): string =>
    formatRemark(remark).replaceAll(`${folder}/`, '');
  try {
    const configuration = loadConfiguration(folder, { provider, now: TEST_TIME });
    return { configuration, failures: [], warnings: configuration.warnings.map(short) };
  } catch (error) {
    assert.ok(error instanceof ConfigurationFailure);
    return { failures: error.failures.map(short), warnings: error.warnings.map(short) };
  }
}

function gateway(local: string, remote: string, more = 'version = 1'): string {
  return `connections {\n gw {\n ${more}\n local {\n ${local}\n }\n remote {\n ${remote}\n }\n }\n}\n`;
}

for (const method of ['pubkey-encryption', 'pubkey-encryption-revised'])
  test(`${method} is read as it is written`, () => {
    const ours = `auth = ${method}\n certs = moon.crt`;
    const { configuration, failures, warnings } = load(gateway(ours, `auth = ${method}\n certs = sun.crt`));
    assert.deepEqual([failures, warnings], [[], []]);
    const [gw] = configuration?.connections ?? [];
    assert.equal(gw?.local[0]?.method, method);
    assert.equal(gw?.remote[0]?.method, method);
    assert.equal(gw?.remote[0]?.unhashedSkeyid, undefined);
    const quirk = load(gateway(ours, `auth = ${method}:unhashed-skeyid\n certs = sun.crt`));
    assert.deepEqual(quirk.failures, []);
    assert.equal(quirk.configuration?.connections[0]?.remote[0]?.unhashedSkeyid, true);
  });

const OURS = 'auth = pubkey-encryption\n certs = moon.crt';
const THEIRS = 'auth = pubkey-encryption\n certs = sun.crt';

for (const [what, text, failure] of [
  [
    'in IKEv2',
    gateway(OURS, THEIRS, 'version = 2'),
    /^swanctl.conf:5:9: pubkey-encryption belongs to IKEv1 alone; set version = 1/,
  ],
  [
    'where IKEv2 may be meant',
    gateway(OURS, THEIRS, 'mobike = no'),
    /^swanctl.conf:5:9: pubkey-encryption belongs to IKEv1 alone/,
  ],
  [
    'on one side alone',
    gateway(OURS, 'auth = pubkey'),
    /^swanctl.conf:5:9: pubkey-encryption is supported as the only round of both sides/,
  ],
  [
    'with the quirk said of this side',
    gateway('auth = pubkey-encryption:unhashed-skeyid\n certs = moon.crt', THEIRS),
    /^swanctl.conf:5:9: how the peer makes SKEYID is said of the remote side/,
  ],
  [
    'with a quirk that is none',
    gateway(OURS, 'auth = pubkey-encryption:cisco\n certs = sun.crt'),
    /^swanctl.conf:9:27: .*"cisco" is no way to do public key encryption; .*unhashed-skeyid/,
  ],
  [
    'with nothing to encrypt to',
    gateway(OURS, 'auth = pubkey-encryption'),
    /^swanctl.conf:9:9: there is nothing to encrypt to: .* must be known beforehand; set certs or pubkeys/,
  ],
  [
    'with a certificate that only signs',
    gateway('auth = pubkey-encryption\n certs = signing.crt', THEIRS),
    /^swanctl.conf:6:10: .*cannot be encrypted to: its key usage does not allow keyEncipherment/,
  ],
  [
    'with a key that does not encrypt',
    gateway('auth = pubkey-encryption\n certs = elliptic.crt', THEIRS),
    /^swanctl.conf:6:10: a key of type ec with 256 bits cannot be encrypted to/,
  ],
] as const)
  test(`public key encryption ${what} is refused`, () => {
    const { failures } = load(text);
    assert.ok(
      failures.some(text => failure.test(text)),
      failures.join('\n'),
    );
  });

test('a key that decrypts for one connection must not sign for another', () => {
  const signer =
    ' vpn {\n local {\n auth = pubkey\n certs = signing.crt\n }\n remote { auth = pubkey }\n }\n';
  for (const text of [
    gateway(OURS, THEIRS).replace('connections {\n', `connections {\n${signer}`),
    gateway(OURS, THEIRS).replace(/\}\n$/, `${signer}}\n`),
  ]) {
    const { failures } = load(text);
    assert.equal(failures.length, 1);
    assert.match(
      failures[0] ?? '',
      /^swanctl.conf:\d+:10: the key that connection "gw" decrypts with also signs, for connection "vpn": .*; give "gw" a key pair of its own/,
    );
  }
});

test('without keys of the peer the revised method is for peers that begin', () => {
  const { failures, warnings } = load(
    gateway(OURS.replace('encryption', 'encryption-revised'), 'auth = pubkey-encryption-revised'),
  );
  assert.deepEqual(failures, []);
  assert.match(
    warnings.join('\n'),
    /^swanctl.conf:9:9: the remote side names no key: this side can begin only where/m,
  );
});
