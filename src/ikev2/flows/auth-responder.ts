import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { NotifyError } from '../../iana/notify.ts';
import { reserveSpi } from '../../ike/child.ts';
import { announceUp } from '../../ike/child-events.ts';
import { failureOf } from '../../ike/flow.ts';
import { tellNoChild, tellOwnProof } from '../../ike/steps.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { formatIdentity, type Identity } from '../../policy/identity.ts';
import type { IdPayload, Payload } from '../../wire/v2/payload.ts';
import { certificatesIn } from '../auth/certificate-request.ts';
import type { Proof } from '../auth/method.ts';
import { asksForStatus, statusOfOurs } from '../auth/status.ts';
import { answerPayloads, selectChild } from '../child-offer.ts';
import { offered } from '../extensions/index.ts';
import {
  answerTo,
  type Flow,
  findNotify,
  first,
  type Message,
  notify,
  Refused,
  type Reply,
  respond,
} from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';
import { Admission } from './admission.ts';
import { firstChild, forget, hasChild, idPayload, octetsOf } from './auth.ts';
import { serveConfiguration } from './configuration.ts';
import { installChild } from './create-child-exchange.ts';
import { deleteIke } from './delete.ts';
import { breach, type InitResult } from './init.ts';
import { acceptIkeSaInit, type Opening } from './init-responder.ts';
import { refuseIfChanged } from './mobike.ts';
import { ANOTHER_FOLLOWS, announcesAnother, ownRounds } from './rounds.ts';

/** The whole making of an IKE SA on the responder's side: the answer to IKE_SA_INIT, then to IKE_AUTH. */
export function* answerIkeSa(sa: EmergingSa, opening: Opening): Flow<Reply> {
  const { payloads, result } = acceptIkeSaInit(sa, opening);
  const message = yield* respond(payloads, [ExchangeType.IKE_AUTH]);
  return yield* serveIkeAuth(sa, opening.request, { ...result, responderMessage: message.response }, message);
}

/**
 * Checks who the initiator is and proves who we are, each as often as is asked for. The peer learns of a failure that there was
 * one, and nothing else (RFC 7296 §2.21.2); a child that comes to nothing leaves the IKE SA as it is.
 */
function* serveIkeAuth(
  sa: EmergingSa,
  initRequest: Message,
  init: InitResult,
  message: Message,
): Flow<Reply> {
  const admission = new Admission(sa, initRequest, init, message);
  let proved: Proved | Reply;
  try {
    proved = yield* proofs(sa, admission, message);
    if (!('localId' in proved)) return proved;
    refuseIfChanged(sa, message);
    if (!hasChild(message) && sa.connection.childless === 'never')
      throw syntax('IKE_AUTH without a child, which was not allowed');
    admission.conclude();
  } finally {
    admission.forget();
  }
  const { localId, payloads } = proved;
  sa.establish(localId, admission.peer);
  const { payloads: configuration, refusal } = yield* serveConfiguration(sa, message);
  sa.announce();
  const child =
    refusal !== undefined
      ? refusedChild(sa, refusal)
      : hasChild(message)
        ? yield* serveChild(sa, init, message)
        : NOTHING;
  forget(init);
  return {
    payloads: [...payloads, ...configuration, ...offered('auth-response', sa), ...child.payloads],
    afterwards: child.afterwards,
  };
}

interface Proved {
  readonly localId: Identity;
  /** Of our last proof, which is yet to be sent. */
  readonly payloads: readonly Payload[];
}

/** Round after round, until both have proved all, or the peer gives up. */
function* proofs(sa: EmergingSa, admission: Admission, opening: Message): Flow<Proved | Reply> {
  let message = opening;
  let owed = true;
  let localId: Identity | undefined;
  for (let round = 0; ; round++) {
    if (owed) {
      yield* claim(admission, message);
      owed = announcesAnother(sa, message);
    } else if (first(message, PayloadType.AUTH) !== undefined)
      throw syntax('IKE_AUTH with a proof of identity that was not announced');
    const ours = ownRounds(sa).length;
    const payloads: Payload[] = [];
    if (round < ours) {
      const proof = secured(() => admission.proof(round));
      localId = proof.identity;
      payloads.push(
        ...(yield* proofPayloads(sa, admission.init, proof, asksForStatus(opening.payloads))),
        ...admission.beside(round),
      );
    }
    const weGoOn = round + 1 < ours;
    if (!owed && !weGoOn) return { localId: localId as Identity, payloads };
    if (weGoOn) payloads.push(ANOTHER_FOLLOWS);
    message = yield* respond(payloads, FURTHER, goesOn);
    if (message.header.exchangeType === ExchangeType.INFORMATIONAL) return givenUp(sa, localId as Identity);
  }
}

/** Throws Refused. */
function* claim(admission: Admission, message: Message): Flow<void> {
  const id = first(message, PayloadType.IDi);
  const auth = first(message, PayloadType.AUTH);
  if (id === undefined) throw syntax('IKE_AUTH without an identity');
  if (auth === undefined) throw refused(eapAsked(id));
  try {
    yield* admission.take(message, id, auth);
  } catch (error) {
    throw veiled(error);
  }
}

function* proofPayloads(
  sa: EmergingSa,
  init: InitResult,
  proof: Proof,
  statusAsked: boolean,
): Flow<readonly Payload[]> {
  const idr = idPayload(PayloadType.IDr, proof.identity);
  const status = yield* statusOfOurs(sa, proof.certificates, statusAsked);
  const signed = proof.sign(octetsOf(init, 'responder', idr));
  tellOwnProof(sa, proof.identity, proof.by, certificatesIn(proof.certificates));
  return [idr, ...proof.certificates, ...status, signed];
}

/** After a round the initiator goes on, or says that it does not take our proof (RFC 7296 §2.21.2). */
const FURTHER = [ExchangeType.IKE_AUTH, ExchangeType.INFORMATIONAL];

function goesOn(message: Message): boolean {
  return (
    message.header.exchangeType === ExchangeType.IKE_AUTH ||
    findNotify(message, NotifyError.AUTHENTICATION_FAILED) !== undefined
  );
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
    announceUp(sa, negotiated.child);
    return { payloads: answerPayloads(agreement, negotiated.child), afterwards: () => undefined };
  } catch (error) {
    return refusedChild(sa, error);
  }
}

function refusedChild(sa: EmergingSa, error: unknown): ChildPart {
  const refusal = error instanceof Refused ? error : undefined;
  const failure = failureOf(error);
  const payloads = [answerTo(error, failure)];
  tellNoChild(sa, failure);
  return {
    payloads,
    afterwards: () => {
      sa.tellFailed(failure, refusal?.child);
      if (sa.host.settings.closeIkeOnChildFailure) sa.start(deleteIke(failure));
    },
  };
}

/** What fails in here is told to the peer as AUTHENTICATION_FAILED, whatever it was. */
function secured<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw veiled(error);
  }
}

function veiled(error: unknown): unknown {
  return error instanceof Failed && !(error instanceof Refused) ? refused(error.failure) : error;
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

/** The initiator does not take our proof of a round. */
function givenUp(sa: EmergingSa, localId: Identity): Reply {
  const own = formatIdentity(localId);
  const failure: Failure = {
    code: 'auth/refused-by-peer',
    summary: `${sa.connection.name}: the peer did not accept that we are ${own}, and gave up between two rounds of authentication`,
    ours: [own],
    remedy: "see the peer's log",
    notify: 'AUTHENTICATION_FAILED',
  };
  const afterwards = (): void => {
    sa.tellFailed(failure);
    sa.close(failure);
  };
  return { payloads: [], afterwards };
}
