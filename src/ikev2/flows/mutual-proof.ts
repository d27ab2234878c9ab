import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { nameOf } from '../../iana/name.ts';
import { NotifyError } from '../../iana/notify.ts';
import { withStatus } from '../../ike/certificate-status.ts';
import { warning } from '../../ike/events.ts';
import { failureOf } from '../../ike/flow.ts';
import { tell, tellOwnProof } from '../../ike/steps.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { formatIdentity, type Identity } from '../../policy/identity.ts';
import { formatIdentityPattern } from '../../policy/identity-match.ts';
import type { AuthPayload, NotifyPayload, Payload } from '../../wire/v2/payload.ts';
import { certificateRequest, certificatesIn, tellAsked, tellAsking } from '../auth/certificate-request.ts';
import { methodNamed } from '../auth/index.ts';
import type { Proof } from '../auth/method.ts';
import { statusOfOurs, statusRequest } from '../auth/status.ts';
import { type Exchanged, type Flow, findError, first, notify, request } from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';
import { type AuthKeys, adopt, answeredKeys, forgetKeys, offeredKeys, ppkNotifies } from '../ppk.ts';
import { identityIn, idPayload, octetsOf, verifyPeer } from './auth.ts';
import { breach, type InitResult } from './init.ts';
import { ANOTHER_FOLLOWS, announcesAnother, checkRounds, inRound, ownRounds } from './rounds.ts';

/** Both have proved who they are, as often as was asked of them. */
export interface MutualProof {
  readonly kind: 'proved';
  /** The last answer: what there is to say of a child stands in it. */
  readonly response: Exchanged;
  /** What was proved last. */
  readonly localId: Identity;
  readonly peer: VerifiedPeer;
}

/** Our first proof; `told` hears when the log has it. */
interface OpeningProof {
  readonly proof: Proof;
  readonly told: () => void;
}

/** How we prove ourselves first; no message is needed to know. Throws Failed. */
export function firstProof(sa: EmergingSa, init: InitResult): Proof {
  const { id, connection, host, peer } = sa;
  const [ours, theirs] = [connection.local.length, connection.remote.length];
  if (ours === 0 || theirs === 0)
    throw new Failed({
      code: 'config/missing',
      summary: `${connection.name}: no authentication is configured`,
    });
  if (!peer.multipleAuthentication) {
    if (theirs > 1) throw notSeveral(sa);
    if (ours > 1)
      host.event(
        warning(
          { id, connection },
          `${because(sa)}: of ${ours} rounds of authentication the first alone is gone through`,
        ),
      );
  }
  return ownProof(sa, init, 0, undefined);
}

/**
 * The initiator's part of IKE_AUTH up to the last proof; `besides` goes with the first request. When a proof of the peer's does not
 * hold, the peer, which thinks all is well, is told so (RFC 7296 §2.21.2). Throws Failed.
 */
export function* mutualProof(
  sa: EmergingSa,
  init: InitResult,
  opening: OpeningProof,
  besides: readonly Payload[],
): Flow<MutualProof> {
  let outcome: MutualProof | Failure;
  try {
    outcome = yield* rounds(sa, init, opening, besides);
  } catch (caught) {
    if (failureOf(caught).code !== 'peer/silent') yield* tellNotAuthenticated();
    throw caught;
  }
  if ('code' in outcome) throw new Failed(outcome);
  return outcome;
}

/** A failure that is returned is the peer's own word. */
function* rounds(
  sa: EmergingSa,
  init: InitResult,
  { proof, told }: OpeningProof,
  besides: readonly Payload[],
): Flow<MutualProof | Failure> {
  const ours = ownRounds(sa).length;
  let own: Proof | undefined = proof;
  let localId = proof.identity;
  let peer: VerifiedPeer | undefined;
  let owed = true;
  const offered = offeredKeys(sa, init);
  let keys = offered;
  let adopted = false;
  try {
    for (let round = 0; ; round++) {
      if (round > 0) own = round < ours ? ownProof(sa, init, round, peer?.identity) : undefined;
      if (own !== undefined) localId = own.identity;
      const weGoOn = round + 1 < ours;
      const proving = own === undefined ? [] : yield* proofPayloads(sa, init, keys, own, round);
      if (round === 0) told();
      const response = yield* request(ExchangeType.IKE_AUTH, [
        ...proving,
        ...(weGoOn ? [ANOTHER_FOLLOWS] : []),
        ...(round === 0 ? besides : []),
      ]);
      tellAsked(sa, response);
      if (round === 0) keys = answeredKeys(sa, init, keys, response);
      if (owed) {
        const proved = yield* withStatus(sa, () => proofIn(sa, keys.init, response, round, localId));
        if (!('code' in proved)) {
          peer = proved;
          owed = announcesAnother(sa, response);
          checkRounds(sa.connection, round + 1, owed);
        } else return proved;
      } else {
        if (first(response, PayloadType.AUTH) !== undefined)
          throw breach('the peer proves itself without having said that it would');
        const error = findError(response);
        if (error !== undefined && (weGoOn || !OF_THE_CHILD.has(error.notifyType)))
          return rejection(sa, error, localId, round);
      }
      if (!owed && !weGoOn) {
        adopt(sa, keys);
        adopted = true;
        return { kind: 'proved', response, localId, peer: peer as VerifiedPeer };
      }
    }
  } finally {
    forgetKeys(offered, adopted && keys === offered);
  }
}

/** Errors that leave the IKE SA as it is (RFC 7296 §1.2, §3.15.4). */
const OF_THE_CHILD: ReadonlySet<number> = new Set([
  NotifyError.NO_PROPOSAL_CHOSEN,
  NotifyError.SINGLE_PAIR_REQUIRED,
  NotifyError.NO_ADDITIONAL_SAS,
  NotifyError.INTERNAL_ADDRESS_FAILURE,
  NotifyError.FAILED_CP_REQUIRED,
  NotifyError.TS_UNACCEPTABLE,
  NotifyError.TEMPORARY_FAILURE,
]);

function ownProof(sa: EmergingSa, init: InitResult, round: number, known: Identity | undefined): Proof {
  const { host, connection, path, peer } = sa;
  const all = ownRounds(sa);
  const local = all[round] as (typeof all)[number];
  return inRound(round, all.length, () =>
    methodNamed(local.method).prepare({
      host,
      connection,
      local,
      prf: init.prf,
      path,
      remoteId: wantedId(connection, round) ?? known,
      peerHashes: peer.signatureHashes,
      certificateAsked: init.certificateAsked,
    }),
  );
}

/** Who the peer has to be in a round, where that can be but one. */
function wantedId({ remote }: Connection, round: number): Identity | undefined {
  const id = remote[round]?.id;
  return id?.kind === 'exact' ? id.identity : undefined;
}

function* proofPayloads(
  sa: EmergingSa,
  init: InitResult,
  keys: AuthKeys,
  proof: Proof,
  round: number,
): Flow<readonly Payload[]> {
  const { host, connection } = sa;
  const id = idPayload(PayloadType.IDi, proof.identity);
  const remoteId = wantedId(connection, round);
  const status = yield* statusOfOurs(sa, proof.certificates, init.statusAsked);
  const asked = round === 0 ? certificateRequest(host, [connection]) : [];
  tellAsking(sa, asked);
  const sign = (by: InitResult): AuthPayload => proof.sign(octetsOf(by, 'initiator', id));
  const signed = sign(keys.init);
  tellOwnProof(sa, proof.identity, proof.by, certificatesIn(proof.certificates));
  return [
    id,
    ...proof.certificates,
    ...status,
    ...asked,
    ...(round === 0 ? statusRequest([connection]) : []),
    ...(remoteId === undefined ? [] : [idPayload(PayloadType.IDr, remoteId)]),
    signed,
    ...(round === 0 ? ppkNotifies(sa, keys, () => sign(init)) : []),
  ];
}

/** The peer's proof in its answer, or what it says instead. Throws Failed where it does not hold. */
function proofIn(
  sa: EmergingSa,
  init: InitResult,
  response: Exchanged,
  round: number,
  localId: Identity,
): VerifiedPeer | Failure {
  const id = first(response, PayloadType.IDr);
  const auth = first(response, PayloadType.AUTH);
  const error = findError(response);
  const { remote } = sa.connection;
  const asked = remote[round];
  if (id !== undefined && auth !== undefined && asked !== undefined)
    return inRound(round, remote.length, () =>
      verifyPeer(sa, init, response, asked, { id, identity: identityIn(id), auth, localId }),
    );
  if (error !== undefined) return rejection(sa, error, localId, round);
  throw breach('the answer to IKE_AUTH proves nothing');
}

function* tellNotAuthenticated(): Flow<void> {
  try {
    yield* request(ExchangeType.INFORMATIONAL, [notify(NotifyError.AUTHENTICATION_FAILED)]);
  } catch {
    // Whether the peer hears of it or not, we are through with it.
  }
}

/** Why the peer did not take us: it may say no more than that (RFC 7296 §2.21.2). */
function rejection(sa: EmergingSa, { notifyType }: NotifyPayload, localId: Identity, round: number): Failure {
  const { connection } = sa;
  const name = nameOf(NotifyError, notifyType, 8192);
  tell(sa, 'ike', () => `received ${name} notify error`);
  if (notifyType !== NotifyError.AUTHENTICATION_FAILED)
    return {
      code: 'peer/refused',
      summary: `${connection.name}: the peer answered IKE_AUTH with ${name}`,
      notify: name,
    };
  const all = ownRounds(sa);
  const method = all[Math.min(round, all.length - 1)]?.method ?? '';
  const own = formatIdentity(localId);
  const wanted = connection.remote[Math.min(round, connection.remote.length - 1)]?.id;
  const asked = wanted === undefined ? '%any' : formatIdentityPattern(wanted);
  const several = all.length > 1 ? `round ${round + 1} of ${all.length}: ` : '';
  const because = [
    `it is not ${asked}`,
    `has no connection for ${own}`,
    method === 'psk' ? 'the secrets differ' : 'the certificate is not trusted there',
    ...(several === '' ? [] : [`asks for other than ${all.length} rounds`]),
    ...(sa.peer.ppk ? ['the PPK is another there, or not there'] : []),
  ];
  return {
    code: 'auth/refused-by-peer',
    summary: `${several}the peer, asked to be ${asked}, did not accept ${own}, proved by ${method}`,
    ours: [`local id ${own}`, `remote id ${asked}`, `auth ${method}`],
    remedy: `see the peer's log: ${because.slice(0, -1).join(', ')}, or ${because.at(-1)}`,
    notify: name,
  };
}

function because({ host }: EmergingSa): string {
  return host.settings.multipleAuthentication
    ? 'the peer does not speak RFC 4739'
    : 'multiple_authentication is no';
}

function notSeveral(sa: EmergingSa): Failed {
  const { connection, host } = sa;
  return new Failed({
    code: 'auth/rounds',
    summary: `${connection.name}: ${connection.remote.length} rounds of authentication are asked of the peer, and ${because(sa)}`,
    ours: connection.remote.map(({ method }, i) => `round ${i + 1}: ${method}`),
    remedy: host.settings.multipleAuthentication
      ? 'allow several rounds at the peer (charon: multiple_authentication), or leave one remote section'
      : 'set multiple_authentication = yes in strongswan.conf, or leave one remote section',
  });
}
