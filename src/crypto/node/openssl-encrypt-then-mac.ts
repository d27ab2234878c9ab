import { addressOf, allocate, type Memory } from '../../sys/memory.ts';
import type { Openssl } from '../../sys/openssl.ts';
import type { EncryptionAlgorithm } from '../encr/registry.ts';
import { CipherContexts, succeeded } from './openssl-context.ts';
import type { Hmac } from './openssl-hmac.ts';
import type { Protection } from './openssl-protection.ts';

/** In the scratch memory: counter block or IV, then the length that OpenSSL writes. */
const LENGTH_AT = 16;
const SCRATCH = 24;

/** OpenSSL's name of a cipher without authentication; undefined where it has none that fits. */
function cipherName(row: EncryptionAlgorithm, keyLength: number): string | undefined {
  if (row.mode !== 'cbc' && row.mode !== 'ctr') return undefined;
  if (row.cipher === '3des') return 'DES-EDE3-CBC';
  if (row.cipher !== 'aes' && row.cipher !== 'camellia') return undefined;
  return `${row.cipher}-${8 * keyLength}-${row.mode}`.toUpperCase();
}

/** A cipher, or none, and an HMAC over header, IV and ciphertext, with an extended sequence number behind (RFC 4303 §2.2.1). */
export class EncryptThenMac implements Protection {
  readonly #openssl: Openssl;
  readonly #cipher: BareCipher | undefined;
  readonly #hmac: Hmac;
  readonly #iv: number;
  readonly #icv: number;

  constructor(
    openssl: Openssl,
    cipher: BareCipher | undefined,
    hmac: Hmac,
    sizes: { iv: number; icv: number },
  ) {
    this.#openssl = openssl;
    this.#cipher = cipher;
    this.#hmac = hmac;
    this.#iv = sizes.iv;
    this.#icv = sizes.icv;
  }

  seal(packet: Uint8Array, ivOffset: number, esnHigh: number | undefined): void {
    const covered = packet.length - this.#icv;
    this.#cipher?.run(packet, ivOffset, covered - ivOffset - this.#iv, true);
    const mac = this.#hmac.compute(packet, 0, covered, esnHigh);
    for (let i = 0; i < this.#icv; i++) packet[covered + i] = mac[i] as number;
  }

  open(packet: Uint8Array, ivOffset: number, esnHigh: number | undefined): boolean {
    const covered = packet.length - this.#icv;
    const mac = this.#hmac.compute(packet, 0, covered, esnHigh);
    let difference = 0;
    for (let i = 0; i < this.#icv; i++) difference |= (packet[covered + i] as number) ^ (mac[i] as number);
    if (difference !== 0) return false;
    this.#cipher?.run(packet, ivOffset, covered - ivOffset - this.#iv, false);
    return true;
  }

  wipe(): void {
    this.#cipher?.free();
    this.#hmac.free();
    this.#openssl.ERR_clear_error();
  }
}

/** CBC (RFC 3602, RFC 2451) with the IV itself, CTR (RFC 3686 §4) with nonce, IV and a counter of blocks from one. */
export class BareCipher {
  readonly #openssl: Openssl;
  readonly #contexts: CipherContexts;
  readonly #scratch: Memory = allocate(SCRATCH);
  readonly #ivAt: number;
  readonly #ivLength: number;

  /** Undefined where OpenSSL lacks the cipher. */
  static create(
    openssl: Openssl,
    row: EncryptionAlgorithm,
    key: Uint8Array,
    nonce: Uint8Array,
  ): BareCipher | undefined {
    const name = cipherName(row, key.length);
    const contexts =
      name === undefined
        ? undefined
        : CipherContexts.create(openssl, name, key, context => {
            succeeded(openssl.EVP_CIPHER_CTX_set_padding(context, 0));
          });
    return contexts && new BareCipher(openssl, contexts, nonce, row.iv);
  }

  constructor(openssl: Openssl, contexts: CipherContexts, nonce: Uint8Array, ivLength: number) {
    this.#openssl = openssl;
    this.#contexts = contexts;
    this.#ivAt = nonce.length;
    this.#ivLength = ivLength;
    this.#scratch.bytes.set(nonce);
    // The counter of CTR; with CBC the IV fills the block, and this is overwritten.
    this.#scratch.bytes[15] = 1;
  }

  /** Encrypts or decrypts `length` octets behind the IV, in place. */
  run(packet: Uint8Array, ivOffset: number, length: number, encrypt: boolean): void {
    const openssl = this.#openssl;
    const { bytes, address } = this.#scratch;
    for (let i = 0; i < this.#ivLength; i++) bytes[this.#ivAt + i] = packet[ivOffset + i] as number;
    const text = addressOf(packet) + ivOffset + this.#ivLength;
    if (encrypt) {
      const context = this.#contexts.encrypting;
      succeeded(openssl.EVP_EncryptInit_ex(context, 0, 0, 0, address));
      succeeded(openssl.EVP_EncryptUpdate(context, text, address + LENGTH_AT, text, length));
    } else {
      const context = this.#contexts.decrypting;
      succeeded(openssl.EVP_DecryptInit_ex(context, 0, 0, 0, address));
      succeeded(openssl.EVP_DecryptUpdate(context, text, address + LENGTH_AT, text, length));
    }
  }

  free(): void {
    this.#contexts.free();
    this.#scratch.bytes.fill(0);
  }
}
