import { V1ExchangeType, V1Notify, V1PayloadType } from '../../iana/ikev1.ts';
import type { Host } from '../../ike/session.ts';
import { noConnection } from '../../policy/config-failures.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { matchConnections, type PeerQuery } from '../../policy/peer-match.ts';
import type { Path } from '../../policy/sa.ts';
import { encodeV1Body } from '../../wire/v1/message.ts';
import type { V1SaPayload } from '../../wire/v1/payload.ts';
import { encryptsShare, methodsFor } from '../auth/index.ts';
import { first, type Message, Refused } from '../flow.ts';
import { choosePhaseOne, type PhaseOneSuite } from '../phase-one-proposal.ts';
import { readPhaseOne } from '../phase-one-transform.ts';
import { aggressiveAllowed } from './aggressive.ts';
import { identityIn } from './phase-one.ts';

/** A first message that some connection can be made from. */
export interface Opening {
  readonly connection: Connection;
  readonly suite: PhaseOneSuite;
  /** The SA payload to answer with. */
  readonly answer: V1SaPayload;
  readonly message: Message;
  /** SAi_b. */
  readonly saBody: Uint8Array;
}

/** A first message with which nothing is begun: what the peer is told, and why. */
export interface Refusal {
  readonly notifyType: number;
  readonly failure: Failure;
  /** Name of the connection that came nearest. */
  readonly connection: string;
}

/** Judges the first message of phase 1, of lawful shape. No state is made. */
export function considerPhaseOne(host: Host, message: Message): Opening | Refusal {
  const payload = first(message, V1PayloadType.SA);
  if (payload === undefined || payload.doi !== 1)
    return refusal(V1Notify.DOI_NOT_SUPPORTED, {
      code: 'peer/malformed',
      summary: 'an offer for another domain than IPsec',
    });
  if (payload.situation !== 1)
    return refusal(V1Notify.SITUATION_NOT_SUPPORTED, {
      code: 'peer/malformed',
      summary: `an offer for situation ${payload.situation}`,
    });
  const query = queryOf(host, message, payload);
  if (query instanceof Refused) return refusal(query.notifyType, query.failure);
  let nearest: Refusal | undefined;
  for (const { connection } of matchConnections(host.connections, query)) {
    const opening = fit(host, connection, message, payload, message.path);
    if ('suite' in opening) return opening;
    nearest ??= opening;
  }
  return nearest ?? refusal(V1Notify.NO_PROPOSAL_CHOSEN, noConnection(host.connections, query));
}

/** Who may be meant: aggressive mode says its identity at once, unless it is encrypted. */
function queryOf(host: Host, message: Message, offer: V1SaPayload): PeerQuery | Refused {
  const { local, remote } = message.path;
  const query = { version: 1, local: local.address, remote: remote.address, names: host.names } as const;
  const id = first(message, V1PayloadType.ID);
  if (id === undefined || readPhaseOne(offer).some(({ method }) => encryptsShare(method))) return query;
  try {
    return { ...query, remoteId: identityIn(id) };
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

function fit(
  host: Host,
  connection: Connection,
  message: Message,
  payload: V1SaPayload,
  path: Path,
): Opening | Refusal {
  const refuse = (failure: Failure): Refusal =>
    refusal(V1Notify.NO_PROPOSAL_CHOSEN, failure, connection.name);
  try {
    const methods = methodsFor({ host, connection, role: 'responder', path });
    const chosen = choosePhaseOne(connection, payload, methods, host.settings.preferConfiguredProposals);
    if ('code' in chosen) return refuse(chosen);
    if (message.header.exchangeType === V1ExchangeType.AGGRESSIVE) {
      const obstacle = aggressiveAllowed(host, connection, chosen.suite);
      if (obstacle !== undefined) return refuse(obstacle);
    }
    const saBody = (payload.body ?? encodeV1Body(payload)).slice();
    return { connection, ...chosen, message, saBody };
  } catch (error) {
    if (error instanceof Failed) return refuse(error.failure);
    throw error;
  }
}

function refusal(notifyType: number, failure: Failure, connection = ''): Refusal {
  return { notifyType, failure, connection };
}
