import type {
  CbcCipher,
  CryptoProvider,
  HashName,
  KePrimitive,
  KeyExchangePrimitive,
  PacketCipher,
  PacketCipherSpec,
  PrivateKey,
  PublicKey,
  SignatureScheme,
} from '../../src/crypto/provider.ts';
import type { Random } from './random.ts';

/**
 * A provider whose `random` comes from a seed, or octet by octet from the test: nonces decide collisions
 * (RFC 7296 §2.8.1), so a test sets them. Key exchange and ciphers are the real ones of `base`.
 */
export class SeededProvider implements CryptoProvider {
  readonly name: string;
  readonly #base: CryptoProvider;
  readonly #random: Random;
  readonly #scripted: Uint8Array[] = [];

  constructor(base: CryptoProvider, random: Random) {
    this.name = `seeded ${base.name}`;
    this.#base = base;
    this.#random = random;
  }

  /** The next call for as many octets as `octets` has gets these. Several wait in line. */
  script(...octets: readonly Uint8Array[]): void {
    this.#scripted.push(...octets);
  }

  /** How many scripted answers nobody has asked for yet. */
  get unused(): number {
    return this.#scripted.length;
  }

  random(length: number): Uint8Array {
    const at = this.#scripted.findIndex(octets => octets.length === length);
    if (at >= 0) return this.#scripted.splice(at, 1)[0]?.slice() ?? new Uint8Array(length);
    return this.#random.octets(length);
  }

  hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
    return this.#base.hash(name, ...parts);
  }

  hmac(name: HashName, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
    return this.#base.hmac(name, key, ...parts);
  }

  packetCipher(spec: PacketCipherSpec): PacketCipher | undefined {
    return this.#base.packetCipher(spec);
  }

  cbcCipher(encryption: number, key: Uint8Array): CbcCipher | undefined {
    return this.#base.cbcCipher(encryption, key);
  }

  aesBlock(key: Uint8Array): (block: Uint8Array) => Uint8Array {
    return this.#base.aesBlock(key);
  }

  keyExchange(primitive: KePrimitive): KeyExchangePrimitive | undefined {
    return this.#base.keyExchange(primitive);
  }

  importPublicKey(spki: Uint8Array): PublicKey {
    return this.#base.importPublicKey(spki);
  }

  importPrivateKey(der: Uint8Array): PrivateKey {
    return this.#base.importPrivateKey(der);
  }

  sign(key: PrivateKey, scheme: SignatureScheme, data: Uint8Array): Uint8Array {
    return this.#base.sign(key, scheme, data);
  }

  verify(key: PublicKey, scheme: SignatureScheme, data: Uint8Array, signature: Uint8Array): boolean {
    return this.#base.verify(key, scheme, data, signature);
  }

  encrypt(key: PublicKey, message: Uint8Array): Uint8Array {
    return this.#base.encrypt(key, message);
  }

  decrypt(key: PrivateKey, ciphertext: Uint8Array): Uint8Array {
    return this.#base.decrypt(key, ciphertext);
  }
}
