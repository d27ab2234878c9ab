import { ExchangeType, PayloadType } from '../iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../iana/notify.ts';
import type { FirstMessage, Host, Protocol, Session } from '../ike/session.ts';
import { formatIp } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import type { Duration } from '../lib/time.ts';
import type { Path } from '../policy/sa.ts';
import { type Header, HeaderFlag } from '../wire/header.ts';
import { decodeMessage, encodeMessage } from '../wire/v2/message.ts';
import type { NotifyPayload, Payload } from '../wire/v2/payload.ts';
import { checkMessage, unknownCritical } from '../wire/v2/rules.ts';
import { findNotify, first, type Message, notify } from './flow.ts';
import { answerIkeSa } from './flows/auth-responder.ts';
import { establish } from './flows/establish.ts';
import { considerIkeSaInit } from './flows/init-responder.ts';
import { Ikev2Session } from './session.ts';

/** IKEv2 (RFC 7296), as the engine knows it. */
export const ikev2: Protocol = {
  version: 2,

  initiate(host, connection, child) {
    const [initiatorSpi, responderSpi] = [host.reserveSpi(), 0n];
    const session = new Ikev2Session({
      host,
      connection,
      path: UNKNOWN,
      role: 'initiator',
      initiatorSpi,
      responderSpi,
    });
    host.add(session);
    session.start(establish(session, child));
    session.settle();
    return session;
  },

  read(host, datagram, header, path) {
    const begins =
      header.exchangeType === ExchangeType.IKE_SA_INIT &&
      (header.flags & HeaderFlag.RESPONSE) === 0 &&
      (header.flags & HeaderFlag.INITIATOR) !== 0 &&
      header.initiatorSpi !== 0n &&
      header.responderSpi === 0n &&
      header.messageId === 0;
    const payloads = begins ? readable(datagram, header) : undefined;
    if (payloads === undefined) return undefined;
    const critical = unknownCritical(payloads);
    if (critical !== undefined) {
      answer(host, header, notify(NotifyError.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(critical)), path);
      return undefined;
    }
    if (checkMessage(header.exchangeType, false, payloads) !== undefined) return undefined;
    return firstMessage(host, { header, payloads, octets: datagram }, path);
  },
};

/** Stands for the path until the name of the peer is resolved. */
const UNKNOWN: Path = {
  local: { address: new Uint8Array(4), port: 0 },
  remote: { address: new Uint8Array(4), port: 0 },
};

function firstMessage(host: Host, message: Message, path: Path): FirstMessage {
  const { header } = message;
  return {
    nonce: first(message, PayloadType.Nonce)?.data,
    cookie: findNotify(message, NotifyStatus.COOKIE)?.data,
    demandCookie: cookie => answer(host, header, notify(NotifyStatus.COOKIE, cookie), path),
    accept: life => accept(host, message, path, life),
  };
}

function accept(host: Host, message: Message, path: Path, life: Duration): Session | undefined {
  const { header } = message;
  const verdict = considerIkeSaInit(host, message, path);
  if (verdict.kind === 'refused') {
    answer(host, header, verdict.answer, path);
    const { connection, failure } = verdict;
    const remote = `${formatIp(path.remote.address)}[${path.remote.port}]`;
    // Another guess at the key exchange is an everyday matter.
    if (verdict.answer.notifyType === NotifyError.INVALID_KE_PAYLOAD)
      host.event({
        kind: 'log',
        level: 'info',
        group: 'ike',
        connection,
        text: `${remote}: ${failure.summary}`,
      });
    else host.event({ kind: 'failed', connection, role: 'responder', remote, failure });
    return undefined;
  }
  const { opening } = verdict;
  const session = new Ikev2Session({
    host,
    connection: opening.connection,
    path,
    role: 'responder',
    initiatorSpi: header.initiatorSpi,
    responderSpi: host.reserveSpi(),
  });
  host.add(session);
  session.begin(answerIkeSa(session, opening), path, life);
  return session;
}

/** Answers an IKE_SA_INIT request without making any state (RFC 7296 §2.6, §2.21.1). */
function answer(
  host: Host,
  { initiatorSpi, exchangeType, messageId }: Header,
  payload: NotifyPayload,
  path: Path,
): void {
  const fields = { initiatorSpi, responderSpi: 0n, exchangeType, flags: HeaderFlag.RESPONSE, messageId };
  host.transmit(encodeMessage(fields, [payload]), path);
}

function readable(datagram: Uint8Array, header: Header): readonly Payload[] | undefined {
  try {
    const { payloads, encrypted } = decodeMessage(datagram, header);
    return encrypted === undefined ? payloads : undefined;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
