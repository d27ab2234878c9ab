import { concat, u64 } from '../lib/bytes.ts';
import { Secret } from '../lib/secret.ts';
import { utf8 } from '../lib/text.ts';
import { type Prf, prfPlus } from './prf/prf.ts';
import { cipherSizes } from './sizes.ts';

/** The keys of an IKE SA (RFC 7296 §2.14). */
export interface IkeSaKeys {
  readonly skD: Secret;
  readonly skAi: Secret;
  readonly skAr: Secret;
  readonly skEi: Secret;
  readonly skEr: Secret;
  readonly skPi: Secret;
  readonly skPr: Secret;
}

/** Transform IDs; `keyLength` in bits; 0 for what there is none of. */
export interface CipherSuite {
  readonly encryption: number;
  readonly keyLength: number;
  readonly integrity: number;
}

export interface Nonces {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
}

export interface Spis {
  readonly initiator: bigint;
  readonly responder: bigint;
}

/** Of an exchange: initiator and responder are those of the exchange, not of the IKE SA. */
export interface IkeSaKeyInputs {
  /** Of the new IKE SA. */
  readonly prf: Prf;
  readonly suite: CipherSuite;
  /** Of the new IKE SA. */
  readonly spis: Spis;
  readonly nonces: Nonces;
  /** g^ir, as long as the method makes it. */
  readonly sharedSecret: Uint8Array;
}

/** The keys of a first IKE SA: SKEYSEED = prf(Ni | Nr, g^ir) (RFC 7296 §2.14). Throws RangeError on an unknown suite. */
export function ikeSaKeys(inputs: IkeSaKeyInputs): IkeSaKeys {
  return expand(inputs, skeyseed(inputs.prf, inputs.nonces, inputs.sharedSecret));
}

/**
 * The keys of an IKE SA that replaces another: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), under the old
 * SA's function (RFC 7296 §2.18). The same formula, with the one SA as old and new, updates the keys after a round
 * of IKE_INTERMEDIATE with a key exchange (RFC 9370 §2.2.2). `additionalSecrets` are those of IKE_FOLLOWUP_KE, in
 * order (RFC 9370 §2.2.4).
 */
export function rekeyedIkeSaKeys(
  inputs: IkeSaKeyInputs & {
    readonly oldPrf: Prf;
    readonly oldSkD: Secret;
    readonly additionalSecrets?: readonly Uint8Array[];
  },
): IkeSaKeys {
  const { oldPrf, oldSkD, nonces, sharedSecret, additionalSecrets = [] } = inputs;
  const seed = oldPrf.mac(
    oldSkD.reveal(),
    sharedSecret,
    nonces.initiator,
    nonces.responder,
    ...additionalSecrets,
  );
  return expand(inputs, seed);
}

/**
 * SK_d, SK_pi and SK_pr of a first IKE SA with a post-quantum pre-shared key: SK_x = prf+(PPK, SK_x') (RFC 8784 §3), each as
 * long as it was.
 */
export function ppkKeys(
  inputs: { readonly prf: Prf; readonly ppk: Uint8Array } & Pick<IkeSaKeys, 'skD' | 'skPi' | 'skPr'>,
): Pick<IkeSaKeys, 'skD' | 'skPi' | 'skPr'> {
  const { prf, ppk } = inputs;
  const mix = (key: Secret): Secret => new Secret(prfPlus(prf, ppk, key.reveal(), key.reveal().length));
  return { skD: mix(inputs.skD), skPi: mix(inputs.skPi), skPr: mix(inputs.skPr) };
}

/** The keys of both directions of a Child SA; each as `PacketCipherSpec` takes them. */
export interface ChildKeys {
  /** From the initiator of the exchange to its responder. */
  readonly initiatorToResponder: { readonly encryption: Secret; readonly integrity: Secret };
  readonly responderToInitiator: { readonly encryption: Secret; readonly integrity: Secret };
}

/**
 * KEYMAT = prf+(SK_d, [g^ir (new)] | Ni | Nr), cut into encryption before integrity key, the initiator's direction
 * first (RFC 7296 §2.17). Without `sharedSecret` the exchange had no KE payload; the nonces are those of
 * IKE_SA_INIT for the first child. `additionalSecrets` as RFC 9370 §2.2.4 has them. Throws RangeError on an
 * unknown suite.
 */
export function childKeys(inputs: {
  readonly prf: Prf;
  readonly skD: Secret;
  readonly nonces: Nonces;
  readonly sharedSecret?: Uint8Array;
  readonly additionalSecrets?: readonly Uint8Array[];
  readonly algorithms: CipherSuite;
}): ChildKeys {
  const { prf, skD, nonces, sharedSecret, additionalSecrets = [], algorithms } = inputs;
  const { encryptionKey, integrityKey } = sizesOf(algorithms);
  const seed = concat(
    ...(sharedSecret === undefined ? [] : [sharedSecret]),
    nonces.initiator,
    nonces.responder,
    ...additionalSecrets,
  );
  const keymat = prfPlus(prf, skD.reveal(), seed, 2 * (encryptionKey + integrityKey));
  const [encryptionI, integrityI, encryptionR, integrityR] = cut(keymat, [
    encryptionKey,
    integrityKey,
    encryptionKey,
    integrityKey,
  ]);
  seed.fill(0);
  return {
    initiatorToResponder: { encryption: encryptionI as Secret, integrity: integrityI as Secret },
    responderToInitiator: { encryption: encryptionR as Secret, integrity: integrityR as Secret },
  };
}

/**
 * What AUTH covers (RFC 7296 §2.15): one's own IKE_SA_INIT message, the other side's nonce, and
 * prf(SK_p, body of one's own ID payload). `intAuth` follows where there was IKE_INTERMEDIATE (RFC 9242 §3.3.2).
 */
export function signedOctets(inputs: {
  readonly prf: Prf;
  /** The signer's IKE_SA_INIT message as sent, from the first octet of the header to the last payload's end. */
  readonly message: Uint8Array;
  /** The nonce of the side that verifies. */
  readonly nonce: Uint8Array;
  /** SK_pi when the initiator signs, SK_pr when the responder does. */
  readonly skP: Secret;
  /** ID type, three RESERVED octets, data: all behind the generic header of the signer's ID payload. */
  readonly idBody: Uint8Array;
  readonly intAuth?: Uint8Array;
}): Uint8Array {
  const { prf, message, nonce, skP, idBody, intAuth } = inputs;
  const macedId = prf.mac(skP.reveal(), idBody);
  return intAuth === undefined ? concat(message, nonce, macedId) : concat(message, nonce, macedId, intAuth);
}

const KEY_PAD = utf8('Key Pad for IKEv2');

/** AUTH with a shared secret, also the MSK of an EAP method (RFC 7296 §2.15, §2.16): prf(prf(secret, key pad), octets). */
export function pskAuth(inputs: {
  readonly prf: Prf;
  readonly secret: Uint8Array;
  readonly signedOctets: Uint8Array;
}): Uint8Array {
  const key = inputs.prf.mac(inputs.secret, KEY_PAD);
  const auth = inputs.prf.mac(key, inputs.signedOctets);
  key.fill(0);
  return auth;
}

/** The AES functions take the first 64 bits of each nonce as key, all others both nonces whole (RFC 7296 §2.14). */
function skeyseed(prf: Prf, { initiator, responder }: Nonces, sharedSecret: Uint8Array): Uint8Array {
  const half = prf.fixedKeyLength === undefined ? undefined : prf.fixedKeyLength / 2;
  return prf.mac(concat(initiator.subarray(0, half), responder.subarray(0, half)), sharedSecret);
}

function expand({ prf, suite, spis, nonces }: IkeSaKeyInputs, seed: Uint8Array): IkeSaKeys {
  const { encryptionKey, integrityKey } = sizesOf(suite);
  const key = prf.preferredKeyLength;
  const lengths = [key, integrityKey, integrityKey, encryptionKey, encryptionKey, key, key];
  const salt = concat(nonces.initiator, nonces.responder, u64(spis.initiator), u64(spis.responder));
  const stream = prfPlus(
    prf,
    seed,
    salt,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  const [skD, skAi, skAr, skEi, skEr, skPi, skPr] = cut(stream, lengths) as [
    Secret,
    Secret,
    Secret,
    Secret,
    Secret,
    Secret,
    Secret,
  ];
  seed.fill(0);
  return { skD, skAi, skAr, skEi, skEr, skPi, skPr };
}

function sizesOf({ encryption, keyLength, integrity }: CipherSuite): {
  encryptionKey: number;
  integrityKey: number;
} {
  const sizes = cipherSizes(encryption, keyLength, integrity);
  if (sizes === undefined) {
    throw new RangeError(`no suite of encryption ${encryption}, ${keyLength} bits, integrity ${integrity}`);
  }
  return sizes;
}

/** Copies of consecutive pieces; the stream is overwritten, so no key stays behind in it. */
function cut(stream: Uint8Array, lengths: readonly number[]): Secret[] {
  let at = 0;
  const pieces = lengths.map(length => {
    at += length;
    return new Secret(stream.slice(at - length, at));
  });
  stream.fill(0);
  return pieces;
}
