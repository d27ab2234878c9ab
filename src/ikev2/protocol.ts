import { ExchangeType, PayloadType } from '../iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../iana/notify.ts';
import type { FirstMessage, Host, Protocol, Refusal, Session } from '../ike/session.ts';
import { formatIp } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import type { Duration } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
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
    if (critical !== undefined) return unsupported(host, header, critical, path);
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
    demandCookie: cookie => host.transmit(answer(header, notify(NotifyStatus.COOKIE, cookie)), path),
    accept: life => accept(host, message, path, life),
  };
}

/** RFC 7296 §2.5: whatever else it says, a message with a critical payload that is not known is refused. */
function unsupported(host: Host, header: Header, type: number, path: Path): FirstMessage {
  const payload = notify(NotifyError.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(type));
  return {
    nonce: undefined,
    cookie: undefined,
    demandCookie: () => undefined,
    accept() {
      const summary = `payload type ${type} is critical and not known`;
      tellRefused(host, '', path, { code: 'peer/critical-payload', summary });
      return { refusal: answer(header, payload) };
    },
  };
}

function accept(host: Host, message: Message, path: Path, life: Duration): Session | Refusal {
  const { header } = message;
  const verdict = considerIkeSaInit(host, message, path);
  if (verdict.kind === 'refused') {
    const { connection, failure } = verdict;
    // Another guess at the key exchange is an everyday matter.
    if (verdict.answer.notifyType === NotifyError.INVALID_KE_PAYLOAD)
      host.event({ kind: 'log', level: 'info', group: 'ike', connection, text: failure.summary });
    else tellRefused(host, connection, path, failure);
    return { refusal: answer(header, verdict.answer) };
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
  session.begin(answerIkeSa(session, opening), message, path, life);
  return session;
}

function tellRefused(host: Host, connection: string, { remote }: Path, failure: Failure): void {
  const at = `${formatIp(remote.address)}[${remote.port}]`;
  host.event({ kind: 'failed', connection, role: 'responder', remote: at, failure });
}

/** The answer to an IKE_SA_INIT request for which no state is made (RFC 7296 §2.6, §2.21.1). */
function answer({ initiatorSpi, exchangeType, messageId }: Header, payload: NotifyPayload): Uint8Array {
  const fields = { initiatorSpi, responderSpi: 0n, exchangeType, flags: HeaderFlag.RESPONSE, messageId };
  return encodeMessage(fields, [payload]);
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
