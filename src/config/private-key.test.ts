import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { nodeProvider } from '../crypto/node/provider.ts';
import { Secret } from '../lib/secret.ts';
import { utf8 } from '../lib/text.ts';
import { readPrivateKeys, UnusableKey } from './private-key.ts';

const provider = nodeProvider();
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const ed = generateKeyPairSync('ed25519').privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;

function read(file: string | Uint8Array, passphrase?: string): readonly string[] {
  const octets = typeof file === 'string' ? utf8(file) : new Uint8Array(file);
  const secret = passphrase === undefined ? undefined : new Secret(utf8(passphrase));
  return readPrivateKeys(octets, secret, provider).map(({ type, bits }) => `${type} ${bits}`);
}

function pem(key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1', passphrase?: string): string {
  const cipher = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return key.export({ format: 'pem', type, ...cipher }) as string;
}

test('every form of an unencrypted key is read', () => {
  assert.deepEqual(read(pem(ec, 'pkcs8')), ['ec 256']);
  assert.deepEqual(read(pem(ec, 'sec1')), ['ec 256']);
  assert.deepEqual(read(pem(ed, 'pkcs8')), ['ed25519 256']);
  assert.deepEqual(read(pem(rsa, 'pkcs8')), ['rsa 1024']);
  assert.deepEqual(read(pem(rsa, 'pkcs1')), ['rsa 1024']);
  assert.deepEqual(read(ec.export({ format: 'der', type: 'pkcs8' })), ['ec 256']);
  assert.deepEqual(read(ec.export({ format: 'der', type: 'sec1' })), ['ec 256']);
  assert.deepEqual(read(rsa.export({ format: 'der', type: 'pkcs1' })), ['rsa 1024']);
});

test('a file may hold parameters, certificates and several keys', () => {
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  assert.deepEqual(read(`${parameters}${pem(ec, 'sec1')}words\n${pem(rsa, 'pkcs1')}`), [
    'ec 256',
    'rsa 1024',
  ]);
});

test('encrypted keys open with their passphrase and no other', () => {
  const files = [
    pem(ec, 'pkcs8', 'open'),
    pem(rsa, 'pkcs1', 'open'),
    ec.export({ format: 'der', type: 'pkcs8', cipher: 'aes-128-cbc', passphrase: 'open' }),
  ];
  for (const file of files) {
    assert.equal(read(file, 'open').length, 1);
    assert.throws(() => read(file, 'shut'), /the passphrase does not decrypt it/);
    assert.throws(() => read(file), /it is encrypted and there is no passphrase for it/);
  }
  assert.deepEqual(read(pem(ec, 'pkcs8'), 'needless'), ['ec 256']);
});

test('what is no key is refused with a reason', () => {
  for (const file of [
    '',
    'nonsense',
    Uint8Array.of(0x30, 0x00),
    Uint8Array.of(0x30, 0x03, 2, 1, 0),
    '-----BEGIN PRIVATE KEY-----\n',
  ]) {
    assert.throws(() => read(file), UnusableKey);
  }
  assert.throws(() => read('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'), UnusableKey);
  assert.throws(
    () => read('-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n'),
    (error: unknown) => error instanceof UnusableKey && /ssh-keygen/.test(error.remedy ?? ''),
  );
  assert.throws(
    () =>
      read(
        ec
          .export({ format: 'pem', type: 'pkcs8' })
          .toString()
          .replace(/[A-Z]{4}/, '!!!!'),
      ),
    UnusableKey,
  );
});

test('a wrong passphrase is one, even where what it decrypts to is padded well', () => {
  const encrypted = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjpMLrLykOp7AICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEI3ZIDoyPnnyw40sKi4/0ywEQDcS
jW9YwhOR4fqKyQEL+B3OLKBtqLpDE8NYfPkF3VsTmhp3XCJu4k1s8oDY1pytNS7B
IGGoynI9pNtWRGb9HTU=
-----END ENCRYPTED PRIVATE KEY-----
`;
  assert.deepEqual(read(encrypted, 'open'), ['ed25519 256']);
  for (const wrong of ['shut72', 'shut73'])
    assert.throws(() => read(encrypted, wrong), /the passphrase does not decrypt it/);
});
