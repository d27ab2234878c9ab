import assert from 'node:assert/strict';
import { createCipheriv, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Encr, Integ } from '../../iana/transforms.ts';
import { concat, EMPTY, fromHex, toHex } from '../../lib/bytes.ts';
import { Secret } from '../../lib/secret.ts';
import { ENCRYPTION } from '../encr/registry.ts';
import { AUTH_HMAC_SHA2_256_96, INTEGRITY } from '../integ/registry.ts';
import type { PacketCipher, PacketCipherSpec } from '../provider.ts';
import { cipherSizes } from '../sizes.ts';
import { nodeProvider } from './provider.ts';

const octets = (length: number, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => first + 3 * i);
const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) as Uint8Array;
const provider = nodeProvider({ random: length => octets(length, 200) });

function spec(encryption: number, keyLength: number, integrity: number): PacketCipherSpec {
  const sizes = cipherSizes(encryption, keyLength, integrity);
  assert.ok(sizes);
  return {
    encryption,
    keyLength,
    integrity,
    encryptionKey: new Secret(octets(sizes.encryptionKey, 1)),
    integrityKey: new Secret(octets(sizes.integrityKey, 99)),
  };
}

function cipher(of: PacketCipherSpec): PacketCipher {
  const found = provider.packetCipher(of);
  assert.ok(found, `${of.encryption}/${of.keyLength}/${of.integrity}`);
  return found;
}

/** Header, room for the IV, text, room for the ICV. */
function packet({ ivLength, icvLength }: PacketCipher, header: number, text: Uint8Array): Uint8Array {
  return concat(octets(header, 7), new Uint8Array(ivLength), text, new Uint8Array(icvLength));
}

/** Every suite that has sizes. */
const SUITES: readonly PacketCipherSpec[] = [{ id: 0, keywords: [{ keyLength: 0 }] }, ...ENCRYPTION].flatMap(
  ({ id, keywords }) =>
    keywords.flatMap(({ keyLength }) =>
      [0, ...INTEGRITY.map(integrity => integrity.id)]
        .filter(integrity => cipherSizes(id, keyLength, integrity) !== undefined)
        .map(integrity => spec(id, keyLength, integrity)),
    ),
);

test('every suite of the registries is there', () => {
  const aeads = SUITES.filter(({ integrity }) => integrity === 0).length;
  assert.equal(aeads, 3 * 3 + 3 * 3 + 1 + 3 * 3 + 3);
  assert.equal(SUITES.length, aeads + (4 * 3 + 3) * 10 + 13);
  for (const suite of SUITES) cipher(suite);
});

test('what is sealed opens, and only so', () => {
  for (const suite of SUITES) {
    const name = `${suite.encryption}/${suite.keyLength}/${suite.integrity}`;
    const sealing = cipher(suite);
    const opening = cipher(suite);
    for (const [length, options] of [
      [48, {}],
      [48, { esnHigh: 0 }],
      [32, { esnHigh: 0x80000001 }],
      [0, {}],
    ] as const) {
      const text = octets(length, 5);
      const sealed = packet(sealing, 8, text);
      sealing.seal(sealed, 8, options);
      const copy = sealed.slice();
      // A flip anywhere, and the sequence number's other half, are noticed before anything is touched
      for (const at of [0, 7, 8, 8 + sealing.ivLength, copy.length - 1]) {
        if (at >= copy.length) continue;
        copy[at] = (copy[at] as number) ^ 0x20;
        const before = toHex(copy);
        assert.equal(opening.open(copy, 8, options), false, `${name} at ${at}`);
        assert.equal(toHex(copy), before, `${name} changed`);
        copy[at] = (copy[at] as number) ^ 0x20;
      }
      assert.equal(opening.open(copy, 8, { esnHigh: 77 }), false, `${name}: other high half`);
      assert.equal(opening.open(copy, 8, options), true, name);
      assert.equal(
        toHex(copy.subarray(8 + opening.ivLength, copy.length - opening.icvLength)),
        toHex(text),
        name,
      );
    }
  }
});

test('a cipher of one key does not open what another sealed', () => {
  for (const suite of SUITES) {
    const other = { ...suite, integrityKey: new Secret(octets(suite.integrityKey.length, 98)) };
    const stranger = cipher(
      suite.integrityKey.length > 0
        ? other
        : { ...suite, encryptionKey: new Secret(octets(suite.encryptionKey.length, 2)) },
    );
    const sealing = cipher(suite);
    const sealed = packet(sealing, 8, octets(32));
    sealing.seal(sealed, 8);
    assert.equal(stranger.open(sealed, 8), false);
  }
});

test('lengths that cannot be: refused by open, a defect for seal', () => {
  for (const suite of SUITES) {
    const some = cipher(suite);
    const overhead = some.ivLength + some.icvLength;
    for (const length of [0, 4, 8, 8 + overhead - 1]) {
      if (length >= 8 + overhead) continue;
      assert.equal(some.open(new Uint8Array(length), 8), false);
      assert.throws(() => some.seal(new Uint8Array(length), 8), RangeError);
    }
    if (some.blockLength > 1) {
      assert.equal(some.open(new Uint8Array(8 + overhead + some.blockLength + 1), 8), false);
      assert.throws(() => some.seal(new Uint8Array(8 + overhead + some.blockLength - 1), 8), RangeError);
    }
    assert.throws(
      () => some.seal(packet(some, 8, octets(32)), 8, { iv: new Uint8Array(some.ivLength + 1) }),
      RangeError,
    );
  }
});

test('CBC draws its IVs, counters never come twice and begin at random', () => {
  const drawn: number[] = [];
  const counting = nodeProvider({
    random: length => {
      drawn.push(length);
      return new Uint8Array(length).fill(0xff);
    },
  });
  const ivs = (encryption: number, integrity: number): string[] => {
    const some = counting.packetCipher(spec(encryption, 128, integrity));
    assert.ok(some);
    return [0, 1, 2].map(() => {
      const sealed = packet(some, 8, octets(32));
      some.seal(sealed, 8);
      return toHex(sealed.subarray(8, 8 + some.ivLength));
    });
  };
  assert.deepEqual(ivs(Encr.ENCR_AES_CBC, 12), Array(3).fill('ff'.repeat(16)));
  assert.deepEqual(drawn, [16, 16, 16]);
  for (const encryption of [Encr.ENCR_AES_GCM_16, Encr.ENCR_AES_CCM_8, Encr.ENCR_NULL_AUTH_AES_GMAC]) {
    assert.deepEqual(ivs(encryption, 0), ['ffffffffffffffff', '0000000000000000', '0000000000000001']);
  }
  assert.deepEqual(ivs(Encr.ENCR_AES_CTR, 12), ['ffffffffffffffff', '0000000000000000', '0000000000000001']);
});

test('a wiped cipher opens nothing and seals nothing', () => {
  const suite = spec(Encr.ENCR_AES_GCM_16, 128, 0);
  const some = cipher(suite);
  const sealed = packet(some, 8, octets(32));
  some.seal(sealed, 8);
  some.wipe();
  assert.equal(some.open(sealed.slice(), 8), false);
  assert.throws(() => some.seal(sealed, 8), /wiped/);
  assert.ok(cipher(suite).open(sealed, 8), 'the key material is still its owner’s');
});

test('the cipher keeps its keys when their owner wipes them', () => {
  for (const suite of SUITES) {
    const own = spec(suite.encryption, suite.keyLength, suite.integrity);
    const some = cipher(own);
    own.encryptionKey.wipe();
    own.integrityKey.wipe();
    const sealed = packet(some, 8, octets(32));
    some.seal(sealed, 8);
    assert.ok(cipher(suite).open(sealed, 8), `${suite.encryption}/${suite.integrity}`);
  }
});

test('suites that are not known make no cipher, keys of a wrong length are a defect', () => {
  const good = spec(Encr.ENCR_AES_GCM_16, 128, 0);
  assert.equal(provider.packetCipher({ ...good, encryption: Encr.ENCR_BLOWFISH }), undefined);
  assert.equal(provider.packetCipher({ ...good, keyLength: 100 }), undefined);
  assert.equal(provider.packetCipher({ ...good, integrity: Integ.AUTH_HMAC_SHA1_96 }), undefined);
  assert.throws(() => provider.packetCipher({ ...good, encryptionKey: new Secret(octets(16)) }), RangeError);
  assert.throws(() => provider.packetCipher({ ...good, integrityKey: new Secret(octets(1)) }), RangeError);
});

test('associated data of an AEAD: with extended numbers the high half stands between SPI and low half', () => {
  const some = cipher(spec(Encr.ENCR_AES_GCM_16, 128, 0));
  const material = octets(20, 1);
  const text = octets(24, 9);
  const iv = octets(8, 40);
  for (const [esnHigh, middle] of [
    [undefined, ''],
    [0x01020304, '01020304'],
  ] as const) {
    const sealed = packet(some, 8, text);
    some.seal(sealed, 8, esnHigh === undefined ? { iv } : { iv, esnHigh });
    const gcm = createCipheriv('aes-128-gcm', material.subarray(0, 16), concat(material.subarray(16), iv));
    const header = octets(8, 7);
    gcm.setAAD(concat(header.subarray(0, 4), hex(middle), header.subarray(4)));
    const expected = concat(header, iv, gcm.update(text), gcm.final(), gcm.getAuthTag());
    assert.equal(toHex(sealed), toHex(expected));
  }
});

test('GMAC in ESP covers header, IV and text, and leaves the text as it is', () => {
  const some = cipher(spec(Encr.ENCR_NULL_AUTH_AES_GMAC, 256, 0));
  const material = octets(36, 1);
  const [text, iv] = [octets(24, 9), octets(8, 40)];
  const sealed = packet(some, 8, text);
  some.seal(sealed, 8, { iv, esnHigh: 5 });
  const gcm = createCipheriv('aes-256-gcm', material.subarray(0, 32), concat(material.subarray(32), iv));
  const header = octets(8, 7);
  gcm.setAAD(concat(header.subarray(0, 4), hex('00000005'), header.subarray(4), iv, text));
  gcm.final();
  assert.equal(toHex(sealed), toHex(concat(header, iv, text, gcm.getAuthTag())));
});

test('a MAC covers all before it, then the high half; it is cut as its name says', () => {
  for (const [integrity, hash, keyLength, length] of [
    [Integ.AUTH_HMAC_MD5_96, 'md5', 16, 12],
    [Integ.AUTH_HMAC_MD5_128, 'md5', 16, 16],
    [Integ.AUTH_HMAC_SHA1_96, 'sha1', 20, 12],
    [Integ.AUTH_HMAC_SHA1_160, 'sha1', 20, 20],
    [AUTH_HMAC_SHA2_256_96, 'sha256', 32, 12],
    [Integ.AUTH_HMAC_SHA2_256_128, 'sha256', 32, 16],
    [Integ.AUTH_HMAC_SHA2_384_192, 'sha384', 48, 24],
    [Integ.AUTH_HMAC_SHA2_512_256, 'sha512', 64, 32],
  ] as const) {
    for (const encryption of [0, Encr.ENCR_NULL]) {
      const some = cipher(spec(encryption, 0, integrity));
      const sealed = packet(some, 8, octets(10));
      some.seal(sealed, 8, { esnHigh: 1 });
      const covered = sealed.subarray(0, -length);
      const mac = createHmac(hash, octets(keyLength, 99)).update(covered).update(hex('00000001')).digest();
      assert.equal(toHex(sealed.subarray(-length)), toHex(mac.subarray(0, length)), `${integrity}`);
    }
  }
});

test('AES-CTR: counter blocks of nonce, IV and a counter from one (RFC 3686 §6)', () => {
  for (const [key, nonce, iv, plain, sealed] of [
    [
      'ae6852f8121067cc4bf7a5765577f39e',
      '00000030',
      '0000000000000000',
      '53696e676c6520626c6f636b206d7367',
      'e4095d4fb7a7b3792d6175a3261311b8',
    ],
    [
      '7e24067817fae0d743d6ce1f32539163',
      '006cb6db',
      'c0543b59da48d90b',
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      '5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28',
    ],
    [
      '776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104',
      '00000060',
      'db5672c97aa8f0b2',
      '53696e676c6520626c6f636b206d7367',
      '145ad01dbf824ec7560863dc71e3e0c0',
    ],
  ] as const) {
    const some = provider.packetCipher({
      encryption: Encr.ENCR_AES_CTR,
      keyLength: 4 * key.length,
      integrity: Integ.AUTH_HMAC_SHA1_96,
      encryptionKey: new Secret(hex(key + nonce)),
      integrityKey: new Secret(octets(20)),
    });
    assert.ok(some);
    const body = packet(some, 0, hex(plain));
    some.seal(body, 0, { iv: hex(iv) });
    assert.equal(toHex(body.subarray(8, -12)), sealed);
  }
});

test('CBC for IKEv1: single DES too, and nothing but whole blocks', () => {
  // FIPS 81 appendix C: "Now is the time for all "
  const des = provider.cbcCipher(Encr.ENCR_DES, hex('0123456789abcdef'));
  assert.ok(des);
  const text = hex('4e6f77206973207468652074696d6520666f7220616c6c20');
  const sealed = des.encrypt(hex('1234567890abcdef'), text);
  assert.equal(toHex(sealed), 'e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6');
  assert.equal(toHex(des.decrypt(hex('1234567890abcdef'), sealed)), toHex(text));
  assert.equal(des.blockLength, 8);
  assert.throws(() => des.decrypt(hex('1234567890abcdef'), sealed.subarray(1)), RangeError);
  assert.throws(() => des.encrypt(new Uint8Array(16), text), RangeError);
  assert.deepEqual(des.decrypt(new Uint8Array(8), EMPTY), new Uint8Array(0));
  assert.equal(provider.cbcCipher(Encr.ENCR_AES_CBC, octets(15)), undefined);
  assert.equal(provider.cbcCipher(Encr.ENCR_AES_GCM_16, octets(16)), undefined);
  assert.equal(provider.cbcCipher(Encr.ENCR_CAST, octets(16)), undefined);
  assert.equal(provider.cbcCipher(Encr.ENCR_3DES, octets(24))?.blockLength, 8);
});
