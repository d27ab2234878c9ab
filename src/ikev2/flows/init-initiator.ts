import { type AcceptedProposal, confirmProposal } from '../../crypto/proposal.ts';
import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { nameOf } from '../../iana/name.ts';
import { NotifyError, NotifyStatus } from '../../iana/notify.ts';
import { noCommonProposal, offerRefused } from '../../ike/failures.ts';
import { failureOf } from '../../ike/flow.ts';
import { floated } from '../../ike/path.ts';
import { tellChosen, tellNat, tell as tellStep } from '../../ike/steps.ts';
import { equal } from '../../lib/bytes.ts';
import type { Secret } from '../../lib/secret.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { NotifyPayload, Payload } from '../../wire/v2/payload.ts';
import { tellAsked } from '../auth/certificate-request.ts';
import { asksForStatus } from '../auth/status.ts';
import { heed, obstacleIn, offered } from '../extensions/index.ts';
import {
  type Exchanged,
  type Flow,
  findError,
  findNotify,
  first,
  notify,
  request,
  waitForBetter,
} from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';
import { NO_SPI, offerOf } from '../sa-payload.ts';
import {
  breach,
  deriveKeys,
  type InitResult,
  isShort,
  NONCE_LENGTH,
  proposalsIn,
  settingOf,
} from './init.ts';
import { beginKeyExchange, firstGuess, type Half, methodAskedFor } from './key-exchange.ts';

/** Requests in all, cookies and other methods counted: a peer that wants still more plays with us (RFC 7296 §2.6). */
const MAX_ROUNDS = 6;

/** The initiator's exchange. Afterwards messages are protected, and go to the NAT traversal ports where that is needed. */
export function* initiateIkeSaInit(sa: EmergingSa): Flow<InitResult> {
  const { host, connection } = sa;
  const { proposals } = connection;
  const ni = host.provider.random(NONCE_LENGTH);
  const riders = offered('init-request', sa);
  const tried = new Set<number>();
  let method = firstGuess(proposals, 0);
  let half = beginKeyExchange(host.provider, method);
  let cookie: readonly NotifyPayload[] = [];
  for (let round = 0; round < MAX_ROUNDS && half !== undefined; round++) {
    tried.add(method);
    const ke: Half = half;
    const answer = yield* usefulAnswer(
      sa,
      [...cookie, offerOf(proposals, NO_SPI), ke.payload, { type: PayloadType.Nonce, data: ni }, ...riders],
      response => judge(sa, response, ke, ni, tried),
    );
    if (answer.kind === 'agreed') return conclude(sa, answer, ni);
    if (answer.kind === 'cookie') cookie = [notify(NotifyStatus.COOKIE, answer.cookie)];
    else {
      method = answer.method;
      half = beginKeyExchange(host.provider, method);
    }
  }
  throw new Failed(
    half === undefined
      ? {
          code: 'config/invalid-value',
          summary: `${connection.name}: proposals without a key exchange method`,
        }
      : { code: 'peer/cookie-loop', summary: `the peer asked for another first message ${MAX_ROUNDS} times` },
  );
}

interface Agreed {
  readonly kind: 'agreed';
  readonly chosen: AcceptedProposal;
  readonly secret: Secret;
  readonly nr: Uint8Array;
  readonly response: Exchanged;
}

type Useful =
  | Agreed
  | { readonly kind: 'cookie'; readonly cookie: Uint8Array }
  | { readonly kind: 'method'; readonly method: number };

/**
 * Sends the request until something comes that one can go on with. An error in the answer is not authentic: it is remembered for
 * the explanation, and the request sent once more before it is believed (RFC 7296 §2.21.1).
 */
function* usefulAnswer(
  sa: EmergingSa,
  payloads: readonly Payload[],
  judgeAnswer: (response: Exchanged) => Useful | Failure,
): Flow<Useful> {
  let useless: Failure | undefined;
  try {
    let response = yield* request(ExchangeType.IKE_SA_INIT, payloads);
    for (;;) {
      const answer = judgeAnswer(response);
      if ('kind' in answer) return answer;
      // Whoever can say something in a TCP connection can keep the peer from saying anything (RFC 9329 §6.4).
      if (sa.path.tcp === true) throw new Failed(answer);
      if (useless === undefined) {
        if (answer.notify !== undefined) tellStep(sa, 'ike', () => `received ${answer.notify} notify error`);
        tell(sa, answer);
      }
      useless ??= answer;
      response = yield* waitForBetter();
    }
  } catch (error) {
    if (useless !== undefined && failureOf(error).code === 'peer/silent') throw new Failed(useless);
    throw error;
  }
}

function tell({ host, id, connection }: EmergingSa, { summary }: Failure): void {
  const text = `${summary}; nobody vouches for that, so the request is sent once more`;
  host.event({ kind: 'log', level: 'warn', group: 'ike', ike: id, connection: connection.name, text });
}

/** What one can make of an answer; a failure where nothing. */
function judge(
  sa: EmergingSa,
  response: Exchanged,
  half: Half,
  ni: Uint8Array,
  tried: ReadonlySet<number>,
): Useful | Failure {
  const { connection } = sa;
  const error = findError(response);
  const cookie = findNotify(response, NotifyStatus.COOKIE);
  if (first(response, PayloadType.SA) === undefined && cookie !== undefined) {
    // RFC 7296 §2.6: between 1 and 64 octets.
    if (cookie.data.length >= 1 && cookie.data.length <= 64)
      return { kind: 'cookie', cookie: cookie.data.slice() };
    return { code: 'peer/malformed', summary: `a cookie of ${cookie.data.length} octets` };
  }
  try {
    if (error?.notifyType === NotifyError.INVALID_KE_PAYLOAD)
      return { kind: 'method', method: methodAskedFor(error, connection.proposals, tried) };
    if (error !== undefined) return refusal(connection, error.notifyType);
    return obstacleIn('init-response', response.payloads, sa) ?? agree(sa, response, half, ni);
  } catch (caught) {
    return failureOf(caught);
  }
}

/** Throws Failed. */
function agree(
  { connection, host, initiatorSpi }: EmergingSa,
  response: Exchanged,
  half: Half,
  ni: Uint8Array,
): Agreed {
  const chosen = confirmProposal(connection.proposals, proposalsIn(response), {
    additionalKeyExchanges: false,
  });
  if (chosen.kind === 'mismatch') throw new Failed(noCommonProposal(chosen, settingOf(connection)));
  const ke = first(response, PayloadType.KE);
  const nr = first(response, PayloadType.Nonce)?.data;
  const { responderSpi } = response.header;
  if (ke === undefined || nr === undefined || ke.method !== half.method || chosen.keyExchange !== half.method)
    throw breach('the key exchange answered is not the one begun');
  // Our own message, turned round (Cremers 2011), would make an SA with ourselves.
  if (
    responderSpi === 0n ||
    responderSpi === initiatorSpi ||
    equal(nr, ni) ||
    equal(ke.data, half.payload.data)
  )
    throw breach('the answer holds our own values');
  if (isShort(nr, chosen, host)) throw breach('the nonce is shorter than the function asks for');
  const secret = endHalf(half, ke.data);
  return { kind: 'agreed', chosen, secret, nr: nr.slice(), response };
}

function endHalf(half: Half, data: Uint8Array): Secret {
  try {
    return half.finish(data);
  } catch (error) {
    throw breach(error instanceof Error ? error.message : 'the public value is none');
  }
}

function conclude(sa: EmergingSa, { chosen, secret, nr, response }: Agreed, ni: Uint8Array): InitResult {
  const { responderSpi } = response.header;
  const result = deriveKeys(sa, chosen, { initiator: ni, responder: nr }, secret, responderSpi);
  heed('init-response', response.payloads, sa);
  tellChosen(sa, 'ike', chosen.text);
  tellNat(sa);
  tellAsked(sa, response);
  // With MOBIKE a NAT may come later, and the port cannot be changed then (RFC 4555 §3.3).
  const mayMove = sa.connection.mobike && sa.peer.natTraversal;
  if (sa.peer.encapsulate || mayMove) sa.path = floated(sa.path, sa.host.settings);
  return {
    ...result,
    initiatorMessage: response.request,
    responderMessage: response.octets,
    certificateAsked: first(response, PayloadType.CERTREQ) !== undefined,
    statusAsked: asksForStatus(response.payloads),
  };
}

function refusal(connection: Connection, notifyType: number): Failure {
  if (notifyType === NotifyError.NO_PROPOSAL_CHOSEN)
    return offerRefused(connection.proposals, settingOf(connection));
  const name = nameOf(NotifyError, notifyType, 8192);
  const code = notifyType === NotifyError.INVALID_MAJOR_VERSION ? 'peer/version' : 'peer/refused';
  return { code, summary: `${connection.name}: the peer answered IKE_SA_INIT with ${name}`, notify: name };
}
