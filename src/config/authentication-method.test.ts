import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticationMethod } from './authentication-method.ts';
import { Unfit } from './value-types.ts';

const NONE = { rsaBits: 0, ecdsaBits: 0, schemes: [] };

test('plain methods', () => {
  assert.deepEqual(authenticationMethod.read('psk'), { method: 'psk', schemes: [], chain: NONE });
  assert.deepEqual(authenticationMethod.read('PubKey'), { method: 'pubkey', schemes: [], chain: NONE });
  assert.deepEqual(authenticationMethod.read('xauth-pam'), {
    method: 'xauth',
    variant: 'pam',
    schemes: [],
    chain: NONE,
  });
  assert.deepEqual(authenticationMethod.read('eap'), { method: 'eap', schemes: [], chain: NONE });
  assert.deepEqual(authenticationMethod.read('eap-tls:ecdsa-384-sha384'), {
    method: 'eap',
    variant: 'tls',
    schemes: [],
    chain: { rsaBits: 0, ecdsaBits: 384, schemes: ['ecdsa-sha384'] },
  });
});

test('hashes and types of key become the schemes they stand for', () => {
  const schemes = (text: string): readonly string[] => authenticationMethod.read(text).schemes;
  assert.deepEqual(schemes('ike:pubkey-sha384-sha256'), [
    'rsa/pss-sha384',
    'rsa/pss-sha256',
    'rsa-sha384',
    'rsa-sha256',
    'ecdsa-sha384',
    'ecdsa-sha256',
  ]);
  assert.deepEqual(schemes('rsa/pss-sha512'), ['rsa/pss-sha512']);
  assert.deepEqual(schemes('rsa-2048-sha256'), ['rsa/pss-sha256', 'rsa-sha256']);
  assert.deepEqual(schemes('ecdsa'), ['ecdsa-sha256', 'ecdsa-sha384', 'ecdsa-sha512']);
  assert.deepEqual(schemes('ed25519'), ['ed25519']);
  assert.deepEqual(schemes('pubkey-identity'), ['ed25519', 'ed448']);
  assert.deepEqual(schemes('ed25519-ecdsa-256-sha256'), ['ed25519', 'ecdsa-sha256']);
  assert.deepEqual(schemes('rsa-sha1'), ['rsa-sha1']);
});

test('an ike: part has the signature of IKE for itself, the rest the chain', () => {
  assert.deepEqual(authenticationMethod.read('rsa-3072-ecdsa-384-sha384-ike:ecdsa-sha512'), {
    method: 'pubkey',
    schemes: ['ecdsa-sha512'],
    chain: {
      rsaBits: 3072,
      ecdsaBits: 384,
      schemes: ['rsa/pss-sha384', 'rsa-sha384', 'ecdsa-sha384'],
    },
  });
  assert.deepEqual(authenticationMethod.read('ike:rsa-sha256-pubkey-sha384').chain.schemes, [
    'rsa/pss-sha384',
    'rsa-sha384',
    'ecdsa-sha384',
  ]);
});

for (const [text, offset, remedy] of [
  ['pks', 0, 'did you mean "psk"?'],
  ['pubkey-sha265', 7, 'did you mean "sha256"?'],
  ['ike:pubkye-sha256', 4, 'did you mean "pubkey"?'],
  ['rsa-2048-2048', 9, undefined],
  ['ed25519-256', 8, undefined],
  ['2048', 0, undefined],
  ['', 0, undefined],
  ['rsa-', 4, undefined],
  ['constructor', 0, undefined],
] as const) {
  test(`"${text}" is refused where it goes wrong`, () => {
    assert.throws(
      () => authenticationMethod.read(text),
      (error: unknown) => {
        assert.ok(error instanceof Unfit);
        assert.equal(error.offset, offset);
        assert.equal(error.remedy, remedy);
        return true;
      },
    );
  });
}

test('hashes alone name no method', () => {
  assert.throws(() => authenticationMethod.read('sha256'), Unfit);
});
