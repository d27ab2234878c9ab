import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Secret } from './secret.ts';
import { printable } from './text.ts';

test('a secret never shows itself, and is gone once wiped', () => {
  const secret = new Secret(Uint8Array.of(0x41, 0x42, 0x43));
  for (const text of [
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: [secret] }),
  ]) {
    assert.match(text, /\[secret\]/);
    assert.doesNotMatch(text, /ABC|414243|65/);
  }
  const held = secret.reveal();
  secret.wipe();
  assert.deepEqual([...held], [0, 0, 0]);
});

test('octets from a stranger print on one line, without control characters, and bounded', () => {
  assert.equal(printable(Uint8Array.of(0x41, 0x0a, 0x1b, 0x5c)), 'A\\x0a\\x1b\\x5c');
  assert.equal(printable(new Uint8Array(300).fill(0x61), 4), 'aaaa… (300 octets)');
});
