import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransformType } from '../iana/ikev2.ts';
import type { Protocol } from './algorithm.ts';
import { keywordOf, keywordsOf, meaningOf, nearestKeyword } from './keyword.ts';
import {
  defaultProposals,
  formatTransforms,
  ProposalError,
  parseProposals,
  weakKeywords,
  withoutKeyExchange,
} from './proposal.ts';

/** What a text means, in canonical keywords. */
function meaning(text: string, protocol: Protocol): string[] {
  return parseProposals(text, protocol).map(({ transforms }) => formatTransforms(transforms));
}

function refusal(text: string, protocol: Protocol): ProposalError {
  try {
    parseProposals(text, protocol);
  } catch (error) {
    assert.ok(error instanceof ProposalError, String(error));
    return error;
  }
  assert.fail(`"${text}" was taken`);
}

test('proposals stand between commas, keywords between hyphens', () => {
  assert.deepEqual(meaning('aes256gcm16-prfsha384-ecp384, aes128-sha256-modp3072', 'ike'), [
    'aes256gcm16-prfsha384-ecp384',
    'aes128-sha256-prfsha256-modp3072',
  ]);
  assert.deepEqual(meaning(' AES128 - SHA256 - Modp2048 ', 'ike'), ['aes128-sha256-prfsha256-modp2048']);
  const [proposal] = parseProposals('aes256-sha512-x25519', 'ike');
  assert.equal(proposal?.text, 'aes256-sha512-x25519');
  assert.equal(proposal.protocol, 'ike');
});

test('alternatives keep their order, repetitions count once', () => {
  assert.deepEqual(meaning('aes256-aes128-sha512-sha256-sha512-ecp384-ecp256', 'ike'), [
    'aes256-aes128-sha512-sha256-prfsha512-prfsha256-ecp384-ecp256',
  ]);
});

test('aliases mean what their canonical keywords mean', () => {
  for (const [alias, canonical, protocol] of [
    ['aes-sha-curve25519', 'aes128-sha1-prfsha1-x25519', 'ike'],
    ['aes256gcm128-prfsha2_384-curve448', 'aes256gcm16-prfsha384-x448', 'ike'],
    ['aes192ccm64', 'aes192ccm8', 'esp'],
    ['camellia-sha2_256', 'camellia128-sha256', 'esp'],
  ] as const) {
    assert.deepEqual(meaning(alias, protocol), [canonical]);
  }
});

test('a PRF is implied by the integrity algorithms unless one is named', () => {
  assert.deepEqual(meaning('aes128-aesxcbc-x25519', 'ike'), ['aes128-aesxcbc-prfaesxcbc-x25519']);
  assert.deepEqual(meaning('aes128-aescmac-x25519', 'ike'), ['aes128-aescmac-prfaescmac-x25519']);
  assert.deepEqual(meaning('aes128-sha1-prfsha512-x25519', 'ike'), ['aes128-sha1-prfsha512-x25519']);
});

test('integrity beside an AEAD gives its PRF and drops out', () => {
  assert.deepEqual(meaning('aes128gcm16-sha256-x25519', 'ike'), ['aes128gcm16-prfsha256-x25519']);
  assert.deepEqual(meaning('aes128gcm16-sha256', 'esp'), ['aes128gcm16']);
});

test('ESP and AH: PRFs drop out, key exchanges mean PFS, sequence numbers are of 32 bits unless said', () => {
  assert.deepEqual(meaning('aes256gcm16-prfsha256-ecp384', 'esp'), ['aes256gcm16-ecp384']);
  assert.deepEqual(meaning('aes128-sha256-none-modp2048', 'esp'), ['aes128-sha256-none-modp2048']);
  assert.deepEqual(meaning('aes128gcm16-esn', 'esp'), ['aes128gcm16-esn']);
  assert.deepEqual(meaning('aes128gcm16-esn-noesn', 'esp'), ['aes128gcm16-esn-noesn']);
  assert.deepEqual(meaning('sha256-aes128gmac-esn', 'ah'), ['sha256-aes128gmac-esn']);
  const [esp] = parseProposals('aes128gmac', 'esp');
  assert.deepEqual(esp?.transforms, [
    { type: TransformType.ENCR, id: 21, keyLength: 128 },
    { type: TransformType.SN, id: 0 },
  ]);
  const [ah] = parseProposals('aes128gmac', 'ah');
  assert.deepEqual(ah?.transforms, [
    { type: TransformType.INTEG, id: 9 },
    { type: TransformType.SN, id: 0 },
  ]);
});

test('additional key exchanges are transforms of their own types (RFC 9370)', () => {
  const [proposal] = parseProposals('aes256gcm16-prfsha512-x25519-ke1_mlkem768-ke1_none-ke7_ecp521', 'ike');
  assert.deepEqual(
    proposal?.transforms.filter(({ type }) => type >= TransformType.KE),
    [
      { type: TransformType.KE, id: 31 },
      { type: TransformType.ADDKE1, id: 36 },
      { type: TransformType.ADDKE1, id: 0 },
      { type: TransformType.ADDKE7, id: 21 },
    ],
  );
  assert.equal(
    formatTransforms(proposal.transforms),
    'aes256gcm16-prfsha512-x25519-ke1_mlkem768-ke1_none-ke7_ecp521',
  );
});

test('the key length attribute is there for ciphers of several lengths alone', () => {
  const [proposal] = parseProposals('chacha20poly1305-prfsha256-x25519', 'ike');
  assert.deepEqual(proposal?.transforms[0], { type: TransformType.ENCR, id: 28 });
  const [des] = parseProposals('3des-des-md5', 'esp');
  assert.deepEqual(des?.transforms.slice(0, 2), [
    { type: TransformType.ENCR, id: 3 },
    { type: TransformType.ENCR, id: 2 },
  ]);
});

test('an error names the keyword, its column and the nearest known one', () => {
  for (const [text, protocol, keyword, column, nearest] of [
    ['aes128-sha25-modp2048', 'ike', 'sha25', 8, 'sha256'],
    ['aes128-sha256-modp2048, aes256-sha512-modp307', 'ike', 'modp307', 39, 'modp3072'],
    ['aes128gcm', 'esp', 'aes128gcm', 1, 'aes128gcm16'],
    ['  aes265-sha256', 'esp', 'aes265', 3, 'aes256'],
    ['aes128-sha256-curve22519', 'ike', 'curve22519', 15, 'curve25519'],
    ['aes128-sha256-x25519-ke1_mlkem786', 'ike', 'ke1_mlkem786', 22, 'ke1_mlkem768'],
    ['rot13-sha256', 'esp', 'rot13', 1, undefined],
    ['aes128-sha256-modp2048,', 'ike', '', 24, undefined],
    ['aes128--sha256', 'esp', '', 8, undefined],
    ['', 'ike', '', 1, undefined],
  ] as const) {
    const error = refusal(text, protocol);
    assert.deepEqual([error.keyword, error.column, error.nearest], [keyword, column, nearest], text);
    if (nearest !== undefined) assert.ok(error.message.includes(`did you mean "${nearest}"?`));
  }
});

test('a slip does not lead to a weak algorithm where a sound one is about as near', () => {
  assert.equal(nearestKeyword('modp204', 'ike'), 'modp2048');
  assert.equal(nearestKeyword('sha', 'ah'), 'sha');
  assert.equal(nearestKeyword('x'.repeat(100_000), 'ike'), undefined);
});

test('algorithms have their places', () => {
  for (const [text, protocol, message] of [
    ['null-sha256-x25519', 'ike', 'for IKE'],
    ['aes128gmac-prfsha256-x25519', 'ike', 'for IKE'],
    ['aes128-sha256-x25519-esn', 'ike', 'for IKE'],
    ['aes128-sha256-none', 'ike', 'for IKE'],
    ['aes128-sha256', 'ah', 'for AH'],
    ['aes128-sha256_96-x25519', 'ike', 'for IKE'],
  ] as const) {
    assert.ok(refusal(text, protocol).message.includes(message), text);
  }
});

test('proposals that lack or mix what they must not are refused', () => {
  for (const [text, protocol, message] of [
    ['sha256-modp2048', 'ike', 'names no cipher'],
    ['aes128-modp2048', 'ike', 'names no integrity algorithm'],
    ['aes128-sha256', 'ike', 'names no key exchange method'],
    ['aes128gcm16-modp2048', 'ike', 'names no PRF'],
    ['aes128gcm16-aes128-sha256-modp2048', 'ike', 'write two proposals'],
    ['aes128', 'esp', 'names no integrity algorithm'],
    ['null', 'esp', 'names no integrity algorithm'],
    ['sha256', 'esp', 'names no cipher'],
    ['aes128-aes128gcm16-sha256', 'esp', 'write two proposals'],
    ['modp2048', 'ah', 'names no integrity algorithm'],
    ['aes128gcm16, aes128-modp2048', 'esp', 'names no integrity algorithm'],
  ] as const) {
    const error = refusal(text, protocol);
    assert.ok(error.message.includes(message), `${text}: ${error.message}`);
  }
  assert.equal(refusal('aes128gcm16, aes128-modp2048', 'esp').column, 14);
});

test('default proposals: AEAD first, nothing weak, read back as they are written', () => {
  for (const protocol of ['ike', 'esp', 'ah'] as const) {
    const defaults = defaultProposals(protocol);
    assert.equal(defaults.length, protocol === 'ah' ? 1 : 2);
    assert.deepEqual(parseProposals('default', protocol), defaults);
    assert.deepEqual(
      defaults.flatMap(({ text }) => parseProposals(text, protocol)),
      defaults,
    );
    assert.deepEqual(defaults.flatMap(weakKeywords), []);
  }
  const [aead, classic] = defaultProposals('ike');
  assert.ok(aead?.text.startsWith('aes256gcm16-') && aead.text.includes('-prfsha256-'));
  assert.ok(classic?.text.startsWith('aes256-') && classic.text.includes('-sha256-'));
  assert.deepEqual(meaning('aes128-sha1-modp2048, default', 'ike').length, 3);
  assert.ok(defaultProposals('esp').every(({ text }) => !/esn|modp|ecp|x25519/.test(text)));
});

test('weak algorithms work and are named as such', () => {
  const [proposal] = parseProposals('3des-md5-modp1024', 'ike');
  assert.deepEqual(proposal && weakKeywords(proposal), ['3des', 'md5', 'prfmd5', 'modp1024']);
});

test('a child made in IKE_AUTH has no key exchange', () => {
  const [proposal] = parseProposals('aes128gcm16-x25519-ke1_mlkem768-esn', 'esp');
  assert.ok(proposal);
  assert.equal(withoutKeyExchange(proposal).text, 'aes128gcm16-esn');
});

test('transforms that nobody knows have a text, too', () => {
  assert.equal(keywordOf({ type: 1, id: 7, keyLength: 448 }), 'encr:7/448');
  assert.equal(keywordOf({ type: 4, id: 33 }), 'ke:33');
  assert.equal(keywordOf({ type: 77, id: 1 }), 'type77:1');
  // AES without a key length is none of the keywords' transforms
  assert.equal(keywordOf({ type: 1, id: 12 }), 'encr:12');
  assert.equal(meaningOf({ type: 1, id: 12 }), undefined);
  assert.equal(
    formatTransforms([
      { type: 13, id: 2 },
      { type: 1, id: 12, keyLength: 128 },
      { type: 3, id: 0 },
    ]),
    'aes128-type13:2',
  );
});

test('every keyword is found by its text, and by its transform unless it is an alias', () => {
  assert.equal(keywordsOf('aes128gmac').length, 2);
  assert.equal(keywordsOf('').length, 0);
  assert.equal(keywordsOf('constructor').length, 0);
  for (const text of [
    'aes256gcm16',
    'sha256',
    'prfsha256',
    'x25519',
    'ke3_mlkem512',
    'esn',
    'none',
    'ke2_none',
  ]) {
    const [keyword] = keywordsOf(text);
    assert.equal(keyword && keywordOf(keyword.transform), text);
  }
});
