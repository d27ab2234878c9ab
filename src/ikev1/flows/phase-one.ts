import { type KeyExchange, keyExchangeOf } from '../../crypto/ke/key-exchange.ts';
import { hashI, hashR, v1Hash } from '../../crypto/keymat-v1.ts';
import type { Nonces, Spis } from '../../crypto/keymat-v2.ts';
import { CryptoFailure, type HashName } from '../../crypto/provider.ts';
import { V1Notify, V1PayloadType } from '../../iana/ikev1.ts';
import { equal } from '../../lib/bytes.ts';
import { Malformed } from '../../lib/reader.ts';
import type { Secret } from '../../lib/secret.ts';
import type { SharedKey } from '../../policy/credentials.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { checkIdentity, type Identity } from '../../policy/identity.ts';
import { encodeV1Body } from '../../wire/v1/message.ts';
import type { V1IdPayload, V1Payload } from '../../wire/v1/payload.ts';
import type { Authentication, Share } from '../auth/method.ts';
import { first, type Message, Refused } from '../flow.ts';
import { IsakmpKeys } from '../isakmp-keys.ts';
import type { EmergingSa, Role } from '../isakmp-sa.ts';
import type { PhaseOneSuite } from '../phase-one-proposal.ts';
import type { Circumstances } from '../vendor-ids/extension.ts';

/** What main mode and aggressive mode have in common (RFC 2409 §5). */

export const NONCE_LENGTH = 32;

/** All that HASH_I and HASH_R cover, but for the identities. */
export interface Transcript {
  readonly suite: PhaseOneSuite;
  readonly cookies: Spis;
  /** Of the initiator's SA payload: SAi_b. */
  readonly saBody: Uint8Array;
  readonly initiator: Share;
  readonly responder: Share;
}

/** Keys that may be those of the SA, and the shared key they were made with. */
export interface Candidate {
  readonly keys: IsakmpKeys;
  readonly shared: SharedKey | undefined;
}

/** The keys of phase 1: one set, or as many as there are shared keys that may be meant. Throws Failed. `secret` is wiped. */
export function deriveKeys(
  sa: EmergingSa,
  method: Authentication,
  transcript: Transcript,
  secret: Secret,
  remoteId: Identity | undefined,
): readonly Candidate[] {
  const { suite, cookies, initiator, responder } = transcript;
  const nonces: Nonces = { initiator: initiator.nonce, responder: responder.nonce };
  const sharedSecret = secret.reveal();
  const material = {
    suite,
    sharedSecret,
    cookies,
    initiatorPublic: initiator.publicValue,
    responderPublic: responder.publicValue,
  };
  const candidates = method
    .skeyids({ nonces, cookies, sharedSecret, remoteId })
    .map(({ skeyid, shared }) => ({ keys: new IsakmpKeys(sa.host, skeyid, material), shared }));
  secret.wipe();
  return candidates;
}

/** HASH_I or HASH_R: that of `side`, which calls itself by `id`. */
export function hashOf(
  sa: EmergingSa,
  side: Role,
  transcript: Transcript,
  keys: IsakmpKeys,
  id: V1IdPayload,
  own: HashName | undefined,
): Uint8Array {
  const { initiator, responder, cookies, saBody } = transcript;
  const inputs = {
    skeyid: keys.skeyid,
    initiatorPublic: initiator.publicValue,
    responderPublic: responder.publicValue,
    cookies,
    saBody,
    idBody: bodyOf(id),
  };
  const hash = own === undefined ? keys.hash : v1Hash(sa.host.provider, own);
  return side === 'initiator' ? hashI(hash, inputs) : hashR(hash, inputs);
}

/** Phase 1 sets protocol and port to zero: behind a NAT it must (RFC 3947 §4). */
export function idPayload({ type, data }: Identity): V1IdPayload {
  return { type: V1PayloadType.ID, idType: type, protocol: 0, port: 0, data };
}

/** UDP, on the ports of IKE, is the other thing that may stand there (RFC 2407 §4.6.2). */
const UDP = 17;
const PORTS: readonly number[] = [0, 500, 4500];

/** The payloads of a message that has our share and proof, and what rides along. */
export function arranged(
  method: Authentication,
  own: readonly V1Payload[],
  others: readonly V1Payload[],
): readonly V1Payload[] {
  return method.arrange?.(own, others) ?? [...own, ...others];
}

/** The identity in an ID payload, its octets copied. Throws Refused. */
export function identityIn({ idType, protocol, port, data }: V1IdPayload): Identity {
  if ((protocol !== 0 && protocol !== UDP) || !PORTS.includes(port))
    throw new Refused(
      V1Notify.INVALID_ID_INFORMATION,
      breach('an identity of another protocol or port').failure,
    );
  try {
    return checkIdentity(idType, data.slice());
  } catch (error) {
    if (error instanceof Malformed)
      throw new Refused(V1Notify.INVALID_ID_INFORMATION, breach(error.message).failure);
    throw error;
  }
}

/** The identity that came with the proof, or with the share where the method has it there. Throws Refused. */
export function idOf(method: Authentication, share: Share, message: Message): V1IdPayload {
  const id = method.identityWithShare === true ? share.id : (first(message, V1PayloadType.ID) ?? share.id);
  if (id === undefined)
    throw new Refused(V1Notify.PAYLOAD_MALFORMED, breach('phase 1 without an identity').failure);
  return id;
}

/** Our half of the group's exchange, and what makes the secret of it. Throws Failed. */
export function initiateExchange(sa: EmergingSa, group: number): Half {
  return exchangeOf(sa, group).initiate();
}

export interface Half {
  readonly publicValue: Uint8Array;
  finish(peer: Uint8Array): Secret;
}

/** The secret of our half and the peer's. Throws Refused. */
export function finishExchange(half: Half, { publicValue, veiled }: Share): Secret {
  try {
    return half.finish(publicValue);
  } catch (error) {
    const refusal = badPublicValue(error);
    if (veiled === true) return half.finish(half.publicValue);
    throw refusal;
  }
}

/** The responder's half and the secret at once. Throws Refused. */
export function answerExchange(
  sa: EmergingSa,
  group: number,
  theirs: Share,
): { readonly publicValue: Uint8Array; readonly sharedSecret: Secret } {
  const method = exchangeOf(sa, group);
  if (theirs.veiled === true) {
    const half = method.initiate();
    return { publicValue: half.publicValue, sharedSecret: finishExchange(half, theirs) };
  }
  try {
    return method.respond(theirs.publicValue);
  } catch (error) {
    throw badPublicValue(error);
  }
}

function exchangeOf(sa: EmergingSa, group: number): KeyExchange {
  const method = keyExchangeOf(sa.host.provider, group);
  if (method === undefined)
    throw new Failed({
      code: 'local/unsupported',
      summary: `this platform lacks key exchange method ${group}`,
    });
  return method;
}

/** What a peer's public value is refused with; where it came veiled our own stands in, so that neither answer nor work differs. */
function badPublicValue(error: unknown): Refused {
  if (!(error instanceof CryptoFailure)) throw error;
  return new Refused(V1Notify.INVALID_KEY_INFORMATION, breach(error.message).failure);
}

/** Our own share, turned round, would make an SA with ourselves. */
export function isReflected(ours: Share, theirs: Share): boolean {
  return equal(ours.nonce, theirs.nonce) || equal(ours.publicValue, theirs.publicValue);
}

/** The peer's message is not what the protocol allows. */
export function breach(summary: string): Failed {
  return new Failed({ code: 'peer/malformed', summary });
}

/** What a proof that does not hold is answered with: that it does not, and nothing else. */
export function notAuthenticated(failure: Failure): Refused {
  return new Refused(V1Notify.AUTHENTICATION_FAILED, failure);
}

/** What vendor IDs look at; `path` is that of the message, where it is not the SA's. */
export function circumstances(sa: EmergingSa, suite?: PhaseOneSuite, path = sa.path): Circumstances {
  const { host, connection, role, initiatorSpi, responderSpi, peer } = sa;
  const hash = suite === undefined ? {} : { hash: v1Hash(host.provider, suite.hash) };
  return { host, connection, role, path, initiatorSpi, responderSpi, peer, ...hash };
}

function bodyOf(id: V1IdPayload): Uint8Array {
  return id.body ?? encodeV1Body(id);
}
