import { V1ExchangeType } from '../iana/ikev1.ts';
import type { Conversation } from '../ike/flow.ts';
import { type Chance, type RetransmissionSchedule, waitAfter } from '../ike/retransmission.ts';
import type { Instant } from '../lib/time.ts';
import type { Path } from '../policy/sa.ts';
import type { V1MessageFields } from '../wire/v1/message.ts';
import type { Awaited, Step } from './flow.ts';

interface Clock extends Chance {
  readonly now: Instant;
}

type Cookies = Pick<V1MessageFields, 'initiatorSpi' | 'responderSpi'>;

/** Who waits for the next message of an exchange, and for which. */
export interface Waiting {
  readonly conversation: Conversation<Step, void>;
  readonly awaited: Awaited;
}

export function isPhaseOne(exchange: number): boolean {
  return exchange === V1ExchangeType.MAIN_MODE || exchange === V1ExchangeType.AGGRESSIVE;
}

/**
 * One exchange: how far it is, the IV of its next message, and what was sent last, kept to be sent again. It
 * outlives its flow for a while, since the peer may not have got the last message.
 */
export class Exchange {
  readonly type: number;
  readonly messageId: number;
  /** We sent the first message. */
  readonly initiated: boolean;
  /** Messages so far, of both sides. */
  count = 0;
  /** Undefined until a message was encrypted or decrypted. */
  iv: Uint8Array | undefined;
  /** Where its messages go: where the last one came from. */
  path: Path;
  waiting: Waiting | undefined;
  /** When nobody waits and this time is over, it is forgotten. */
  forgetAt: Instant | undefined;
  /** What was sent last, in datagrams: a retransmission is bit-identical. */
  sent: readonly Uint8Array[] = [];
  sentAt: Instant = 0;
  /** When it is to be sent again, or given up; undefined: never by the clock. */
  due: Instant | undefined;
  #received: string | undefined;
  #refused: string | undefined;
  #resent = 0;
  #tries = 0;

  constructor(type: number, messageId: number, initiated: boolean, path: Path) {
    this.type = type;
    this.messageId = messageId;
    this.initiated = initiated;
    this.path = path;
  }

  /** The header of its next message. */
  fieldsIn({ initiatorSpi, responderSpi }: Cookies): V1MessageFields {
    const isFirst = isPhaseOne(this.type) && this.count === 0;
    return {
      initiatorSpi,
      responderSpi: isFirst ? 0n : responderSpi,
      exchangeType: this.type,
      flags: 0,
      messageId: this.messageId,
    };
  }

  /** Whether a message of this digest is the one that was taken up last. */
  isRepeated(digest: string): boolean {
    return this.#received === digest;
  }

  /** A message was accepted. */
  taken(digest: string, nextIv: Uint8Array | undefined, path: Path): void {
    this.#received = digest;
    this.count++;
    if (nextIv !== undefined) this.iv = nextIv;
    this.path = path;
    this.waiting = undefined;
    this.due = undefined;
    this.sent = [];
  }

  /** The next message was sent for the first time; with a schedule it is sent again until something comes. */
  wasSent(datagrams: readonly Uint8Array[], nextIv: Uint8Array | undefined, now: Instant): void {
    this.count++;
    if (nextIv !== undefined) this.iv = nextIv;
    this.sent = datagrams;
    this.sentAt = now;
  }

  /** From now on what was sent is sent again by the clock. */
  resend(schedule: RetransmissionSchedule, clock: Clock): void {
    this.#resent = 0;
    this.#tries = schedule.retransmitTries;
    this.due = clock.now + waitAfter(schedule, 0, clock);
  }

  /** Whether to send once more now that `due` has come; false when patience has ended. */
  again(schedule: RetransmissionSchedule, clock: Clock): boolean {
    if (this.#resent >= this.#tries) {
      this.due = undefined;
      return false;
    }
    this.#resent++;
    this.due = clock.now + waitAfter(schedule, this.#resent, clock);
    return true;
  }

  /** How often what was sent last was sent again by the clock. */
  get resent(): number {
    return this.#resent;
  }

  /** Something says that it is in vain: it is sent once more, and no oftener. */
  hurry(): void {
    this.#tries = Math.min(this.#tries, this.#resent + 1);
  }

  /** A message of this digest came in place of the next one, and is not what is waited for. */
  refused(digest: string): void {
    this.#refused = digest;
  }

  /** Whether it is known already that a message of this digest is of no use: it need not be tried again. */
  wasRefused(digest: string): boolean {
    return this.#refused === digest;
  }
}
