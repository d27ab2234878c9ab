import { concat, u64 } from '../lib/bytes.ts';
import { Secret } from '../lib/secret.ts';
import type { CipherSuite, Nonces, Spis } from './keymat-v2.ts';
import type { CryptoProvider, HashName } from './provider.ts';
import { cipherSizes } from './sizes.ts';

/** The negotiated hash of an ISAKMP SA, and its HMAC, which is the prf where none is negotiated (RFC 2409 §4). */
export interface V1Hash {
  readonly name: HashName;
  hash(...parts: readonly Uint8Array[]): Uint8Array;
  prf(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
}

export function v1Hash(provider: CryptoProvider, name: HashName): V1Hash {
  return {
    name,
    hash: (...parts) => provider.hash(name, ...parts),
    prf: (key, ...parts) => provider.hmac(name, key, ...parts),
  };
}

/** SKEYID and its three children (RFC 2409 §5). */
export interface PhaseOneKeys {
  readonly skeyid: Secret;
  readonly skeyidD: Secret;
  readonly skeyidA: Secret;
  readonly skeyidE: Secret;
}

/** SKEYID = prf(pre-shared-key, Ni_b | Nr_b). Nonces are payload bodies. */
export function skeyidPsk(hash: V1Hash, preSharedKey: Uint8Array, { initiator, responder }: Nonces): Secret {
  return new Secret(hash.prf(preSharedKey, initiator, responder));
}

/** SKEYID = prf(Ni_b | Nr_b, g^xy), for signatures and hybrid authentication. */
export function skeyidSignatures(
  hash: V1Hash,
  { initiator, responder }: Nonces,
  sharedSecret: Uint8Array,
): Secret {
  return new Secret(hash.prf(concat(initiator, responder), sharedSecret));
}

/** SKEYID = prf(hash(Ni_b | Nr_b), CKY-I | CKY-R), for both kinds of public key encryption; nonces decrypted. */
export function skeyidPublicKey(hash: V1Hash, { initiator, responder }: Nonces, cookies: Spis): Secret {
  return new Secret(
    hash.prf(hash.hash(initiator, responder), u64(cookies.initiator), u64(cookies.responder)),
  );
}

/** As `skeyidPublicKey` without the hash around the nonces: old routers of Cisco's make it so, against RFC 2409 §5. */
export function skeyidUnhashed(hash: V1Hash, { initiator, responder }: Nonces, cookies: Spis): Secret {
  return new Secret(hash.prf(concat(initiator, responder), u64(cookies.initiator), u64(cookies.responder)));
}

/**
 * Ke_i or Ke_r, `length` octets: the key that a side of revised public key encryption takes from its nonce and cookie
 * (RFC 2409 §5.3): Ne = prf(nonce, cookie), stretched where that is too short.
 */
export function revisedCipherKey(hash: V1Hash, nonce: Uint8Array, cookie: bigint, length: number): Secret {
  const ne = new Secret(hash.prf(nonce, u64(cookie)));
  const key = phaseOneCipherKey(hash, ne, length);
  ne.wipe();
  return key;
}

/** SKEYID_d, _a and _e from SKEYID, g^xy and the cookies; the result takes `skeyid` over. */
export function phaseOneKeys(
  hash: V1Hash,
  skeyid: Secret,
  sharedSecret: Uint8Array,
  cookies: Spis,
): PhaseOneKeys {
  const tail = concat(sharedSecret, u64(cookies.initiator), u64(cookies.responder));
  const key = skeyid.reveal();
  const skeyidD = hash.prf(key, tail, Uint8Array.of(0));
  const skeyidA = hash.prf(key, skeyidD, tail, Uint8Array.of(1));
  const skeyidE = hash.prf(key, skeyidA, tail, Uint8Array.of(2));
  tail.fill(0);
  return {
    skeyid,
    skeyidD: new Secret(skeyidD),
    skeyidA: new Secret(skeyidA),
    skeyidE: new Secret(skeyidE),
  };
}

/** The key of phase 1 messages, `length` octets: from SKEYID_e, or from Ka where that is too short (RFC 2409 appendix B). */
export function phaseOneCipherKey(hash: V1Hash, skeyidE: Secret, length: number): Secret {
  const material = skeyidE.reveal();
  if (length <= material.length) return new Secret(material.slice(0, length));
  return new Secret(feedback(length, last => hash.prf(material, last ?? Uint8Array.of(0))));
}

/** IV of the first encrypted message of phase 1: hash(g^xi | g^xr), cut to a block (RFC 2409 appendix B). */
export function phaseOneIv(
  hash: V1Hash,
  initiatorPublic: Uint8Array,
  responderPublic: Uint8Array,
  block: number,
): Uint8Array {
  return hash.hash(initiatorPublic, responderPublic).slice(0, block);
}

/** IV of the first message of an exchange after phase 1: hash(last block of phase 1 | M-ID) (RFC 2409 appendix B). */
export function phaseTwoIv(
  hash: V1Hash,
  lastPhaseOneBlock: Uint8Array,
  messageId: number,
  block: number,
): Uint8Array {
  return hash.hash(lastPhaseOneBlock, u32(messageId)).slice(0, block);
}

/** What HASH_I and HASH_R cover. Bodies are payloads without their generic headers, as they stood on the wire. */
export interface PhaseOneHashInputs {
  readonly skeyid: Secret;
  readonly initiatorPublic: Uint8Array;
  readonly responderPublic: Uint8Array;
  readonly cookies: Spis;
  /** Of the initiator's SA payload: for both hashes. */
  readonly saBody: Uint8Array;
  /** Of the ID payload of the side whose hash it is. */
  readonly idBody: Uint8Array;
}

/** HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b) (RFC 2409 §5). */
export function hashI(hash: V1Hash, inputs: PhaseOneHashInputs): Uint8Array {
  const { skeyid, initiatorPublic, responderPublic, cookies, saBody, idBody } = inputs;
  const first = [initiatorPublic, responderPublic, u64(cookies.initiator), u64(cookies.responder)];
  return hash.prf(skeyid.reveal(), ...first, saBody, idBody);
}

/** HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b) (RFC 2409 §5). */
export function hashR(hash: V1Hash, inputs: PhaseOneHashInputs): Uint8Array {
  const { skeyid, initiatorPublic, responderPublic, cookies, saBody, idBody } = inputs;
  const first = [responderPublic, initiatorPublic, u64(cookies.responder), u64(cookies.initiator)];
  return hash.prf(skeyid.reveal(), ...first, saBody, idBody);
}

/**
 * HASH(1) = prf(SKEYID_a, M-ID | rest), where `rest` is the message behind the HASH payload, without padding
 * (RFC 2409 §5.5). Informational and transaction exchanges use it too (§5.7).
 */
export function hash1(hash: V1Hash, skeyidA: Secret, messageId: number, rest: Uint8Array): Uint8Array {
  return hash.prf(skeyidA.reveal(), u32(messageId), rest);
}

/** HASH(2) = prf(SKEYID_a, M-ID | Ni_b | rest) (RFC 2409 §5.5). */
export function hash2(
  hash: V1Hash,
  skeyidA: Secret,
  messageId: number,
  initiatorNonce: Uint8Array,
  rest: Uint8Array,
): Uint8Array {
  return hash.prf(skeyidA.reveal(), u32(messageId), initiatorNonce, rest);
}

/** HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b) (RFC 2409 §5.5). */
export function hash3(hash: V1Hash, skeyidA: Secret, messageId: number, nonces: Nonces): Uint8Array {
  return hash.prf(skeyidA.reveal(), Uint8Array.of(0), u32(messageId), nonces.initiator, nonces.responder);
}

/**
 * The keys of one IPsec SA, which is one direction: KEYMAT = K1 | K2 | …, K1 = prf(SKEYID_d, [g(qm)^xy |] protocol |
 * SPI | Ni_b | Nr_b) (RFC 2409 §5.5). `spi` is the one its receiver chose; `sharedSecret` is that of quick mode's
 * own exchange, with PFS. Throws RangeError on an unknown suite.
 */
export function quickModeKeys(
  hash: V1Hash,
  inputs: {
    readonly skeyidD: Secret;
    /** Protocol identifier of the IPsec DOI: 2 is AH, 3 ESP. */
    readonly protocol: number;
    readonly spi: number;
    readonly nonces: Nonces;
    readonly sharedSecret?: Uint8Array;
    readonly algorithms: CipherSuite;
  },
): { readonly encryption: Secret; readonly integrity: Secret } {
  const { skeyidD, protocol, spi, nonces, sharedSecret, algorithms } = inputs;
  const sizes = cipherSizes(algorithms.encryption, algorithms.keyLength, algorithms.integrity);
  if (sizes === undefined) throw new RangeError('no such suite of encryption and integrity');
  const seed = concat(
    ...(sharedSecret === undefined ? [] : [sharedSecret]),
    Uint8Array.of(protocol),
    u32(spi),
    nonces.initiator,
    nonces.responder,
  );
  const length = sizes.encryptionKey + sizes.integrityKey;
  const keymat = feedback(length, last =>
    last === undefined ? hash.prf(skeyidD.reveal(), seed) : hash.prf(skeyidD.reveal(), last, seed),
  );
  const keys = {
    encryption: new Secret(keymat.slice(0, sizes.encryptionKey)),
    integrity: new Secret(keymat.slice(sizes.encryptionKey)),
  };
  keymat.fill(0);
  seed.fill(0);
  return keys;
}

/** K1 | K2 | … cut to `length`, each block made from the one before. */
function feedback(length: number, next: (last: Uint8Array | undefined) => Uint8Array): Uint8Array {
  const stream = new Uint8Array(length);
  let last: Uint8Array | undefined;
  for (let at = 0; at < length; at += last.length) {
    last = next(last);
    stream.set(last.subarray(0, length - at), at);
  }
  return stream;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
