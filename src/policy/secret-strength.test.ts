import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../lib/secret.ts';
import { utf8 } from '../lib/text.ts';
import { secretStrength } from './secret-strength.ts';

function strength(text: string): number {
  return secretStrength(new Secret(utf8(text)));
}

for (const text of [
  '',
  'a',
  'secret',
  'Passw0rd!',
  'P@$$w0rd2024',
  'cisco123',
  'aaaaaaaaaaaaaaaaaaaaaaaa',
  'abcdefghijklmnopqrstuvwxyz',
  '12345678901234567890',
  'abc123abc123abc123abc123',
  'changemechangemechangeme',
  'vpn-test-vpn-test-vpn-test',
  'summer',
  'Winterthur',
])
  test(`a key that can be guessed: "${text}"`, () => {
    assert.ok(strength(text) < 50, `${strength(text)} bits`);
  });

for (const [text, least] of [
  // What `openssl rand -base64 24`, `-hex 16` and a generator of passwords give.
  ['q1Zt9rL0uH8xKq2VvYp3fXwB7nMdE6sG', 150],
  ['9f8e1c0b7a6d5f4e3c2b1a0918273645', 90],
  ['kX7#pQ2!vR9$zT4&', 80],
  ['correct horse battery staple and then some more words', 80],
] as const)
  test(`a key that cannot: "${text}"`, () => {
    assert.ok(strength(text) >= least, `${strength(text)} bits`);
  });

test('random octets count for what they are', () => {
  const octets = Uint8Array.from({ length: 32 }, (_, i) => (i * 151 + 89) % 256);
  assert.ok(secretStrength(new Secret(octets)) >= 240);
});

test('a key only grows by what is added, and is left as it was', () => {
  const key = new Secret(utf8('zq7Kp2'));
  const before = secretStrength(key);
  assert.ok(strength('zq7Kp2xW9') > before);
  assert.deepEqual(key.reveal(), utf8('zq7Kp2'));
  assert.equal(secretStrength(key), before);
});
