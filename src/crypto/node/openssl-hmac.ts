import { addressOf, allocate, type Memory } from '../../sys/memory.ts';
import type { Openssl } from '../../sys/openssl.ts';
import type { HashName } from '../provider.ts';
import { succeeded } from './openssl-context.ts';

/** The longest digest, SHA-512's. */
const LONGEST = 64;

/** HMAC under one key, its two inner states computed once. Freed by `free`, or when it is collected. */
export class Hmac {
  readonly #openssl: Openssl;
  readonly #owned: { readonly openssl: Openssl; context: number };
  readonly #result: Memory = allocate(LONGEST + 8);

  /** Undefined where OpenSSL lacks the hash. */
  static create(openssl: Openssl, hash: HashName, key: Uint8Array): Hmac | undefined {
    const digest = digestOf(openssl, hash);
    return digest === 0 ? undefined : new Hmac(openssl, digest, key);
  }

  constructor(openssl: Openssl, digest: number, key: Uint8Array) {
    this.#openssl = openssl;
    this.#owned = { openssl, context: openssl.HMAC_CTX_new() };
    forgotten.register(this, this.#owned, this);
    succeeded(openssl.HMAC_Init_ex(this.#owned.context, addressOf(key), key.length, digest, 0));
  }

  /**
   * The MAC of `length` octets at `start` of `octets`, and of four more with `tail`: a view of memory that the next
   * call overwrites, of the digest's whole length.
   */
  compute(octets: Uint8Array, start: number, length: number, tail: number | undefined): Uint8Array {
    const openssl = this.#openssl;
    const { context } = this.#owned;
    const { bytes, address } = this.#result;
    if (context === 0) throw new Error('a packet cipher was used after its keys were wiped');
    succeeded(openssl.HMAC_Init_ex(context, 0, 0, 0, 0));
    succeeded(openssl.HMAC_Update(context, addressOf(octets) + start, length));
    if (tail !== undefined) {
      for (let i = 0; i < 4; i++) bytes[i] = tail >>> (24 - 8 * i);
      succeeded(openssl.HMAC_Update(context, address, 4));
    }
    succeeded(openssl.HMAC_Final(context, address, address + LONGEST));
    return bytes;
  }

  free(): void {
    forgotten.unregister(this);
    release(this.#owned);
    this.#result.bytes.fill(0);
  }
}

/**
 * HMAC once under a key, as `CryptoProvider.hmac`; undefined for a hash that OpenSSL lacks. Key and parts are laid side
 * by side first: they are short, and finding the place of an array, or one call more, costs more than their copying.
 */
export function opensslHmac(
  openssl: Openssl,
  hash: HashName,
  key: Uint8Array,
  parts: readonly Uint8Array[],
): Uint8Array | undefined {
  const digest = digestOf(openssl, hash);
  if (digest === 0) return undefined;
  let length = key.length;
  for (const part of parts) length += part.length;
  if (length > input.bytes.length) input = allocate(2 * length);
  input.bytes.set(key);
  let at = key.length;
  for (const part of parts) {
    input.bytes.set(part, at);
    at += part.length;
  }
  const { bytes, words, address } = output;
  const done = openssl.HMAC(
    digest,
    input.address,
    key.length,
    input.address + key.length,
    length - key.length,
    address,
    address + LONGEST,
  );
  succeeded(done === 0 ? 0 : 1);
  const mac = bytes.slice(0, words[LONGEST / 4]);
  bytes.fill(0);
  input.bytes.fill(0, 0, length);
  return mac;
}

let input: Memory = allocate(4096);
const output: Memory = allocate(LONGEST + 8);

const forgotten = new FinalizationRegistry(release);

function release(owned: { readonly openssl: Openssl; context: number }): void {
  if (owned.context !== 0) owned.openssl.HMAC_CTX_free(owned.context);
  owned.context = 0;
}

const digests = new Map<HashName, number>();

/** Fetched once a hash and thread, and kept: 0 where OpenSSL has none. */
function digestOf(openssl: Openssl, hash: HashName): number {
  let digest = digests.get(hash);
  if (digest === undefined) {
    digest = openssl.EVP_MD_fetch(0, hash, 0);
    openssl.ERR_clear_error();
    digests.set(hash, digest);
  }
  return digest;
}
