import { Doi, V1HeaderFlag, V1PayloadType, V1ProtocolId } from '../iana/ikev1.ts';
import type { Flow as AnyFlow } from '../ike/flow.ts';
import { EMPTY } from '../lib/bytes.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';
import type { V1NotifyPayload, V1Payload } from '../wire/v1/payload.ts';
import type { V1PayloadOf } from '../wire/v1/payloads/index.ts';
import { HASH_1, type HashRule } from './hash-rule.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';

/**
 * What IKEv1 conversations are made of. A flow runs within one exchange at a time; the messages of an exchange
 * alternate, so it sends, and goes on with what the peer sends next. Retransmission, duplicates, fragments, IVs and
 * the HASH of what comes after phase 1 are the session's business (exchanges.ts).
 */
export type Flow<Result> = AnyFlow<Step, Result>;

export type Step =
  | { readonly kind: 'begin'; readonly exchange: number }
  | { readonly kind: 'send'; readonly sending: Sending }
  | { readonly kind: 'exchange'; readonly sending: Sending | undefined; readonly awaited: Awaited };

export interface Sending {
  readonly payloads: readonly V1Payload[];
  /** The HASH in front of the payloads; absent in phase 1. */
  readonly hash?: HashRule;
  /** In the clear though there are keys: aggressive mode alone. */
  readonly clear?: true;
}

export interface Awaited {
  /** How the HASH of the next message is made; absent in phase 1, where the flow looks for itself. */
  readonly hash?: HashRule;
  /**
   * Why this is not what is waited for; undefined where it is. The sender is told, the exchange waits on, and ends with
   * that should nothing better come. Must not throw.
   */
  readonly reject?: (message: Message) => Refused | undefined;
  /** It may come in the clear though there are keys: the initiator's proof, where the settings allow it. */
  readonly clear?: boolean;
  /** What it most likely means that a message cannot be read. */
  readonly otherwise?: Refused;
  /** A refusal that names this SPI of ours is the answer, or the end of it. */
  readonly spi?: number;
  /** A packet by this Child SA says as much as the message: the flow goes on with undefined. */
  readonly child?: number;
  /**
   * The peer set the commit bit: what comes says that it is ready (CONNECTED), in this exchange or in an Informational one of the same
   * Message ID. Where nothing does for a while, the flow goes on all the same.
   */
  readonly connected?: true;
}

/** A message as flows see it. Slices are views of the datagram: copy what shall outlive the flow. */
export interface Message {
  readonly header: Header;
  readonly path: Path;
  /** Without the HASH in front, where the session has checked it. */
  readonly payloads: readonly V1Payload[];
  readonly encrypted: boolean;
  /** Those by which it was opened: with several candidates it is only known by trying. Undefined in the clear. */
  readonly keys: IsakmpKeys | undefined;
}

/** From here on the flow is in a new exchange of this type, which it begins. */
export function* begin(exchange: number): Flow<void> {
  yield { kind: 'begin', exchange };
}

/** Sends a message after which the peer has nothing to say in this exchange; should it ask again, it is sent again. */
export function* send(sending: Sending): Flow<void> {
  yield { kind: 'send', sending };
}

/**
 * Sends a message and resumes with the one that follows it. Throws Failed (`peer/silent`, `peer/dead`) when none
 * comes, and with the refusal where the peer sends one.
 */
export function* exchange(sending: Sending, awaited: Awaited = {}): Flow<Message> {
  return (yield { kind: 'exchange', sending, awaited }) as Message;
}

/** As `exchange`, where a packet by the Child SA `child` may come in the message's place: then undefined. */
export function* exchangeOrTraffic(
  sending: Sending,
  awaited: Awaited & { readonly child: number },
): Flow<Message | undefined> {
  return (yield { kind: 'exchange', sending, awaited }) as Message | undefined;
}

/**
 * Sends `sending`, if anything, and waits until the peer is ready to receive by the Child SA `child`, whose SPI of ours is `spi`
 * (RFC 2408 §3.1): it says CONNECTED, or sends by the SA, or says nothing for as long as it takes to send twice.
 */
export function* untilConnected(
  sending: Sending | undefined,
  { id: child, spiIn: spi }: { readonly id: number; readonly spiIn: number },
): Flow<void> {
  yield { kind: 'exchange', sending, awaited: { hash: HASH_1, child, spi, connected: true } };
}

/** Whether the sender wants to be waited for. Nobody vouches for the bit, which is why nothing waits for ever. */
export function isCommitted({ header }: Message): boolean {
  return (header.flags & V1HeaderFlag.COMMIT) !== 0;
}

/** What we will not do: the peer is told the notify alone, the failure is for our side. */
export class Refused extends Failed {
  readonly notifyType: number;
  /** Of the SA that is refused, as the peer proposed it. */
  readonly about: About | undefined;
  readonly child: string | undefined;

  constructor(
    notifyType: number,
    failure: Failure,
    options: { readonly about?: About; readonly child?: string } = {},
  ) {
    super(failure);
    this.name = 'Refused';
    this.notifyType = notifyType;
    this.about = options.about;
    this.child = options.child;
  }
}

/** The SA a notify is about. */
export interface About {
  readonly protocol: number;
  readonly spi: Uint8Array;
}

const ISAKMP: About = { protocol: V1ProtocolId.PROTO_ISAKMP, spi: EMPTY };

/** A Notify payload about the ISAKMP SA, or about the SA of `about`. */
export function notify(
  notifyType: number,
  data: Uint8Array = EMPTY,
  { protocol, spi }: About = ISAKMP,
): V1NotifyPayload {
  return { type: V1PayloadType.N, doi: Doi.IPSEC, protocol, spi, notifyType, data };
}

type Payloads = { readonly payloads: readonly V1Payload[] };

/** The first payload of `type`, or undefined. */
export function first<T extends Exclude<V1Payload['type'], 'unknown'>>(
  { payloads }: Payloads,
  type: T,
): V1PayloadOf<T> | undefined {
  return payloads.find(payload => payload.type === type) as V1PayloadOf<T> | undefined;
}

/** All payloads of `type`, in order. */
export function all<T extends Exclude<V1Payload['type'], 'unknown'>>(
  { payloads }: Payloads,
  type: T,
): readonly V1PayloadOf<T>[] {
  return payloads.filter(payload => payload.type === type) as unknown as readonly V1PayloadOf<T>[];
}

/** The first Notify of `notifyType`, or undefined. */
export function findNotify(message: Payloads, notifyType: number): V1NotifyPayload | undefined {
  return all(message, V1PayloadType.N).find(payload => payload.notifyType === notifyType);
}

/** The first Notify of an error type (RFC 2408 §3.14.1: 1 … 16383), or undefined. */
export function findError(message: Payloads): V1NotifyPayload | undefined {
  return all(message, V1PayloadType.N).find(({ notifyType }) => notifyType < 16_384);
}
