import { allocate, type Memory } from '../../sys/memory.ts';
import type { Openssl } from '../../sys/openssl.ts';

/** OpenSSL refused what it must not refuse: a defect, never the fault of a packet. */
export function succeeded(result: number): void {
  if (result !== 1) throw new Error('OpenSSL refused a cipher operation');
}

/**
 * The two contexts of a cipher under one key, one for each direction, made when first used. They are freed, and the
 * key in them overwritten, by `free`; a forgotten one when it is collected.
 */
export class CipherContexts {
  readonly #openssl: Openssl;
  readonly #cipher: number;
  readonly #configure: Configure;
  readonly #owned: Owned;
  #key: Uint8Array;

  /** Undefined where OpenSSL lacks a cipher of the name. `configure` sets lengths before the key goes in. */
  static create(
    openssl: Openssl,
    name: string,
    key: Uint8Array,
    configure: Configure = () => undefined,
  ): CipherContexts | undefined {
    const cipher = cipherOf(openssl, name);
    return cipher === 0 ? undefined : new CipherContexts(openssl, cipher, key.slice(), configure);
  }

  constructor(openssl: Openssl, cipher: number, key: Uint8Array, configure: Configure) {
    this.#openssl = openssl;
    this.#cipher = cipher;
    this.#key = key;
    this.#configure = configure;
    this.#owned = { openssl, encrypting: 0, decrypting: 0 };
    forgotten.register(this, this.#owned, this);
  }

  get encrypting(): number {
    if (this.#owned.encrypting === 0) this.#owned.encrypting = this.#make(true);
    return this.#owned.encrypting;
  }

  get decrypting(): number {
    if (this.#owned.decrypting === 0) this.#owned.decrypting = this.#make(false);
    return this.#owned.decrypting;
  }

  free(): void {
    forgotten.unregister(this);
    release(this.#owned);
    this.#key.fill(0);
    this.#key = new Uint8Array(0);
  }

  #make(encrypting: boolean): number {
    if (this.#key.length === 0) throw new Error('a packet cipher was used after its keys were wiped');
    const context = this.#openssl.EVP_CIPHER_CTX_new();
    const init = encrypting ? this.#openssl.EVP_EncryptInit_ex : this.#openssl.EVP_DecryptInit_ex;
    try {
      succeeded(init(context, this.#cipher, 0, 0, 0));
      this.#configure(context, encrypting);
      keyRoom.bytes.set(this.#key);
      succeeded(init(context, 0, 0, keyRoom.address, 0));
      return context;
    } catch (error) {
      this.#openssl.EVP_CIPHER_CTX_free(context);
      throw error;
    } finally {
      keyRoom.bytes.fill(0);
    }
  }
}

/** Where OpenSSL reads a key from: an array of its own would have to be moved off V8's heap first. */
const keyRoom: Memory = allocate(64);

export type Configure = (context: number, encrypting: boolean) => void;

interface Owned {
  readonly openssl: Openssl;
  encrypting: number;
  decrypting: number;
}

const forgotten = new FinalizationRegistry(release);

function release(owned: Owned): void {
  for (const direction of ['encrypting', 'decrypting'] as const) {
    if (owned[direction] !== 0) owned.openssl.EVP_CIPHER_CTX_free(owned[direction]);
    owned[direction] = 0;
  }
}

/** Fetched once a name and thread, and kept: 0 where OpenSSL has none. */
const ciphers = new Map<string, number>();

function cipherOf(openssl: Openssl, name: string): number {
  let cipher = ciphers.get(name);
  if (cipher === undefined) {
    cipher = openssl.EVP_CIPHER_fetch(0, name, 0);
    openssl.ERR_clear_error();
    ciphers.set(name, cipher);
  }
  return cipher;
}
