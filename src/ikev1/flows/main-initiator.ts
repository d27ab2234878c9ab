import { V1ExchangeType, V1Notify, V1PayloadType } from '../../iana/ikev1.ts';
import { withStatus } from '../../ike/certificate-status.ts';
import { floated } from '../../ike/path.ts';
import { tellChosen, tellNat } from '../../ike/steps.ts';
import { Failed } from '../../policy/failure.ts';
import { encodeV1Body } from '../../wire/v1/message.ts';
import { certificateRequests, heedCertificateRequests } from '../auth/certificate-request.ts';
import { methodOf, methodsFor } from '../auth/index.ts';
import type { Authentication, Share } from '../auth/method.ts';
import { tellOwnSignature } from '../auth/own-signature.ts';
import { firstRound } from '../auth/rounds.ts';
import { begin, exchange, type Flow, first, type Message, Refused, type Sending } from '../flow.ts';
import type { EmergingSa } from '../isakmp-sa.ts';
import {
  confirmPhaseOne,
  type PhaseOneOffer,
  type PhaseOneSuite,
  phaseOneOffer,
} from '../phase-one-proposal.ts';
import { heed, offered } from '../vendor-ids/index.ts';
import { verifyPeer } from './identity.ts';
import {
  arranged,
  breach,
  type Candidate,
  circumstances,
  deriveKeys,
  finishExchange,
  hashOf,
  idPayload,
  initiateExchange,
  isReflected,
  NONCE_LENGTH,
  type Transcript,
} from './phase-one.ts';

/*
 *   Initiator                         Responder
 *   HDR, SA                    -->
 *                              <--    HDR, SA
 *   HDR, KE, Ni                -->
 *                              <--    HDR, KE, Nr
 *   HDR*, IDii, HASH_I         -->                            or [CERT,] SIG_I in place of HASH_I
 *                              <--    HDR*, IDir, HASH_R                            RFC 2409 §5
 */

/** The initiator's main mode; at its end the SA is established. Throws Failed. */
export function* initiateMainMode(sa: EmergingSa): Flow<void> {
  const { host, connection } = sa;
  const methods = methodsFor({ host, connection, role: 'initiator', path: sa.path });
  const offer = phaseOneOffer(connection, methods, 'main');
  yield* begin(V1ExchangeType.MAIN_MODE);
  const { suite, saBody } = yield* agree(sa, offer);
  const method = methodOf(suite.method).begin({
    sa,
    connection,
    mode: 'main',
    number: suite.method,
    suite,
    remoteId: undefined,
  });
  const { transcript, candidate } = yield* exchangeKeys(sa, method, suite, saBody);
  yield* prove(sa, method, transcript, candidate);
}

/** The first two messages: what is offered, and what of it is taken. */
function* agree(
  sa: EmergingSa,
  offer: PhaseOneOffer,
): Flow<{ readonly suite: PhaseOneSuite; readonly saBody: Uint8Array }> {
  let suite: PhaseOneSuite | undefined;
  const answer = yield* exchange(
    { payloads: [offer.payload, ...offered('offer', circumstances(sa))] },
    {
      reject: message => {
        const judged = judge(sa, offer, message);
        if (judged instanceof Refused) return judged;
        suite = judged;
        return undefined;
      },
    },
  );
  if (suite === undefined) throw breach('no answer to the offer');
  sa.responderSpi = answer.header.responderSpi;
  heed('choice', answer.payloads, circumstances(sa, suite));
  tellChosen(sa, 'ike', suite.accepted.text);
  heedCertificateRequests(sa, answer);
  return { suite, saBody: encodeV1Body(offer.payload) };
}

/** Nobody vouches for this answer: a wrong one may be forged, and the right one follow. */
export function judge(sa: EmergingSa, offer: PhaseOneOffer, message: Message): PhaseOneSuite | Refused {
  const { responderSpi } = message.header;
  const payload = first(message, V1PayloadType.SA);
  if (payload === undefined || responderSpi === 0n || responderSpi === sa.initiatorSpi)
    return new Refused(V1Notify.INVALID_COOKIE, breach('the answer holds our own values').failure);
  const suite = confirmPhaseOne(sa.connection, offer, payload);
  return 'code' in suite ? new Refused(V1Notify.BAD_PROPOSAL_SYNTAX, suite) : suite;
}

/** The next two: public values and nonces. */
function* exchangeKeys(
  sa: EmergingSa,
  method: Authentication,
  suite: PhaseOneSuite,
  saBody: Uint8Array,
): Flow<{ readonly transcript: Transcript; readonly candidate: Candidate }> {
  const { host } = sa;
  const half = initiateExchange(sa, suite.accepted.keyExchange);
  const ours: Share = {
    publicValue: half.publicValue,
    nonce: host.provider.random(NONCE_LENGTH),
    id: method.identityWithShare === true ? idPayload(method.localId) : undefined,
  };
  const answer = yield* exchange({
    payloads: arranged(method, method.share(ours), [
      ...certificateRequests(sa),
      ...offered('initiator-share', circumstances(sa, suite)),
    ]),
  });
  const theirs = method.readShare(answer);
  if (isReflected(ours, theirs)) throw breach('the answer holds our own values');
  heedCertificateRequests(sa, answer);
  heed('responder-share', theirs.payloads ?? answer.payloads, circumstances(sa, suite));
  const cookies = { initiator: sa.initiatorSpi, responder: sa.responderSpi };
  const transcript: Transcript = { suite, cookies, saBody, initiator: ours, responder: theirs };
  const [candidate] = deriveKeys(sa, method, transcript, finishExchange(half, theirs), undefined);
  if (candidate === undefined) throw new Error('no keys were derived');
  sa.agree([candidate.keys]);
  tellNat(sa);
  if (sa.peer.encapsulate) sa.path = floated(sa.path, host.settings);
  return { transcript, candidate };
}

/** The last two, under encryption: who we are, and who they are. */
function* prove(
  sa: EmergingSa,
  method: Authentication,
  transcript: Transcript,
  { keys, shared }: Candidate,
): Flow<void> {
  const id = idPayload(method.localId);
  const proof = method.proof(hashOf(sa, 'initiator', transcript, keys, id, method.hash));
  tellOwnSignature(sa, method.localId, proof);
  const answer = yield* answered(method, {
    payloads: [
      ...(method.identityWithShare === true ? [] : [id]),
      ...proof,
      ...offered('initiator-proof', circumstances(sa)),
    ],
  });
  const { remote } = firstRound(sa.connection);
  const peer = yield* withStatus(sa, () =>
    verifyPeer(sa, method, {
      transcript,
      keys,
      shared,
      share: transcript.responder,
      message: answer,
      remote,
    }),
  );
  sa.establish(method.localId, peer, keys);
}

/** Exchanges the proofs. A peer with another shared key, or that could not decrypt our nonce, has other keys: it can neither read ours nor say so. */
function* answered(method: Authentication, sending: Sending): Flow<Message> {
  try {
    return yield* exchange(sending);
  } catch (error) {
    if (method.fits === undefined || !(error instanceof Failed) || error.failure.code !== 'peer/silent')
      throw error;
    const { summary, remedy } = error.failure;
    const misfit = method.misfit?.();
    const reason = misfit?.summary ?? 'it cannot be read where the pre-shared key is another';
    const first = misfit?.remedy ?? 'compare the secrets of both sides, octet by octet';
    throw new Failed({
      ...error.failure,
      summary: `${summary}: ${reason}`,
      remedy: `${first}; if they are the same: ${remedy ?? ''}`,
    });
  }
}
