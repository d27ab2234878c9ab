import { addressOf, allocate, type Memory } from '../../sys/memory.ts';
import type { Openssl } from '../../sys/openssl.ts';
import type { EncryptionAlgorithm } from '../encr/registry.ts';
import { CipherContexts, type Configure, succeeded } from './openssl-context.ts';
import type { Protection } from './openssl-protection.ts';

const SET_IV_LENGTH = 0x09;
const GET_TAG = 0x10;
const SET_TAG = 0x11;

/** In the scratch memory, which all ciphers share: nonce, associated data with an extended sequence number, the length OpenSSL writes. */
const AAD_AT = 16;
const LENGTH_AT = 64;
const scratch: Memory = allocate(72);
/** Nonce: salt, then eight octets of IV. */
const IV = 8;

/** OpenSSL's name of an AEAD, with its key length. */
function aeadName(row: EncryptionAlgorithm, keyLength: number): string {
  if (row.mode === 'poly1305') return 'ChaCha20-Poly1305';
  return `${row.cipher}-${8 * keyLength}-${row.mode}`.toUpperCase();
}

/**
 * AES-GCM (RFC 4106), AES-CCM (RFC 4309) and ChaCha20-Poly1305 (RFC 7634) on contexts that keep the key schedule from
 * packet to packet. Undefined where OpenSSL lacks the cipher.
 */
export function opensslAead(
  openssl: Openssl,
  row: EncryptionAlgorithm,
  key: Uint8Array,
  salt: Uint8Array,
): Protection | undefined {
  const ccm = row.mode === 'ccm';
  const configure = configuring(openssl, salt.length + IV, ccm ? row.icv : undefined);
  const contexts = CipherContexts.create(openssl, aeadName(row, key.length), key, configure);
  if (contexts === undefined) return undefined;
  return ccm
    ? new Ccm(openssl, contexts, salt.slice(), row.icv)
    : new Stream(openssl, contexts, salt.slice(), row.icv);
}

/** What contexts are told before the key; it lives as long as they do, and holds on to no key material. */
function configuring(openssl: Openssl, nonce: number, tag: number | undefined): Configure {
  return (context, encrypting) => {
    succeeded(openssl.EVP_CIPHER_CTX_ctrl(context, SET_IV_LENGTH, nonce, 0));
    // CCM works the tag's length into its first block, so it must know it before the key.
    if (tag !== undefined)
      succeeded(openssl.EVP_CIPHER_CTX_ctrl(context, SET_TAG, tag, encrypting ? 0 : placeholder()));
  };
}

/** GCM and ChaCha20-Poly1305: the text is exclusive-ored with a key stream, so a second decryption undoes the first. */
class Stream implements Protection {
  readonly #openssl: Openssl;
  readonly #contexts: CipherContexts;
  readonly #salt: Uint8Array;
  readonly #icv: number;

  constructor(openssl: Openssl, contexts: CipherContexts, salt: Uint8Array, icv: number) {
    this.#openssl = openssl;
    this.#contexts = contexts;
    this.#salt = salt;
    this.#icv = icv;
  }

  seal(packet: Uint8Array, ivOffset: number, esnHigh: number | undefined): void {
    const openssl = this.#openssl;
    const context = this.#contexts.encrypting;
    const base = addressOf(packet);
    const length = scratch.address + LENGTH_AT;
    const text = base + ivOffset + IV;
    const icv = packet.length - this.#icv;
    setNonce(this.#salt, packet, ivOffset);
    const aad = associated(packet, base, ivOffset, esnHigh);
    succeeded(openssl.EVP_EncryptInit_ex(context, 0, 0, 0, scratch.address));
    succeeded(openssl.EVP_EncryptUpdate(context, 0, length, aad, associatedLength(ivOffset, esnHigh)));
    succeeded(openssl.EVP_EncryptUpdate(context, text, length, text, icv - ivOffset - IV));
    succeeded(openssl.EVP_EncryptFinal_ex(context, length, length));
    succeeded(openssl.EVP_CIPHER_CTX_ctrl(context, GET_TAG, this.#icv, base + icv));
  }

  open(packet: Uint8Array, ivOffset: number, esnHigh: number | undefined): boolean {
    const openssl = this.#openssl;
    const context = this.#contexts.decrypting;
    const base = addressOf(packet);
    const length = scratch.address + LENGTH_AT;
    const text = base + ivOffset + IV;
    const icv = packet.length - this.#icv;
    setNonce(this.#salt, packet, ivOffset);
    const aad = associated(packet, base, ivOffset, esnHigh);
    succeeded(openssl.EVP_DecryptInit_ex(context, 0, 0, 0, scratch.address));
    succeeded(openssl.EVP_CIPHER_CTX_ctrl(context, SET_TAG, this.#icv, base + icv));
    succeeded(openssl.EVP_DecryptUpdate(context, 0, length, aad, associatedLength(ivOffset, esnHigh)));
    succeeded(openssl.EVP_DecryptUpdate(context, text, length, text, icv - ivOffset - IV));
    if (openssl.EVP_DecryptFinal_ex(context, length, length) === 1) return true;
    openssl.ERR_clear_error();
    succeeded(openssl.EVP_DecryptInit_ex(context, 0, 0, 0, scratch.address));
    succeeded(openssl.EVP_DecryptUpdate(context, text, length, text, icv - ivOffset - IV));
    return false;
  }

  wipe(): void {
    this.#contexts.free();
    this.#salt.fill(0);
  }
}

/** CCM: lengths must be told first, and a wrong tag wipes what was decrypted, so that happens elsewhere. */
class Ccm implements Protection {
  readonly #openssl: Openssl;
  readonly #contexts: CipherContexts;
  readonly #salt: Uint8Array;
  readonly #icv: number;
  #opened: Memory = allocate(2048);

  constructor(openssl: Openssl, contexts: CipherContexts, salt: Uint8Array, icv: number) {
    this.#openssl = openssl;
    this.#contexts = contexts;
    this.#salt = salt;
    this.#icv = icv;
  }

  seal(packet: Uint8Array, ivOffset: number, esnHigh: number | undefined): void {
    const openssl = this.#openssl;
    const context = this.#contexts.encrypting;
    const base = addressOf(packet);
    const length = scratch.address + LENGTH_AT;
    const text = base + ivOffset + IV;
    const icv = packet.length - this.#icv;
    const textLength = icv - ivOffset - IV;
    setNonce(this.#salt, packet, ivOffset);
    const aad = associated(packet, base, ivOffset, esnHigh);
    succeeded(openssl.EVP_EncryptInit_ex(context, 0, 0, 0, scratch.address));
    succeeded(openssl.EVP_EncryptUpdate(context, 0, length, 0, textLength));
    succeeded(openssl.EVP_EncryptUpdate(context, 0, length, aad, associatedLength(ivOffset, esnHigh)));
    succeeded(openssl.EVP_EncryptUpdate(context, text, length, text, textLength));
    succeeded(openssl.EVP_EncryptFinal_ex(context, length, length));
    succeeded(openssl.EVP_CIPHER_CTX_ctrl(context, GET_TAG, this.#icv, base + icv));
  }

  open(packet: Uint8Array, ivOffset: number, esnHigh: number | undefined): boolean {
    const openssl = this.#openssl;
    const context = this.#contexts.decrypting;
    const base = addressOf(packet);
    const length = scratch.address + LENGTH_AT;
    const textAt = ivOffset + IV;
    const icv = packet.length - this.#icv;
    const textLength = icv - textAt;
    if (textLength > this.#opened.bytes.length) this.#opened = allocate(textLength);
    const { address, bytes } = this.#opened;
    setNonce(this.#salt, packet, ivOffset);
    const aad = associated(packet, base, ivOffset, esnHigh);
    succeeded(openssl.EVP_DecryptInit_ex(context, 0, 0, 0, scratch.address));
    succeeded(openssl.EVP_CIPHER_CTX_ctrl(context, SET_TAG, this.#icv, base + icv));
    succeeded(openssl.EVP_DecryptUpdate(context, 0, length, 0, textLength));
    succeeded(openssl.EVP_DecryptUpdate(context, 0, length, aad, associatedLength(ivOffset, esnHigh)));
    if (openssl.EVP_DecryptUpdate(context, address, length, base + textAt, textLength) !== 1) {
      openssl.ERR_clear_error();
      return false;
    }
    packet.set(bytes.subarray(0, textLength), textAt);
    bytes.fill(0, 0, textLength);
    return true;
  }

  wipe(): void {
    this.#contexts.free();
    this.#salt.fill(0);
  }
}

function setNonce(salt: Uint8Array, packet: Uint8Array, ivOffset: number): void {
  const { bytes } = scratch;
  for (let i = 0; i < salt.length; i++) bytes[i] = salt[i] as number;
  for (let i = 0; i < IV; i++) bytes[salt.length + i] = packet[ivOffset + i] as number;
}

/** Where the associated data lies: before the IV, unless an extended sequence number belongs into its middle (RFC 4106 §5). */
function associated(packet: Uint8Array, base: number, ivOffset: number, esnHigh: number | undefined): number {
  if (esnHigh === undefined) return base;
  if (ivOffset > LENGTH_AT - AAD_AT - 4)
    throw new RangeError('a header too long for extended sequence numbers');
  const { bytes } = scratch;
  for (let i = 0; i < 4; i++) {
    bytes[AAD_AT + i] = packet[i] as number;
    bytes[AAD_AT + 4 + i] = esnHigh >>> (24 - 8 * i);
  }
  for (let i = 4; i < ivOffset; i++) bytes[AAD_AT + 4 + i] = packet[i] as number;
  return scratch.address + AAD_AT;
}

function associatedLength(ivOffset: number, esnHigh: number | undefined): number {
  return esnHigh === undefined ? ivOffset : ivOffset + 4;
}

/** A tag of zeros, for its length. */
function placeholder(): number {
  return ZEROS.address;
}

const ZEROS: Memory = allocate(16);
