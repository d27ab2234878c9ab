import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Encr, Integ } from '../../iana/transforms.ts';
import { Secret } from '../../lib/secret.ts';
import { openssl } from '../../sys/openssl.ts';
import { ENCRYPTION } from '../encr/registry.ts';
import { INTEGRITY } from '../integ/registry.ts';
import type { PacketCipher, PacketCipherSpec } from '../provider.ts';
import { cipherSizes } from '../sizes.ts';
import { fastPacketCipher, withOpenssl } from './openssl.ts';
import { nodePacketCipher } from './packet-cipher.ts';
import { nodeProvider } from './provider.ts';

const skip = openssl() === undefined ? 'this Node does not export OpenSSL' : false;

/** Octets that look random and are the same every time. */
function generator(seed: number): (length: number) => Uint8Array {
  let state = seed;
  return length =>
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 24;
    });
}

function specOf(encryption: number, keyLength: number, integrity: number): PacketCipherSpec | undefined {
  const sizes = cipherSizes(encryption, keyLength, integrity);
  const octets = generator(7 * encryption + keyLength + integrity);
  return (
    sizes && {
      encryption,
      keyLength,
      integrity,
      encryptionKey: new Secret(octets(sizes.encryptionKey)),
      integrityKey: new Secret(octets(sizes.integrityKey)),
    }
  );
}

/** Every algorithm and key length there is, ciphers without authentication with every integrity algorithm. */
const specs = [{ id: 0, icv: 0, keywords: [{ keyLength: 0 }], name: 'AH' }, ...ENCRYPTION].flatMap(row =>
  row.keywords.flatMap(({ keyLength }) =>
    (row.icv > 0 ? [{ id: 0, name: '' }] : INTEGRITY).flatMap(integrity => {
      const spec = specOf(row.id, keyLength, integrity.id);
      return spec === undefined ? [] : [{ name: `${row.name} ${keyLength} ${integrity.name}`, spec }];
    }),
  ),
);

/** What runs on OpenSSL's own functions; GMAC, XCBC, CMAC and Camellia-CCM are left to the portable cipher. */
const COVERED = (name: string): boolean =>
  /HMAC|AES_GCM|AES_CCM|CHACHA/.test(name) && !/XCBC|CMAC|ENCR_DES /.test(name);

test('all that is frequent is covered, and what is not is left to the portable cipher', { skip }, () => {
  const wrong = specs
    .filter(({ name, spec }) => (fastPacketCipher(spec) !== undefined) !== COVERED(name))
    .map(({ name }) => name);
  assert.deepEqual(wrong, []);
  assert.ok(specs.filter(({ name }) => COVERED(name)).length > 30);
});

test('both ciphers seal alike and open each other, with and without extended sequence numbers', {
  skip,
}, () => {
  for (const { name, spec } of specs.filter(({ name }) => COVERED(name))) {
    const fast = fastPacketCipher(spec) as PacketCipher;
    const portable = nodePacketCipher(spec, generator(1)) as PacketCipher;
    const octets = generator(2);
    assert.deepEqual(
      [fast.ivLength, fast.icvLength, fast.blockLength],
      [portable.ivLength, portable.icvLength, portable.blockLength],
      name,
    );
    for (const blocks of [0, 1, 5, 90]) {
      for (const esnHigh of [undefined, 0, 0xfedcba98]) {
        const options = { iv: octets(fast.ivLength), ...(esnHigh !== undefined && { esnHigh }) };
        const ivOffset = blocks === 5 ? 32 : 8;
        const length = ivOffset + fast.ivLength + blocks * 16 + fast.icvLength;
        const plain = octets(length);
        const [ours, theirs] = [plain.slice(), plain.slice()];
        fast.seal(ours, ivOffset, options);
        portable.seal(theirs, ivOffset, options);
        assert.deepEqual(ours, theirs, `${name}: sealed ${blocks} blocks, ESN ${esnHigh}`);
        assert.ok(fast.open(theirs, ivOffset, options) && portable.open(ours, ivOffset, options), name);
        assert.deepEqual(ours, theirs, `${name}: opened`);
        assert.deepEqual(
          ours.subarray(ivOffset + fast.ivLength, length - fast.icvLength),
          plain.subarray(ivOffset + fast.ivLength, length - fast.icvLength),
          name,
        );
      }
    }
    fast.wipe();
  }
});

test('a packet with any octet changed is refused, and left as it was', { skip }, () => {
  for (const [encryption, keyLength, integrity] of [
    [Encr.ENCR_AES_GCM_8, 128, 0],
    [Encr.ENCR_AES_GCM_16, 256, 0],
    [Encr.ENCR_AES_CCM_12, 128, 0],
    [Encr.ENCR_CHACHA20_POLY1305, 256, 0],
    [Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA2_256_128],
    [Encr.ENCR_AES_CTR, 256, Integ.AUTH_HMAC_SHA1_96],
    [Encr.ENCR_NULL, 0, Integ.AUTH_HMAC_SHA2_512_256],
  ] as const) {
    const spec = specOf(encryption, keyLength, integrity);
    const cipher = spec && fastPacketCipher(spec);
    assert.ok(cipher);
    const packet = generator(3)(8 + cipher.ivLength + 32 + cipher.icvLength);
    const plain = packet.slice();
    cipher.seal(packet, 8);
    for (let at = 0; at < packet.length; at++) {
      const changed = packet.slice();
      changed[at] = (changed[at] as number) ^ 0x80;
      const before = changed.slice();
      assert.equal(cipher.open(changed, 8), false, `${encryption}: octet ${at}`);
      assert.deepEqual(changed, before);
    }
    assert.equal(cipher.open(packet.slice(), 8, { esnHigh: 0 }), false);
    for (let length = 0; length < packet.length; length++)
      assert.equal(cipher.open(packet.slice(0, length), 8), false, `${encryption}: cut to ${length}`);
    // A refusal does no harm to what follows.
    assert.ok(cipher.open(packet, 8));
    assert.deepEqual(
      packet.subarray(8 + cipher.ivLength, -cipher.icvLength),
      plain.subarray(8 + cipher.ivLength, -cipher.icvLength),
    );
  }
});

test('packets may lie anywhere in larger memory, at any offset, on either side of a growth', { skip }, () => {
  const spec = specOf(Encr.ENCR_AES_CCM_16, 128, 0) as PacketCipherSpec;
  const cipher = fastPacketCipher(spec) as PacketCipher;
  const arena = generator(4)(70_000);
  for (const [start, length] of [
    [0, 100],
    [3, 65_535],
    [1, 40],
  ] as const) {
    const before = arena.slice();
    const packet = arena.subarray(start, start + length);
    cipher.seal(packet, 8);
    assert.ok(cipher.open(packet, 8));
    assert.deepEqual(arena.subarray(0, start + 8), before.subarray(0, start + 8));
    assert.deepEqual(
      arena.subarray(start + 16, start + length - 16),
      before.subarray(start + 16, start + length - 16),
    );
    assert.deepEqual(arena.subarray(start + length), before.subarray(start + length));
  }
});

test('small arrays that live on the heap are found where they are', { skip }, () => {
  const cipher = fastPacketCipher(specOf(Encr.ENCR_AES_GCM_16, 128, 0) as PacketCipherSpec) as PacketCipher;
  for (let i = 0; i < 200; i++) {
    const packet = new Uint8Array(8 + 8 + 4 + 16).fill(i);
    cipher.seal(packet, 8);
    assert.ok(cipher.open(packet, 8));
    assert.deepEqual(packet.subarray(16, 20), new Uint8Array(4).fill(i));
  }
});

test('IVs of AEAD and CTR count up from a random start, those of CBC are drawn', { skip }, () => {
  const ivs = (encryption: number, integrity: number, start: Uint8Array): Uint8Array[] => {
    const random = (length: number): Uint8Array =>
      Uint8Array.from({ length }, (_, i) => start[i % 8] as number);
    const cipher = fastPacketCipher(
      specOf(encryption, 128, integrity) as PacketCipherSpec,
      random,
    ) as PacketCipher;
    return [0, 1, 2].map(() => {
      const packet = new Uint8Array(8 + cipher.ivLength + 16 + cipher.icvLength);
      cipher.seal(packet, 8);
      return packet.slice(8, 16);
    });
  };
  const last = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
  assert.deepEqual(ivs(Encr.ENCR_AES_GCM_16, 0, last), [
    last,
    new Uint8Array(8),
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1),
  ]);
  const carry = Uint8Array.of(0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);
  assert.deepEqual(
    ivs(Encr.ENCR_AES_CTR, Integ.AUTH_HMAC_SHA1_96, carry)[1],
    Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0),
  );

  const cipher = fastPacketCipher(
    specOf(Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96) as PacketCipherSpec,
  );
  const seen = new Set<string>();
  for (let i = 0; i < 600; i++) {
    const packet = new Uint8Array(8 + 16 + 16 + 12);
    cipher?.seal(packet, 8);
    seen.add(packet.subarray(8, 24).join());
  }
  assert.equal(seen.size, 600);
});

test('lengths and keys that cannot be are refused before any native code sees them', { skip }, () => {
  const spec = specOf(Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA2_256_128) as PacketCipherSpec;
  const cipher = fastPacketCipher(spec) as PacketCipher;
  assert.throws(() => cipher.seal(new Uint8Array(8 + 16 + 15 + 16), 8), RangeError);
  assert.throws(() => cipher.seal(new Uint8Array(20), 8), RangeError);
  assert.throws(() => cipher.seal(new Uint8Array(100), -8), RangeError);
  assert.throws(() => cipher.seal(new Uint8Array(56), 8, { iv: new Uint8Array(8) }), RangeError);
  assert.equal(cipher.open(new Uint8Array(56), 1e9), false);
  assert.equal(cipher.open(new Uint8Array(56), Number.NaN), false);
  const short = { ...spec, encryptionKey: new Secret(new Uint8Array(15)) };
  assert.throws(() => fastPacketCipher(short), RangeError);
  assert.equal(fastPacketCipher({ ...spec, keyLength: 64 }), undefined);
  assert.equal(fastPacketCipher({ ...spec, encryption: 4711 }), undefined);
});

test('after wiping nothing is sealed or opened any more', { skip }, () => {
  for (const spec of [
    specOf(Encr.ENCR_AES_GCM_16, 128, 0),
    specOf(Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA2_256_128),
  ]) {
    const cipher = spec && fastPacketCipher(spec);
    assert.ok(cipher);
    const packet = new Uint8Array(8 + cipher.ivLength + 16 + cipher.icvLength);
    cipher.seal(packet, 8);
    cipher.wipe();
    cipher.wipe();
    assert.throws(() => cipher.seal(packet, 8), /wiped/);
    assert.equal(cipher.open(packet, 8), false);
  }
});

test('a provider gets the fast ciphers and keeps its own for the rest', { skip }, () => {
  const provider = withOpenssl(nodeProvider({ random: generator(5) }));
  assert.equal(provider.name, 'node+openssl');
  const rare = specOf(Encr.ENCR_CAMELLIA_CCM_16, 128, 0) as PacketCipherSpec;
  const packet = new Uint8Array(8 + 8 + 16 + 16);
  provider.packetCipher(rare)?.seal(packet, 8);
  assert.ok(provider.packetCipher(rare)?.open(packet, 8));
  assert.equal(provider.packetCipher({ ...rare, encryption: 4711 }), undefined);
});

test('HMAC agrees with the portable one for every hash, key and number of parts', { skip }, () => {
  const portable = nodeProvider();
  const fast = withOpenssl(portable);
  const octets = generator(6);
  for (const hash of ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const) {
    for (const keyLength of [0, 1, 32, 64, 65, 200]) {
      const key = octets(keyLength);
      for (const parts of [[], [octets(0)], [octets(1), octets(299)], [octets(9000)]])
        assert.deepEqual(
          fast.hmac(hash, key, ...parts),
          portable.hmac(hash, key, ...parts),
          `${hash} ${keyLength}`,
        );
    }
  }
});

test('X25519: RFC 7748 §5.2, both ways with the portable one, and what it refuses', { skip }, () => {
  const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
  const primitive = { kind: 'montgomery', curve: 'x25519' } as const;
  const scalar = hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
  const point = hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
  const known = withOpenssl(nodeProvider({ random: () => scalar.slice() }))
    .keyExchange(primitive)
    ?.respond(point);
  assert.deepEqual(
    known?.sharedSecret.reveal(),
    hex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'),
  );
  const portable = nodeProvider().keyExchange(primitive);
  const fast = withOpenssl(nodeProvider()).keyExchange(primitive);
  assert.ok(portable !== undefined && fast !== undefined);
  for (const [a, b] of [
    [portable, fast],
    [fast, portable],
  ] as const) {
    const initiator = a.initiate();
    const responder = b.respond(initiator.publicValue);
    assert.deepEqual(initiator.finish(responder.publicValue).reveal(), responder.sharedSecret.reveal());
    // An answer that came to nothing does not spend the key.
    assert.throws(() => initiator.finish(new Uint8Array(32)), { name: 'CryptoFailure' });
    assert.deepEqual(initiator.finish(responder.publicValue).reveal(), responder.sharedSecret.reveal());
  }
  for (const bad of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(33), new Uint8Array(0)])
    assert.throws(() => fast.respond(bad), { name: 'CryptoFailure' });
});
