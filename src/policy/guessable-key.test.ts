import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connection, sharedKey } from '../../test/sim/configuration.ts';
import { Secret } from '../lib/secret.ts';
import { utf8 } from '../lib/text.ts';
import type { Credentials } from './credentials.ts';
import { guessableKey } from './guessable-key.ts';
import { parseIdentity } from './identity.ts';

const STRONG = 'q1Zt9rL0uH8xKq2VvYp3fXwB7nMdE6sG';
const V1 = { version: 1 } as const;
const AGGRESSIVE = { version: 1, aggressive: true } as const;

function keys(...entries: readonly (readonly [text: string, ...owners: string[]])[]): Credentials {
  return {
    ...sharedKey(),
    shared: entries.map(([text, ...owners], i) => ({
      name: `ike-${i}`,
      use: 'ike',
      secret: new Secret(utf8(text)),
      owners: owners.map(parseIdentity),
    })),
  };
}

test('aggressive mode with a shared key is told of whatever the key is, and the key is not', () => {
  for (const [text, judged] of [
    ['summer2024', /about \d+ bits at most, which is too little/],
    [STRONG, /is worth enough/],
  ] as const) {
    const told = guessableKey(connection('a', 'b', AGGRESSIVE), keys([text]));
    assert.match(told?.summary ?? '', /whoever asks or listens can try to guess off line/);
    assert.match(told?.summary ?? '', judged);
    assert.match(told?.remedy ?? '', /main mode or certificates/);
    assert.ok(!JSON.stringify(told).includes(text));
  }
});

test('in main mode a weak key alone is told of', () => {
  const told = guessableKey(connection('a', 'b', V1), keys(['summer2024']));
  assert.match(told?.summary ?? '', /main mode .* who poses as the peer/);
  assert.equal(guessableKey(connection('a', 'b', V1), keys([STRONG])), undefined);
});

test('the weakest of the keys that may be used counts, by whose they are', () => {
  const told = guessableKey(
    connection('a', 'b', V1),
    keys([STRONG, 'b'], ['summer2024', 'b'], ['x', 'someone']),
  );
  assert.match(told?.summary ?? '', /"ike-1"/);
  assert.equal(guessableKey(connection('a', 'b', V1), keys([STRONG, 'b'], ['x', 'someone'])), undefined);
  const { remote } = connection('a', 'b');
  const anybody = remote.map(one => ({ ...one, id: { kind: 'any' } as const }));
  assert.match(
    guessableKey(connection('a', 'b', { ...V1, remote: anybody }), keys([STRONG, 'b'], ['x', 'someone']))
      ?.summary ?? '',
    /"ike-1"/,
  );
});

test('nothing is told of IKEv2, of certificates, and where there is no key', () => {
  const { local, remote } = connection('a', 'b');
  const pubkey = {
    local: local.map(one => ({ ...one, method: 'pubkey' as const })),
    remote: remote.map(one => ({ ...one, method: 'pubkey' as const })),
  };
  assert.equal(guessableKey(connection('a', 'b', { aggressive: true }), keys(['x'])), undefined);
  assert.equal(guessableKey(connection('a', 'b', { ...AGGRESSIVE, ...pubkey }), keys(['x'])), undefined);
  assert.equal(guessableKey(connection('a', 'b', AGGRESSIVE), keys()), undefined);
});
