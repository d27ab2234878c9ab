import { signedOctets } from '../../crypto/keymat-v2.ts';
import type { AcceptedProposal } from '../../crypto/proposal.ts';
import { PayloadType } from '../../iana/ikev2.ts';
import type { Reserved } from '../../ike/child.ts';
import { tellNoProof, tellProof } from '../../ike/steps.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import { concat } from '../../lib/bytes.ts';
import { Malformed } from '../../lib/reader.ts';
import type { RemoteAuth } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';
import { checkIdentity, formatIdentity, type Identity } from '../../policy/identity.ts';
import {
  asConfigured,
  formatIdentityPattern,
  matchesIdentity,
  NO_MATCH,
} from '../../policy/identity-match.ts';
import type { AuthPayload, IdPayload } from '../../wire/v2/payload.ts';
import { methodOf } from '../auth/index.ts';
import type { AuthMethod, Claim } from '../auth/method.ts';
import { heeded } from '../auth/status.ts';
import { type ChildAgreement, keysOfChild, makeChild } from '../child-offer.ts';
import { all, first, type Message } from '../flow.ts';
import type { IkeSa, Role } from '../ike-sa.ts';
import type { Negotiated } from './create-child-exchange.ts';
import type { InitResult } from './init.ts';
import { breach } from './init.ts';

/*
 *   Initiator                         Responder
 *   HDR, SK {IDi, [CERT,] [CERTREQ,] [IDr,]
 *       AUTH, SAi2, TSi, TSr}  -->
 *                               <--  HDR, SK {IDr, [CERT,] AUTH,
 *                                        SAr2, TSi, TSr}                  RFC 7296 §1.2
 */

export function idPayload(
  type: typeof PayloadType.IDi | typeof PayloadType.IDr,
  identity: Identity,
): IdPayload {
  return { type, idType: identity.type, data: identity.data };
}

/** The identity in an ID payload, its octets copied. Throws Failed (`peer/malformed`) where they are no identity. */
export function identityIn({ idType, data }: IdPayload): Identity {
  try {
    return checkIdentity(idType, data.slice());
  } catch (error) {
    if (error instanceof Malformed) throw breach(error.message);
    throw error;
  }
}

/** What the AUTH payload of `signer` covers, who calls itself by `id` (RFC 7296 §2.15). */
export function octetsOf(init: InitResult, signer: Role, id: IdPayload): Uint8Array {
  const { prf, nonces, skPi, skPr, initiatorMessage, responderMessage } = init;
  const idBody = id.body ?? concat(Uint8Array.of(id.idType, 0, 0, 0), id.data);
  return signer === 'initiator'
    ? signedOctets({ prf, message: initiatorMessage, nonce: nonces.responder, skP: skPi, idBody })
    : signedOctets({ prf, message: responderMessage, nonce: nonces.initiator, skP: skPr, idBody });
}

/** The method of an AUTH payload, if `remote` is to prove itself by it. Throws Failed (`auth/method`). */
export function allowedMethod(remote: RemoteAuth, { method }: AuthPayload, who: Identity): AuthMethod {
  const used = methodOf(method);
  if (used !== undefined && used.name === remote.method) return used;
  throw new Failed({
    code: 'auth/method',
    summary: `${formatIdentity(who)} authenticates by ${used?.name ?? `method ${method}`}, and must by ${remote.method}`,
    ours: [remote.method],
    theirs: [used?.name ?? `method ${method}`],
    remedy: `set auth of the remote side to ${used?.name ?? 'what the peer has'}, or have the peer use ${remote.method}`,
  });
}

/**
 * Checks the proof in `message` that its sender is `identity`, as `remote` demands. Throws Failed with the `auth/…`
 * code that says what is wrong.
 */
export function verifyPeer(
  sa: IkeSa,
  init: InitResult,
  message: Message,
  remote: RemoteAuth,
  peer: {
    readonly id: IdPayload;
    readonly identity: Identity;
    readonly auth: AuthPayload;
    readonly localId: Identity;
  },
): VerifiedPeer {
  const { id, identity, auth, localId } = peer;
  if (matchesIdentity(remote.id, identity) === NO_MATCH) {
    throw new Failed({
      code: 'auth/wrong-identity',
      summary: `the peer calls itself ${formatIdentity(identity)}, and ${formatIdentityPattern(remote.id)} was to answer`,
      ours: [formatIdentityPattern(remote.id)],
      theirs: [formatIdentity(identity)],
      remedy: `set id of the remote side to ${formatIdentity(identity)}, if that is the right peer`,
    });
  }
  const signer: Role = sa.role === 'initiator' ? 'responder' : 'initiator';
  const method = allowedMethod(remote, auth, identity);
  const claim: Claim = {
    host: sa.host,
    remote,
    prf: init.prf,
    identity: asConfigured(remote.id, identity),
    localId,
    peerHashes: sa.peer.signatureHashes,
    certificates: heeded(sa.connection, all(message, PayloadType.CERT)),
    auth,
    octets: octetsOf(init, signer, id),
  };
  try {
    const verified = method.verify(claim);
    tellProof(sa, verified);
    return verified;
  } catch (error) {
    if (error instanceof Failed && method.name === 'psk') tellNoProof(sa, error.failure, localId, identity);
    throw error;
  }
}

/** Whether the message brings a child along. */
export function hasChild(message: Message): boolean {
  return first(message, PayloadType.SA) !== undefined;
}

/** The first Child SA, whose keys come from the nonces of IKE_SA_INIT (RFC 7296 §2.17). */
export function firstChild(
  sa: IkeSa,
  init: InitResult,
  agreement: ChildAgreement,
  inbound: Reserved,
): Negotiated {
  const chosen: AcceptedProposal = agreement.chosen;
  const keys = keysOfChild(sa, chosen, sa.role, init.nonces);
  return { kind: 'negotiated', child: makeChild(sa, agreement, inbound), keys, nonce: init.nonces.initiator };
}

/** The keys that only AUTH needed. */
export function forget({ skPi, skPr }: InitResult): void {
  skPi.wipe();
  skPr.wipe();
}
