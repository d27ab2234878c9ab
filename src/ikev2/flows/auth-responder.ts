import { selectProposal } from '../../crypto/proposal.ts';
import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { NotifyError } from '../../iana/notify.ts';
import { reserveSpi } from '../../ike/child.ts';
import { announceUp } from '../../ike/child-events.ts';
import { isFor } from '../../ike/crossing.ts';
import { failureOf } from '../../ike/flow.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import { noConnection } from '../../policy/config-failures.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { formatIdentity, type Identity } from '../../policy/identity.ts';
import { matchConnections, mismatchedConnections } from '../../policy/peer-match.ts';
import type { AuthPayload, IdPayload, Payload } from '../../wire/v2/payload.ts';
import { methodNamed } from '../auth/index.ts';
import type { Proof } from '../auth/method.ts';
import { answerPayloads, selectChild } from '../child-offer.ts';
import { heed, offered } from '../extensions/index.ts';
import { type Flow, first, type Message, notify, Refused, type Reply, respond } from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';
import {
  allowedMethod,
  firstChild,
  forget,
  hasChild,
  identityIn,
  idPayload,
  octetsOf,
  onlyRound,
  verifyPeer,
} from './auth.ts';
import { serveConfiguration } from './configuration.ts';
import { installChild } from './create-child-exchange.ts';
import { breach, type InitResult, proposalsIn } from './init.ts';
import { acceptIkeSaInit, type Opening } from './init-responder.ts';

/** The whole making of an IKE SA on the responder's side: the answer to IKE_SA_INIT, then to IKE_AUTH. */
export function* answerIkeSa(sa: EmergingSa, opening: Opening): Flow<Reply> {
  const { payloads, result } = acceptIkeSaInit(sa, opening);
  const message = yield* respond(payloads, ExchangeType.IKE_AUTH);
  return yield* serveIkeAuth(sa, opening.request, { ...result, responderMessage: message.response }, message);
}

/**
 * Checks who the initiator is and proves who we are. The peer learns of a failure that there was one, and nothing else
 * (RFC 7296 §2.21.2); a child that comes to nothing leaves the IKE SA as it is.
 */
function* serveIkeAuth(
  sa: EmergingSa,
  initRequest: Message,
  init: InitResult,
  message: Message,
): Flow<Reply> {
  const id = first(message, PayloadType.IDi);
  const auth = first(message, PayloadType.AUTH);
  if (id === undefined) throw syntax('IKE_AUTH without an identity');
  if (auth === undefined) throw refused(eapAsked(id));
  const { peer, proof } = secured(() => admit(sa, initRequest, init, message, id, auth));
  if (!hasChild(message) && sa.connection.childless === 'never')
    throw syntax('IKE_AUTH without a child, which was not allowed');
  const idr = idPayload(PayloadType.IDr, proof.identity);
  const signed = proof.sign(octetsOf(init, 'responder', idr));
  sa.establish(proof.identity, peer);
  const { payloads: configuration, refusal } = yield* serveConfiguration(sa, message);
  const child =
    refusal !== undefined
      ? refusedChild(sa, refusal)
      : hasChild(message)
        ? yield* serveChild(sa, init, message)
        : NOTHING;
  forget(init);
  return {
    payloads: [
      idr,
      ...proof.certificates,
      signed,
      ...configuration,
      ...offered('auth-response', sa),
      ...child.payloads,
    ],
    afterwards: child.afterwards,
  };
}

/** Which connections fit what the peer says is judged before its proof; the proof then decides among these. */
const MAX_CANDIDATES = 8;

interface Admitted {
  readonly peer: VerifiedPeer;
  readonly proof: Proof;
}

/** Finds the connection whose demands the peer meets, and settles on it. Throws Failed. */
function admit(
  sa: EmergingSa,
  initRequest: Message,
  init: InitResult,
  message: Message,
  id: IdPayload,
  auth: AuthPayload,
): Admitted {
  const identity = identityIn(id);
  const idr = first(message, PayloadType.IDr);
  const wanted = idr === undefined ? undefined : identityIn(idr);
  let failure: Failure | undefined;
  for (const connection of candidates(sa, initRequest, init, identity, wanted)) {
    try {
      sa.connection = connection;
      return prove(sa, connection, init, message, { id, identity, auth });
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      // What came furthest explains most: a wrong key is nearer than a wrong method.
      if (failure === undefined || failure.code === 'auth/method') failure = error.failure;
    }
  }
  throw new Failed(failure ?? nobody(sa, init, identity, wanted));
}

function candidates(
  sa: EmergingSa,
  initRequest: Message,
  init: InitResult,
  remoteId: Identity,
  localId: Identity | undefined,
): readonly Connection[] {
  const { host, path } = sa;
  const offer = proposalsIn(initRequest);
  const negotiatedWith = sa.connection;
  const agreed = (connection: Connection): boolean => {
    if (connection === negotiatedWith) return true;
    const chosen = selectProposal(connection.proposals, offer, {
      preferOurs: true,
      additionalKeyExchanges: false,
    });
    return chosen.kind === 'accepted' && chosen.text === init.chosen.text;
  };
  return matchConnections(host.connections, {
    version: 2,
    local: path.local.address,
    remote: path.remote.address,
    tcp: path.tcp === true,
    names: host.names,
    remoteId,
    ...(localId === undefined ? {} : { localId }),
  })
    .map(({ connection }) => connection)
    .filter(agreed)
    .slice(0, MAX_CANDIDATES);
}

/** Throws Failed. */
function prove(
  sa: EmergingSa,
  connection: Connection,
  init: InitResult,
  message: Message,
  claimed: { readonly id: IdPayload; readonly identity: Identity; readonly auth: AuthPayload },
): Admitted {
  const { host, path, peer } = sa;
  const { local, remote } = onlyRound(connection);
  allowedMethod(remote, claimed.auth, claimed.identity);
  const proof = methodNamed(local.method).prepare({
    host,
    connection,
    local,
    prf: init.prf,
    path,
    remoteId: claimed.identity,
    peerHashes: peer.signatureHashes,
    certificateAsked: first(message, PayloadType.CERTREQ) !== undefined,
  });
  const verified = verifyPeer(sa, init, message, remote, { ...claimed, localId: proof.identity });
  heed('auth-request', message.payloads, sa);
  if (
    host.admits(connection, proof.identity, verified.identity, peer.initialContact) ||
    // The end that has it may make it anew.
    host.between(proof.identity, verified.identity).some(other => isFor(other.status(), connection, path))
  )
    return { peer: verified, proof };
  throw new Failed({
    code: 'local/superseded',
    summary: `${formatIdentity(verified.identity)} has an IKE SA already, and ${connection.name} keeps the first`,
  });
}

interface ChildPart {
  readonly payloads: readonly Payload[];
  readonly afterwards: () => void;
}

const NOTHING: ChildPart = { payloads: [], afterwards: () => undefined };

function* serveChild(sa: EmergingSa, init: InitResult, message: Message): Flow<ChildPart> {
  try {
    if (sa.connection.childless === 'force') throw insistsOnChildless(sa.connection);
    const agreement = selectChild(sa, message, sa.connection.children, { withoutKeyExchange: true });
    const { config, cpiOut } = agreement;
    const inbound = yield* reserveSpi(config.protocol, sa.path, cpiOut !== undefined);
    const negotiated = firstChild(sa, init, agreement, inbound);
    yield* installChild(sa, negotiated, { outbound: 'after-elder' });
    return {
      payloads: answerPayloads(agreement, negotiated.child),
      afterwards: () => announceUp(sa, negotiated.child),
    };
  } catch (error) {
    return refusedChild(sa, error);
  }
}

function refusedChild(sa: EmergingSa, error: unknown): ChildPart {
  const refusal = error instanceof Refused ? error : undefined;
  const payloads = [refusal?.answer ?? notify(NotifyError.TEMPORARY_FAILURE)];
  return { payloads, afterwards: () => sa.tellFailed(failureOf(error), refusal?.child) };
}

/** What fails in here is told to the peer as AUTHENTICATION_FAILED, whatever it was. */
function secured<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof Failed && !(error instanceof Refused)) throw refused(error.failure);
    throw error;
  }
}

function refused(failure: Failure): Refused {
  return new Refused(notify(NotifyError.AUTHENTICATION_FAILED), failure, { fatal: true });
}

function syntax(summary: string): Refused {
  return new Refused(notify(NotifyError.INVALID_SYNTAX), breach(summary).failure, { fatal: true });
}

function insistsOnChildless({ name }: Connection): Refused {
  return new Refused(notify(NotifyError.NO_ADDITIONAL_SAS), {
    code: 'config/invalid-value',
    summary: `${name}: the peer asks for a child in IKE_AUTH, and childless = force refuses that`,
    remedy: 'set childless to allow here, or to force at the peer',
  });
}

function eapAsked({ idType, data }: IdPayload): Failure {
  const who = formatIdentity({ type: idType, data });
  return {
    code: 'auth/method',
    summary: `${who} asks for EAP, which is not configured for it`,
    theirs: ['eap'],
    remedy: 'set auth of the remote side to eap, or have the peer authenticate by key or certificate',
  };
}

function nobody(
  { host, path }: EmergingSa,
  { chosen }: InitResult,
  remoteId: Identity,
  localId: Identity | undefined,
): Failure {
  const query = {
    version: 2,
    local: path.local.address,
    remote: path.remote.address,
    tcp: path.tcp === true,
    names: host.names,
    remoteId,
    ...(localId === undefined ? {} : { localId }),
  } as const;
  const [fitting] = matchConnections(host.connections, query);
  if (fitting !== undefined) return otherAlgorithms(fitting.connection, chosen.text, remoteId);
  const [nearest] = mismatchedConnections(host.connections, query);
  const failure = noConnection(host.connections, query);
  return nearest?.differs.some(difference => difference.endsWith('identity')) === true
    ? { ...failure, code: 'auth/wrong-identity' }
    : failure;
}

/** IKE_SA_INIT was agreed by another connection's proposals, before the peer had said who it is. */
function otherAlgorithms({ name, proposals }: Connection, chosen: string, remoteId: Identity): Failure {
  return {
    code: 'peer/no-proposal-chosen',
    summary: `${name} is for ${formatIdentity(remoteId)}, and does not allow ${chosen}, which was agreed before it named itself`,
    ours: proposals.map(({ text }) => text),
    theirs: [chosen],
    remedy: `add ${chosen} to proposals of ${name}, or give all connections for these addresses the same proposals`,
  };
}
