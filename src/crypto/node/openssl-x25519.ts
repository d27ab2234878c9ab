import { Secret } from '../../lib/secret.ts';
import { allocate, type Memory } from '../../sys/memory.ts';
import type { Openssl } from '../../sys/openssl.ts';
import { CryptoFailure, type KeyExchangePrimitive } from '../provider.ts';

const LENGTH = 32;
/** In the scratch memory: private key, own public value, the peer's, shared secret, the length that OpenSSL reads and writes. */
const PUBLIC_AT = LENGTH;
const PEER_AT = 2 * LENGTH;
const SHARED_AT = 3 * LENGTH;
const LENGTH_AT = 4 * LENGTH;

/**
 * X25519 (RFC 7748) without the key objects of node:crypto, whose making costs as much as the arithmetic. Private keys
 * come of `random`, since any 32 octets are one.
 */
export function opensslX25519(
  openssl: Openssl,
  random: (length: number) => Uint8Array,
): KeyExchangePrimitive {
  const scratch = allocate(LENGTH_AT + 8);

  const half = (): { key: PrivateHalf; publicValue: Uint8Array } => {
    const drawn = random(LENGTH);
    scratch.bytes.set(drawn.subarray(0, LENGTH));
    drawn.fill(0);
    const key = new PrivateHalf(openssl, scratch);
    scratch.bytes.fill(0, 0, LENGTH);
    return { key, publicValue: key.publicValue(scratch) };
  };

  return {
    initiate() {
      const { key, publicValue } = half();
      return { publicValue, finish: peer => key.agree(peer, scratch) };
    },
    respond(peer) {
      const { key, publicValue } = half();
      try {
        return { publicValue, sharedSecret: key.agree(peer, scratch) };
      } finally {
        key.free();
      }
    },
  };
}

/** OpenSSL's key. An initiator may have to agree with several answers, so its key is freed when it is collected. */
class PrivateHalf {
  readonly #openssl: Openssl;
  readonly #owned: { readonly openssl: Openssl; key: number };

  constructor(openssl: Openssl, scratch: Memory) {
    const key = openssl.EVP_PKEY_new_raw_private_key_ex(0, 'X25519', 0, scratch.address, LENGTH);
    if (key === 0) throw new CryptoFailure('no private key came of the random octets');
    this.#openssl = openssl;
    this.#owned = { openssl, key };
    forgotten.register(this, this.#owned, this);
  }

  publicValue({ bytes, words, address }: Memory): Uint8Array {
    setLength(words);
    const done = this.#openssl.EVP_PKEY_get_raw_public_key(
      this.#owned.key,
      address + PUBLIC_AT,
      address + LENGTH_AT,
    );
    if (done !== 1) throw new CryptoFailure('OpenSSL gave no public value');
    return bytes.slice(PUBLIC_AT, PUBLIC_AT + LENGTH);
  }

  free(): void {
    forgotten.unregister(this);
    release(this.#owned);
  }

  /** Throws CryptoFailure for a value of another length, or one that leads to a secret of nothing but zeros. */
  agree(peer: Uint8Array, { bytes, words, address }: Memory): Secret {
    const openssl = this.#openssl;
    const { key } = this.#owned;
    if (key === 0) throw new CryptoFailure('the key exchange is over');
    if (peer.length !== LENGTH) throw new CryptoFailure('a public value of X25519 has 32 octets');
    bytes.set(peer, PEER_AT);
    const theirs = openssl.EVP_PKEY_new_raw_public_key_ex(0, 'X25519', 0, address + PEER_AT, LENGTH);
    const context = openssl.EVP_PKEY_CTX_new_from_pkey(0, key, 0);
    try {
      setLength(words);
      const agreed =
        theirs !== 0 &&
        openssl.EVP_PKEY_derive_init(context) === 1 &&
        openssl.EVP_PKEY_derive_set_peer(context, theirs) === 1 &&
        openssl.EVP_PKEY_derive(context, address + SHARED_AT, address + LENGTH_AT) === 1;
      if (!agreed) {
        openssl.ERR_clear_error();
        throw new CryptoFailure('the public value is none of X25519, or of small order');
      }
      return new Secret(bytes.slice(SHARED_AT, SHARED_AT + LENGTH));
    } finally {
      bytes.fill(0, SHARED_AT, SHARED_AT + LENGTH);
      openssl.EVP_PKEY_CTX_free(context);
      openssl.EVP_PKEY_free(theirs);
    }
  }
}

const forgotten = new FinalizationRegistry(release);

function release(owned: { readonly openssl: Openssl; key: number }): void {
  if (owned.key !== 0) owned.openssl.EVP_PKEY_free(owned.key);
  owned.key = 0;
}

function setLength(words: Uint32Array): void {
  words[LENGTH_AT / 4] = LENGTH;
  words[LENGTH_AT / 4 + 1] = 0;
}
