import { native } from './native.ts';

/**
 * OpenSSL's own functions, from the library that Node is linked with (`EVP_EncryptInit(3)`, `HMAC(3)`,
 * `X25519(7)`). Pointers are addresses, 0 is NULL; most answer 1 for success.
 */
export interface Openssl {
  EVP_CIPHER_fetch(context: number, name: string, properties: number): number;
  EVP_CIPHER_free(cipher: number): void;
  EVP_CIPHER_CTX_new(): number;
  EVP_CIPHER_CTX_free(context: number): void;
  EVP_CIPHER_CTX_ctrl(context: number, type: number, argument: number, pointer: number): number;
  EVP_CIPHER_CTX_set_padding(context: number, on: number): number;
  EVP_EncryptInit_ex(context: number, cipher: number, engine: number, key: number, iv: number): number;
  EVP_EncryptUpdate(context: number, out: number, outLength: number, input: number, length: number): number;
  EVP_EncryptFinal_ex(context: number, out: number, outLength: number): number;
  EVP_DecryptInit_ex(context: number, cipher: number, engine: number, key: number, iv: number): number;
  EVP_DecryptUpdate(context: number, out: number, outLength: number, input: number, length: number): number;
  EVP_DecryptFinal_ex(context: number, out: number, outLength: number): number;
  EVP_MD_fetch(context: number, name: string, properties: number): number;
  HMAC(
    digest: number,
    key: number,
    keyLength: number,
    input: number,
    length: number,
    out: number,
    outLength: number,
  ): number;
  HMAC_CTX_new(): number;
  HMAC_CTX_free(context: number): void;
  HMAC_Init_ex(context: number, key: number, keyLength: number, digest: number, engine: number): number;
  HMAC_Update(context: number, input: number, length: number): number;
  HMAC_Final(context: number, out: number, outLength: number): number;
  EVP_PKEY_new_raw_private_key_ex(
    context: number,
    type: string,
    properties: number,
    key: number,
    length: number,
  ): number;
  EVP_PKEY_new_raw_public_key_ex(
    context: number,
    type: string,
    properties: number,
    key: number,
    length: number,
  ): number;
  EVP_PKEY_get_raw_public_key(key: number, out: number, outLength: number): number;
  EVP_PKEY_free(key: number): void;
  EVP_PKEY_CTX_new_from_pkey(context: number, key: number, properties: number): number;
  EVP_PKEY_CTX_free(context: number): void;
  EVP_PKEY_derive_init(context: number): number;
  EVP_PKEY_derive_set_peer(context: number, peer: number): number;
  EVP_PKEY_derive(context: number, out: number, outLength: number): number;
  /** Reads a key from DER; `der` points to a pointer, which moves on. */
  d2i_AutoPrivateKey(key: number, der: number, length: number): number;
  d2i_PUBKEY(key: number, der: number, length: number): number;
  EVP_PKEY_sign_init(context: number): number;
  EVP_PKEY_sign(
    context: number,
    out: number,
    outLength: number,
    digest: number,
    digestLength: number,
  ): number;
  EVP_PKEY_verify_init(context: number): number;
  EVP_PKEY_verify(
    context: number,
    signature: number,
    length: number,
    digest: number,
    digestLength: number,
  ): number;
  /** Empties the thread's queue of errors, in which Node would otherwise find ours. */
  ERR_clear_error(): void;
}

const P = 'uintptr_t';
/** Result and parameters of each, for the FFI. */
const PROTOTYPES: Readonly<Record<keyof Openssl, readonly [string, readonly string[]]>> = {
  EVP_CIPHER_fetch: [P, [P, 'str', P]],
  EVP_CIPHER_free: ['void', [P]],
  EVP_CIPHER_CTX_new: [P, []],
  EVP_CIPHER_CTX_free: ['void', [P]],
  EVP_CIPHER_CTX_ctrl: ['int', [P, 'int', 'int', P]],
  EVP_CIPHER_CTX_set_padding: ['int', [P, 'int']],
  EVP_EncryptInit_ex: ['int', [P, P, P, P, P]],
  EVP_EncryptUpdate: ['int', [P, P, P, P, 'int']],
  EVP_EncryptFinal_ex: ['int', [P, P, P]],
  EVP_DecryptInit_ex: ['int', [P, P, P, P, P]],
  EVP_DecryptUpdate: ['int', [P, P, P, P, 'int']],
  EVP_DecryptFinal_ex: ['int', [P, P, P]],
  EVP_MD_fetch: [P, [P, 'str', P]],
  HMAC: [P, [P, P, 'int', P, 'size_t', P, P]],
  HMAC_CTX_new: [P, []],
  HMAC_CTX_free: ['void', [P]],
  HMAC_Init_ex: ['int', [P, P, 'int', P, P]],
  HMAC_Update: ['int', [P, P, 'size_t']],
  HMAC_Final: ['int', [P, P, P]],
  EVP_PKEY_new_raw_private_key_ex: [P, [P, 'str', P, P, 'size_t']],
  EVP_PKEY_new_raw_public_key_ex: [P, [P, 'str', P, P, 'size_t']],
  EVP_PKEY_get_raw_public_key: ['int', [P, P, P]],
  EVP_PKEY_free: ['void', [P]],
  EVP_PKEY_CTX_new_from_pkey: [P, [P, P, P]],
  EVP_PKEY_CTX_free: ['void', [P]],
  EVP_PKEY_derive_init: ['int', [P]],
  EVP_PKEY_derive_set_peer: ['int', [P, P]],
  EVP_PKEY_derive: ['int', [P, P, P]],
  d2i_AutoPrivateKey: [P, [P, P, 'long']],
  d2i_PUBKEY: [P, [P, P, 'long']],
  EVP_PKEY_sign_init: ['int', [P]],
  EVP_PKEY_sign: ['int', [P, P, P, P, 'size_t']],
  EVP_PKEY_verify_init: ['int', [P]],
  EVP_PKEY_verify: ['int', [P, P, 'size_t', P, 'size_t']],
  ERR_clear_error: ['void', []],
};

let found: { readonly openssl: Openssl | undefined } | undefined;

/**
 * OpenSSL of this process, bound once a thread. Undefined where `native` is, where Node hides the symbols (some
 * builds link it statically without exporting), and with any major version but 3, which alone was tried.
 */
export function openssl(): Openssl | undefined {
  found ??= { openssl: bindAll() };
  return found.openssl;
}

function bindAll(): Openssl | undefined {
  const door = native();
  if (door === undefined || !process.versions.openssl?.startsWith('3.')) return undefined;
  try {
    const functions = Object.entries(PROTOTYPES).map(([name, [result, parameters]]) => [
      name,
      door.symbols.func(name, result, [...parameters]),
    ]);
    return Object.fromEntries(functions) as Openssl;
  } catch {
    return undefined;
  }
}
