import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Issued, issue, issueCrl, makeAuthority, TEST_TIME } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { writePem } from '../pki/pem.ts';
import { formatAttribute } from '../policy/pool.ts';
import { type Configuration, loadConfiguration } from './load.ts';
import { ConfigurationFailure, formatRemark } from './report.ts';

const provider = nodeProvider();
const root = makeAuthority({ key: 'p256' });
const intermediate = makeAuthority({ key: 'p256', subject: 'C=CH, O=Lab, CN=Middle', parent: root });
const moon = issue(intermediate, { key: 'p256', names: ['dns:moon.example.org'] });
const sun = issue(root, { key: 'ed25519', subject: 'C=CH, O=Lab, CN=sun' });

function certificate(...issued: readonly Issued[]): string {
  return issued.map(({ der }) => writePem('CERTIFICATE', der)).join('');
}

function key(issued: Issued): string {
  return writePem('PRIVATE KEY', issued.pkcs8);
}

/** Writes the files of a swanctl directory: names to content. */
function directory(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-config-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode: 0o600 });
  }
  return folder;
}

function load(folder: string): Configuration {
  return loadConfiguration(folder, { provider, now: TEST_TIME });
}

interface Found {
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
}

/** What loading finds wrong, with the folder's path left out. */
function found(folder: string): Found {
  const short = (remark: Parameters<typeof formatRemark>[0]): string =>
    formatRemark(remark).replaceAll(`${folder}/`, '');
  try {
    return { failures: [], warnings: load(folder).warnings.map(short) };
  } catch (error) {
    assert.ok(error instanceof ConfigurationFailure);
    return { failures: error.failures.map(short), warnings: error.warnings.map(short) };
  }
}

const PUBKEY =
  'connections { gw { local { auth = pubkey\n certs = moon.crt\n }\n remote { auth = pubkey } } }\n';

test('a whole directory becomes a configuration', t => {
  const folder = directory(t, {
    'swanctl.conf': `include conf.d/*.conf
      secrets { ike-moon { secret = 0x0102
          id-1 = moon.example.org
          id-2 = %any }
        eap { secret = "pass word"
          id = carol } }
      pools { rw { addrs = 10.3.0.0/28
          dns = 10.3.0.53, 2001:db8::53
          28 = x, y } }
      authorities { mid { cacert = middle.crt } }`,
    'conf.d/a.conf':
      'connections { gw { pools = rw\n local { certs = moon.pem }\n remote { id = sun.example.org\n cacerts = root.crt } } }',
    'conf.d/b.conf': 'connections { gw { children { net { } } } }',
    'conf.d/.b.conf.swp': '\0binary',
    'x509/moon.pem': certificate(moon, intermediate),
    'x509/sun.der': sun.der,
    'x509ca/root.crt': certificate(root),
    'x509ca/middle.crt': certificate(intermediate),
    'x509crl/root.crl': writePem('X509 CRL', issueCrl(root)),
    'private/moon.key': key(moon),
    'pkcs8/sun.key': sun.pkcs8,
  });
  const { connections, credentials, pools, warnings } = load(folder);
  assert.deepEqual(warnings, []);
  const [gw] = connections;
  assert.equal(connections.length, 1);
  assert.deepEqual(
    gw?.children.map(({ name }) => name),
    ['net'],
  );
  assert.deepEqual(gw?.local[0]?.certificates, [moon.der]);
  assert.deepEqual(gw?.remote[0]?.authorities, [root.der]);
  assert.deepEqual(credentials.authorities, [intermediate.der, root.der]);
  assert.deepEqual(
    credentials.certificates.map(der => Buffer.from(der).toString('base64')).sort(),
    [moon, intermediate, sun].map(({ der }) => Buffer.from(der).toString('base64')).sort(),
  );
  assert.equal(credentials.crls.length, 1);
  assert.deepEqual(
    credentials.privateKeys.map(({ type }) => type),
    ['ec', 'ed25519'],
  );
  assert.deepEqual(
    credentials.shared.map(({ name, use, secret, owners }) => [name, use, secret.length, owners.length]),
    [
      ['ike-moon', 'ike', 2, 2],
      ['eap', 'eap', 9, 1],
    ],
  );
  assert.equal(pools[0]?.name, 'rw');
  assert.equal(pools[0]?.prefix, 28);
  assert.deepEqual(
    pools[0]?.attributes.map(one => [one.kind, formatAttribute(one)]),
    [
      ['dns', '10.3.0.53'],
      ['dns', '2001:db8::53'],
      ['numbered', '78'],
      ['numbered', '79'],
    ],
  );
});

test('a file may be named instead of its directory', t => {
  const folder = directory(t, {
    'other.conf': 'connections { x { local { auth = psk } } }\nsecrets { ike { secret = y } }',
  });
  assert.deepEqual(
    load(join(folder, 'other.conf')).connections.map(({ name }) => name),
    ['x'],
  );
});

test('a directory without swanctl.conf says so', t => {
  const folder = directory(t, {});
  assert.deepEqual(found(folder).failures, [
    'swanctl.conf: cannot read the file: it does not exist; there is no file that ends in .yaml either',
  ]);
  assert.match(
    found('/nonexistent/dir').failures.join(),
    /^\/nonexistent\/dir: the directory does not exist/,
  );
});

test('encrypted keys open with their secrets', t => {
  const encrypted = moon.key.privateKey.export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-128-cbc',
    passphrase: 'open',
  });
  const files = {
    'x509/moon.crt': certificate(moon),
    'x509ca/root.crt': certificate(root),
    'private/moon.key': encrypted,
  };
  const secret = (text: string): string =>
    `${PUBKEY}secrets { private-1 { file = moon.key\n secret = ${text} } }`;
  const good = directory(t, { ...files, 'swanctl.conf': secret('open') });
  assert.equal(load(good).credentials.privateKeys.length, 1);
  const bad = directory(t, { ...files, 'swanctl.conf': secret('shut') });
  assert.match(
    found(bad).failures.join('\n'),
    /^private\/moon\.key: cannot use the private key .*the passphrase does not decrypt it; check the secret$/m,
  );
  const none = directory(t, { ...files, 'swanctl.conf': PUBKEY });
  assert.match(
    found(none).failures.join('\n'),
    /there is no passphrase for it; add to secrets: private-1 { file = moon\.key/,
  );
});

test('a passphrase that decrypts nothing is warned of', t => {
  const folder = directory(t, { 'swanctl.conf': 'secrets { rsa { file = x.key\n secret = y } }' });
  assert.match(
    found(folder).warnings.join(),
    /^swanctl\.conf:1:24: there is no file "x\.key" in rsa\/ that this secret/,
  );
});

test('a certificate without its key is told, with the keys that are there', t => {
  const files = {
    'swanctl.conf': PUBKEY,
    'x509/moon.crt': certificate(moon),
    'x509ca/root.crt': certificate(root),
  };
  assert.deepEqual(found(directory(t, files)).failures, [
    'swanctl.conf:2:10: no private key fits the certificate "C=CH, O=Lab, CN=moon" of connection "gw"; put its key into private/',
  ]);
  const other = found(directory(t, { ...files, 'private/sun.key': key(sun) }));
  assert.match(other.failures.join(), /those there \(private\/sun\.key\) belong to others$/);
  assert.match(other.warnings.join(), /^private\/sun\.key: this private key fits no certificate/);
});

test('keys and certificates that never meet are told where none is named', t => {
  const conf = 'connections { gw { local { auth = pubkey\n id = moon.example.org } } }';
  const folder = directory(t, {
    'swanctl.conf': conf,
    'x509/moon.crt': certificate(moon),
    'private/sun.key': key(sun),
  });
  assert.match(
    found(folder).failures.join(),
    /^swanctl\.conf:1:15: connection "gw" names no certificate, and no private key fits/,
  );
  const keyless = directory(t, { 'swanctl.conf': conf });
  assert.match(found(keyless).warnings.join(), /connection "gw" has no private key to prove/);
});

test('a shared key of IKEv1 that can be guessed is told of at its place, and never shown', t => {
  const conf = (more: string, secret: string) => `connections { gw { version = 1
      ${more}
      local { auth = psk
        id = moon.example.org }
      remote { auth = psk
        id = sun.example.org } } }
    secrets { ike-moon { secret = ${secret} } }`;
  const weak = found(directory(t, { 'swanctl.conf': conf('aggressive = yes', 'summer2024') }));
  assert.match(
    weak.warnings.join(),
    /^swanctl\.conf:2:\d+: connection "gw" has aggressive mode .*"ike-moon" is worth about \d+ bits/,
  );
  assert.doesNotMatch(weak.warnings.join(), /summer2024/);
  const main = found(directory(t, { 'swanctl.conf': conf('', 'summer2024') }));
  assert.match(main.warnings.join(), /connection "gw" has main mode .* about \d+ bits/);
  const strong = found(
    directory(t, { 'swanctl.conf': conf('', '0x9f8e1c0b7a6d5f4e3c2b1a09182736455a6b7c8d') }),
  );
  assert.deepEqual(strong.warnings, []);
});

test('raw public keys need no certificate', t => {
  const conf =
    'connections { gw { local { auth = pubkey\n pubkeys = moon.pub }\n remote { pubkeys = sun.pub } } }';
  const folder = directory(t, {
    'swanctl.conf': conf,
    'pubkey/moon.pub': writePem('PUBLIC KEY', moon.spki),
    'pubkey/sun.pub': sun.spki,
    'private/moon.key': key(moon),
  });
  const { connections, warnings } = load(folder);
  assert.deepEqual(warnings, []);
  assert.deepEqual([...(connections[0]?.local[0]?.publicKeys[0] ?? [])], [...moon.spki]);
  assert.deepEqual([...(connections[0]?.remote[0]?.publicKeys[0] ?? [])], [...sun.spki]);
});

test('files that are named and not there, and files that are no certificates', t => {
  const folder = directory(t, {
    'swanctl.conf':
      'connections { gw { local { certs = gone.crt, junk.crt }\n remote { cacerts = /gone/ca.crt } } }',
    'x509/junk.crt': 'junk',
    'x509ca/half.crt': certificate(root).slice(0, 200),
    'x509crl/junk.crl': 'junk',
    'private/junk.key': 'junk',
  });
  assert.deepEqual(
    found(folder).failures.map(line => line.replace(/(: cannot [a-z]+).*/, '$1')),
    [
      'private/junk.key: cannot use',
      'swanctl.conf:1:36: cannot read',
      'swanctl.conf:1:46: cannot read',
      'swanctl.conf:2:21: cannot read',
      'x509/junk.crt: cannot read',
      'x509ca/half.crt: cannot read',
      'x509crl/junk.crl: cannot read',
    ],
  );
});

test('secrets that everybody may read are warned of, in whichever file they stand', t => {
  const folder = directory(t, {
    'swanctl.conf': `include conf.d/*.conf\n${PUBKEY}`,
    'conf.d/secrets.conf': 'secrets { ike { secret = x } }',
    'x509/moon.crt': certificate(moon),
    'private/moon.key': key(moon),
  });
  assert.deepEqual(found(folder).warnings, []);
  chmodSync(join(folder, 'swanctl.conf'), 0o644);
  chmodSync(join(folder, 'conf.d/secrets.conf'), 0o644);
  chmodSync(join(folder, 'private/moon.key'), 0o644);
  assert.deepEqual(found(folder).warnings, [
    'conf.d/secrets.conf: everybody on this machine may read this file with secrets; chmod 600 conf.d/secrets.conf',
    'private/moon.key: everybody on this machine may read this private key; chmod 600 private/moon.key',
  ]);
});

test('authorities that vouch for nobody, and certificates that peers refuse, are warned of', t => {
  const old = makeAuthority({ key: 'p256', subject: 'CN=old', notAfter: TEST_TIME - 1 });
  const expired = issue(root, { key: moon.key, notAfter: TEST_TIME - 1 });
  const folder = directory(t, {
    'swanctl.conf': PUBKEY,
    'x509/moon.crt': certificate(expired),
    'private/moon.key': key(expired),
    'x509ca/old.crt': certificate(old),
    'x509ca/leaf.crt': certificate(moon),
  });
  const { warnings } = found(folder);
  assert.match(warnings.join('\n'), /^swanctl\.conf:2:10: peers will refuse the certificate .*expired/m);
  assert.match(
    warnings.join('\n'),
    /^x509ca\/leaf\.crt: "C=CH, O=Lab, CN=moon" will vouch for nobody: it is not marked/m,
  );
  assert.match(warnings.join('\n'), /^x509ca\/old\.crt: "CN=old" will vouch for nobody: it expired/m);
});

test('pools and secrets that do not exist are told', t => {
  const folder = directory(t, {
    'swanctl.conf':
      'connections { gw { pools = rm, other\n local { auth = psk } } }\npools { rw { addrs = 10.0.0.0/24 } empty { dns = 1.1.1.1 } bad { addrs = 10.0.0.9-10.0.0.1 } }',
  });
  const { failures, warnings } = found(folder);
  assert.deepEqual(failures, [
    'swanctl.conf:1:28: there is no pool "rm"; did you mean "rw"?',
    'swanctl.conf:1:32: there is no pool "other"; define it in the section pools',
    'swanctl.conf:3:36: pool "empty" has no addresses; add addrs = 10.1.0.0/24',
    'swanctl.conf:3:74: addrs cannot be "10.0.0.9-10.0.0.1": it is neither a prefix nor a range of addresses',
  ]);
  assert.match(warnings.join(), /connection "gw" has no secret/);
});

test('a bypass needs neither keys nor secrets', t => {
  const folder = directory(t, {
    'swanctl.conf':
      'connections { lan { children { a { mode = pass\n start_action = trap\n local_ts = 10.0.0.0/8\n remote_ts = 10.0.0.0/8 } } } }',
  });
  assert.deepEqual(found(folder), { failures: [], warnings: [] });
});

test('what secrets lack, or are not', t => {
  const folder = directory(t, {
    'swanctl.conf': `secrets {
 ike-1 { id = x }
 ike-2 { secret = 0xzz
  id = "asn1dn:#00" }
 ntlm { secret = short }
 private { secret = x }
 ikes { secret = topsecret }
 prviate-2 { file = x }
 token { pin = 1 }
 eap { scret = x } }`,
  });
  const { failures } = found(folder);
  assert.deepEqual(
    failures.map(line => line.replace(/; .*/, '')),
    [
      'swanctl.conf:2:2: secret "ike-1" has no secret',
      'swanctl.conf:3:19: secret cannot be this: what follows 0x is not hexadecimal',
      failures[2]?.replace(/; .*/, ''),
      'swanctl.conf:5:18: secret "ntlm" is no NT hash: it has 5 octets, not 16',
      'swanctl.conf:6:2: secret "private" has no file',
      'swanctl.conf:8:2: there is no kind of secret that "prviate-2" begins with',
      'swanctl.conf:9:2: keys on tokens are not supported here yet',
      'swanctl.conf:10:2: secret "eap" has no secret',
      'swanctl.conf:10:8: there is no key "scret" in a section such as "eap"',
    ],
  );
  assert.match(failures[2] ?? '', /^swanctl\.conf:4:8: id cannot be/);
  assert.doesNotMatch(failures.join('\n'), /topsecret|0xzz/);
});

test('what stands outside of its section', t => {
  const folder = directory(t, {
    'swanctl.conf':
      'version = 2\nconections { }\nconnections { version = 2 }\nmine { x = 1 }\nshared { }\nuse : shared { }\n',
  });
  const { failures, warnings } = found(folder);
  assert.deepEqual(failures, [
    'swanctl.conf:1:1: "version" stands outside of any section; put it into a section',
    'swanctl.conf:2:1: there is no section "conections"; did you mean "connections"?',
    'swanctl.conf:3:15: "version" stands directly in "connections"; put it into a section of "connections" with a name',
  ]);
  assert.deepEqual(warnings, [
    'swanctl.conf:4:1: section "mine" has no effect: no other section inherits from it',
    'swanctl.conf:6:1: section "use" has no effect: no other section inherits from it',
  ]);
});

test('a mistake in what several connections inherit is told once, where it stands', t => {
  const folder = directory(t, {
    'swanctl.conf':
      'base { mobike = perhaps }\nconnections { a : base { local { auth = psk } }\n b : base { local { auth = psk } } }\nsecrets { ike { secret = x } }',
  });
  assert.deepEqual(found(folder).failures, [
    'swanctl.conf:1:17: mobike cannot be "perhaps": it is neither yes nor no',
  ]);
});

test('includes that go wrong', t => {
  const folder = directory(t, {
    'swanctl.conf': 'include gone.conf\ninclude none/*.conf\ninclude loop.conf\ninclude latin.conf\n',
    'loop.conf': 'include loop.conf\n',
    'latin.conf': Uint8Array.of(0x61, 0x3d, 0xff),
  });
  const { failures } = found(folder);
  assert.equal(failures.length, 3, failures.join('\n'));
  assert.match(failures.join('\n'), /^loop\.conf:1:1: includes are nested more than 10 deep/m);
  assert.match(failures.join('\n'), /^swanctl\.conf:1:1: cannot read "gone\.conf": it does not exist$/m);
  assert.match(failures.join('\n'), /^swanctl\.conf:4:1: cannot read "latin\.conf": it is not UTF-8 text$/m);
});

test('the failure itself says everything, one thing a line', t => {
  const folder = directory(t, { 'swanctl.conf': 'connections { a { x = 1\n version = 9 } }' });
  assert.throws(
    () => load(folder),
    (error: unknown) => {
      assert.ok(error instanceof ConfigurationFailure);
      assert.equal(error.message.split('\n').length, 2);
      assert.deepEqual(
        error.failures.map(({ code }) => code),
        ['config/unknown-key', 'config/invalid-value'],
      );
      assert.deepEqual(
        error.failures.map(({ at }) => [at.line, at.column]),
        [
          [1, 19],
          [2, 12],
        ],
      );
      return true;
    },
  );
});
