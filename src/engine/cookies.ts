import type { CryptoProvider } from '../crypto/provider.ts';
import { constantTimeEqual, u64 } from '../lib/bytes.ts';
import { Secret } from '../lib/secret.ts';
import { type Duration, type Instant, MINUTE } from '../lib/time.ts';
import type { Endpoint } from '../policy/sa.ts';

/** A secret makes cookies for this long, and takes them for as long again. */
const SECRET_LIFE: Duration = MINUTE;
const MAC_LENGTH = 16;

/**
 * Cookies by which a stranger proves that it gets what is sent to its address, without any state on our side
 * (RFC 7296 §2.6): version octet | HMAC(secret, Ni | address | port | SPIi).
 */
export class Cookies {
  readonly #provider: CryptoProvider;
  #version = 0;
  #secret: Secret;
  #previous: Secret | undefined;
  #since: Instant;

  constructor(provider: CryptoProvider, now: Instant) {
    this.#provider = provider;
    this.#secret = new Secret(provider.random(32));
    this.#since = now;
  }

  /** The cookie for an initiator's nonce, SPI and address, 17 octets. */
  make(nonce: Uint8Array, initiatorSpi: bigint, remote: Endpoint, now: Instant): Uint8Array {
    this.#renew(now);
    const cookie = new Uint8Array(1 + MAC_LENGTH);
    cookie[0] = this.#version;
    cookie.set(this.#mac(this.#secret, nonce, initiatorSpi, remote), 1);
    return cookie;
  }

  /** Whether `cookie` was made for just these, one or two minutes ago at most. */
  accepts(
    cookie: Uint8Array,
    nonce: Uint8Array,
    initiatorSpi: bigint,
    remote: Endpoint,
    now: Instant,
  ): boolean {
    this.#renew(now);
    if (cookie.length !== 1 + MAC_LENGTH) return false;
    const secret =
      cookie[0] === this.#version
        ? this.#secret
        : cookie[0] === ((this.#version - 1) & 0xff)
          ? this.#previous
          : undefined;
    if (secret === undefined) return false;
    return constantTimeEqual(cookie.subarray(1), this.#mac(secret, nonce, initiatorSpi, remote));
  }

  #renew(now: Instant): void {
    const age = now - this.#since;
    if (age < SECRET_LIFE) return;
    this.#previous?.wipe();
    // After a long calm the last secret is as old as the one before: neither vouches for anybody.
    this.#previous = age < 2 * SECRET_LIFE ? this.#secret : undefined;
    this.#secret = new Secret(this.#provider.random(32));
    this.#version = (this.#version + 1) & 0xff;
    this.#since = now;
  }

  #mac(secret: Secret, nonce: Uint8Array, initiatorSpi: bigint, remote: Endpoint): Uint8Array {
    const port = Uint8Array.of(remote.port >> 8, remote.port & 0xff);
    return this.#provider
      .hmac('sha256', secret.reveal(), u64(initiatorSpi), remote.address, port, nonce)
      .subarray(0, MAC_LENGTH);
  }
}
