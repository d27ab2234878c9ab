import { type AcceptedProposal, selectProposal } from '../../crypto/proposal.ts';
import { PayloadType } from '../../iana/ikev2.ts';
import { NotifyError } from '../../iana/notify.ts';
import { noCommonProposal } from '../../ike/failures.ts';
import type { Host } from '../../ike/session.ts';
import { tellBegun, tellChosen, tellNat } from '../../ike/steps.ts';
import type { Secret } from '../../lib/secret.ts';
import { noConnection } from '../../policy/config-failures.ts';
import type { Connection } from '../../policy/connection.ts';
import type { Failure } from '../../policy/failure.ts';
import { matchConnections } from '../../policy/peer-match.ts';
import type { Path } from '../../policy/sa.ts';
import { HEADER_LENGTH } from '../../wire/header.ts';
import { encodePayloads } from '../../wire/v2/message.ts';
import type { NotifyPayload, Payload } from '../../wire/v2/payload.ts';
import { certificateRequest, tellAsking } from '../auth/certificate-request.ts';
import { statusRequest } from '../auth/status.ts';
import { heed, offered } from '../extensions/index.ts';
import { first, type Message, notify, Refused } from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';
import { choiceOf, NO_SPI } from '../sa-payload.ts';
import {
  breach,
  deriveKeys,
  type InitResult,
  isShort,
  NONCE_LENGTH,
  proposalsIn,
  settingOf,
} from './init.ts';
import { answerKeyExchange } from './key-exchange.ts';

/** How many times the size of the first message its answer may have. */
const MOST_GROWTH = 1.5;

/** Beyond these nobody is asked for what they need. */
const MOST_CANDIDATES = 16;

/** What a stranger's first message comes to. */
export type InitVerdict =
  | { readonly kind: 'accepted'; readonly opening: Opening }
  /** The answer, outside of any SA, and why. */
  | {
      readonly kind: 'refused';
      readonly answer: NotifyPayload;
      readonly failure: Failure;
      readonly connection: string;
    };

/** An IKE_SA_INIT request that some connection can be made from. */
export interface Opening {
  readonly connection: Connection;
  /** All that it may turn out to be once the peer has said who it is, the likeliest first. */
  readonly candidates: readonly Connection[];
  readonly chosen: AcceptedProposal;
  readonly answer: readonly Payload[];
  readonly secret: Secret;
  readonly request: Message;
  readonly nonce: Uint8Array;
}

/** Judges an IKE_SA_INIT request of lawful shape, whose cookie was checked where one was due. No state is made. */
export function considerIkeSaInit(host: Host, message: Message, path: Path): InitVerdict {
  const query = {
    version: 2,
    local: path.local.address,
    remote: path.remote.address,
    tcp: path.tcp === true,
    names: host.names,
  } as const;
  const offer = proposalsIn(message);
  let nearest: Extract<InitVerdict, { kind: 'refused' }> | undefined;
  const candidates = matchConnections(host.connections, query).map(({ connection }) => connection);
  for (const connection of candidates) {
    const chosen = selectProposal(connection.proposals, offer, {
      preferOurs: host.settings.preferConfiguredProposals,
      additionalKeyExchanges: false,
    });
    if (chosen.kind === 'accepted')
      return open(host, connection, candidates.slice(0, MOST_CANDIDATES), chosen, message);
    nearest ??= {
      kind: 'refused',
      answer: notify(NotifyError.NO_PROPOSAL_CHOSEN),
      failure: noCommonProposal(chosen, settingOf(connection)),
      connection: connection.name,
    };
  }
  return (
    nearest ?? {
      kind: 'refused',
      answer: notify(NotifyError.NO_PROPOSAL_CHOSEN),
      connection: '',
      failure: { ...noConnection(host.connections, query), notify: 'NO_PROPOSAL_CHOSEN' },
    }
  );
}

/** The responder's answer; returns what IKE_AUTH needs but for our own message, which is yet to be sent. */
export function acceptIkeSaInit(
  sa: EmergingSa,
  { chosen, answer, secret, request: message, nonce, candidates }: Opening,
): { readonly payloads: readonly Payload[]; readonly result: Omit<InitResult, 'responderMessage'> } {
  const { host } = sa;
  // The request was made before there was an SPIr, and so were the hashes in it.
  heed('init-request', message.payloads, { ...circumstances(sa), responderSpi: 0n });
  const nr = host.provider.random(NONCE_LENGTH);
  const result = deriveKeys(sa, chosen, { initiator: nonce.slice(), responder: nr }, secret, sa.initiatorSpi);
  tellBegun(sa, false);
  tellChosen(sa, 'ike', chosen.text);
  tellNat(sa);
  const payloads: readonly Payload[] = [
    choiceOf(chosen, NO_SPI),
    ...answer,
    { type: PayloadType.Nonce, data: nr },
    ...offered('init-response', { ...circumstances(sa), candidates }),
    ...statusRequest(candidates),
  ];
  // Nobody has shown yet that this address wants an answer: it must not be much more than what came (VU#419128).
  const room = (): number =>
    MOST_GROWTH * message.octets.length - HEADER_LENGTH - encodePayloads(payloads).bytes.length;
  const asked = certificateRequest(host, candidates, room);
  tellAsking(sa, asked);
  return {
    payloads: [...payloads, ...asked],
    result: { ...result, initiatorMessage: message.octets, certificateAsked: false, statusAsked: false },
  };
}

function open(
  host: Host,
  connection: Connection,
  candidates: readonly Connection[],
  chosen: AcceptedProposal,
  message: Message,
): InitVerdict {
  const nonce = first(message, PayloadType.Nonce)?.data ?? new Uint8Array();
  const refuse = (answer: NotifyPayload, failure: Failure): InitVerdict => {
    return { kind: 'refused', answer, failure, connection: connection.name };
  };
  if (isShort(nonce, chosen, host))
    return refuse(
      notify(NotifyError.INVALID_SYNTAX),
      breach('the nonce is shorter than the function asks for').failure,
    );
  try {
    const answer = answerKeyExchange(host.provider, chosen, message);
    if ('notifyType' in answer || answer.secret === undefined) {
      const theirs = first(message, PayloadType.KE)?.method ?? 0;
      return refuse('notifyType' in answer ? answer : notify(NotifyError.NO_PROPOSAL_CHOSEN), {
        code: 'peer/invalid-ke',
        summary: `${connection.name}: the peer guessed key exchange method ${theirs}, and was told to use ${chosen.keyExchange}`,
        notify: 'INVALID_KE_PAYLOAD',
      });
    }
    const { payloads, secret } = answer;
    return {
      kind: 'accepted',
      opening: { connection, candidates, chosen, answer: payloads, secret, request: message, nonce },
    };
  } catch (error) {
    if (error instanceof Refused) return refuse(error.answer, error.failure);
    throw error;
  }
}

function circumstances(sa: EmergingSa): Parameters<typeof heed>[2] {
  const { host, connection, role, path, initiatorSpi, responderSpi, peer } = sa;
  return { host, connection, role, path, initiatorSpi, responderSpi, peer };
}
