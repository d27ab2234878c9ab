import assert from 'node:assert/strict';
import { test } from 'node:test';
import { child, connection } from '../../test/sim/configuration.ts';
import { type OfferedProposal, type Proposal, parseProposals } from '../crypto/proposal.ts';
import {
  Doi,
  EncapMode,
  EspTransform,
  IpsecAttribute,
  IpsecAuthAlg,
  OakleyAttribute,
  OakleyAuthMethod,
  OakleyEncr,
  OakleyHash,
  V1PayloadType,
  V1ProtocolId,
} from '../iana/ikev1.ts';
import { TransformType } from '../iana/ikev2.ts';
import { Encr, KeMethod } from '../iana/transforms.ts';
import { EMPTY } from '../lib/bytes.ts';
import { ip } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { BackendFeatures } from '../policy/sa.ts';
import type { V1SaPayload, V1Transform } from '../wire/v1/payload.ts';
import { noFacts } from './isakmp-sa.ts';
import { choosePhaseOne } from './phase-one-proposal.ts';
import { once, singles } from './proposal-words.ts';
import { chooseQuick } from './quick-proposal.ts';
import { spiOctets } from './quick-transform.ts';
import { choose } from './selection.ts';

const PATH = {
  local: { address: ip('192.0.2.1'), port: 500 },
  remote: { address: ip('192.0.2.2'), port: 500 },
};

const METHODS = [OakleyAuthMethod.PRE_SHARED_KEY];
const FEATURES: BackendFeatures = {
  modes: ['tunnel', 'transport'],
  protocols: ['esp', 'ah'],
  esn: true,
  forceUdpEncapsulation: false,
  maximumReplayWindow: 128,
};

/** `cipher` and `length`, a hash and a group, by their numbers in phase 1. */
type Suite = readonly [cipher: number, length: number, hash: number, group: number];

function phaseOne(suites: readonly Suite[]): V1SaPayload {
  const transforms = suites.map(
    ([cipher, length, hash, group], i): V1Transform => ({
      number: (i % 255) + 1,
      id: 1,
      attributes: [
        { type: OakleyAttribute.ENCRYPTION_ALGORITHM, value: cipher },
        ...(length === 0 ? [] : [{ type: OakleyAttribute.KEY_LENGTH, value: length }]),
        { type: OakleyAttribute.HASH_ALGORITHM, value: hash },
        { type: OakleyAttribute.GROUP_DESCRIPTION, value: group },
        { type: OakleyAttribute.AUTHENTICATION_METHOD, value: OakleyAuthMethod.PRE_SHARED_KEY },
      ],
    }),
  );
  return payloadOf(V1ProtocolId.PROTO_ISAKMP, EMPTY, transforms);
}

/** Proposals of as many transforms as one can hold. */
function payloadOf(protocol: number, spi: Uint8Array, transforms: readonly V1Transform[]): V1SaPayload {
  const proposals = [];
  for (let at = 0; at < transforms.length; at += 255)
    proposals.push({
      number: proposals.length + 1,
      protocol,
      spi,
      transforms: transforms.slice(at, at + 255),
    });
  return { type: V1PayloadType.SA, doi: Doi.IPSEC, situation: 1, proposals };
}

/** All that nobody here wants: triple DES with each hash and each old group. */
function unwanted(count: number): readonly Suite[] {
  const groups = [1, 2, 5, 22];
  return Array.from({ length: count }, (_, i) => [
    OakleyEncr._3DES_CBC,
    0,
    1 + (i % 2),
    groups[i % groups.length] ?? 1,
  ]);
}

function asks(proposals: string) {
  return connection('a', 'b', { version: 1, proposals: parseProposals(proposals, 'ike') });
}

function agreed(chosen: ReturnType<typeof choosePhaseOne>): string {
  assert.ok('suite' in chosen, 'code' in chosen ? chosen.summary : '');
  return chosen.suite.text;
}

function refused(chosen: object): Failure {
  assert.ok('code' in chosen, 'something was chosen');
  return chosen as Failure;
}

test('of hundreds of transforms the one that this end prefers is chosen, wherever it stands', () => {
  const ours = asks('aes256-sha512-modp3072-modp2048,aes128-sha256-ecp256');
  const wanted: Suite = [OakleyEncr.AES_CBC, 256, OakleyHash.SHA2_512, KeMethod.MODP2048];
  const worse: Suite = [OakleyEncr.AES_CBC, 128, OakleyHash.SHA2_256, KeMethod.ECP256];
  for (const place of [0, 1, 100, 199]) {
    const offer = [...unwanted(place), wanted, ...unwanted(199 - place), worse];
    assert.equal(agreed(choosePhaseOne(ours, phaseOne(offer), METHODS)), 'aes256-sha512-modp2048');
    const chosen = choosePhaseOne(ours, phaseOne([worse, ...offer]), METHODS);
    assert.equal(agreed(chosen), 'aes256-sha512-modp2048');
    // What goes back is that transform, as it came.
    assert.ok('answer' in chosen);
    const [proposal] = chosen.answer.proposals;
    assert.deepEqual(
      proposal?.transforms.map(({ number }) => number),
      [place + 2],
    );
  }
});

test('of two equal transforms the first is taken', () => {
  const suite: Suite = [OakleyEncr.AES_CBC, 128, OakleyHash.SHA2_256, KeMethod.ECP256];
  const chosen = choosePhaseOne(asks('aes128-sha256-ecp256'), phaseOne([suite, suite, suite]), METHODS);
  assert.ok('answer' in chosen);
  assert.equal(chosen.answer.proposals[0]?.transforms[0]?.number, 1);
});

test('what stands behind the two hundred and fifty-sixth transform is not looked at', () => {
  const ours = asks('aes128-sha256-ecp256');
  const wanted: Suite = [OakleyEncr.AES_CBC, 128, OakleyHash.SHA2_256, KeMethod.ECP256];
  assert.equal(
    agreed(choosePhaseOne(ours, phaseOne([...unwanted(255), wanted]), METHODS)),
    'aes128-sha256-ecp256',
  );
  refused(choosePhaseOne(ours, phaseOne([...unwanted(256), wanted]), METHODS));
});

test('where nothing fits, the nearest is told, down to the attribute', () => {
  const near: Suite = [OakleyEncr.AES_CBC, 256, OakleyHash.SHA2_256, KeMethod.MODP1024];
  const ours = asks('aes256-sha256-modp2048');
  const { summary, theirs, remedy } = refused(
    choosePhaseOne(ours, phaseOne([...unwanted(200), near, ...unwanted(40)]), METHODS),
  );
  assert.match(summary, /peer offers modp1024; this connection allows modp2048/);
  assert.ok(theirs?.includes('aes256-sha256-modp1024'));
  assert.match(remedy ?? '', /^add modp2048 at the peer: modp1024 is weak/);
});

test('the work grows with the sum of both lists, and looks at few transforms to explain', () => {
  const groups = 'modp2048-modp3072-modp4096-ecp256-ecp384-ecp521-x25519';
  const configured = parseProposals(`aes256-aes192-aes128-sha512-sha384-sha256-${groups}`, 'ike');
  const types = [TransformType.ENCR, TransformType.INTEG, TransformType.PRF, TransformType.KE];
  const ours = singles(configured, types);
  const looks = (length: number): number => {
    let count = 0;
    const offered = Array.from({ length }, (_, i) => {
      const one: OfferedProposal = {
        number: i + 1,
        protocol: 1,
        get transforms() {
          count++;
          return [
            { type: TransformType.ENCR, id: Encr.ENCR_3DES },
            { type: TransformType.KE, id: KeMethod.MODP1024 },
          ];
        },
      };
      return one;
    });
    assert.equal(choose(configured, ours, offered).kind, 'mismatch');
    return count;
  };
  const [some, many] = [looks(200), looks(1000)];
  // Three looks for each of those that are more, and none at a pair.
  assert.ok(many - some <= 3 * 800, `${many - some} looks at 800 transforms more`);
});

test('a list is made once, whoever asks', () => {
  let times = 0;
  const make = once(proposals => {
    times++;
    return proposals.map(({ text }) => text);
  });
  const list: readonly Proposal[] = parseProposals('aes128-sha256-ecp256', 'ike');
  assert.equal(make(list), make(list));
  assert.equal(times, 1);
  make([...list]);
  assert.equal(times, 2);
});

// ── quick mode ──

function esp(
  ...transforms: readonly (readonly [id: number, length: number, auth: number, group?: number])[]
) {
  return payloadOf(
    V1ProtocolId.PROTO_IPSEC_ESP,
    spiOctets(0x1234),
    transforms.map(
      ([id, length, auth, group], i): V1Transform => ({
        number: (i % 255) + 1,
        id,
        attributes: [
          ...(length === 0 ? [] : [{ type: IpsecAttribute.KEY_LENGTH, value: length }]),
          ...(auth === 0 ? [] : [{ type: IpsecAttribute.AUTHENTICATION_ALGORITHM, value: auth }]),
          ...(group === undefined ? [] : [{ type: IpsecAttribute.GROUP_DESCRIPTION, value: group }]),
          { type: IpsecAttribute.ENCAPSULATION_MODE, value: EncapMode.TUNNEL },
        ],
      }),
    ),
  );
}

test('quick mode chooses among hundreds too, and says what came nearest', () => {
  const config = child({ proposals: parseProposals('aes256gcm16,aes128-sha256-modp2048', 'esp') });
  const old = Array.from({ length: 200 }, () => [EspTransform.ESP_3DES, 0, IpsecAuthAlg.HMAC_MD5] as const);
  const good = [EspTransform.ESP_AES_CBC, 128, IpsecAuthAlg.HMAC_SHA2_256, KeMethod.MODP2048] as const;
  const chosen = chooseQuick(config, FEATURES, { peer: noFacts(), path: PATH }, esp(...old, good));
  assert.ok('suite' in chosen);
  assert.equal(chosen.suite.accepted.text, 'aes128-sha256-modp2048');
  assert.equal(chosen.suite.spiOut, 0x1234);

  const near = [EspTransform.ESP_AES_CBC, 128, IpsecAuthAlg.HMAC_SHA2_256, KeMethod.MODP1024] as const;
  const failure = refused(chooseQuick(config, FEATURES, { peer: noFacts(), path: PATH }, esp(near, ...old)));
  assert.match(failure.summary, /peer offers modp1024; this connection allows modp2048/);
});

test('an authentication algorithm beside an AEAD means nothing, and is passed over', () => {
  const config = child({ proposals: parseProposals('aes128gcm16', 'esp') });
  const offer = esp([EspTransform.ESP_AES_GCM_16, 128, IpsecAuthAlg.HMAC_SHA2_256]);
  const chosen = chooseQuick(config, FEATURES, { peer: noFacts(), path: PATH }, offer);
  assert.ok('suite' in chosen, 'code' in chosen ? chosen.summary : '');
  assert.equal(chosen.suite.accepted.text, 'aes128gcm16');
});
