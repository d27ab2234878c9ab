import { createDecipheriv, createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { concat, constantTimeEqual } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Secret } from '../lib/secret.ts';
import { fromUtf8 } from '../lib/text.ts';
import { context, type DerReader, readDer, Tag } from '../pki/der.ts';

/** Why a PKCS #12 file cannot be used. */
export class Pkcs12Failure extends Error {
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string) {
    super(message);
    this.name = 'Pkcs12Failure';
    this.remedy = remedy;
  }
}

export interface Pkcs12Content {
  /** PKCS #8, DER, decrypted: the caller wipes them. */
  readonly privateKeys: readonly Uint8Array[];
  /** DER. */
  readonly certificates: readonly Uint8Array[];
}

/**
 * Keys and certificates of a PKCS #12 file (RFC 7292) whose integrity a passphrase protects. Nothing is looked at
 * before its MAC is right. Throws Pkcs12Failure.
 */
export function readPkcs12(file: Uint8Array, passphrase: Secret): Pkcs12Content {
  try {
    const pfx = readDer(file, Tag.SEQUENCE, 'PKCS #12 file');
    if (pfx.small('version') !== 3) throw new Pkcs12Failure('it is of another version than 3');
    const safe = contentOf(pfx.enter(Tag.SEQUENCE, 'content'), DATA);
    if (pfx.done) throw new Pkcs12Failure('nothing protects its integrity', 'make it anew with a passphrase');
    checkMac(pfx.enter(Tag.SEQUENCE, 'MAC'), safe, passphrase);
    const content: MutableContent = { privateKeys: [], certificates: [] };
    const parts = readDer(safe, Tag.SEQUENCE, 'safe');
    while (!parts.done) readPart(parts.enter(Tag.SEQUENCE, 'part of the safe'), passphrase, content);
    return content;
  } catch (error) {
    if (error instanceof Malformed) throw new Pkcs12Failure(error.message);
    throw error;
  }
}

interface MutableContent {
  readonly privateKeys: Uint8Array[];
  readonly certificates: Uint8Array[];
}

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const BAG = '1.2.840.113549.1.12.10.1.';
const X509 = '1.2.840.113549.1.9.22.1';
const NESTING_LIMIT = 4;
/** What a hundred times the usual number of rounds costs is no protection but a way to hang a program. */
const ITERATION_LIMIT = 1_000_000;

const HASHES: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const PRFS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const CIPHERS: Readonly<Record<string, readonly [name: string, keyOctets: number]>> = {
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  '2.16.840.1.101.3.4.1.42': ['aes-256-cbc', 32],
  '1.2.840.113549.3.7': ['des-ede3-cbc', 24],
};
const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const SHA1_3DES = '1.2.840.113549.1.12.1.3';

/** The octets inside a ContentInfo of `type`. */
function contentOf(info: DerReader, type: string): Uint8Array {
  const found = info.oid('content type');
  if (found !== type)
    throw new Pkcs12Failure(`its content is of the type ${found}, not protected by a passphrase`);
  return info.enter(context(0), 'content').content(Tag.OCTET_STRING, 'content');
}

function checkMac(mac: DerReader, safe: Uint8Array, passphrase: Secret): void {
  const info = mac.enter(Tag.SEQUENCE, 'MAC');
  const algorithm = info.enter(Tag.SEQUENCE, 'MAC algorithm').oid('MAC algorithm');
  const hash = HASHES[algorithm];
  if (hash === undefined) throw unsupported(`the MAC ${algorithm}`);
  const expected = info.content(Tag.OCTET_STRING, 'MAC');
  const salt = mac.content(Tag.OCTET_STRING, 'MAC salt');
  const iterations = mac.done ? 1 : rounds(mac);
  const key = derive(hash, 3, passphrase, salt, iterations, expected.length);
  if (!constantTimeEqual(createHmac(hash, key).update(safe).digest(), expected)) {
    throw new Pkcs12Failure('the passphrase does not open it', 'check the secret');
  }
}

function readPart(part: DerReader, passphrase: Secret, into: MutableContent): void {
  const type = part.oid('content type');
  const content = part.enter(context(0), 'content');
  if (type === DATA) {
    readBags(content.content(Tag.OCTET_STRING, 'content'), passphrase, into, 0);
    return;
  }
  if (type !== ENCRYPTED_DATA) throw unsupported(`content of the type ${type}`);
  const encrypted = content.enter(Tag.SEQUENCE, 'encrypted data');
  encrypted.small('version');
  const info = encrypted.enter(Tag.SEQUENCE, 'encrypted content');
  info.oid('content type');
  const algorithm = info.enter(Tag.SEQUENCE, 'cipher');
  const octets = info.content(context(0, false), 'encrypted content');
  readBags(decrypt(algorithm, octets, passphrase), passphrase, into, 0);
}

function readBags(octets: Uint8Array, passphrase: Secret, into: MutableContent, depth: number): void {
  if (depth > NESTING_LIMIT) throw new Pkcs12Failure('its bags are nested too deeply');
  const bags = readDer(octets, Tag.SEQUENCE, 'bags');
  while (!bags.done) {
    const bag = bags.enter(Tag.SEQUENCE, 'bag');
    const type = bag.oid('bag type');
    const value = bag.enter(context(0), 'bag');
    if (type === `${BAG}1`) into.privateKeys.push(value.element('key').slice());
    else if (type === `${BAG}2`) {
      const info = value.enter(Tag.SEQUENCE, 'encrypted key');
      const algorithm = info.enter(Tag.SEQUENCE, 'cipher');
      into.privateKeys.push(decrypt(algorithm, info.content(Tag.OCTET_STRING, 'encrypted key'), passphrase));
    } else if (type === `${BAG}3`) {
      const certificate = value.enter(Tag.SEQUENCE, 'certificate');
      if (certificate.oid('kind of certificate') !== X509) continue;
      into.certificates.push(
        certificate.enter(context(0), 'certificate').content(Tag.OCTET_STRING, 'certificate').slice(),
      );
    } else if (type === `${BAG}6`) readBags(value.element('bags'), passphrase, into, depth + 1);
  }
}

function decrypt(algorithm: DerReader, octets: Uint8Array, passphrase: Secret): Uint8Array {
  const type = algorithm.oid('cipher');
  const parameters = algorithm.enter(Tag.SEQUENCE, 'cipher parameters');
  if (type === PBES2) return decryptPbes2(parameters, octets, passphrase);
  if (type !== SHA1_3DES) throw unsupported(`the encryption ${type}`);
  const salt = parameters.content(Tag.OCTET_STRING, 'salt');
  const iterations = rounds(parameters);
  const key = derive('sha1', 1, passphrase, salt, iterations, 24);
  return decipher('des-ede3-cbc', key, derive('sha1', 2, passphrase, salt, iterations, 8), octets);
}

/** RFC 8018 §6.2 */
function decryptPbes2(parameters: DerReader, octets: Uint8Array, passphrase: Secret): Uint8Array {
  const kdf = parameters.enter(Tag.SEQUENCE, 'key derivation');
  const kdfType = kdf.oid('key derivation');
  if (kdfType !== PBKDF2) throw unsupported(`the key derivation ${kdfType}`);
  const derivation = kdf.enter(Tag.SEQUENCE, 'key derivation');
  const salt = derivation.content(Tag.OCTET_STRING, 'salt');
  const iterations = rounds(derivation);
  if (derivation.tag === Tag.INTEGER) derivation.small('key length');
  const prfType = derivation.done ? '1.2.840.113549.2.7' : derivation.enter(Tag.SEQUENCE, 'PRF').oid('PRF');
  const scheme = parameters.enter(Tag.SEQUENCE, 'cipher');
  const cipherType = scheme.oid('cipher');
  const prf = PRFS[prfType];
  const cipher = CIPHERS[cipherType];
  if (prf === undefined || cipher === undefined)
    throw unsupported(`the encryption ${prf === undefined ? prfType : cipherType}`);
  const iv = scheme.content(Tag.OCTET_STRING, 'IV');
  const key = pbkdf2Sync(passphrase.reveal(), salt, iterations, cipher[1], prf);
  return decipher(cipher[0], key, iv, octets);
}

function decipher(name: string, key: Uint8Array, iv: Uint8Array, octets: Uint8Array): Uint8Array {
  try {
    const cipher = createDecipheriv(name, key, iv);
    return concat(cipher.update(octets), cipher.final());
  } catch {
    throw new Pkcs12Failure('what is encrypted in it cannot be decrypted');
  } finally {
    key.fill(0);
  }
}

/** Key derivation of RFC 7292 appendix B.2; `purpose` is 1 for keys, 2 for IVs, 3 for MACs. */
function derive(
  hash: string,
  purpose: 1 | 2 | 3,
  passphrase: Secret,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Uint8Array {
  const block = hash === 'sha384' || hash === 'sha512' ? 128 : 64;
  const text = bmpString(passphrase);
  const input = concat(repeat(salt, block), repeat(text, block));
  const result: Uint8Array[] = [];
  let made = 0;
  while (made < length) {
    let digest: Uint8Array = createHash(hash)
      .update(new Uint8Array(block).fill(purpose))
      .update(input)
      .digest();
    for (let i = 1; i < iterations; i++) digest = createHash(hash).update(digest).digest();
    result.push(digest);
    made += digest.length;
    addToBlocks(input, repeat(digest, block).subarray(0, block));
  }
  input.fill(0);
  text.fill(0);
  return concat(...result).slice(0, length);
}

/** Each block of `input` plus `addend` plus one, as big-endian numbers. */
function addToBlocks(input: Uint8Array, addend: Uint8Array): void {
  for (let start = 0; start < input.length; start += addend.length) {
    let carry = 1;
    for (let i = addend.length - 1; i >= 0; i--) {
      const sum = (input[start + i] as number) + (addend[i] as number) + carry;
      input[start + i] = sum & 0xff;
      carry = sum >> 8;
    }
  }
}

/** `octets` over and over, up to the next multiple of `block`. */
function repeat(octets: Uint8Array, block: number): Uint8Array {
  const result = new Uint8Array(Math.ceil(octets.length / block) * block);
  for (let i = 0; i < result.length; i++) result[i] = octets[i % octets.length] as number;
  return result;
}

/** UTF-16BE with a terminating zero. */
function bmpString(passphrase: Secret): Uint8Array {
  const text = `${fromUtf8(passphrase.reveal())}\0`;
  const octets = new Uint8Array(2 * text.length);
  for (let i = 0; i < text.length; i++) {
    octets[2 * i] = text.charCodeAt(i) >> 8;
    octets[2 * i + 1] = text.charCodeAt(i) & 0xff;
  }
  return octets;
}

function rounds(reader: DerReader): number {
  const iterations = reader.small('iterations');
  if (iterations < 1 || iterations > ITERATION_LIMIT) {
    throw new Pkcs12Failure(`its key takes ${iterations} rounds, more than ${ITERATION_LIMIT}`);
  }
  return iterations;
}

function unsupported(what: string): Pkcs12Failure {
  return new Pkcs12Failure(
    `${what} is not supported here`,
    'take it apart with: openssl pkcs12 -legacy -in FILE, and put the parts into x509/ and private/',
  );
}
