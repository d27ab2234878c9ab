import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IkeSaKeys } from '../crypto/keymat-v2.ts';
import type { AcceptedProposal } from '../crypto/proposal.ts';
import type { PacketCipher } from '../crypto/provider.ts';
import type { Host } from '../ike/session.ts';
import { Secret } from '../lib/secret.ts';
import { Failed } from '../policy/failure.ts';
import { ikeKeys } from './ike-keys.ts';

const NAMES = ['skD', 'skAi', 'skAr', 'skEi', 'skEr', 'skPi', 'skPr'] as const;

/** Makes keys of octets that are not zero; answers which of them are afterwards. */
function wiped(cipher: PacketCipher | undefined): readonly string[] {
  const octets = NAMES.map((_, i) => new Uint8Array(4).fill(i + 1));
  const derived = Object.fromEntries(octets.map((own, i) => [NAMES[i], new Secret(own)]));
  const host = { settings: { saveKeys: false }, provider: { packetCipher: () => cipher } };
  const make = () =>
    ikeKeys(
      host as unknown as Host,
      { text: 'aes128' } as AcceptedProposal,
      'initiator',
      { initiator: 1n, responder: 2n },
      derived as unknown as IkeSaKeys,
    );
  if (cipher === undefined) assert.throws(make, Failed);
  else assert.equal(make().skD, derived['skD']);
  return NAMES.filter((_, i) => octets[i]?.every(octet => octet === 0));
}

test('SK_e and SK_a are with the ciphers alone once those are made, or cannot be', () => {
  for (const cipher of [{} as PacketCipher, undefined])
    assert.deepEqual(wiped(cipher), ['skAi', 'skAr', 'skEi', 'skEr']);
});
