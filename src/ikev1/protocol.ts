import { V1ExchangeType, V1HeaderFlag, V1PayloadType } from '../iana/ikev1.ts';
import type { Host, Protocol, Refusal, Session } from '../ike/session.ts';
import { formatIp } from '../lib/ip.ts';
import type { Duration } from '../lib/time.ts';
import type { Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';
import { encodeV1Message } from '../wire/v1/message.ts';
import { isPhaseOne } from './exchange.ts';
import { type Message, notify } from './flow.ts';
import { answerAggressiveMode } from './flows/aggressive-responder.ts';
import { considerPhaseOne } from './flows/consider.ts';
import { establish } from './flows/establish.ts';
import { answerMainMode } from './flows/main-responder.ts';
import { createChild } from './flows/quick-initiator.ts';
import { readClear } from './protection.ts';
import { Ikev1Session } from './session.ts';

/** IKEv1 (RFC 2409), as the engine knows it. It is there for connections that ask for it, and unreachable without. */
export const ikev1: Protocol = {
  version: 1,

  initiate(host, connection, child) {
    const session = new Ikev1Session({
      host,
      connection,
      path: UNKNOWN,
      role: 'initiator',
      initiatorSpi: host.reserveSpi(),
      responderSpi: 0n,
    });
    host.add(session);
    session.start(establish(session));
    if (child !== undefined) for (const task of createChild(child)) session.start(task);
    session.settle();
    return session;
  },

  read(host, datagram, header, path) {
    if (!host.connections.some(({ version }) => version !== 2)) return undefined;
    const begins =
      isPhaseOne(header.exchangeType) &&
      (header.flags & V1HeaderFlag.ENCRYPTION) === 0 &&
      header.initiatorSpi !== 0n &&
      header.responderSpi === 0n &&
      header.messageId === 0 &&
      header.nextPayload === V1PayloadType.SA;
    const opened = begins ? readClear({ datagram, header, path, number: 1 }) : undefined;
    if (opened === undefined || opened.breach !== undefined) return undefined;
    const { message } = opened;
    return {
      nonce: undefined,
      cookie: undefined,
      demandCookie: () => undefined,
      costly: header.exchangeType === V1ExchangeType.AGGRESSIVE,
      accept: life => accept(host, message, datagram, life),
    };
  },
};

/** Stands for the path until the name of the peer is resolved. */
const UNKNOWN: Path = {
  local: { address: new Uint8Array(4), port: 0 },
  remote: { address: new Uint8Array(4), port: 0 },
};

function accept(
  host: Host,
  message: Message,
  datagram: Uint8Array,
  life: Duration,
): Session | Refusal | undefined {
  const { header, path } = message;
  const verdict = considerPhaseOne(host, message);
  if ('notifyType' in verdict) {
    const { connection, failure, notifyType } = verdict;
    const remote = `${formatIp(path.remote.address)}[${path.remote.port}]`;
    host.event({ kind: 'failed', connection, role: 'responder', remote, failure });
    return { refusal: refusalOf(host, header, notifyType) };
  }
  const session = new Ikev1Session({
    host,
    connection: verdict.connection,
    path,
    role: 'responder',
    initiatorSpi: header.initiatorSpi,
    responderSpi: host.reserveSpi(),
  });
  host.add(session);
  const answer = header.exchangeType === V1ExchangeType.AGGRESSIVE ? answerAggressiveMode : answerMainMode;
  session.begin(answer(session, verdict), message, datagram, life);
  return session;
}

/** An error in the clear, without a cookie of ours: with it nothing can be begun (RFC 2408 §5.4). */
function refusalOf(host: Host, { initiatorSpi }: Header, notifyType: number): Uint8Array {
  const octets = host.provider.random(4);
  const messageId = new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0);
  const fields = {
    initiatorSpi,
    responderSpi: 0n,
    exchangeType: V1ExchangeType.INFORMATIONAL,
    flags: 0,
    messageId,
  };
  return encodeV1Message(fields, [notify(notifyType)]);
}
