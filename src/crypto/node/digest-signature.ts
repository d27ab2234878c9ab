import type { KeyObject } from 'node:crypto';
import { concat } from '../../lib/bytes.ts';
import { allocate, type Memory } from '../../sys/memory.ts';
import { type Openssl, openssl } from '../../sys/openssl.ts';
import { CryptoFailure } from '../provider.ts';
import { contentOf, integer, sequence, unsigned } from './der.ts';

/*
 * ECDSA and DSA over a digest as it is. IKEv1 signs a HASH payload, which is one already (RFC 2409 §5.1, RFC 4754);
 * node:crypto always hashes once more, so this is done by OpenSSL's own functions. Signatures are r‖s.
 */

/** Room for a signature of the largest key in DER. */
const MAX_SIGNATURE = 512;
const POINTER = 8;

/** @param width octets of r, and of s. Throws CryptoFailure, also where OpenSSL's functions cannot be had. */
export function signDigest(key: KeyObject, digest: Uint8Array, width: number): Uint8Array {
  const functions = openssl();
  if (functions === undefined) throw new CryptoFailure('this platform signs no bare digests');
  const der = key.export({ format: 'der', type: 'pkcs8' });
  try {
    return withKey(functions, 'd2i_AutoPrivateKey', der, pkey =>
      withContext(functions, pkey, context => {
        const text = copyOf(digest);
        const out = allocate(MAX_SIGNATURE + POINTER);
        out.words[MAX_SIGNATURE / 4] = MAX_SIGNATURE;
        const length = out.address + MAX_SIGNATURE;
        const done =
          functions.EVP_PKEY_sign_init(context) === 1 &&
          functions.EVP_PKEY_sign(context, out.address, length, text.address, digest.length) === 1;
        if (!done) throw new CryptoFailure('the key signs no such digest');
        return plain(out.bytes.subarray(0, out.words[MAX_SIGNATURE / 4]), width);
      }),
    );
  } finally {
    der.fill(0);
  }
}

/** False for every signature that does not verify, and where OpenSSL's functions cannot be had. */
export function verifyDigest(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const functions = openssl();
  if (functions === undefined || signature.length === 0 || signature.length % 2 !== 0) return false;
  if (signature.length > MAX_SIGNATURE - 32) return false;
  const half = signature.length / 2;
  const encoded = sequence(integer(signature.subarray(0, half)), integer(signature.subarray(half)));
  const der = key.export({ format: 'der', type: 'spki' });
  return withKey(functions, 'd2i_PUBKEY', der, pkey =>
    withContext(functions, pkey, context => {
      const [text, claimed] = [copyOf(digest), copyOf(encoded)];
      return (
        functions.EVP_PKEY_verify_init(context) === 1 &&
        functions.EVP_PKEY_verify(context, claimed.address, encoded.length, text.address, digest.length) === 1
      );
    }),
  );
}

function withKey<Result>(
  functions: Openssl,
  read: 'd2i_AutoPrivateKey' | 'd2i_PUBKEY',
  der: Uint8Array,
  use: (pkey: number) => Result,
): Result {
  const octets = copyOf(der);
  const cursor = allocate(POINTER);
  cursor.words[0] = octets.address;
  cursor.words[1] = octets.address / 0x1_0000_0000;
  const pkey = functions[read](0, cursor.address, der.length);
  octets.bytes.fill(0);
  try {
    if (pkey === 0) throw new CryptoFailure('OpenSSL cannot read the key');
    return use(pkey);
  } finally {
    functions.EVP_PKEY_free(pkey);
    functions.ERR_clear_error();
  }
}

function withContext<Result>(functions: Openssl, pkey: number, use: (context: number) => Result): Result {
  const context = functions.EVP_PKEY_CTX_new_from_pkey(0, pkey, 0);
  try {
    return use(context);
  } finally {
    functions.EVP_PKEY_CTX_free(context);
  }
}

function copyOf(octets: Uint8Array): Memory {
  const memory = allocate(octets.length);
  memory.bytes.set(octets);
  return memory;
}

/** r‖s of SEQUENCE { r INTEGER, s INTEGER } */
function plain(der: Uint8Array, width: number): Uint8Array {
  const body = contentOf(der, 0);
  const r = contentOf(der, body.start);
  const s = contentOf(der, r.end);
  return concat(unsigned(der.subarray(r.start, r.end), width), unsigned(der.subarray(s.start, s.end), width));
}
