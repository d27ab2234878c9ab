import { V1Notify } from '../../iana/ikev1.ts';
import { withStatus } from '../../ike/certificate-status.ts';
import { tell, tellCertificates, tellChosen, tellNat } from '../../ike/steps.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import type { Secret } from '../../lib/secret.ts';
import { wrongKey } from '../../policy/auth-failures.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { addressIdentity } from '../../policy/identity.ts';
import { certificateRequests, heedCertificateRequests } from '../auth/certificate-request.ts';
import { methodOf } from '../auth/index.ts';
import type { Authentication, Share } from '../auth/method.ts';
import { certificatesIn, tellLooking, tellOwnSignature } from '../auth/own-signature.ts';
import { firstRound } from '../auth/rounds.ts';
import { exchange, type Flow, type Message, Refused, send } from '../flow.ts';
import type { EmergingSa } from '../isakmp-sa.ts';
import { heed, offered } from '../vendor-ids/index.ts';
import type { Opening } from './consider.ts';
import { admit, candidates, possible, verifyPeer } from './identity.ts';
import {
  answerExchange,
  arranged,
  breach,
  type Candidate,
  circumstances,
  deriveKeys,
  hashOf,
  identityIn,
  idOf,
  idPayload,
  isReflected,
  NONCE_LENGTH,
  type Transcript,
} from './phase-one.ts';

/** The responder's main mode (the picture is in main-initiator.ts); at its end the SA is established. Throws Failed. */
export function* answerMainMode(sa: EmergingSa, opening: Opening): Flow<void> {
  const { suite, answer, message } = opening;
  heed('offer', message.payloads, circumstances(sa, suite));
  tellChosen(sa, 'ike', suite.accepted.text);
  heedCertificateRequests(sa, message);
  const third = yield* exchange({
    payloads: [answer, ...offered('choice', circumstances(sa, suite))],
  });
  const method = authentication(sa, opening, sa.connection);
  const { transcript, found, fifth } = yield* exchangeKeys(sa, method, opening, third);
  const proven = yield* withStatus(sa, () => prove(sa, opening, method, transcript, found, fifth));
  // Peers may ask for our certificate as late as with their own (RFC 2408 §3.10).
  heedCertificateRequests(sa, fifth);
  const id = idPayload(proven.method.localId);
  const hash = hashOf(sa, 'responder', transcript, found.keys, id, proven.method.hash);
  const proof = proven.method.proof(hash);
  tellOwnSignature(sa, proven.method.localId, proof);
  yield* send({ payloads: [...(method.identityWithShare === true ? [] : [id]), ...proof] });
  sa.path = fifth.path;
  sa.establish(proven.method.localId, proven.peer, found.keys);
}

/** Messages 3 and 4, after which the keys are there, and message 5, which shows which keys they are. */
function* exchangeKeys(
  sa: EmergingSa,
  method: Authentication,
  { suite, saBody }: Opening,
  third: Message,
): Flow<{ readonly transcript: Transcript; readonly found: Candidate; readonly fifth: Message }> {
  const theirs = method.readShare(third);
  heedCertificateRequests(sa, third);
  // It is answered on the way that it came by, which need not be that of the first message.
  const around = circumstances(sa, suite, third.path);
  heed('initiator-share', theirs.payloads ?? third.payloads, around);
  tellNat(sa);
  const { ours, secret } = respond(sa, method, suite.accepted.keyExchange, theirs);
  const cookies = { initiator: sa.initiatorSpi, responder: sa.responderSpi };
  const transcript: Transcript = { suite, cookies, saBody, initiator: theirs, responder: ours };
  const possible = deriveKeys(sa, method, transcript, secret, undefined);
  sa.agree(possible.map(({ keys }) => keys));
  const fifth = yield* exchange(
    {
      payloads: arranged(method, method.share(ours), [
        ...certificateRequests(sa),
        ...offered('responder-share', around),
      ]),
      clear: true,
    },
    {
      reject: message =>
        keysOf(sa, method, transcript, possible, message) === undefined ? unreadable(sa, method) : undefined,
      clear: sa.host.settings.acceptUnencryptedMainMode,
      otherwise: unreadable(sa, method),
    },
  );
  const found = keysOf(sa, method, transcript, possible, fifth);
  if (found === undefined) throw breach('an identity in the clear');
  if (fifth.keys === undefined) settleOn(sa, possible, found);
  return { transcript, found, fifth };
}

/**
 * Those that the message was opened by. In the clear, which some send so that the other end can tell which shared key is theirs,
 * it is the ones that its proof fits.
 */
function keysOf(
  sa: EmergingSa,
  method: Authentication,
  transcript: Transcript,
  possible: readonly Candidate[],
  message: Message,
): Candidate | undefined {
  return possible.find(
    ({ keys }) =>
      (message.keys === undefined || message.keys === keys) &&
      fits(sa, method, transcript, { ...message, keys }),
  );
}

function settleOn(sa: EmergingSa, possible: readonly Candidate[], found: Candidate): void {
  for (const { keys } of possible) if (keys !== found.keys) keys.wipe();
  sa.agree([found.keys]);
}

function respond(
  sa: EmergingSa,
  method: Authentication,
  group: number,
  theirs: Share,
): { readonly ours: Share; readonly secret: Secret } {
  const { publicValue, sharedSecret } = answerExchange(sa, group, theirs);
  const ours: Share = {
    publicValue,
    nonce: sa.host.provider.random(NONCE_LENGTH),
    id: method.identityWithShare === true ? idPayload(method.localId) : undefined,
  };
  if (isReflected(ours, theirs)) throw breach('the key exchange holds our own values');
  return { ours, secret: sharedSecret };
}

/** Whether these are the keys that the peer has: with shared keys only its proof shows that. */
function fits(sa: EmergingSa, method: Authentication, transcript: Transcript, message: Message): boolean {
  const { keys } = message;
  if (keys === undefined || method.fits === undefined) return true;
  try {
    const id = idOf(method, transcript.initiator, message);
    return method.fits(message, hashOf(sa, 'initiator', transcript, keys, id, method.peerHash));
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

/** The keys depend on the shared key, or on who can decrypt, so another one shows as a message that makes no sense. */
function unreadable(sa: EmergingSa, method: Authentication): Refused {
  const { summary, ...rest } = method.misfit?.() ?? wrongKey(addressIdentity(sa.path.remote.address), 'psk');
  const failure: Failure = { ...rest, summary: `${summary}: the peer's identity cannot be decrypted` };
  return new Refused(V1Notify.PAYLOAD_MALFORMED, failure);
}

interface Proven {
  readonly method: Authentication;
  readonly peer: VerifiedPeer;
}

/** Finds the connection whose demands the peer meets, and settles on it. Throws Refused. */
function prove(
  sa: EmergingSa,
  opening: Opening,
  provisional: Authentication,
  transcript: Transcript,
  { keys, shared }: Candidate,
  message: Message,
): Proven {
  const first = sa.connection;
  const identity = identityIn(idOf(provisional, transcript.initiator, message));
  let refusal: Error | undefined;
  tellCertificates(sa, 'received', certificatesIn(message.payloads));
  tellLooking(sa, opening.suite.method, identity);
  for (const connection of candidates(sa, opening.suite, identity)) {
    try {
      sa.connection = connection;
      tell(sa, 'cfg', () => `selected peer config "${connection.name}"`);
      const method = connection === first ? provisional : authentication(sa, opening, connection);
      const { remote } = firstRound(connection);
      const share = transcript.initiator;
      const peer = verifyPeer(sa, method, { transcript, keys, shared, share, message, remote });
      heed('initiator-proof', message.payloads, circumstances(sa));
      admit(sa, connection, method.localId, peer);
      return { method, peer };
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      refusal ??= error;
    }
  }
  throw refusal ?? breach('no connection fits');
}

function authentication(sa: EmergingSa, { suite }: Opening, connection: Connection): Authentication {
  return methodOf(suite.method).begin({
    sa,
    connection,
    mode: 'main',
    number: suite.method,
    suite,
    remoteId: undefined,
    possible: () => possible(sa, suite),
  });
}
