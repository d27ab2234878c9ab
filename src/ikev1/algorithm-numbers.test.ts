import assert from 'node:assert/strict';
import { test } from 'node:test';
import { child, connection } from '../../test/sim/configuration.ts';
import { keywordsOf } from '../crypto/keyword.ts';
import { defaultProposals, parseProposals, weakKeywords } from '../crypto/proposal.ts';
import {
  EncapMode,
  EspTransform,
  IpsecAttribute,
  IpsecAuthAlg,
  OakleyAttribute,
  OakleyEncr,
  OakleyGroup,
  OakleyHash,
  V1ExchangeType,
  V1PayloadType,
  V1ProtocolId,
} from '../iana/ikev1.ts';
import { EMPTY } from '../lib/bytes.ts';
import { ip } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { BackendFeatures } from '../policy/sa.ts';
import { detailDatagram } from '../wire/describe.ts';
import { encodeV1Message } from '../wire/v1/message.ts';
import type { V1Attribute, V1SaPayload } from '../wire/v1/payload.ts';
import { noFacts } from './isakmp-sa.ts';
import { choosePhaseOne } from './phase-one-proposal.ts';
import { chooseQuick } from './quick-proposal.ts';
import { spiOctets } from './quick-transform.ts';

const PATH = {
  local: { address: ip('192.0.2.1'), port: 500 },
  remote: { address: ip('192.0.2.2'), port: 500 },
};

/* Every number that IKEv1 has for an algorithm: taken where it is named, otherwise refused by its name, and shown by its name. */

const ESP = V1ProtocolId.PROTO_IPSEC_ESP;
const ISAKMP = V1ProtocolId.PROTO_ISAKMP;

function offer(protocol: number, id: number, attributes: readonly V1Attribute[]): V1SaPayload {
  const spi = protocol === ISAKMP ? EMPTY : spiOctets(0x1234);
  const transforms = [{ number: 1, id, attributes }];
  return {
    type: V1PayloadType.SA,
    doi: 1,
    situation: 1,
    proposals: [{ number: 1, protocol, spi, transforms }],
  };
}

function phaseOne(cipher: number, length: number, hash: number, group: number): V1SaPayload {
  return offer(ISAKMP, 1, [
    { type: OakleyAttribute.ENCRYPTION_ALGORITHM, value: cipher },
    ...(length === 0 ? [] : [{ type: OakleyAttribute.KEY_LENGTH, value: length }]),
    { type: OakleyAttribute.HASH_ALGORITHM, value: hash },
    { type: OakleyAttribute.GROUP_DESCRIPTION, value: group },
    { type: OakleyAttribute.AUTHENTICATION_METHOD, value: 1 },
  ]);
}

function answer(proposals: ReturnType<typeof parseProposals>, payload: V1SaPayload): string | Failure {
  const chosen = choosePhaseOne(connection('a', 'b', { version: 1, proposals }), payload, [1]);
  return 'code' in chosen ? chosen : chosen.suite.text;
}

/** `detailDatagram` of a message with this offer. */
function shown(payload: V1SaPayload): string {
  const fields = {
    initiatorSpi: 1n,
    responderSpi: 0n,
    exchangeType: V1ExchangeType.MAIN_MODE,
    flags: 0,
    messageId: 0,
  };
  return detailDatagram(encodeV1Message(fields, [payload]));
}

/** What this connection wants instead. */
const WANTED = 'aes128-sha256-modp2048';
const ours = parseProposals(WANTED, 'ike');

/** `keyword` as the peer's and in the place of ours; absent where nobody here has it. */
function check(name: string, keyword: string, length: number, payload: V1SaPayload): void {
  assert.ok(shown(payload).includes(name.replace(/^_/, '')), `${name} is not shown by its name`);
  const refusal = answer(ours, payload);
  const meaning = keywordsOf(keyword)[0];
  if (typeof refusal === 'string') {
    assert.equal(refusal, WANTED);
    return;
  }
  assert.match(refusal.summary, new RegExp(`the peer offers ${keyword}; this connection allows `));
  assert.match(refusal.remedy ?? '', / at the peer/);
  if (meaning === undefined) {
    assert.match(refusal.remedy ?? '', new RegExp(`${keyword} is not to be had here$`));
    return;
  }
  const added = new RegExp(`^add ${keyword} to proposals of site here`);
  if (meaning.status === 'weak') assert.match(refusal.remedy ?? '', new RegExp(`${keyword} is weak`));
  else assert.match(refusal.remedy ?? '', added);
  assert.ok(length >= 0);
}

const GROUPS: Readonly<Record<keyof typeof OakleyGroup, string>> = {
  MODP768: 'modp768',
  MODP1024: 'modp1024',
  EC2N_GP_2_155: 'ec2n155',
  EC2N_GP_2_185: 'ec2n185',
  MODP1536: 'modp1536',
  EC2N_DRAFT_GROUP: 'ec2n163',
  MODP2048: 'modp2048',
  MODP3072: 'modp3072',
  MODP4096: 'modp4096',
  MODP6144: 'modp6144',
  MODP8192: 'modp8192',
  ECP256: 'ecp256',
  ECP384: 'ecp384',
  ECP521: 'ecp521',
  MODP1024_160: 'modp1024s160',
  MODP2048_224: 'modp2048s224',
  MODP2048_256: 'modp2048s256',
  ECP192: 'ecp192',
  ECP224: 'ecp224',
  BRAINPOOLP224R1: 'ecp224bp',
  BRAINPOOLP256R1: 'ecp256bp',
  BRAINPOOLP384R1: 'ecp384bp',
  BRAINPOOLP512R1: 'ecp512bp',
};

for (const [name, number] of Object.entries(OakleyGroup))
  test(`group ${number}, ${name}`, () => {
    const keyword = GROUPS[name as keyof typeof GROUPS];
    const payload = phaseOne(OakleyEncr.AES_CBC, 128, OakleyHash.SHA2_256, number);
    check(name, keyword, 0, payload);
    if (keywordsOf(keyword).length === 0) return;
    const named = `aes128-sha256-${keyword}`;
    assert.equal(answer(parseProposals(named, 'ike'), payload), named);
  });

const CIPHERS: Readonly<Record<keyof typeof OakleyEncr, readonly [keyword: string, length: number]>> = {
  DES_CBC: ['des', 0],
  IDEA_CBC: ['idea', 0],
  BLOWFISH_CBC: ['blowfish128', 128],
  RC5_R16_B64_CBC: ['rc5128', 128],
  _3DES_CBC: ['3des', 0],
  CAST_CBC: ['cast128', 128],
  AES_CBC: ['aes256', 256],
  CAMELLIA_CBC: ['camellia128', 128],
};

for (const [name, number] of Object.entries(OakleyEncr))
  test(`cipher ${number} of phase 1, ${name}`, () => {
    const [keyword, length] = CIPHERS[name as keyof typeof CIPHERS];
    const payload = phaseOne(number, length, OakleyHash.SHA2_256, OakleyGroup.MODP2048);
    check(name, keyword, length, payload);
    if (keywordsOf(keyword).length === 0) return;
    const named = `${keyword}-sha256-modp2048`;
    assert.equal(answer(parseProposals(named, 'ike'), payload), named);
  });

const HASHES: Readonly<Record<keyof typeof OakleyHash, string>> = {
  MD5: 'md5',
  SHA: 'sha1',
  TIGER: 'tiger',
  SHA2_256: 'sha256',
  SHA2_384: 'sha384',
  SHA2_512: 'sha512',
};

for (const [name, number] of Object.entries(OakleyHash))
  test(`hash ${number}, ${name}`, () => {
    const keyword = HASHES[name as keyof typeof HASHES];
    const payload = phaseOne(OakleyEncr.AES_CBC, 128, number, OakleyGroup.MODP2048);
    check(name, keyword, 0, payload);
    if (keywordsOf(keyword).length === 0) return;
    const named = `aes128-${keyword}-modp2048`;
    assert.equal(answer(parseProposals(named, 'ike'), payload), named);
  });

test('a number that nobody has is told by its number', () => {
  const cipher = answer(ours, phaseOne(99, 0, OakleyHash.SHA2_256, 14));
  assert.ok(typeof cipher !== 'string');
  assert.match(cipher.summary, /the peer offers cipher:99; this connection allows aes128/);
  const hash = answer(ours, phaseOne(7, 128, 77, 14));
  assert.ok(typeof hash !== 'string');
  assert.match(hash.summary, /the peer offers hash:77; this connection allows sha256/);
});

test('of all that can be offered nothing weak is taken by default', () => {
  let taken = 0;
  for (const cipher of Object.values(OakleyEncr))
    for (const hash of Object.values(OakleyHash))
      for (const group of Object.values(OakleyGroup)) {
        const chosen = answer(defaultProposals('ike'), phaseOne(cipher, 0, hash, group));
        if (typeof chosen !== 'string') continue;
        taken++;
        assert.deepEqual(parseProposals(chosen, 'ike').flatMap(weakKeywords), [], chosen);
      }
  assert.ok(taken > 10, `${taken} were taken`);
});

test('what IKEv1 cannot say is left out of what is told', () => {
  const refusal = answer(defaultProposals('ike'), phaseOne(OakleyEncr.DES_CBC, 0, OakleyHash.MD5, 1));
  assert.ok(typeof refusal !== 'string');
  assert.doesNotMatch([refusal.summary, refusal.remedy, ...(refusal.ours ?? [])].join(), /gcm|chacha|prf/);
  assert.match(refusal.remedy ?? '', /des and md5 and modp768 are weak/);
});

// ── phase 2 ──

const FEATURES: BackendFeatures = {
  modes: ['tunnel', 'transport'],
  protocols: ['esp', 'ah'],
  esn: true,
  forceUdpEncapsulation: false,
  maximumReplayWindow: 128,
};

function quick(proposals: string, payload: V1SaPayload): string | Failure {
  const config = child({ proposals: parseProposals(proposals, 'esp') });
  const chosen = chooseQuick(config, FEATURES, { peer: noFacts(), path: PATH }, payload);
  return 'code' in chosen ? chosen : chosen.suite.accepted.text;
}

function esp(id: number, length: number, auth: number): V1SaPayload {
  return offer(ESP, id, [
    ...(length === 0 ? [] : [{ type: IpsecAttribute.KEY_LENGTH, value: length }]),
    ...(auth === 0 ? [] : [{ type: IpsecAttribute.AUTHENTICATION_ALGORITHM, value: auth }]),
    { type: IpsecAttribute.ENCAPSULATION_MODE, value: EncapMode.TUNNEL },
  ]);
}

/** By transform: the keyword, its key length, and whether it needs an authentication algorithm. */
const ESP_CIPHERS: Readonly<Record<string, readonly [keyword: string, length: number, alone?: true]>> = {
  ESP_DES: ['des', 0],
  ESP_3DES: ['3des', 0],
  ESP_RC5: ['rc5128', 128],
  ESP_IDEA: ['idea', 0],
  ESP_CAST: ['cast128', 128],
  ESP_BLOWFISH: ['blowfish128', 128],
  ESP_NULL: ['null', 0],
  ESP_AES_CBC: ['aes192', 192],
  ESP_AES_CTR: ['aes128ctr', 128],
  ESP_AES_CCM_8: ['aes128ccm8', 128, true],
  ESP_AES_CCM_12: ['aes128ccm12', 128, true],
  ESP_AES_CCM_16: ['aes128ccm16', 128, true],
  ESP_AES_GCM_8: ['aes128gcm8', 128, true],
  ESP_AES_GCM_12: ['aes128gcm12', 128, true],
  ESP_AES_GCM_16: ['aes128gcm16', 128, true],
  ESP_CAMELLIA: ['camellia128', 128],
  ESP_NULL_AUTH_AES_GMAC: ['aes128gmac', 128, true],
};

for (const [name, [keyword, length, alone]] of Object.entries(ESP_CIPHERS))
  test(`ESP transform ${name}`, () => {
    const id = EspTransform[name as keyof typeof EspTransform];
    const payload = esp(id, length, alone ? 0 : IpsecAuthAlg.HMAC_SHA2_256);
    assert.ok(shown(payload).includes(name.replace(/^ESP_/, '')), shown(payload));
    const refusal = quick('aes128-sha256', payload);
    assert.ok(typeof refusal !== 'string');
    assert.match(refusal.summary, new RegExp(`the peer offers ${keyword}; this connection allows aes128`));
    if (keywordsOf(keyword).length === 0) assert.match(refusal.remedy ?? '', /is not to be had here$/);
    else
      assert.equal(
        quick(alone ? keyword : `${keyword}-sha256`, payload),
        alone ? keyword : `${keyword}-sha256`,
      );
  });

const AUTHENTICATIONS: Readonly<Record<string, string>> = {
  HMAC_MD5: 'md5',
  HMAC_SHA: 'sha1',
  DES_MAC: 'desmac',
  KPDK: 'kpdk',
  HMAC_SHA2_256: 'sha256',
  HMAC_SHA2_384: 'sha384',
  HMAC_SHA2_512: 'sha512',
  AES_XCBC_MAC: 'aesxcbc',
};

for (const [name, keyword] of Object.entries(AUTHENTICATIONS))
  test(`authentication algorithm ${name}`, () => {
    const payload = esp(EspTransform.ESP_AES_CBC, 128, IpsecAuthAlg[name as keyof typeof IpsecAuthAlg]);
    assert.ok(shown(payload).includes(name), shown(payload));
    const refusal = quick(keyword === 'sha256' ? 'aes128-sha384' : 'aes128-sha256', payload);
    assert.ok(typeof refusal !== 'string');
    assert.match(refusal.summary, new RegExp(`the peer offers ${keyword}; this connection allows `));
    if (keywordsOf(keyword).length > 0)
      assert.equal(quick(`aes128-${keyword}`, payload), `aes128-${keyword}`);
  });
