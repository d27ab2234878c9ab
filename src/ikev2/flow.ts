import { PayloadType } from '../iana/ikev2.ts';
import { NotifyError } from '../iana/notify.ts';
import type { Flow as AnyFlow } from '../ike/flow.ts';
import { EMPTY } from '../lib/bytes.ts';
import type { Failure } from '../policy/failure.ts';
import { Failed } from '../policy/failure.ts';
import type { Header } from '../wire/header.ts';
import type { NotifyPayload, Payload } from '../wire/v2/payload.ts';

/**
 * What IKEv2 conversations are made of. A flow sees whole, authentic, parsed messages alone: Message IDs,
 * retransmission, duplicates, fragments and protection are the session's business (session.ts).
 */
export type Flow<Result> = AnyFlow<Step, Result>;

export type Step =
  | { readonly kind: 'request'; readonly exchange: number; readonly payloads: readonly Payload[] }
  | { readonly kind: 'wait' }
  | {
      readonly kind: 'respond';
      readonly payloads: readonly Payload[];
      readonly exchanges: readonly number[];
      readonly continues: (request: Message) => boolean;
    };

/** A message as flows see it. Slices are views of the datagram: copy what shall outlive the flow. */
export interface Message {
  readonly header: Header;
  readonly payloads: readonly Payload[];
  /** The datagram as it came, in IKE_SA_INIT alone: AUTH covers it (RFC 7296 §2.15). */
  readonly octets: Uint8Array;
}

/** An answered request. */
export interface Exchanged extends Message {
  /** The request as it was sent, in IKE_SA_INIT alone. */
  readonly request: Uint8Array;
}

/** A request that came after a response of ours. */
export interface Continued extends Message {
  /** The response as it was sent, in IKE_SA_INIT alone. */
  readonly response: Uint8Array;
}

/**
 * Sends a request and resumes with its response, however often it must be sent for that. Throws Failed
 * (`peer/silent`, `peer/dead`) when no answer comes. Only initiator's flows (tasks) may use it.
 */
export function* request(exchange: number, payloads: readonly Payload[]): Flow<Exchanged> {
  return (yield { kind: 'request', exchange, payloads }) as Exchanged;
}

/**
 * Gives the answer at hand back as of no use and waits on for a better one, the request still being sent:
 * answers to IKE_SA_INIT are not authentic, so an error in one proves nothing (RFC 7296 §2.21.1).
 */
export function* waitForBetter(): Flow<Exchanged> {
  return (yield { kind: 'wait' }) as Exchanged;
}

/**
 * A responder's flow with more than one round (RFC 4739, IKE_FOLLOWUP_KE): sends the response and resumes with the
 * next request of one of `exchanges` for which `continues` holds.
 */
export function* respond(
  payloads: readonly Payload[],
  exchanges: readonly number[],
  continues: (request: Message) => boolean = () => true,
): Flow<Continued> {
  return (yield { kind: 'respond', payloads, exchanges, continues }) as Continued;
}

/** What a responder's flow returns. */
export interface Reply {
  readonly payloads: readonly Payload[];
  /** Done once the response is on its way, such as dropping the SA it was sent under. */
  readonly afterwards?: () => void;
}

/**
 * Thrown by a responder's flow: the peer gets the notify and nothing else, we keep the failure. `fatal` closes
 * the IKE SA after the answer (RFC 7296 §2.21.3).
 */
export class Refused extends Failed {
  readonly answer: NotifyPayload;
  readonly fatal: boolean;
  /** Name of the child that was refused, when one was. */
  readonly child: string | undefined;

  constructor(answer: NotifyPayload, failure: Failure, options: { fatal?: boolean; child?: string } = {}) {
    super(failure);
    this.name = 'Refused';
    this.answer = answer;
    this.fatal = options.fatal ?? false;
    this.child = options.child;
  }
}

/**
 * What the peer is told where a flow that serves it fails. What goes wrong on our side alone is none of its business, but whether
 * it may try again: where the back end never will have what was asked for, it need not.
 */
export function answerTo(error: unknown, { code }: Failure): NotifyPayload {
  if (error instanceof Refused) return error.answer;
  return notify(
    code === 'local/unsupported' ? NotifyError.NO_PROPOSAL_CHOSEN : NotifyError.TEMPORARY_FAILURE,
  );
}

/** A Notify payload about no SA in particular, or about the SA of `protocol` and `spi`. */
export function notify(
  notifyType: number,
  data: Uint8Array = EMPTY,
  about?: { protocol: number; spi: Uint8Array },
): NotifyPayload {
  return {
    type: PayloadType.Notify,
    protocol: about?.protocol ?? 0,
    spi: about?.spi ?? EMPTY,
    notifyType,
    data,
  };
}

type OfType<T> = Extract<Payload, { type: T }>;

/** The first payload of `type`, or undefined. */
export function first<T extends Payload['type']>(
  message: { readonly payloads: readonly Payload[] },
  type: T,
): OfType<T> | undefined {
  for (const payload of message.payloads) if (payload.type === type) return payload as OfType<T>;
  return undefined;
}

/** All payloads of `type`, in order. */
export function all<T extends Payload['type']>(
  message: { readonly payloads: readonly Payload[] },
  type: T,
): readonly OfType<T>[] {
  return message.payloads.filter((payload): payload is OfType<T> => payload.type === type);
}

/** The first Notify of `notifyType`, or undefined. */
export function findNotify(
  message: { readonly payloads: readonly Payload[] },
  notifyType: number,
): NotifyPayload | undefined {
  for (const payload of message.payloads)
    if (payload.type === PayloadType.Notify && payload.notifyType === notifyType) return payload;
  return undefined;
}

/** The first Notify of an error type (RFC 7296 §3.10.1: 0 … 16383), or undefined. */
export function findError(message: { readonly payloads: readonly Payload[] }): NotifyPayload | undefined {
  return message.payloads.find(
    (payload): payload is NotifyPayload => payload.type === PayloadType.Notify && payload.notifyType < 16384,
  );
}
