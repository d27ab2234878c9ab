import { V1ExchangeType } from '../../iana/ikev1.ts';
import { unlessMissing, withStatus } from '../../ike/certificate-status.ts';
import { floated } from '../../ike/path.ts';
import { tellChosen, tellNat } from '../../ike/steps.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import { Failed } from '../../policy/failure.ts';
import { encodeV1Body } from '../../wire/v1/message.ts';
import { certificateRequests, heedCertificateRequests } from '../auth/certificate-request.ts';
import { methodOf, methodsFor } from '../auth/index.ts';
import type { Authentication, MethodRun, Share } from '../auth/method.ts';
import { firstRound } from '../auth/rounds.ts';
import { begin, exchange, type Flow, type Message, Refused, send } from '../flow.ts';
import type { EmergingSa } from '../isakmp-sa.ts';
import {
  confirmPhaseOne,
  type PhaseOneOffer,
  type PhaseOneSuite,
  phaseOneOffer,
} from '../phase-one-proposal.ts';
import { heed, offered } from '../vendor-ids/index.ts';
import { initialContactNotify, isFirst } from '../vendor-ids/initial-contact.ts';
import { type Proof, verifyPeer } from './identity.ts';
import { judge } from './main-initiator.ts';
import {
  arranged,
  breach,
  type Candidate,
  circumstances,
  deriveKeys,
  finishExchange,
  type Half,
  hashOf,
  idPayload,
  initiateExchange,
  isReflected,
  NONCE_LENGTH,
  notAuthenticated,
  type Transcript,
} from './phase-one.ts';

/*
 *   Initiator                         Responder
 *   HDR, SA, KE, Ni, IDii      -->
 *                              <--    HDR, SA, KE, Nr, IDir, HASH_R
 *   HDR*, HASH_I               -->                            or [CERT,] SIG in place of HASH     RFC 2409 §5
 */

/** What the answer has brought. */
interface Outcome {
  readonly transcript: Transcript;
  readonly candidate: Candidate;
  /** Who it is; to be asked again once the status of its certificates is known. Throws Refused. */
  readonly peer: () => VerifiedPeer;
}

/** The initiator's aggressive mode: no identity is hidden, and the group is fixed beforehand. Throws Failed. */
export function* initiateAggressiveMode(sa: EmergingSa): Flow<void> {
  const { host, connection } = sa;
  const [number] = methodsFor({ host, connection, role: 'initiator', path: sa.path });
  if (number === undefined) throw new Error('no method to authenticate by');
  const { encrypts, begin: beginMethod } = methodOf(number);
  const offer = phaseOneOffer(
    connection,
    [number],
    encrypts === true ? 'aggressive, one suite' : 'aggressive',
  );
  const run: MethodRun = {
    sa,
    connection,
    mode: 'aggressive',
    number,
    suite: encrypts === true ? onlySuite(sa, offer) : undefined,
    remoteId: undefined,
  };
  const method = beginMethod(run);
  const half = initiateExchange(sa, offer.group);
  const ours: Share = {
    publicValue: half.publicValue,
    nonce: host.provider.random(NONCE_LENGTH),
    id: idPayload(method.localId),
  };
  let outcome: Outcome | undefined;
  yield* begin(V1ExchangeType.AGGRESSIVE);
  const answer = yield* exchange(
    {
      payloads: [
        offer.payload,
        ...arranged(method, method.share(ours), [
          ...certificateRequests(sa),
          ...offered('offer', circumstances(sa)),
        ]),
      ],
    },
    {
      reject: message => {
        const judged = judgeAnswer(sa, run, method, offer, half, ours, message);
        if (judged instanceof Refused) return judged;
        outcome = judged;
        return undefined;
      },
    },
  );
  if (outcome === undefined) throw breach('no answer to the offer');
  yield* conclude(sa, method, outcome, answer);
}

/** What will be agreed if anything is. */
function onlySuite({ connection }: EmergingSa, offer: PhaseOneOffer): PhaseOneSuite {
  const suite = confirmPhaseOne(connection, offer, offer.payload);
  if ('code' in suite) throw new Failed(suite);
  return suite;
}

/** Nobody vouches for a wrong answer: the right one may follow. */
function judgeAnswer(
  sa: EmergingSa,
  run: MethodRun,
  method: Authentication,
  offer: PhaseOneOffer,
  half: Half,
  ours: Share,
  message: Message,
): Outcome | Refused {
  const suite = judge(sa, offer, message);
  if (suite instanceof Refused) return suite;
  try {
    run.suite = suite;
    const theirs = method.readShare(message);
    if (isReflected(ours, theirs)) throw breach('the answer holds our own values');
    const transcript: Transcript = {
      suite,
      cookies: { initiator: sa.initiatorSpi, responder: message.header.responderSpi },
      saBody: encodeV1Body(offer.payload),
      initiator: ours,
      responder: theirs,
    };
    const [candidate] = deriveKeys(sa, method, transcript, finishExchange(half, theirs), undefined);
    if (candidate === undefined) throw new Error('no keys were derived');
    const { keys, shared } = candidate;
    const { remote } = firstRound(sa.connection);
    const proof: Proof = { transcript, keys, shared, share: theirs, message, remote };
    const verified = unlessMissing(() => verifyPeer(sa, method, proof));
    return { transcript, candidate, peer: () => verified ?? verifyPeer(sa, method, proof) };
  } catch (error) {
    if (error instanceof Refused) return error;
    if (error instanceof Failed) return notAuthenticated(error.failure);
    throw error;
  }
}

/** The third message, and what must not ride with it. */
function* conclude(
  sa: EmergingSa,
  method: Authentication,
  { transcript, candidate, ...outcome }: Outcome,
  answer: Message,
): Flow<void> {
  const { suite } = transcript;
  const { keys } = candidate;
  sa.responderSpi = transcript.cookies.responder;
  heedCertificateRequests(sa, answer);
  heed('choice', answer.payloads, circumstances(sa, suite));
  heed('responder-share', transcript.responder.payloads ?? answer.payloads, circumstances(sa, suite));
  tellChosen(sa, 'ike', suite.accepted.text);
  tellNat(sa);
  sa.agree([keys]);
  const peer = yield* withStatus(sa, outcome.peer);
  if (sa.peer.encapsulate) sa.path = floated(sa.path, sa.host.settings);
  const hash = hashOf(sa, 'initiator', transcript, keys, idPayload(method.localId), method.hash);
  yield* send({
    payloads: [...method.proof(hash), ...offered('initiator-share', circumstances(sa, suite))],
  });
  const contact = isFirst(sa) ? [initialContactNotify(sa)] : [];
  sa.establish(method.localId, peer, keys);
  if (contact.length > 0) sa.inform(contact);
}
