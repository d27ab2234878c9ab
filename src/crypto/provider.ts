import type { Secret } from '../lib/secret.ts';

/**
 * The port: all the primitives that cygnet asks of its platform. Everything above it (registries, key
 * derivation, protection) is arithmetic on octets and runs on any implementation of this interface.
 */
export interface CryptoProvider {
  readonly name: string;
  /** Unpredictable octets. The simulator's provider makes them from a seed. */
  random(length: number): Uint8Array;
  hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array;
  hmac(name: HashName, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** A packet cipher for one direction of one SA; undefined when this provider lacks the algorithm. */
  packetCipher(spec: PacketCipherSpec): PacketCipher | undefined;
  /**
   * CBC with no authentication, for the messages of IKEv1 alone (RFC 2409 appendix B): `encryption` is an IKEv2
   * transform ID, `key` the cipher key. Undefined when this provider lacks the algorithm or the key has no length of it.
   */
  cbcCipher(encryption: number, key: Uint8Array): CbcCipher | undefined;
  /** One block under AES in ECB, for the MACs built on it (XCBC, CMAC). */
  aesBlock(key: Uint8Array): (block: Uint8Array) => Uint8Array;
  /** A key exchange group of `primitive`; undefined when this provider lacks it. */
  keyExchange(primitive: KePrimitive): KeyExchangePrimitive | undefined;
  /** Throws CryptoFailure where the octets are no public key this provider can use. */
  importPublicKey(spki: Uint8Array): PublicKey;
  /** PKCS#8, PKCS#1 or SEC1 in DER, unencrypted. Throws CryptoFailure. */
  importPrivateKey(der: Uint8Array): PrivateKey;
  sign(key: PrivateKey, scheme: SignatureScheme, data: Uint8Array): Uint8Array;
  /** False for every signature that does not verify, malformed ones too; never throws. */
  verify(key: PublicKey, scheme: SignatureScheme, data: Uint8Array, signature: Uint8Array): boolean;
  /**
   * RSA in the padding of PKCS #1 v1.5, for the public key encryption of IKEv1 alone (RFC 2409 §5.2). Throws
   * CryptoFailure where the key is none for it or the message is too long.
   */
  encrypt(key: PublicKey, message: Uint8Array): Uint8Array;
  /**
   * The inverse, with implicit rejection: whatever is no ciphertext of this key makes a message of some length too, the
   * same each time, with the same work, and nobody without the key can tell which it is. Throws CryptoFailure for what
   * the key or the platform lacks, never for what the ciphertext is.
   */
  decrypt(key: PrivateKey, ciphertext: Uint8Array): Uint8Array;
}

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** A primitive refused its input: a public value off the curve, a key of no known kind. */
export class CryptoFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CryptoFailure';
  }
}

// ── Packet protection: one shape for SK payloads, ESP and AEAD or cipher-with-MAC alike ──

export interface PacketCipherSpec {
  /** IKEv2 transform IDs; `integrity` is 0 (NONE) with an AEAD. */
  readonly encryption: number;
  /** Key length of the cipher in bits, without salt or nonce. */
  readonly keyLength: number;
  readonly integrity: number;
  /** Key octets as the key derivation yields them: cipher key, then the salt or nonce of CTR and AEAD modes. */
  readonly encryptionKey: Secret;
  /** Empty with an AEAD. */
  readonly integrityKey: Secret;
}

/**
 * Works in place on a whole packet: `[0, ivOffset)` is associated data (the ESP header; the IKE header up to
 * and with the SK payload header), then the IV, the text, and `icvLength` octets for the ICV at the end.
 */
export interface PacketCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  /** The text must be a multiple of this many octets: 16 for AES-CBC, 8 for 3DES, 1 for the others. */
  readonly blockLength: number;
  /** Fills the IV (fresh and unpredictable, or a counter, as the algorithm needs), encrypts, writes the ICV. */
  seal(packet: Uint8Array, ivOffset: number, options?: PacketOptions): void;
  /** Checks the ICV before anything else, then decrypts in place. False, and nothing changed, when the ICV is wrong or the lengths cannot be. */
  open(packet: Uint8Array, ivOffset: number, options?: PacketOptions): boolean;
  /** Overwrites the keys; the cipher is useless from then on. */
  wipe(): void;
}

export interface PacketOptions {
  /** High half of an extended sequence number: authenticated, not sent (RFC 4303 §2.2.1). */
  readonly esnHigh?: number;
  /** For known-answer tests and for re-sealing alone: use this IV instead of a fresh one. */
  readonly iv?: Uint8Array;
}

/** The text must be whole blocks, the IV one block (RangeError otherwise); the results are fresh. Padding and the
 * chain of IVs are the caller's. */
export interface CbcCipher {
  readonly blockLength: number;
  encrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
  decrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
}

// ── Key exchange: Diffie-Hellman and KEMs behind the same two calls ──

export type KePrimitive =
  | {
      readonly kind: 'modp';
      readonly prime: Uint8Array;
      readonly generator: Uint8Array;
      readonly order?: Uint8Array;
    }
  | { readonly kind: 'ecp'; readonly curve: string; readonly fieldLength: number }
  | { readonly kind: 'montgomery'; readonly curve: 'x25519' | 'x448' }
  | { readonly kind: 'mlkem'; readonly size: 512 | 768 | 1024 };

export interface KeyExchangePrimitive {
  /** The initiator's half: `finish` takes the responder's value. Throws CryptoFailure on a bad value. */
  initiate(): { readonly publicValue: Uint8Array; finish(peer: Uint8Array): Secret };
  /** The responder's half in one step. Throws CryptoFailure on a bad value. */
  respond(peer: Uint8Array): { readonly publicValue: Uint8Array; readonly sharedSecret: Secret };
}

// ── Signatures ──

export type KeyType = 'rsa' | 'ec' | 'ed25519' | 'ed448' | 'dsa';

export interface PublicKey {
  readonly type: KeyType;
  /** Modulus or field size in bits. */
  readonly bits: number;
  /** OpenSSL's curve name, on EC keys. */
  readonly curve?: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
}

export interface PrivateKey {
  readonly type: KeyType;
  readonly bits: number;
  readonly curve?: string;
  readonly publicKey: PublicKey;
}

/** How a signature is made: which primitive over which hash in which encoding. */
export interface SignatureScheme {
  readonly name: string;
  readonly keyType: KeyType;
  /**
   * Absent for EdDSA, which signs the message itself, and for the signatures of IKEv1, where the data is a hash
   * already: it stands in PKCS#1 padding without a DigestInfo, or is signed as it is (RFC 2409 §5.1, RFC 4754).
   */
  readonly hash?: HashName;
  readonly padding?: 'pkcs1' | 'pss';
  /** PSS salt length in octets. */
  readonly saltLength?: number;
  /** ECDSA and DSA: r‖s of fixed length (RFC 4754) or the DER sequence (RFC 7427). */
  readonly encoding?: 'raw' | 'der';
}
