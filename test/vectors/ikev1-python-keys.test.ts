import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { test } from 'node:test';
import {
  hash1,
  hash2,
  hash3,
  hashI,
  hashR,
  phaseOneCipherKey,
  phaseOneIv,
  phaseOneKeys,
  phaseTwoIv,
  quickModeKeys,
  revisedCipherKey,
  skeyidPsk,
  skeyidPublicKey,
  skeyidSignatures,
  skeyidUnhashed,
  type V1Hash,
  v1Hash,
} from '../../src/crypto/keymat-v1.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { HashName } from '../../src/crypto/provider.ts';
import { cipherSizes } from '../../src/crypto/sizes.ts';
import { Encr, Integ } from '../../src/iana/transforms.ts';
import { concat, toHex } from '../../src/lib/bytes.ts';
import type { Secret } from '../../src/lib/secret.ts';

/* The keys of IKEv1 for each method of authentication, against Python's hashlib and hmac (rfc2409_keys.py). */

const PROGRAM = resolve(import.meta.dirname, 'rfc2409_keys.py');
const HASHES: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];
const KEY_LENGTHS = [8, 16, 20, 24, 32, 56];
const ESP = 3;
const AH = 2;

const CHILDREN = [
  { protocol: ESP, encryption: Encr.ENCR_AES_CBC, keyLength: 256, integrity: Integ.AUTH_HMAC_SHA2_512_256 },
  { protocol: ESP, encryption: Encr.ENCR_3DES, keyLength: 0, integrity: Integ.AUTH_HMAC_MD5_96 },
  { protocol: ESP, encryption: Encr.ENCR_AES_GCM_16, keyLength: 128, integrity: Integ.NONE },
  { protocol: AH, encryption: 0, keyLength: 0, integrity: Integ.AUTH_HMAC_SHA1_96 },
] as const;

function lengthOf({ encryption, keyLength, integrity }: (typeof CHILDREN)[number]): number {
  const sizes = cipherSizes(encryption, keyLength, integrity);
  assert.ok(sizes !== undefined);
  return sizes.encryptionKey + sizes.integrityKey;
}

/** Lengths of the inputs, of the shortest and longest nonces among them. */
const INPUTS = [
  { psk: 4, ni: 8, nr: 256, gxy: 128, gxi: 128, gxr: 128 },
  { psk: 64, ni: 32, nr: 32, gxy: 32, gxi: 64, gxr: 64 },
  { psk: 200, ni: 20, nr: 16, gxy: 256, gxi: 256, gxr: 256 },
] as const;

const COMMON = {
  cky_i: 8,
  cky_r: 8,
  sa: 60,
  id_i: 20,
  id_r: 9,
  message_id: 4,
  rest: 111,
  spi: 4,
  qm_gxy: 66,
};

interface Case {
  readonly hash: HashName;
  readonly octets: Readonly<Record<string, string>>;
  readonly key_lengths: readonly number[];
  readonly children: readonly { readonly protocol: number; readonly length: number }[];
}

interface Solved extends Case {
  readonly results: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Octets that look random and are the same each time. */
function noise(length: number, seed: string): string {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest('hex'),
  );
  return blocks.join('').slice(0, 2 * length);
}

function cases(): readonly Case[] {
  return HASHES.flatMap(hash =>
    INPUTS.map((lengths, i) => ({
      hash,
      octets: Object.fromEntries(
        Object.entries({ ...lengths, ...COMMON }).map(([name, length]) => [
          name,
          noise(length, `${hash} ${i} ${name}`),
        ]),
      ),
      key_lengths: KEY_LENGTHS,
      children: CHILDREN.map(child => ({ protocol: child.protocol, length: lengthOf(child) })),
    })),
  );
}

/** In CI absence is a failure, as it is of data. */
function withoutPython(): string | false {
  const there = spawnSync('python3', ['-c', 'pass']).status === 0;
  return there || process.env['CI'] !== undefined ? false : 'no python3';
}

test('SKEYID of each method, and all that comes of it', { skip: withoutPython() }, () => {
  const input = JSON.stringify(cases());
  const solved: readonly Solved[] = JSON.parse(execFileSync('python3', [PROGRAM], { input }).toString());
  assert.equal(solved.length, HASHES.length * INPUTS.length);
  for (const one of solved) check(one);
});

function check({ hash: name, octets, results }: Solved): void {
  const hash = v1Hash(nodeProvider(), name);
  const get = (field: string): Uint8Array => new Uint8Array(Buffer.from(octets[field] ?? '', 'hex'));
  const nonces = { initiator: get('ni'), responder: get('nr') };
  const cookies = { initiator: BigInt(`0x${octets['cky_i']}`), responder: BigInt(`0x${octets['cky_r']}`) };
  const skeyids: Readonly<Record<string, Secret>> = {
    psk: skeyidPsk(hash, get('psk'), nonces),
    signatures: skeyidSignatures(hash, nonces, get('gxy')),
    encryption: skeyidPublicKey(hash, nonces, cookies),
    unhashed: skeyidUnhashed(hash, nonces, cookies),
  };
  for (const [method, skeyid] of Object.entries(skeyids))
    assert.deepEqual(derived(hash, skeyid, get, nonces, cookies), results[method], `${name} ${method}`);
  const revised = KEY_LENGTHS.flatMap(length => [
    [`ke_i_${length}`, text(revisedCipherKey(hash, nonces.initiator, cookies.initiator, length))],
    [`ke_r_${length}`, text(revisedCipherKey(hash, nonces.responder, cookies.responder, length))],
  ]);
  assert.deepEqual(Object.fromEntries(revised), results['revised'], `${name} revised`);
  const ivs = [8, 16].flatMap(block => {
    const first = phaseOneIv(hash, get('gxi'), get('gxr'), block);
    const messageId = Number(`0x${octets['message_id']}`);
    return [
      [`first_${block}`, toHex(first)],
      [`next_${block}`, toHex(phaseTwoIv(hash, first, messageId, block))],
    ];
  });
  assert.deepEqual(Object.fromEntries(ivs), results['iv'], `${name} IVs`);
}

function derived(
  hash: V1Hash,
  skeyid: Secret,
  get: (field: string) => Uint8Array,
  nonces: { readonly initiator: Uint8Array; readonly responder: Uint8Array },
  cookies: { readonly initiator: bigint; readonly responder: bigint },
): Readonly<Record<string, string>> {
  const { skeyidD, skeyidA, skeyidE } = phaseOneKeys(hash, skeyid, get('gxy'), cookies);
  const messageId = Buffer.from(get('message_id')).readUInt32BE();
  const about = (idBody: Uint8Array) => ({
    skeyid,
    initiatorPublic: get('gxi'),
    responderPublic: get('gxr'),
    cookies,
    saBody: get('sa'),
    idBody,
  });
  const children = CHILDREN.flatMap(child =>
    [false, true].map(pfs => {
      const spi = Buffer.from(get('spi')).readUInt32BE();
      const secret = pfs ? { sharedSecret: get('qm_gxy') } : {};
      const inputs = { skeyidD, protocol: child.protocol, spi, nonces, algorithms: child, ...secret };
      const { encryption, integrity } = quickModeKeys(hash, inputs);
      const label = `keymat_${child.protocol}_${lengthOf(child)}_${pfs ? 'pfs' : 'plain'}`;
      return [label, toHex(concat(encryption.reveal(), integrity.reveal()))];
    }),
  );
  return {
    skeyid: text(skeyid),
    d: text(skeyidD),
    a: text(skeyidA),
    e: text(skeyidE),
    hash_i: toHex(hashI(hash, about(get('id_i')))),
    hash_r: toHex(hashR(hash, about(get('id_r')))),
    hash_1: toHex(hash1(hash, skeyidA, messageId, get('rest'))),
    hash_2: toHex(hash2(hash, skeyidA, messageId, nonces.initiator, get('rest'))),
    hash_3: toHex(hash3(hash, skeyidA, messageId, nonces)),
    ...Object.fromEntries(
      KEY_LENGTHS.map(length => [`cipher_${length}`, text(phaseOneCipherKey(hash, skeyidE, length))]),
    ),
    ...Object.fromEntries(children),
  };
}

function text(secret: Secret): string {
  return toHex(secret.reveal());
}
