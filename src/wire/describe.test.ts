import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toyCipher } from '../../test/toy-cipher.ts';
import { V1_SAMPLES, V2_SAMPLES } from '../../test/wire-samples.ts';
import { V1ExchangeType, V1HeaderFlag, V1PayloadType } from '../iana/ikev1.ts';
import { ExchangeType, PayloadType } from '../iana/ikev2.ts';
import { vendorIdOctets } from '../iana/vendor-ids.ts';
import { detailDatagram, summarizeDatagram } from './describe.ts';
import { HeaderFlag } from './header.ts';
import { encodeV1Message, type V1MessageFields } from './v1/message.ts';
import type { V1Payload } from './v1/payload.ts';
import { encodeMessage, type MessageFields } from './v2/message.ts';
import type { Payload } from './v2/payload.ts';
import { sealMessage } from './v2/protect.ts';

const fields: MessageFields = {
  initiatorSpi: 0x0102030405060708n,
  responderSpi: 0n,
  exchangeType: ExchangeType.IKE_SA_INIT,
  flags: HeaderFlag.INITIATOR,
  messageId: 0,
};

const vendorId = (text: string): Payload => ({
  type: PayloadType.VendorID,
  data: Uint8Array.from(text, letter => letter.charCodeAt(0)),
});

test('a message in one line', () => {
  const { SA, KE, Nonce, Notify } = PayloadType;
  const request = [V2_SAMPLES[SA][0], V2_SAMPLES[KE][0], V2_SAMPLES[Nonce][0], V2_SAMPLES[Notify][0]];
  assert.equal(
    summarizeDatagram(encodeMessage(fields, request)),
    'IKE_SA_INIT request 0 [SA KE Ni N(NAT_DETECTION_SOURCE_IP)]',
  );
  const response = { ...fields, flags: HeaderFlag.RESPONSE };
  assert.equal(
    summarizeDatagram(encodeMessage(response, [V2_SAMPLES[Nonce][0], V2_SAMPLES[Notify][2] as Payload])),
    'IKE_SA_INIT response 0 [Nr N(INVALID_KE_PAYLOAD)]',
  );
});

test('what has no name is told by its number', () => {
  const payloads: Payload[] = [
    { type: 'unknown', number: 200, critical: true, data: new Uint8Array(0) },
    {
      type: PayloadType.Notify,
      protocol: 0,
      spi: new Uint8Array(0),
      notifyType: 9999,
      data: new Uint8Array(0),
    },
  ];
  assert.equal(
    summarizeDatagram(encodeMessage({ ...fields, exchangeType: 241, messageId: 7 }, payloads)),
    'private 241 request 7 [private-200 N(private 9999)]',
  );
});

test('what is sealed is told as sealed', () => {
  const auth = { ...fields, exchangeType: ExchangeType.IKE_AUTH, messageId: 1 };
  const [whole] = sealMessage(auth, [], toyCipher());
  assert.equal(summarizeDatagram(whole as Uint8Array), 'IKE_AUTH request 1 [SK{…}]');
  const [first] = sealMessage(auth, [V2_SAMPLES[PayloadType.CERT][0]], toyCipher(), 90);
  assert.equal(summarizeDatagram(first as Uint8Array), 'IKE_AUTH request 1 [SKF(1/2){…}]');
});

test('a message in full', () => {
  const payloads = Object.values(V2_SAMPLES).map(([sample]) => sample);
  assert.equal(
    detailDatagram(encodeMessage(fields, payloads)),
    `IKE_SA_INIT request 0
  SPIs 0102030405060708:0000000000000000, version 2.0, flags I, 620 octets
  SA
    proposal 1 IKE: ENCR_AES_GCM_16 256 PRF_HMAC_SHA2_256 KE=CURVE25519
    proposal 2 ESP SPI 01020304: ENCR_AES_CBC 128 Signature_Algorithm_Identifier=0102030405 INTEG=AUTH_HMAC_SHA2_256_128 unassigned 20=0102 INTEG=AUTH_HMAC_SHA2_384_192 KEY_LENGTH=0102 SN=SEQUENTIAL_32
  KE: CURVE25519, 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20 (32 octets)
  IDi: ID_FQDN "abcdefghijk"
  IDr: ID_IPV4_ADDR 1.2.3.4
  CERT: X509_SIGNATURE, 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20… (60 octets)
  CERTREQ: X509_SIGNATURE, 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20… (40 octets)
  AUTH: DIGITAL_SIGNATURE, 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20… (70 octets)
  Ni: 0102030405060708090a0b0c0d0e0f10 (16 octets)
  N(NAT_DETECTION_SOURCE_IP): 0102030405060708090a0b0c0d0e0f1011121314 (20 octets)
  D: IKE
  V: "<=>?@ABCDEFGHIJK" 3c3d3e3f404142434445464748494a4b (16 octets)
  TSi
    1.2.3.4-9.10.11.12 protocol any ports 0-65535
    102:304:506:708:90a:b0c:d0e:f10-90a:b0c:d0e:f10:1112:1314:1516:1718 protocol 17 ports 500-500
    TS_SECLABEL 0a000007010203 (7 octets)
  TSr
  CP(CFG_REQUEST)
    INTERNAL_IP4_ADDRESS
    APPLICATION_VERSION "abcdef"
    INTERNAL_IP4_SUBNET 1.2.3.4/5.6.7.8
    INTERNAL_IP6_ADDRESS 102:304:506:708:90a:b0c:d0e:f10/17
    INTERNAL_DNS_DOMAIN "abc"
  EAP(Request): 0107000501 (5 octets)`,
  );
});

test('the data of a notify are told where they mean something', () => {
  const notifies: Payload[] = [
    V2_SAMPLES[PayloadType.Notify][1] as Payload,
    V2_SAMPLES[PayloadType.Notify][2] as Payload,
    V2_SAMPLES[PayloadType.Notify][3] as Payload,
    { type: PayloadType.Notify, protocol: 0, spi: new Uint8Array(0), notifyType: 17, data: Uint8Array.of(1) },
    {
      type: PayloadType.Notify,
      protocol: 0,
      spi: new Uint8Array(0),
      notifyType: 16387,
      data: Uint8Array.of(0x12, 0x34, 2),
    },
    ...[12, 11].map(length => ({
      type: PayloadType.Notify,
      protocol: 0,
      spi: new Uint8Array(0),
      notifyType: 16402,
      data: Uint8Array.of(192, 0, 2, 1, 192, 0, 2, 2, 0x11, 0x94, 1, 0xf4).subarray(0, length),
    })),
  ];
  assert.deepEqual(detailDatagram(encodeMessage(fields, notifies)).split('\n').slice(2), [
    '  N(REKEY_SA): ESP SPI 01020304',
    '  N(INVALID_KE_PAYLOAD): ECP256 wanted',
    '  N(SIGNATURE_HASH_ALGORITHMS): SHA2_256 IDENTITY',
    '  N(INVALID_KE_PAYLOAD): 01 (1 octets)',
    '  N(IPCOMP_SUPPORTED): IPCOMP_DEFLATE CPI 1234',
    '  N(NO_NATS_ALLOWED): from 192.0.2.1 port 4500 to 192.0.2.2 port 500',
    '  N(NO_NATS_ALLOWED): c0000201c0000202119401 (11 octets)',
  ]);
});

test('a stranger cannot write into the log: control characters, quotes and length', () => {
  const nasty = vendorId(`\r\n\x1b[31m"\\${'x'.repeat(5000)}`);
  const [, , line, ...more] = detailDatagram(encodeMessage(fields, [nasty])).split('\n');
  assert.deepEqual(more, []);
  assert.ok(line?.startsWith('  V: "\\x0d\\x0a\\x1b[31m"\\x5cxxx'));
  assert.ok((line?.length ?? 0) < 600);
});

test('very many payloads make a bounded text', () => {
  const proposals = Array.from({ length: 128 }, () => ({
    number: 1,
    protocol: 3,
    spi: new Uint8Array(4),
    transforms: Array.from({ length: 8 }, () => ({ type: 200, id: 60000, keyLength: 60000 })),
  }));
  const payloads: Payload[] = Array(20).fill({ type: PayloadType.SA, proposals });
  const detail = detailDatagram(encodeMessage(fields, payloads));
  assert.ok(detail.split('\n').length <= 401);
  const summary = summarizeDatagram(encodeMessage(fields, Array(128).fill(vendorId('a'))));
  assert.match(summary, /^IKE_SA_INIT request 0 \[V V .* … 64 more\]$/);
});

test('what cannot be read is told as such, never thrown', () => {
  assert.equal(
    summarizeDatagram(new Uint8Array(3)),
    'malformed message of 3 octets: IKE header: 28 octets wanted, 3 there (at octet 3)',
  );
  const wrong = encodeMessage(fields, [vendorId('a')]);
  wrong[31] = 0;
  assert.equal(
    summarizeDatagram(wrong),
    'malformed message of 33 octets, SPIs 0102030405060708:0000000000000000: payload of 0 octets (at octet 28)',
  );
  const later = encodeMessage(fields, []);
  later[17] = 0x31;
  assert.equal(detailDatagram(later), 'IKE 3.1 message of 28 octets, SPIs 0102030405060708:0000000000000000');
});

const v1Fields: V1MessageFields = {
  initiatorSpi: 0x0102030405060708n,
  responderSpi: 0n,
  exchangeType: V1ExchangeType.MAIN_MODE,
  flags: V1HeaderFlag.COMMIT,
  messageId: 0xabc,
};

test('an IKEv1 message in one line', () => {
  const { SA, VID, N, FRAGMENT } = V1PayloadType;
  const natT: V1Payload = { type: VID, data: vendorIdOctets('RFC 3947') };
  const payloads: V1Payload[] = [
    V1_SAMPLES[SA][0],
    natT,
    V1_SAMPLES[VID][0],
    V1_SAMPLES[N][0],
    { type: 'unknown', number: 15, data: new Uint8Array(0) },
    { type: 'unknown', number: 99, data: new Uint8Array(0) },
  ];
  assert.equal(
    summarizeDatagram(encodeV1Message(v1Fields, payloads)),
    'MAIN_MODE abc [SA V(RFC 3947) V N(R_U_THERE) SAK unassigned-99]',
  );
  assert.equal(
    summarizeDatagram(encodeV1Message(v1Fields, [V1_SAMPLES[FRAGMENT][1] as V1Payload])),
    'MAIN_MODE abc [FRAGMENT(255 last)]',
  );
  const sealed = encodeV1Message({ ...v1Fields, flags: V1HeaderFlag.ENCRYPTION }, [natT]);
  assert.equal(summarizeDatagram(sealed), 'MAIN_MODE abc [{…}]');
  assert.equal(detailDatagram(sealed).split('\n').at(-1), '  {…}');
});

test('an IKEv1 message in full, passwords left out', () => {
  const { FRAGMENT, ID } = V1PayloadType;
  const payloads = Object.values(V1_SAMPLES)
    .filter(([sample]) => sample.type !== FRAGMENT)
    .flatMap((samples): readonly V1Payload[] => (samples[0].type === ID ? samples : [samples[0]]));
  assert.equal(
    detailDatagram(encodeV1Message(v1Fields, payloads)),
    `MAIN_MODE abc
  cookies 0102030405060708:0000000000000000, version 1.0, flags COMMIT, 810 octets
  SA
    proposal 1 PROTO_ISAKMP SPI 0102030405060708
      transform 1 KEY_IKE: ENCRYPTION_ALGORITHM AES_CBC, KEY_LENGTH 128, HASH_ALGORITHM SHA2_256, AUTHENTICATION_METHOD XAUTHInitPreShared, GROUP_DESCRIPTION MODP2048, LIFE_TYPE SECONDS, LIFE_DURATION 86400
      transform 2 KEY_IKE: GROUP_PRIME 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20… (40 octets)
    proposal 2 PROTO_IPSEC_ESP SPI 01020304
    proposal 2 PROTO_IPSEC_AH SPI 01020304
      transform 1 AH_SHA2_256: ENCAPSULATION_MODE UDP_TUNNEL_DRAFT
  KE: 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20… (128 octets)
  ID: ID_FQDN "abcde" protocol 17 port 500
  ID: ID_IPV4_ADDR_SUBNET 1.2.3.4/5.6.7.8
  ID: ID_IPV4_ADDR 1.2.3.4
  ID: ID_IPV6_ADDR_RANGE 102:304:506:708:90a:b0c:d0e:f10-1112:1314:1516:1718:191a:1b1c:1d1e:1f20
  ID: ID_IPV6_ADDR_RANGE "\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\x09\\x0a\\x0b\\x0c\\x0d\\x0e\\x0f\\x10\\x11\\x12\\x13\\x14\\x15\\x16\\x17\\x18\\x19\\x1a\\x1b\\x1c\\x1d\\x1e\\x1f"
  CERT: X509_SIGNATURE, 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20… (60 octets)
  CR: X509_SIGNATURE, ""
  HASH: 0102030405060708090a0b0c0d0e0f1011121314 (20 octets)
  SIG: 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20… (64 octets)
  NONCE: 0102030405060708 (8 octets)
  N(R_U_THERE): PROTO_ISAKMP SPI 0102030405060708090a0b0c0d0e0f10, 00000007 (4 octets)
  D: PROTO_IPSEC_ESP 01020304 05060708
  V: "<=>?@ABCDEFGHIJK" 3c3d3e3f404142434445464748494a4b (16 octets)
  ATTRIBUTES(ISAKMP_CFG_REPLY): identifier 43981
    INTERNAL_IP4_ADDRESS 10.0.0.0
    XAUTH_TYPE 0
    XAUTH_USER_NAME "abcd"
    XAUTH_USER_PASSWORD [secret]
    INTERNAL_ADDRESS_EXPIRY 3600 s
    UNITY_BANNER
  NAT_D: 0102030405060708090a0b0c0d0e0f1011121314 (20 octets)
  NAT_OA: ID_IPV4_ADDR 1.2.3.4
  NAT_D_DRAFT: 0102030405060708090a0b0c0d0e0f10 (16 octets)
  NAT_OA_DRAFT: ID_IPV6_ADDR 102:304:506:708:90a:b0c:d0e:f10`,
  );
});
