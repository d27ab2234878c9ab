import assert from 'node:assert/strict';
import { constants, createPrivateKey, generateKeyPairSync, privateEncrypt, sign } from 'node:crypto';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { defaultProposals, parseProposals } from '../../src/crypto/proposal.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import {
  EspTransform,
  OakleyAttribute,
  OakleyEncr,
  OakleyHash,
  V1ExchangeType,
  V1IdType,
  V1Notify,
  V1PayloadType,
} from '../../src/iana/ikev1.ts';
import { concat, fromHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { encodeV1Message } from '../../src/wire/v1/message.ts';
import type { V1Attribute, V1Payload, V1SaPayload } from '../../src/wire/v1/payload.ts';
import { issue } from '../certificate-builder.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import { authority, certified, pairV1, V1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import { notifyTypes, phaseOneSa } from '../sim/scripted-peer-v1.ts';

/*
 * Attacks that brought other implementations down, by the rows of the list that ikev1-attack-lists.test.ts goes
 * through: here are those that no other scenario shows.
 */

type Scripted = ReturnType<typeof withScriptedPeerV1>;
type Change = (payloads: readonly V1Payload[]) => readonly V1Payload[];

function assertServes({ sim, a, peer }: Scripted): void {
  peer.received.length = 0;
  peer.establish();
  peer.quick();
  sim.run(SECOND);
  assert.ok(a.backEnd.outbound('net') !== undefined);
}

// ── octets that are no message ──

/** A message by its header and the octets behind it; the length is what it is. */
function raw(first: number, exchange: number, body: string, change: Record<number, number> = {}): Uint8Array {
  const rest = fromHex(body.replaceAll(' ', ''));
  assert.ok(rest !== undefined, body);
  const octets = concat(new Uint8Array(28), rest);
  octets.set([0, 1, 2, 3, 4, 5, 6, 7], 0);
  octets[16] = first;
  octets[17] = 0x10;
  octets[18] = exchange;
  new DataView(octets.buffer).setUint32(24, octets.length);
  for (const [at, octet] of Object.entries(change)) octets[Number(at)] = octet;
  return octets;
}

const SA_HEAD = '00000001 00000001';
const MAIN = V1ExchangeType.MAIN_MODE;
const AGGRESSIVE = V1ExchangeType.AGGRESSIVE;
const INFORMATIONAL = V1ExchangeType.INFORMATIONAL;

const DATAGRAMS: readonly (readonly [ids: string, what: string, datagram: Uint8Array])[] = [
  ['C001', 'a payload of no length', raw(1, MAIN, '0d000000 0000000000000000')],
  ['C001', 'a payload shorter than its header', raw(1, MAIN, '0d000003 0000000000000000')],
  ['C002', 'an SA cut off in its proposal', raw(1, MAIN, `00000010 ${SA_HEAD} 00000028`)],
  [
    'C002',
    'a transform longer than its proposal',
    raw(1, MAIN, `00000020 ${SA_HEAD} 00000014 01010001 0000ffff 01010000`),
  ],
  ['C003', 'a CERT_REQ without a type', raw(7, MAIN, '00000004')],
  [
    'C004',
    'a Delete of more SPIs than there are',
    raw(12, INFORMATIONAL, '00000010 00000001 0304ffff 00000007'),
  ],
  ['C004', 'a Delete of SPIs of no length', raw(12, INFORMATIONAL, '0000000c 00000001 0300ffff')],
  ['C005', 'a length of four GiB', raw(1, MAIN, '00000004', { 24: 0xff, 25: 0xff, 26: 0xff, 27: 0xff })],
  ['C006', 'half a header', raw(1, MAIN, '').subarray(0, 20)],
  ['C006', 'nothing at all', new Uint8Array(0)],
  ['C008', 'a length beyond the datagram', raw(1, MAIN, '00000004', { 27: 200 })],
  ['C009', 'every bit of the situation', raw(1, MAIN, '0000000c 00000001 ffffffff')],
  ['C009', 'a first payload of type 15', raw(15, MAIN, '00000010 000102030405060708090a0b')],
  ['C010', 'payload numbers of IKEv2', raw(33, MAIN, '22000008 00000001 00000008 00010002')],
  [
    'C011',
    'an attribute larger than the message',
    raw(1, MAIN, `00000024 ${SA_HEAD} 00000018 01010001 00000010 01010000 000cffff`),
  ],
  ['C052, C057', 'a fragment shorter than its own header', raw(132, MAIN, '00000004')],
  ['C052, C057', 'a fragment of nothing', raw(132, MAIN, '00000008 00010101')],
  ['C056', 'a fragment announced and not there', raw(132, MAIN, '')],
  ['C060', 'a fragment before other payloads', raw(132, MAIN, '01000009 00010101 00 00000004')],
  ['C139', 'a header that announces a payload', raw(1, MAIN, '')],
  ['C140', 'an SPI longer than its proposal', raw(1, MAIN, `00000014 ${SA_HEAD} 00000008 0101ff00`)],
  ['C146', 'an SA without proposals', raw(1, MAIN, `0000000c ${SA_HEAD}`)],
  ['C012', 'a chain of a thousand payloads', raw(13, MAIN, '0d000004'.repeat(1000))],
  ['C012', 'an identity with nothing in it', raw(5, AGGRESSIVE, '00000004')],
];

for (const [ids, what, datagram] of DATAGRAMS)
  test(`(${ids}) ${what}: nothing thrown, nothing kept, twice`, () => {
    const made = withScriptedPeerV1({
      both: { ...V1, aggressive: true },
      settings: { allowAggressivePsk: true },
    });
    const { sim, a, peer } = made;
    const answers = sim.between(a.name, peer.name);
    for (let time = 0; time < 2; time++) peer.transmit(datagram);
    sim.run(SECOND);
    assert.deepEqual(a.status(), []);
    assert.ok(answers.recorded.length <= 2);
    for (const { content } of answers.recorded)
      assert.ok(content.kind === 'ike' && content.datagram.length <= Math.max(40, datagram.length));
    assertServes(made);
  });

test('(C126, C127, C130, C131) a thousand first messages that come to nothing leave nothing', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  sim.between(a.name, peer.name).script = () => 'drop';
  for (let i = 0; i < 1000; i++) {
    const weak = withAttribute(phaseOneSa(), OakleyAttribute.GROUP_DESCRIPTION, 1 + (i % 2));
    peer.transmit(
      encodeV1Message(
        { initiatorSpi: BigInt(i + 1), responderSpi: 0n, exchangeType: MAIN, flags: 0, messageId: 0 },
        [weak],
      ),
    );
    if (i % 100 === 0) sim.run(SECOND);
  }
  sim.run(MINUTE);
  assert.deepEqual(a.status(), []);
  assert.equal(a.backEnd.reserved.size, 0);
  assert.equal(a.engine.deadline, undefined);
});

// ── proposals ──

/** The offer of phase 1 with another value of one attribute, or without it. */
function withAttribute(sa: V1SaPayload, type: number, value: V1Attribute['value'] | undefined): V1SaPayload {
  return {
    ...sa,
    proposals: sa.proposals.map(proposal => ({
      ...proposal,
      transforms: proposal.transforms.map(transform => ({
        ...transform,
        attributes: [
          ...transform.attributes.filter(one => one.type !== type),
          ...(value === undefined ? [] : [{ type, value }]),
        ],
      })),
    })),
  };
}

for (const [ids, what, type, value] of [
  ['C064', 'a group that has a number of somebody’s own', OakleyAttribute.GROUP_DESCRIPTION, 1025],
  ['C066', 'no group', OakleyAttribute.GROUP_DESCRIPTION, undefined],
  ['C066', 'the group that is none', OakleyAttribute.GROUP_DESCRIPTION, 0],
  ['C066', 'a group by its parameters', OakleyAttribute.GROUP_PRIME, new Uint8Array(256).fill(0xff)],
  ['C073', 'a key length that AES has not', OakleyAttribute.KEY_LENGTH, 129],
  ['C073', 'a key length of sixteen octets', OakleyAttribute.KEY_LENGTH, new Uint8Array(16).fill(0xff)],
  ['C073', 'a key of no length', OakleyAttribute.KEY_LENGTH, 0],
  ['C138', 'a GSSAPI name', 16_384, utf8('host/somewhere@EXAMPLE.ORG')],
  ['C080', 'modp768', OakleyAttribute.GROUP_DESCRIPTION, 1],
  ['C080', 'modp1024', OakleyAttribute.GROUP_DESCRIPTION, 2],
  ['C068', 'a group with small subgroups', OakleyAttribute.GROUP_DESCRIPTION, 22],
  ['C081', 'MD5', OakleyAttribute.HASH_ALGORITHM, OakleyHash.MD5],
  ['C079', 'a cipher of 64-bit blocks', OakleyAttribute.ENCRYPTION_ALGORITHM, OakleyEncr._3DES_CBC],
  ['C132', 'no hash', OakleyAttribute.HASH_ALGORITHM, undefined],
  ['C132', 'a prf of its own', OakleyAttribute.PRF, 1],
] as const)
  test(`(${ids}) ${what} is not chosen where nobody has named it`, () => {
    const made = withScriptedPeerV1({ both: { ...V1, proposals: defaultProposals('ike') } });
    const { a, peer } = made;
    const payloads: Change = () => [withAttribute(phaseOneSa(), type, value)];
    for (let time = 0; time < 2; time++) {
      assert.equal(peer.offer({ payloads }), undefined);
      assert.deepEqual(notifyTypes(peer.take(INFORMATIONAL)), [V1Notify.NO_PROPOSAL_CHOSEN]);
      assert.deepEqual(a.status(), []);
    }
  });

test('(C074) triple DES with a key length: the length means nothing, the key is as long as ever', () => {
  const { a, peer } = withScriptedPeerV1({
    both: { ...V1, proposals: parseProposals('3des-sha256-ecp256', 'ike') },
  });
  const offer = withAttribute(phaseOneSa(), OakleyAttribute.ENCRYPTION_ALGORITHM, OakleyEncr._3DES_CBC);
  assert.ok(peer.offer({ payloads: () => [offer] }) !== undefined);
  assert.deepEqual(
    a.status().map(({ state }) => state),
    ['CONNECTING'],
  );
});

test('(C077) authentication without encryption that nobody has configured is refused in quick mode', () => {
  for (const attributes of [[], [{ type: 6, value: 128 }], [{ type: 6, value: 0 }]] as const) {
    const made = withScriptedPeerV1();
    made.peer.establish();
    made.peer.beginQuick({
      payloads: all =>
        all.map(payload =>
          payload.type === V1PayloadType.SA
            ? {
                ...payload,
                proposals: payload.proposals.map(proposal => ({
                  ...proposal,
                  transforms: [
                    {
                      number: 1,
                      id: EspTransform.ESP_NULL_AUTH_AES_GMAC,
                      attributes: [...attributes, { type: 4, value: 1 }],
                    },
                  ],
                })),
              }
            : payload,
        ),
    });
    assert.deepEqual(notifyTypes(made.peer.take(INFORMATIONAL)), [V1Notify.NO_PROPOSAL_CHOSEN]);
    assert.equal(made.a.backEnd.reserved.size, 0);
    made.peer.quick();
  }
});

test('(C070) nothing large is offered or accepted by default, and main mode makes no exchange before its second message', () => {
  const largest = Math.max(
    ...defaultProposals('ike').flatMap(({ transforms }) =>
      transforms.flatMap(({ type, id }) => (type === 4 && id < 19 ? [id] : [])),
    ),
  );
  // 15 is modp3072, 16 is modp4096.
  assert.ok(largest <= 16, `group ${largest}`);
});

test('(C071) a value of its own for every exchange', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  const seen = new Set<string>();
  for (let time = 0; time < 20; time++) {
    peer.offer();
    const answer = peer.share();
    assert.ok(answer !== undefined);
    for (const payload of answer.payloads)
      if (payload.type === V1PayloadType.KE || payload.type === V1PayloadType.NONCE)
        seen.add(payload.data.join());
    sim.run(MINUTE);
  }
  assert.equal(seen.size, 40);
  assert.deepEqual(a.status(), []);
});

// ── identities ──

for (const [ids, what, idType, data] of [
  ['C028, C029', 'a name that is no DER', V1IdType.ID_DER_ASN1_DN, utf8('C=CH, O=Lab')],
  [
    'C028, C029',
    'a name that is longer than it is',
    V1IdType.ID_DER_ASN1_DN,
    Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff),
  ],
  ['C028, C029', 'a name of endless sets', V1IdType.ID_DER_ASN1_DN, new Uint8Array(4000).fill(0x31)],
  [
    'C019, C021',
    'an address of sixty thousand octets',
    V1IdType.ID_IPV4_ADDR,
    new Uint8Array(60_000).fill(1),
  ],
  ['C019, C021', 'a name of sixty thousand octets', V1IdType.ID_FQDN, new Uint8Array(60_000).fill(0x61)],
  ['C021', 'nothing', V1IdType.ID_FQDN, new Uint8Array(0)],
  ['C021', 'a key of four octets', V1IdType.ID_KEY_ID, new Uint8Array(4)],
] as const)
  test(`(${ids}) an identity that is ${what} is nobody’s`, () => {
    const made = withScriptedPeerV1();
    const { sim, a, peer } = made;
    const payloads: Change = all =>
      all.map(payload => (payload.type === V1PayloadType.ID ? { ...payload, idType, data } : payload));
    peer.offer();
    peer.share();
    peer.prove({ payloads });
    sim.run(5 * MINUTE);
    assert.deepEqual(a.status(), []);
    assert.equal(a.eventsOf('ike-up').length, 0);
    assertServes(made);
  });

// ── signatures ──

const provider = nodeProvider();

/** Two ends of which b signs by something else than its key. */
function forged(key: 'rsa2048' | 'p256', signature: (own: { pem: string; hash: Uint8Array }) => Uint8Array) {
  const own = issue(authority(), { subject: 'C=CH, O=Lab, CN=sun', names: ['dns:sun.example.org'], key });
  const real = provider.importPrivateKey(own.pkcs8);
  const pem = createPrivateKey({ key: Buffer.from(own.pkcs8), format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
  const ends = certified({ name: 'moon', key }, { name: 'sun', own, credentials: { privateKeys: [real] } });
  const made = pairV1(ends);
  const { provider: of } = made.b;
  // What b's platform says its signature is.
  of.sign = (_key: PrivateKey, _scheme, hash: Uint8Array) => signature({ pem, hash });
  return made;
}

const PKCS1 = constants.RSA_PKCS1_PADDING;
const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;

for (const [ids, what, key, signature] of [
  [
    'C082',
    'of another key',
    'p256',
    ({ hash }) => new Uint8Array(sign('sha256', hash, { key: other, dsaEncoding: 'ieee-p1363' })),
  ],
  ['C083, C084', 'of no octets', 'p256', () => new Uint8Array(0)],
  ['C084', 'of zeros', 'p256', () => new Uint8Array(64)],
  ['C084', 'of r and s that are the order', 'p256', () => new Uint8Array(64).fill(0xff)],
  ['C083', 'of no octets', 'rsa2048', () => new Uint8Array(0)],
  ['C083', 'of zeros', 'rsa2048', () => new Uint8Array(256)],
  ['C089', 'that is no number below the modulus', 'rsa2048', () => new Uint8Array(256).fill(0xff)],
  [
    'C088',
    'of a hash cut short',
    'rsa2048',
    ({ pem, hash }) => privateEncrypt({ key: pem, padding: PKCS1 }, hash.subarray(0, 20)),
  ],
  [
    'C088',
    'of a hash with more behind it',
    'rsa2048',
    ({ pem, hash }) => privateEncrypt({ key: pem, padding: PKCS1 }, concat(hash, hash)),
  ],
  [
    'C085, C087',
    'of a hash with an OID in front',
    'rsa2048',
    ({ pem, hash }) => new Uint8Array(sign('sha256', hash, pem)),
  ],
  [
    'C085, C087',
    'of octets before the hash',
    'rsa2048',
    ({ pem, hash }) => privateEncrypt({ key: pem, padding: PKCS1 }, concat(Uint8Array.of(0), hash)),
  ],
] as readonly (readonly [string, string, 'rsa2048' | 'p256', Parameters<typeof forged>[1]])[])
  test(`(${ids}) a good certificate and a signature by ${key} ${what}: nobody is vouched for`, () => {
    const { sim, a, b } = forged(key, signature);
    for (let time = 0; time < 2; time++) {
      a.events.length = 0;
      a.initiate('site', 'net');
      sim.quiet();
      sim.run(MINUTE);
      assert.equal(a.eventsOf('ike-up').length, 0);
      assert.equal(a.eventsOf('failed')[0]?.failure.code, 'auth/wrong-key');
      sim.run(5 * MINUTE);
      sim.assertEmpty();
    }
    assert.ok(b.events.length > 0);
  });

test('(C082) the same with its own key stands', () => {
  const { sim, a, b } = forged(
    'rsa2048',
    ({ pem, hash }) => new Uint8Array(privateEncrypt({ key: pem, padding: PKCS1 }, hash)),
  );
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assertEnds(sim, a);
});

test('(C134) who fails after phase 1 and comes again, over and over, has one SA', () => {
  const { sim, a, peer } = withScriptedPeerV1({ both: { ...V1, unique: 'replace' } });
  for (let time = 0; time < 10; time++) {
    peer.received.length = 0;
    peer.establish();
    peer.beginQuick({
      payloads: all =>
        all.map(one =>
          one.type === V1PayloadType.ID
            ? { ...one, data: ip('10.9.9.9'), idType: V1IdType.ID_IPV4_ADDR }
            : one,
        ),
    });
    sim.run(10 * SECOND);
  }
  assert.equal(onlyIke(a).children.length, 0);
});
