import { V1PayloadType } from '../../iana/ikev1.ts';
import { unlessMissing, withStatus } from '../../ike/certificate-status.ts';
import { tellChosen, tellNat } from '../../ike/steps.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import { Failed } from '../../policy/failure.ts';
import { certificateRequests, heedCertificateRequests } from '../auth/certificate-request.ts';
import { methodOf } from '../auth/index.ts';
import type { Authentication, Share } from '../auth/method.ts';
import { firstRound } from '../auth/rounds.ts';
import { exchange, type Flow, first, type Message, Refused } from '../flow.ts';
import type { EmergingSa } from '../isakmp-sa.ts';
import { heed, offered } from '../vendor-ids/index.ts';
import type { Opening } from './consider.ts';
import { admit, possible, verifyPeer } from './identity.ts';
import {
  answerExchange,
  arranged,
  breach,
  type Candidate,
  circumstances,
  deriveKeys,
  hashOf,
  identityIn,
  idPayload,
  isReflected,
  NONCE_LENGTH,
  notAuthenticated,
  type Transcript,
} from './phase-one.ts';

/** The responder's aggressive mode (the picture is in aggressive-initiator.ts); at its end the SA is established. Throws Failed. */
export function* answerAggressiveMode(sa: EmergingSa, opening: Opening): Flow<void> {
  const { suite, answer, message } = opening;
  heed('offer', message.payloads, circumstances(sa, suite));
  heedCertificateRequests(sa, message);
  const { method, transcript, candidate } = keyExchange(sa, opening);
  const { keys } = candidate;
  sa.agree([keys]);
  const { responder: ours } = transcript;
  const id = idPayload(method.localId);
  let peer: VerifiedPeer | undefined;
  tellChosen(sa, 'ike', suite.accepted.text);
  const third = yield* exchange(
    {
      payloads: [
        answer,
        ...arranged(
          method,
          [
            ...method.share(ours),
            ...method.proof(hashOf(sa, 'responder', transcript, keys, id, method.hash)),
          ],
          [
            ...certificateRequests(sa),
            ...offered('choice', circumstances(sa, suite)),
            ...offered('responder-share', circumstances(sa, suite)),
          ],
        ),
      ],
      clear: true,
    },
    {
      reject: proof => {
        const judged = unlessMissing(() => judge(sa, method, transcript, candidate, proof));
        if (judged instanceof Refused) return judged;
        peer = judged;
        return undefined;
      },
    },
  );
  peer ??= yield* withStatus(sa, () => {
    const judged = judge(sa, method, transcript, candidate, third);
    if (judged instanceof Refused) throw judged;
    return judged;
  });
  heed('initiator-share', third.payloads, circumstances(sa, suite, third.path));
  tellNat(sa);
  sa.path = third.path;
  sa.establish(method.localId, peer, keys);
}

/** All that the first message allows to be made. Throws Refused. */
function keyExchange(
  sa: EmergingSa,
  { suite, message, saBody }: Opening,
): { readonly method: Authentication; readonly transcript: Transcript; readonly candidate: Candidate } {
  const { connection } = sa;
  const number = suite.method;
  const { begin, encrypts } = methodOf(number);
  const sent = encrypts === true ? undefined : first(message, V1PayloadType.ID);
  const remoteId = sent === undefined ? undefined : identityIn(sent);
  const method = begin({
    sa,
    connection,
    mode: 'aggressive',
    number,
    suite,
    remoteId,
    possible: () => possible(sa, suite).filter(({ aggressive }) => aggressive),
  });
  const theirs = method.readShare(message);
  const { publicValue, sharedSecret } = answerExchange(sa, suite.accepted.keyExchange, theirs);
  const nonce = sa.host.provider.random(NONCE_LENGTH);
  const ours: Share = { publicValue, nonce, id: idPayload(method.localId) };
  if (isReflected(ours, theirs)) throw breach('the key exchange holds our own values');
  const cookies = { initiator: sa.initiatorSpi, responder: sa.responderSpi };
  const transcript: Transcript = { suite, cookies, saBody, initiator: theirs, responder: ours };
  const [candidate] = deriveKeys(sa, method, transcript, sharedSecret, remoteId);
  if (candidate === undefined) throw new Error('no keys were derived');
  return { method, transcript, candidate };
}

/** The proof is in the clear, or may be: a wrong one may be forged, and the right one follow. */
function judge(
  sa: EmergingSa,
  method: Authentication,
  transcript: Transcript,
  { keys, shared }: Candidate,
  message: Message,
): VerifiedPeer | Refused {
  try {
    const { remote } = firstRound(sa.connection);
    const share = transcript.initiator;
    const peer = verifyPeer(sa, method, { transcript, keys, shared, share, message, remote });
    admit(sa, sa.connection, method.localId, peer);
    return peer;
  } catch (error) {
    if (error instanceof Refused) return error;
    if (error instanceof Failed) return notAuthenticated(error.failure);
    throw error;
  }
}
