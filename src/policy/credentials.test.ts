import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PrivateKey, PublicKey } from '../crypto/provider.ts';
import { Secret } from '../lib/secret.ts';
import { type Credentials, findPrivateKey, findSharedKey, type SharedKey } from './credentials.ts';
import { parseIdentity } from './identity.ts';

function key(name: string, owners: readonly string[], use: SharedKey['use'] = 'ike'): SharedKey {
  return { name, use, secret: new Secret(Uint8Array.of(1)), owners: owners.map(parseIdentity) };
}

function find(
  keys: readonly SharedKey[],
  local: string | undefined,
  remote: string | undefined,
  use?: SharedKey['use'],
): string | undefined {
  const credentials = { shared: keys } as unknown as Credentials;
  const id = (text: string | undefined): ReturnType<typeof parseIdentity> | undefined =>
    text === undefined ? undefined : parseIdentity(text);
  return findSharedKey(credentials, id(local), id(remote), use)?.name;
}

const keys = [
  key('everybody', []),
  key('us', ['moon']),
  key('wild', ['*.lab']),
  key('sun', ['sun.lab']),
  key('pair', ['moon', 'sun.lab']),
  key('any', ['%any']),
  key('eap', ['sun.lab'], 'eap'),
];

for (const [local, remote, use, name] of [
  ['moon', 'sun.lab', 'ike', 'pair'],
  ['mars', 'sun.lab', 'ike', 'sun'],
  ['mars', 'venus.lab', 'ike', 'wild'],
  ['mars', 'venus', 'ike', 'everybody'],
  ['mars', undefined, 'ike', 'everybody'],
  ['moon', undefined, 'ike', 'us'],
  [undefined, undefined, 'ike', 'everybody'],
  ['moon', 'sun.lab', 'eap', 'eap'],
  ['moon', 'venus', 'eap', undefined],
  ['moon', 'sun.lab', 'ppk', undefined],
] as const) {
  test(`${local} and ${remote} use the ${use} key ${name}`, () =>
    assert.equal(find(keys, local, remote, use), name));
}

test('a key of the remote identity goes before one of ours', () => {
  assert.equal(find([key('ours', ['moon']), key('theirs', ['sun'])], 'moon', 'sun'), 'theirs');
});

test('a key that has owners but neither of the two is none', () => {
  assert.equal(find([key('other', ['venus'])], 'moon', 'sun'), undefined);
});

test('a private key is found by its public one', () => {
  const publicKey = (octet: number): PublicKey => ({ type: 'ec', bits: 256, spki: Uint8Array.of(octet) });
  const privateKey = (octet: number): PrivateKey => ({ type: 'ec', bits: 256, publicKey: publicKey(octet) });
  const credentials = { privateKeys: [privateKey(1), privateKey(2)] } as unknown as Credentials;
  assert.equal(findPrivateKey(credentials, publicKey(2))?.publicKey.spki[0], 2);
  assert.equal(findPrivateKey(credentials, publicKey(3)), undefined);
  assert.equal(findPrivateKey(credentials, { ...publicKey(2), type: 'rsa' }), undefined);
});
