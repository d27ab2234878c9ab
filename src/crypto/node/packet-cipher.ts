import { createCipheriv, createDecipheriv, createSecretKey, getCiphers, timingSafeEqual } from 'node:crypto';
import { concat, EMPTY } from '../../lib/bytes.ts';
import { type EncryptionAlgorithm, encryptionOf } from '../encr/registry.ts';
import { integrityOf } from '../integ/registry.ts';
import type { CbcCipher, PacketCipher, PacketCipherSpec, PacketOptions } from '../provider.ts';
import { type CipherSizes, cipherKeyLength, cipherSizes } from '../sizes.ts';
import { type Aead, opensslAead } from './aead.ts';
import { composedCcm } from './ccm.ts';
import { type Mac, macOf } from './integrity.ts';
import { octets } from './octets.ts';

/**
 * Packet protection over node:crypto: `CryptoProvider.packetCipher`. Keys become key objects at once, which make
 * every packet 25 µs cheaper than raw octets do (Node 24); OpenSSL overwrites them when they are collected.
 */
export function nodePacketCipher(
  spec: PacketCipherSpec,
  random: (length: number) => Uint8Array,
): PacketCipher | undefined {
  const sizes = cipherSizes(spec.encryption, spec.keyLength, spec.integrity);
  const protection = sizes && protectionOf(spec, sizes);
  if (sizes === undefined || protection === undefined) return undefined;
  if (spec.encryptionKey.length !== sizes.encryptionKey || spec.integrityKey.length !== sizes.integrityKey) {
    throw new RangeError('key material of a wrong length');
  }
  return new NodePacketCipher(sizes, protection, ivSource(spec.encryption, sizes.iv, random));
}

/** `CryptoProvider.cbcCipher`: CBC alone, for IKEv1. */
export function nodeCbcCipher(encryption: number, key: Uint8Array): CbcCipher | undefined {
  const row = encryptionOf(encryption);
  if (row?.mode !== 'cbc' || cipherKeyLength(encryption, 8 * key.length) !== key.length) return undefined;
  const blockwise = blockMode(row, key);
  if (blockwise === undefined) return undefined;
  const checked = (iv: Uint8Array, text: Uint8Array, encrypt: boolean): Uint8Array => {
    // OpenSSL would keep the octets of a last block that is not whole to itself
    if (iv.length !== row.block || text.length % row.block !== 0) {
      throw new RangeError(`CBC takes an IV of ${row.block} octets and whole blocks`);
    }
    return octets(blockwise(iv, text, encrypt));
  };
  return {
    blockLength: row.block,
    encrypt: (iv, text) => checked(iv, text, true),
    decrypt: (iv, text) => checked(iv, text, false),
  };
}

/** What is done to a packet whose lengths are in order. */
interface Protection {
  seal(packet: Uint8Array, parts: Parts, esnHigh: Uint8Array): void;
  open(packet: Uint8Array, parts: Parts, esnHigh: Uint8Array): boolean;
}

/** Views of a packet. */
interface Parts {
  readonly ivOffset: number;
  readonly iv: Uint8Array;
  readonly text: Uint8Array;
  readonly icv: Uint8Array;
}

class NodePacketCipher implements PacketCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly blockLength: number;
  readonly #freshIv: (into: Uint8Array) => void;
  #protection: Protection | undefined;

  constructor(sizes: CipherSizes, protection: Protection, freshIv: (into: Uint8Array) => void) {
    this.ivLength = sizes.iv;
    this.icvLength = sizes.icv;
    this.blockLength = sizes.block;
    this.#protection = protection;
    this.#freshIv = freshIv;
  }

  seal(packet: Uint8Array, ivOffset: number, options: PacketOptions = {}): void {
    const parts = this.#parts(packet, ivOffset);
    if (this.#protection === undefined) throw new Error('a packet cipher was used after its keys were wiped');
    if (parts === undefined) throw new RangeError('the packet has no room for IV, whole blocks and ICV');
    if (options.iv === undefined) this.#freshIv(parts.iv);
    else if (options.iv.length === this.ivLength) parts.iv.set(options.iv);
    else throw new RangeError(`an IV of ${options.iv.length} octets, ${this.ivLength} wanted`);
    this.#protection.seal(packet, parts, esnOctets(options.esnHigh));
  }

  open(packet: Uint8Array, ivOffset: number, options: PacketOptions = {}): boolean {
    const parts = this.#parts(packet, ivOffset);
    if (parts === undefined || this.#protection === undefined) return false;
    return this.#protection.open(packet, parts, esnOctets(options.esnHigh));
  }

  wipe(): void {
    this.#protection = undefined;
  }

  #parts(packet: Uint8Array, ivOffset: number): Parts | undefined {
    const textStart = ivOffset + this.ivLength;
    const textEnd = packet.length - this.icvLength;
    if (textEnd < textStart || (textEnd - textStart) % this.blockLength !== 0) return undefined;
    return {
      ivOffset,
      iv: packet.subarray(ivOffset, textStart),
      text: packet.subarray(textStart, textEnd),
      icv: packet.subarray(textEnd),
    };
  }
}

function protectionOf(spec: PacketCipherSpec, sizes: CipherSizes): Protection | undefined {
  const encryption = encryptionOf(spec.encryption);
  const integrity = integrityOf(spec.integrity);
  if (integrity?.primitive.kind === 'gmac') {
    const salt = integrity.primitive.salt;
    const [key, saltOctets] = cut(spec.integrityKey.reveal(), sizes.integrityKey - salt);
    return ahGmac(opensslAead(`aes-${8 * key.length}-gcm`, createSecretKey(key), sizes.icv), saltOctets);
  }
  if (encryption !== undefined && encryption.icv > 0) {
    const [key, salt] = cut(spec.encryptionKey.reveal(), sizes.encryptionKey - encryption.salt);
    const aead = aeadOf(encryption, key);
    return aead && (encryption.mode === 'gmac' ? espGmac(aead, salt) : combined(aead, salt));
  }
  const mac = integrity && macOf(integrity, spec.integrityKey.reveal());
  const cipher = encryption === undefined ? PLAIN : separate(encryption, spec.encryptionKey.reveal());
  return mac && cipher && encryptThenMac(cipher, mac);
}

/** RFC 4106, RFC 4309, RFC 7634, RFC 5282: an extended sequence number stands in the middle of the associated data. */
function combined(aead: Aead, salt: Uint8Array): Protection {
  const aadOf = (packet: Uint8Array, ivOffset: number, esnHigh: Uint8Array): Uint8Array =>
    esnHigh.length === 0
      ? packet.subarray(0, ivOffset)
      : concat(packet.subarray(0, 4), esnHigh, packet.subarray(4, ivOffset));
  return {
    seal(packet, { ivOffset, iv, text, icv }, esnHigh) {
      const sealed = aead.seal(concat(salt, iv), aadOf(packet, ivOffset, esnHigh), text);
      text.set(sealed.text);
      icv.set(sealed.tag);
    },
    open(packet, { ivOffset, iv, text, icv }, esnHigh) {
      const opened = aead.open(concat(salt, iv), aadOf(packet, ivOffset, esnHigh), text, icv);
      if (opened === undefined) return false;
      text.set(opened);
      return true;
    },
  };
}

/** ENCR_NULL_AUTH_AES_GMAC: header, IV and text are all associated data (RFC 4543 §3.3, erratum 1821). */
function espGmac(aead: Aead, salt: Uint8Array): Protection {
  const aadOf = (packet: Uint8Array, icv: Uint8Array, esnHigh: Uint8Array): Uint8Array => {
    const whole = packet.subarray(0, packet.length - icv.length);
    return esnHigh.length === 0 ? whole : concat(whole.subarray(0, 4), esnHigh, whole.subarray(4));
  };
  return {
    seal(packet, { iv, icv }, esnHigh) {
      icv.set(aead.seal(concat(salt, iv), aadOf(packet, icv, esnHigh), EMPTY).tag);
    },
    open(packet, { iv, icv }, esnHigh) {
      return aead.open(concat(salt, iv), aadOf(packet, icv, esnHigh), EMPTY, icv) !== undefined;
    },
  };
}

/** AUTH_AES_*_GMAC: what AH authenticates, the high half of the sequence number at its end (RFC 4302 §3.3.3.2.2). */
function ahGmac(aead: Aead, salt: Uint8Array): Protection {
  const aadOf = (packet: Uint8Array, { ivOffset, text }: Parts, esnHigh: Uint8Array): Uint8Array =>
    concat(packet.subarray(0, ivOffset), text, esnHigh);
  return {
    seal(packet, parts, esnHigh) {
      parts.icv.set(aead.seal(concat(salt, parts.iv), aadOf(packet, parts, esnHigh), EMPTY).tag);
    },
    open(packet, parts, esnHigh) {
      return aead.open(concat(salt, parts.iv), aadOf(packet, parts, esnHigh), EMPTY, parts.icv) !== undefined;
    },
  };
}

/** Encrypts or decrypts under an IV; the result has the text's length. */
type SeparateCipher = (iv: Uint8Array, text: Uint8Array, encrypt: boolean) => Uint8Array;

/** RFC 4303 §3.3.2.1, RFC 7296 §3.14: the MAC covers all before the ICV, then the high half of the sequence number. */
function encryptThenMac(cipher: SeparateCipher, mac: Mac): Protection {
  const icvOf = (packet: Uint8Array, icv: Uint8Array, esnHigh: Uint8Array): Uint8Array => {
    const covered = packet.subarray(0, packet.length - icv.length);
    return esnHigh.length === 0 ? mac(covered) : mac(covered, esnHigh);
  };
  return {
    seal(packet, { iv, text, icv }, esnHigh) {
      text.set(cipher(iv, text, true));
      icv.set(icvOf(packet, icv, esnHigh));
    },
    open(packet, { iv, text, icv }, esnHigh) {
      if (!timingSafeEqual(icvOf(packet, icv, esnHigh), icv)) return false;
      text.set(cipher(iv, text, false));
      return true;
    },
  };
}

const PLAIN: SeparateCipher = (_iv, text) => text;

const KNOWN = new Set(getCiphers());

function aeadOf({ cipher, mode, icv }: EncryptionAlgorithm, key: Uint8Array): Aead | undefined {
  const prefix = `${cipher}-${8 * key.length}`;
  const name = cipher === 'chacha20' ? 'chacha20-poly1305' : `${prefix}-${mode === 'gmac' ? 'gcm' : mode}`;
  if (KNOWN.has(name)) return opensslAead(name, createSecretKey(key), icv);
  const composable = mode === 'ccm' && KNOWN.has(`${prefix}-ctr`) && KNOWN.has(`${prefix}-cbc`);
  return composable ? composedCcm(prefix, createSecretKey(key), icv) : undefined;
}

function separate(row: EncryptionAlgorithm, material: Uint8Array): SeparateCipher | undefined {
  if (row.mode === 'null') return PLAIN;
  if (row.mode === 'cbc') return blockMode(row, material);
  if (row.mode !== 'ctr') return undefined;
  const [key, nonce] = cut(material, material.length - row.salt);
  const name = `${row.cipher}-${8 * key.length}-ctr`;
  if (!KNOWN.has(name)) return undefined;
  const object = createSecretKey(key);
  // Nonce, IV, and a counter of blocks that begins with one (RFC 3686 §4); decryption is the same
  return (iv, text) => createCipheriv(name, object, concat(nonce, iv, FIRST_BLOCK)).update(text);
}

const FIRST_BLOCK = Uint8Array.of(0, 0, 0, 1);

function blockMode(row: EncryptionAlgorithm, material: Uint8Array): SeparateCipher | undefined {
  // Single DES is triple DES with one key thrice; OpenSSL 3 keeps DES itself in a provider that Node lacks
  const key = row.cipher === 'des' ? concat(material, material, material) : material;
  const name =
    row.cipher === 'aes' || row.cipher === 'camellia'
      ? `${row.cipher}-${8 * key.length}-cbc`
      : 'des-ede3-cbc';
  if (!KNOWN.has(name)) return undefined;
  const object = createSecretKey(key);
  return (iv, text, encrypt) =>
    encrypt
      ? createCipheriv(name, object, iv).setAutoPadding(false).update(text)
      : createDecipheriv(name, object, iv).setAutoPadding(false).update(text);
}

/** CBC needs IVs that nobody can foretell; AEAD and CTR need such as never come twice under a key. */
function ivSource(
  encryption: number,
  length: number,
  random: (length: number) => Uint8Array,
): (into: Uint8Array) => void {
  if (length === 0) return () => undefined;
  if (encryptionOf(encryption)?.mode === 'cbc') return iv => iv.set(random(length));
  return counter(random(length));
}

/**
 * Eight octets that count up from a random start, so that an SA whose keys are restored from a store or moved to
 * another host goes on elsewhere in the 2^64 values, not again at the first.
 */
function counter(start: Uint8Array): (into: Uint8Array) => void {
  const next = new Uint8Array(start);
  const view = new DataView(next.buffer);
  return into => {
    into.set(next);
    const low = (view.getUint32(4) + 1) >>> 0;
    view.setUint32(4, low);
    if (low === 0) view.setUint32(0, (view.getUint32(0) + 1) >>> 0);
  };
}

function esnOctets(esnHigh: number | undefined): Uint8Array {
  if (esnHigh === undefined) return EMPTY;
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, esnHigh);
  return octets;
}

/** Copies, which outlive the secret they are cut from. */
function cut(material: Uint8Array, at: number): readonly [Uint8Array, Uint8Array] {
  return [new Uint8Array(material.subarray(0, at)), new Uint8Array(material.subarray(at))];
}
