import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issue, issueCrl, makeAuthority } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { utf8 } from '../lib/text.ts';
import { writePem } from '../pki/pem.ts';
import { formatIdentity } from '../policy/identity.ts';
import { formatSelector } from '../policy/selector-text.ts';
import {
  authorityFromTree,
  certificatesFrom,
  connectionFromTree,
  crlsFrom,
  poolFromTree,
  privateKeysFrom,
  sharedKeyFromTree,
} from './inline.ts';
import { ConfigurationFailure } from './report.ts';
import type { PlainTree } from './section.ts';

const provider = nodeProvider();
const root = makeAuthority({ key: 'p256' });
const moon = issue(root, { key: 'p256' });

function failures(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigurationFailure, String(error));
    return error.message.split('\n');
  }
  assert.fail('nothing was refused');
}

// What swanctl 5.9.8 sends for a connection: peers/vici/03-load-all.txt
const LAB: PlainTree = {
  version: '2',
  local_addrs: ['10.9.0.1'],
  remote_addrs: ['10.9.0.2'],
  proposals: ['aes256-sha256-ecp256'],
  local: { auth: 'pubkey', certs: [writePem('CERTIFICATE', moon.der)], id: 'alice.lab' },
  remote: { auth: 'pubkey', id: 'bob.lab', cacerts: [root.der] },
  children: {
    net: {
      local_ts: ['dynamic'],
      remote_ts: ['10.2.0.0/24', '10.3.0.1/32[tcp/80]'],
      esp_proposals: ['aes256gcm16-ecp256'],
      start_action: 'none',
    },
  },
};

test('a connection comes with its certificates in it', () => {
  const { connection, certificates, authorities, warnings } = connectionFromTree('lab', LAB, provider);
  assert.deepEqual(warnings, []);
  assert.equal(connection.name, 'lab');
  assert.equal(connection.version, 2);
  assert.deepEqual(connection.local[0]?.certificates, [moon.der]);
  assert.deepEqual(connection.remote[0]?.authorities, [root.der]);
  assert.deepEqual([certificates, authorities], [[moon.der], [root.der]]);
  assert.deepEqual(connection.children[0]?.remoteTs.map(formatSelector), [
    '10.2.0.0/24',
    '10.3.0.1/32[tcp/80]',
  ]);
});

test('what is wrong with a connection is told by the path of the setting', () => {
  assert.deepEqual(
    failures(() => connectionFromTree('lab', { versoin: '2', children: { net: { mode: 'x' } } }, provider)),
    [
      'load-conn lab.children.net.mode: mode cannot be "x": it is none of tunnel, transport, beet, pass, drop, transport_proxy, iptfs',
      'load-conn lab.versoin: there is no key "versoin" in a section such as "lab"; did you mean "version"?',
    ],
  );
  assert.match(
    failures(() => connectionFromTree('lab', { local: { certs: ['x'] } }, provider)).join(),
    /cannot read a certificate from "what was sent"/,
  );
  assert.match(
    failures(() => connectionFromTree('lab', { local: { cert: { file: 'rel.crt' } } }, provider)).join(),
    /its path must be absolute/,
  );
  assert.match(
    failures(() => connectionFromTree('lab', { proposals: ['aes256-zzz'] }, provider)).join(),
    /^load-conn lab\.proposals: proposals cannot be/,
  );
});

test('a secret comes in octets, for its owners', () => {
  const key = sharedKeyFromTree({
    id: 'ike-1',
    type: 'IKE',
    data: Uint8Array.of(0, 255),
    owners: ['a.lab', '10.0.0.1'],
  });
  assert.deepEqual([key.name, key.use, [...key.secret.reveal()]], ['ike-1', 'ike', [0, 255]]);
  assert.deepEqual(key.owners.map(formatIdentity), ['a.lab', '10.0.0.1']);
  assert.deepEqual([...sharedKeyFromTree({ type: 'ppk', data: '0x41' }).secret.reveal()], [...utf8('0x41')]);
  assert.match(
    failures(() => sharedKeyFromTree({ type: 'psk', owners: ['asn1dn:#00'] })).join('\n'),
    /none of ike[\s\S]*no data|no data[\s\S]*none of ike/,
  );
  assert.match(
    failures(() => sharedKeyFromTree({ type: 'ike', data: 'x', owners: ['asn1dn:#00'] })).join(),
    /secret/,
  );
});

test('keys, certificates and lists come as files would hold them', () => {
  assert.deepEqual(
    privateKeysFrom(utf8(writePem('PRIVATE KEY', moon.pkcs8)), provider).map(({ type }) => type),
    ['ec'],
  );
  assert.deepEqual(certificatesFrom(moon.der, provider), [moon.der]);
  assert.equal(crlsFrom(utf8(writePem('X509 CRL', issueCrl(root)))).length, 1);
  for (const read of [privateKeysFrom, certificatesFrom, crlsFrom]) {
    assert.match(failures(() => read(utf8('junk'), provider)).join(), /^load-(key|cert): /);
  }
});

test('pools and authorities', () => {
  const pool = poolFromTree('p1', {
    addrs: '10.78.0.0/24',
    dns: ['10.2.0.53'],
    split_include: ['10.2.0.0/16'],
  });
  assert.deepEqual(
    [pool.name, pool.prefix, pool.attributes.map(({ kind }) => kind)],
    ['p1', 24, ['dns', 'split-include']],
  );
  assert.match(
    failures(() => poolFromTree('p1', { dns: ['x'] })).join('\n'),
    /load-pool p1\.dns: dns cannot be "x"/,
  );
  assert.deepEqual(
    authorityFromTree('ca', { cacert: writePem('CERTIFICATE', root.der), crl_uris: ['http://x/'] }, provider),
    [root.der],
  );
  assert.deepEqual(authorityFromTree('ca', { cacert: root.der }, provider), [root.der]);
  assert.match(
    failures(() => authorityFromTree('ca', {}, provider)).join(),
    /authority "ca" names no certificate/,
  );
});
