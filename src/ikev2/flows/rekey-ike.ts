import { type Nonces, rekeyedIkeSaKeys, type Spis } from '../../crypto/keymat-v2.ts';
import { type Prf, prfOf } from '../../crypto/prf/prf.ts';
import { type AcceptedProposal, confirmProposal, selectProposal } from '../../crypto/proposal.ts';
import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { nameOf } from '../../iana/name.ts';
import { NotifyError } from '../../iana/notify.ts';
import { noCommonProposal, offerRefused } from '../../ike/failures.ts';
import { tellBegun, tellChosen } from '../../ike/steps.ts';
import type { Secret } from '../../lib/secret.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { NotifyPayload } from '../../wire/v2/payload.ts';
import { loses, lower, retryDelay } from '../collisions.ts';
import {
  type Exchanged,
  type Flow,
  findError,
  first,
  type Message,
  notify,
  Refused,
  type Reply,
  request,
} from '../flow.ts';
import { ikeKeys } from '../ike-keys.ts';
import type { IkeKeys, IkeSa, Role, Task } from '../ike-sa.ts';
import { abandonLater, settle } from '../rivals.ts';
import { choiceOf, ikeSpiOctets, ikeSpiOf, offerOf } from '../sa-payload.ts';
import { NONCE_LENGTH } from './create-child-exchange.ts';
import { temporaryFailure, tryLater } from './create-child-new.ts';
import { deleteIke, deleteIkeSa } from './delete.ts';
import {
  answerKeyExchange,
  beginKeyExchange,
  endKeyExchange,
  firstGuess,
  methodAskedFor,
} from './key-exchange.ts';

/*
 *   Initiator                         Responder
 *   HDR, SK {SA, Ni, KEi}  -->
 *                                <--  HDR, SK {SA, Nr, KEr}               RFC 7296 §1.3.2
 */

/**
 * Replaces this IKE SA: a new one takes over the children, then the old one is deleted (RFC 7296 §2.8, §2.18). Both
 * ends may do so at once; the lowest of the four nonces says which of the two new ones goes (§2.8.2).
 */
export function rekeyIke(): Task {
  return { kind: 'rekey-ike', subject: '', run: rekey };
}

/** Answers the peer's rekey of this IKE SA. */
export function* serveRekeyIke(sa: IkeSa, message: Message): Flow<Reply> {
  if (mustWait(sa)) return temporaryFailure();
  const { host, connection } = sa;
  const offered = (first(message, PayloadType.SA)?.proposals ?? []).filter(
    ({ spi }) => ikeSpiOf(spi) !== undefined,
  );
  const chosen = selectProposal(connection.proposals, offered, {
    preferOurs: host.settings.preferConfiguredProposals,
  });
  if (chosen.kind === 'mismatch')
    throw new Refused(
      notify(NotifyError.NO_PROPOSAL_CHOSEN),
      noCommonProposal(chosen, { key: 'proposals', of: connection.name }),
    );
  const exchange = answerKeyExchange(host.provider, chosen, message);
  if ('notifyType' in exchange) return { payloads: [exchange] };
  const peerSpi = ikeSpiOf(offered.find(({ number }) => number === chosen.number)?.spi ?? new Uint8Array());
  const secret = exchange.secret;
  if (peerSpi === undefined || secret === undefined)
    throw new Error('an IKE proposal without SPI or key exchange');
  const nonces: Nonces = { initiator: nonceOf(message), responder: host.provider.random(NONCE_LENGTH) };
  const spis: Spis = { initiator: peerSpi, responder: host.reserveSpi() };
  let next: IkeSa | undefined;
  try {
    next = succeed(sa, 'responder', chosen, spis, nonces, secret);
    tellBegun(next, false);
    tellChosen(next, 'ike', chosen.text);
  } finally {
    if (next === undefined) host.freeSpi(spis.responder);
  }
  const payloads = [
    choiceOf(chosen, ikeSpiOctets(spis.responder)),
    { type: PayloadType.Nonce, data: nonces.responder } as const,
    ...exchange.payloads,
  ];
  if (sa.state === 'REKEYING') {
    // Which of the two remains will show when the answer to ours is here.
    sa.collisions.rival = { sa: next, nonce: lower(nonces.initiator, nonces.responder) };
    next.collisions.predecessor = sa;
    abandonLater(next);
    return { payloads };
  }
  return { payloads, afterwards: () => yieldTo(sa, next) };
}

function* rekey(sa: IkeSa): Flow<void> {
  if (sa.state !== 'ESTABLISHED') return;
  sa.state = 'REKEYING';
  const spi = sa.host.reserveSpi();
  let taken = false;
  try {
    const outcome = yield* negotiate(sa, spi);
    if ('failure' in outcome) {
      rejected(sa, outcome.notify, outcome.failure);
      return;
    }
    sa.collisions.agreed();
    taken = true;
    yield* conclude(sa, outcome.next, outcome.nonce);
  } catch (error) {
    if (!taken && !yielded(sa))
      sa.start(
        rekeyIke(),
        retryDelay(limit => sa.host.jitter(limit)),
      );
    throw error;
  } finally {
    if (!taken) sa.host.freeSpi(spi);
    if (sa.state === 'REKEYING') sa.state = 'ESTABLISHED';
  }
}

interface Made {
  readonly next: IkeSa;
  /** The lower nonce of the exchange. */
  readonly nonce: Uint8Array;
}

/** The exchange, again with another key exchange method where the peer asks for that. */
function* negotiate(
  sa: IkeSa,
  spi: bigint,
): Flow<Made | { readonly notify: NotifyPayload; readonly failure: Failure }> {
  const { host, connection, keys } = sa;
  const { proposals } = connection;
  const id = host.newId();
  tellBegun({ host, id, connection, path: sa.path }, true);
  const tried = new Set<number>();
  let method = firstGuess(proposals, keys.keMethod);
  for (;;) {
    tried.add(method);
    const half = beginKeyExchange(host.provider, method);
    if (half === undefined)
      throw new Failed({ code: 'config/missing', summary: `${connection.name}: no key exchange method` });
    const ni = host.provider.random(NONCE_LENGTH);
    const response: Exchanged = yield* request(ExchangeType.CREATE_CHILD_SA, [
      offerOf(proposals, ikeSpiOctets(spi)),
      { type: PayloadType.Nonce, data: ni },
      half.payload,
    ]);
    const error = findError(response);
    if (error?.notifyType === NotifyError.INVALID_KE_PAYLOAD) {
      method = methodAskedFor(error, proposals, tried);
      continue;
    }
    if (error !== undefined) return { notify: error, failure: refusal(sa, error) };
    const answer = first(response, PayloadType.SA)?.proposals ?? [];
    const chosen = confirmProposal(proposals, answer);
    if (chosen.kind === 'mismatch')
      throw new Failed(noCommonProposal(chosen, { key: 'proposals', of: connection.name }));
    const peerSpi = ikeSpiOf(answer[0]?.spi ?? new Uint8Array());
    const secret = endKeyExchange(half, chosen, response);
    if (peerSpi === undefined || secret === undefined)
      throw new Failed({ code: 'peer/malformed', summary: 'the new IKE SA has no SPI, or no key exchange' });
    const nonces: Nonces = { initiator: ni, responder: nonceOf(response) };
    const spis = { initiator: spi, responder: peerSpi };
    const next = succeed(sa, 'initiator', chosen, spis, nonces, secret, id);
    tellChosen(next, 'ike', chosen.text);
    return { next, nonce: lower(nonces.initiator, nonces.responder) };
  }
}

function* conclude(sa: IkeSa, next: IkeSa, nonce: Uint8Array): Flow<void> {
  const { rival } = sa.collisions;
  if (yielded(sa) || (rival !== undefined && loses(nonce, rival.nonce))) {
    // Ours is redundant: it deletes itself.
    givesWay(sa);
    next.start(deleteIke());
    return;
  }
  if (rival !== undefined) {
    // It never takes over; the peer deletes it.
    sa.collisions.rival = undefined;
  }
  sa.handOver(next);
  yield* deleteIkeSa(sa);
}

function rejected(sa: IkeSa, notify: NotifyPayload, failure: Failure): void {
  if (givesWay(sa)) return;
  if (notify.notifyType === NotifyError.TEMPORARY_FAILURE) tryLater(sa, rekeyIke(), failure);
  // Some peers take no CREATE_CHILD_SA at all; then everything is made anew (RFC 7296 §1.3, §2.8).
  else if (notify.notifyType === NotifyError.NO_ADDITIONAL_SAS) sa.reauthenticate();
  else throw new Failed(failure);
}

/** The peer's rekey was answered and nothing of ours stands against it: its SA takes over, and this one waits for its deletion. */
function yieldTo(sa: IkeSa, next: IkeSa): void {
  sa.handOver(next);
  abandonLater(sa);
}

/** Where the peer has rekeyed this SA, its own stands, and it deletes this one. Whether this SA has handed over. */
function givesWay(sa: IkeSa): boolean {
  const { rival } = sa.collisions;
  if (rival !== undefined) settle(rival.sa);
  return yielded(sa);
}

/** Whether this SA has handed over to another, or is about to go. */
function yielded(sa: IkeSa): boolean {
  return sa.state === 'REKEYED' || sa.state === 'DELETING';
}

/** RFC 7296 §2.25: what could not move to the successor any more, and what is being deleted. */
function mustWait(sa: IkeSa): boolean {
  if (yielded(sa) || sa.collisions.rival !== undefined) return true;
  const kind = sa.running?.kind;
  return kind === 'create-child' || kind === 'rekey-child' || kind === 'delete-child';
}

function succeed(
  sa: IkeSa,
  role: Role,
  chosen: AcceptedProposal,
  spis: Spis,
  nonces: Nonces,
  sharedSecret: Secret,
  id?: number,
): IkeSa {
  const { provider } = sa.host;
  const derived = rekeyedIkeSaKeys({
    oldPrf: prfOf(provider, sa.keys.prf) as Prf,
    oldSkD: sa.keys.skD,
    prf: prfOf(provider, chosen.prf) as Prf,
    suite: chosen,
    spis,
    nonces,
    sharedSecret: sharedSecret.reveal(),
  });
  sharedSecret.wipe();
  const keys: IkeKeys = ikeKeys(sa.host, chosen, role, spis, derived);
  derived.skPi.wipe();
  derived.skPr.wipe();
  return sa.succeed({
    ...(id === undefined ? {} : { id }),
    role,
    initiatorSpi: spis.initiator,
    responderSpi: spis.responder,
    keys,
  });
}

/** The rules of the exchange see to it that there is one. */
function nonceOf(message: Message): Uint8Array {
  const nonce = first(message, PayloadType.Nonce);
  if (nonce === undefined) throw new Failed({ code: 'peer/malformed', summary: 'a message without a nonce' });
  return nonce.data.slice();
}

function refusal({ connection }: IkeSa, { notifyType }: NotifyPayload): Failure {
  const name = nameOf(NotifyError, notifyType);
  if (notifyType === NotifyError.NO_PROPOSAL_CHOSEN)
    return offerRefused(connection.proposals, { key: 'proposals', of: connection.name });
  if (notifyType === NotifyError.TEMPORARY_FAILURE)
    return { code: 'peer/temporary', summary: 'the peer asks to rekey the IKE SA later', notify: name };
  return { code: 'peer/refused', summary: `the peer refused to rekey the IKE SA with ${name}`, notify: name };
}
